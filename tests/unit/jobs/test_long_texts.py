"""What finds no room stands on a branch of its own until the request is over."""

import pytest

from bot.jobs import effects as fx
from bot.jobs import events as ev
from bot.jobs.decision import Decision
from bot.jobs.job import Job, JobStatus
from bot.jobs.machine import decide
from pipeline.models import SkillDraft
from tests.unit.jobs import builders as make

LONG = make.draft("# Release notes\n\n" + "Collect, group, write.\n" * 4_000)


def _dropped(decision: Decision) -> list[fx.Effect]:
    return [effect for effect in decision.effects if isinstance(effect, fx.DropRest)]


def _shown(of: SkillDraft) -> Job:
    job = decide(make.job(), make.ended(make.at_preview(of=of)), make.facts()).job
    assert job is not None
    assert job.status is JobStatus.PENDING_HITL
    return job


def test_it_is_kept_while_the_preview_is_open_and_dropped_once_when_the_request_is_cancelled() -> None:
    job = _shown(LONG)
    assert job.keeps_rest
    expired = decide(job.with_(expire_at=make.NOW), ev.TimerDue(timer="expire"), make.facts())
    assert expired.job is not None
    assert (expired.job.status, _dropped(expired)) == (JobStatus.EXPIRED, []), "a late answer still looks at it"
    over = decide(expired.job, make.comment("/skill cancel", make.MORGAN, 900), make.facts())
    assert over.job is not None
    assert over.job.status is JobStatus.CANCELLED
    assert len(_dropped(over)) == 1
    assert not over.job.keeps_rest


@pytest.mark.parametrize(
    "end",
    [
        ev.PullMerged(actor=make.MORGAN, number=13, merge_sha="b" * 40),
        ev.PullClosed(actor=make.MORGAN, number=13),
    ],
    ids=lambda event: event.kind,
)
def test_merging_and_rejecting_drop_it(end: ev.Event) -> None:
    journey = make.completed().model_copy(update={"in_review": True})
    job = make.job(JobStatus.IN_REVIEW, journey, pull=make.PULL)
    assert _dropped(decide(job, end, make.facts())) == [], "there is none"
    assert len(_dropped(decide(job.with_(keeps_rest=True), end, make.facts()))) == 1


def test_where_nothing_can_be_written_nothing_is_deleted_either() -> None:
    decision = decide(_shown(LONG), ev.IssueGone(reason="the App was uninstalled"), make.facts())
    assert decision.effects == ()


def test_what_fits_needs_no_branch() -> None:
    assert not _shown(make.draft()).keeps_rest
