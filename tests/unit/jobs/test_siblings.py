"""What moves on the default branch: skills that land, conflicts, and the ways out of them."""

from typing import Any

import pytest

from bot.jobs import effects as fx
from bot.jobs import events as ev
from bot.jobs import review
from bot.jobs.job import ENDED, Job, JobStatus
from bot.jobs.machine import decide, settle
from bot.jobs.review import LOOKS
from pipeline.models import Dependencies, Dependency
from tests.unit.jobs import builders as make

HEAD = make.PULL.head_sha
NOBODY = make.MORGAN.model_copy(update={"login": "ghost", "id": 10137})
LANDED = ev.SkillPromoted(name="pdf-forms", path="skills/pdf-forms", pull_number=8)


def _in_review(**changes: Any) -> Job:
    journey = make.completed().model_copy(update={"in_review": True, **changes.pop("journey", {})})
    return make.job(JobStatus.IN_REVIEW, journey, pull=make.PULL, **changes)


def _missing(job: Job) -> Job:
    needs = Dependencies(missing=[Dependency(name="pdf-forms", reason="Forms come first.")])
    understanding = make.UNDERSTANDING.model_copy(update={"dependencies": needs})
    return job.with_(journey=job.journey.model_copy(update={"understanding": understanding}))


def _said(effects: tuple[fx.Effect, ...]) -> list[tuple[int, str]]:
    return [(effect.number, effect.body) for effect in effects if isinstance(effect, fx.Say)]


def test_who_waits_for_a_skill_is_told_once_when_it_lands() -> None:
    job = _missing(make.job(JobStatus.PENDING_HITL, make.at_preview()))
    first = decide(job, LANDED, make.facts())
    [(number, text)] = _said(first.effects)
    assert (number, "`skills/pdf-forms`" in text) == (12, True)
    assert _said(decide(first.job, LANDED, make.facts()).effects) == []


@pytest.mark.parametrize("job", [make.job(JobStatus.PENDING_HITL, make.at_preview()), make.job(JobStatus.QUEUED)])
def test_who_does_not_wait_for_it_is_not_told(job: Job) -> None:
    assert decide(job, LANDED, make.facts()).effects == ()


@pytest.mark.parametrize("status", sorted(ENDED))
def test_who_has_ended_is_not_told(status: JobStatus) -> None:
    assert decide(_missing(make.job(status, make.completed())), LANDED, make.facts()).effects == ()


def test_a_new_draft_after_it_landed_begins_with_a_new_plan() -> None:
    job = decide(_missing(_in_review()), LANDED, make.facts()).job
    after = decide(job, make.comment("/skill regenerate", make.MORGAN, pull_number=13), make.facts()).job
    assert after is not None
    assert (after.status, after.journey.phase) == (JobStatus.RUNNING, "understanding")
    untold = decide(_missing(_in_review()), make.comment("/skill regenerate", make.MORGAN), make.facts()).job
    assert untold is not None
    assert untold.journey.phase == "generation"


def _conflicting(job: Job | None = None) -> Job:
    after = decide(job or _in_review(), ev.Compared(head_sha=HEAD, conflicts=True), make.facts()).job
    assert after is not None
    return after


def test_a_conflict_is_said_once_on_the_pull_request_and_stays_in_the_status() -> None:
    seen = ev.PullPushed(actor=NOBODY, number=13, head_sha=HEAD, conflicts=True)
    decision = decide(_in_review(), seen, make.facts())
    [(number, text)] = _said(decision.effects)
    assert (number, "`/skill regenerate`" in text) == (13, True)
    [status] = [effect for effect in decision.effects if isinstance(effect, fx.ShowStatus)]
    assert "conflicts with the default branch" in status.body
    assert decide(decision.job, seen, make.facts()).effects == ()
    pushed = ev.PullPushed(actor=make.MORGAN, number=13, head_sha="b" * 40)
    after = decide(decision.job, pushed, make.facts()).job
    assert after is not None
    assert not after.conflict, "a person may have resolved it"


def test_what_github_does_not_know_yet_is_asked_again_later_and_then_left_to_reconciliation() -> None:
    job, looks = _in_review(), []
    for _ in range(len(LOOKS) + 1):
        decision = decide(job, ev.Compared(head_sha=HEAD, conflicts=None), make.facts())
        assert _said(decision.effects) == []
        job = decision.job or job
        looks.append(job.look_at)
        assert review.may_conflict_now(job, ev.TimerDue(timer="look"))
        job = decide(job, ev.TimerDue(timer="look"), make.facts()).job or job
        assert job.look_at is None
    assert looks == [*(make.NOW + wait for wait in LOOKS), None]
    known = decide(job, ev.Compared(head_sha=HEAD, conflicts=False), make.facts()).job
    assert known == job


def test_only_what_can_change_the_answer_is_a_reason_to_ask() -> None:
    pushed = ev.PullPushed(actor=make.MORGAN, number=13, head_sha="b" * 40)
    other = pushed.model_copy(update={"number": 14})
    assert [review.may_conflict_now(_in_review(), event) for event in (pushed, LANDED, other)] == [True, True, False]
    assert not review.may_conflict_now(_in_review(), ev.TimerDue(timer="remind"))
    assert not review.may_conflict_now(_conflicting(), pushed), "it is known"
    assert not review.may_conflict_now(make.job(JobStatus.RUNNING, pull=make.PULL), pushed), "the next commit decides"


@pytest.mark.parametrize(
    ("paths", "asks"),
    [
        (None, True),
        (("docs/a.md", "skills/release-notes/references/a.md"), True),
        (("README.md",), True),
        (("skills/README.md",), True),
        ((".claude-plugin/marketplace.json",), True),
        (("skills/release-notes-2/SKILL.md", "src/main.c", "docs/README.md"), False),
        ((), False),
    ],
)
def test_a_push_to_the_default_branch_is_a_reason_where_it_touches_what_the_pull_request_touches(
    paths: tuple[str, ...] | None, asks: bool
) -> None:
    pushed = ev.BasePushed(paths=paths)
    assert review.may_conflict_now(_in_review(), pushed) is asks
    assert review.may_conflict_now(_conflicting(), pushed) is asks, "it may be resolved by now"
    assert not review.may_conflict_now(make.job(JobStatus.RUNNING, pull=make.PULL), pushed)
    assert decide(_in_review(), pushed, make.facts()).effects == ()


def test_a_conflict_that_the_default_branch_took_back_is_not_shown_any_more() -> None:
    decision = decide(_conflicting(), ev.Compared(head_sha=HEAD, conflicts=False), make.facts())
    assert decision.job is not None
    assert not decision.job.conflict
    [status] = [effect for effect in decision.effects if isinstance(effect, fx.ShowStatus)]
    assert "conflicts" not in status.body


def test_our_own_commit_is_compared_with_the_base_a_moment_later() -> None:
    """The base may have moved while the phase ran, and of our own pushes nobody tells us."""
    job = _in_review().with_(status=JobStatus.RUNNING)
    publish = fx.Publish(
        key="publish:1", issue_number=12, branch=make.PULL.branch, draft=make.draft(), commit_message="m", title="t",
        body="b",
    )  # fmt: skip
    done = fx.Published(pull_number=13, head_sha="c" * 40, url="")
    assert _settled(job, publish, done).look_at == make.NOW + LOOKS[0]
    assert _settled(job.with_(pull=None), publish, done).look_at is None, "a branch that has just begun at the base"


def _settled(job: Job, effect: fx.Publish, result: fx.Published) -> Job:
    after = settle(job, effect, result, make.facts()).job
    assert after is not None
    return after


def test_a_look_is_forgotten_when_the_review_is_over() -> None:
    waiting = decide(_in_review(), ev.Compared(head_sha=HEAD, conflicts=None), make.facts()).job
    assert waiting is not None
    closed = decide(waiting, ev.PullClosed(actor=make.MORGAN, number=13), make.facts()).job
    assert closed is not None
    assert (waiting.look_at is None, closed.look_at) == (False, None)


def _asked(job: Job) -> fx.MergeBase:
    comment = make.comment("/skill regenerate", make.MORGAN, pull_number=13)
    [merge] = [e for e in decide(job, comment, make.facts()).effects if isinstance(e, fx.MergeBase)]
    return merge


def test_regenerating_first_merges_the_base_and_keeps_the_draft() -> None:
    job = _conflicting()
    merge = _asked(job)
    assert (merge.branch, merge.path, merge.by) == ("skill/issue-12", "skills/release-notes", "morgan")
    new = "c" * 40
    decision = settle(job, merge, fx.Published(pull_number=13, head_sha=new, url="", parent=HEAD), make.facts())
    after = decision.job
    assert after is not None
    assert after.pull is not None
    assert (after.status, after.conflict) == (JobStatus.IN_REVIEW, False)
    assert (after.pull.head_sha, after.pull.seen) == (new, new)
    assert after.journey == job.journey
    assert [effect.head_sha for effect in decision.effects if isinstance(effect, fx.Check)] == [new]


def test_commits_that_we_have_not_seen_are_still_read_before_the_next_refinement() -> None:
    job = _conflicting()
    result = fx.Published(pull_number=13, head_sha="c" * 40, url="", parent="b" * 40)
    after = settle(job, _asked(job), result, make.facts()).job
    assert after is not None
    assert after.pull is not None
    assert after.pull.seen == HEAD


def test_a_changed_skill_is_written_anew_onto_the_base_when_it_changed_there_as_well() -> None:
    job = _conflicting(_in_review(journey={"existing": make.draft("# Old\n")}))
    merge = _asked(job)
    refused = fx.Refused(code="skill_changed", reason="Both changed skills/release-notes/SKILL.md.")
    running = settle(job, merge, refused, make.facts()).job
    assert running is not None
    assert (running.status, running.journey.phase, running.onto_base) == (JobStatus.RUNNING, "understanding", True)
    done = running.journey.model_copy(
        update={
            "status": "completed",
            "understanding": make.UNDERSTANDING,
            "generation": make.generation(),
            "validation": make.validation(),
        }
    )
    ended = decide(running, make.ended(done), make.facts())
    [publish] = [effect for effect in ended.effects if isinstance(effect, fx.Publish)]
    assert publish.onto_base
    assert ended.job is not None
    result = fx.Published(pull_number=13, head_sha="c" * 40, url="")
    after = settle(ended.job, publish, result, make.facts()).job
    assert after is not None
    assert (after.conflict, after.onto_base) == (False, False)


@pytest.mark.parametrize("code", ["conflict", "skill_changed"])
def test_what_people_wrote_on_both_sides_is_left_to_them(code: Any) -> None:
    job = _conflicting()
    refused = fx.Refused(code=code, reason="Both this branch and the default branch changed NOTES.md.")
    decision = settle(job, _asked(job), refused, make.facts())
    [(number, text)] = _said(decision.effects)
    assert number == 13
    assert "NOTES.md" in text
    assert decision.job is not None
    assert (decision.job.status, decision.job.conflict) == (JobStatus.IN_REVIEW, True)
