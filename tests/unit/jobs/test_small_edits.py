"""Wishes in line comments that concern their lines alone are answered by suggestions; everything else by a commit."""

from typing import Any

import pytest

from bot.jobs import effects as fx
from bot.jobs import events as ev
from bot.jobs.decision import Decision
from bot.jobs.job import Actor, Job, JobStatus
from bot.jobs.machine import decide
from bot.jobs.ports import BranchNow
from bot.jobs.review import build_upon
from pipeline.journey import Journey
from pipeline.models import Change, SkillDraft
from tests.unit.jobs import builders as make

TEXT = "# Release notes\n\nCollect, group, write.\n\nNever invent anything.\n"
LINE = 8  # of "Collect, group, write." in SKILL.md
EVALS = {"evals/triggers.json": "[]\n"}


def _in_review() -> Job:
    published = make.draft(TEXT)
    journey = make.completed(published).model_copy(update={"in_review": True})
    pull = make.PULL.model_copy(update={"digest": published.digest})
    return make.job(JobStatus.IN_REVIEW, journey, pull=pull)


def _comment(actor: Actor = make.MORGAN, **changes: Any) -> ev.LineCommented:
    given = {
        "actor": actor,
        "author": actor,
        "comment_id": 77,
        "path": "skills/release-notes/SKILL.md",
        "line": LINE,
        "body": "Say what is collected.",
        "commit_sha": make.PULL.head_sha,
    }
    return ev.LineCommented.model_validate({**given, **changes})


def _done(job: Job, text: str, *, source: str = "review_comment:77", outcome: str = "applied") -> Journey:
    """What the pipeline makes of a running job."""
    written: SkillDraft = make.draft(text)
    change = Change.model_validate({"request": "Say what is collected.", "outcome": outcome, "source": source})
    tested = written.model_copy(update={"files": {**written.files, **EVALS}})
    return job.journey.model_copy(
        update={
            "status": "completed",
            "phase": "validation",
            "generation": make.generation(written).model_copy(update={"changes": [change]}),
            "validation": make.validation(tested),
            "pending_feedback": [],
        }
    )


def _asked(*comments: ev.LineCommented, facts: Any = None) -> Job:
    job: Job | None = _in_review()
    for comment in comments:
        job = decide(job, comment, facts or make.facts(comment.actor)).job
    assert job is not None
    assert job.status is JobStatus.RUNNING
    asked = [*job.journey.pending_feedback, *job.deferred]  # one round, as when they came during the one before
    return job.with_(deferred=[], journey=job.journey.model_copy(update={"pending_feedback": asked}))


def _ended(job: Job, text: str, **more: Any) -> Decision:
    return decide(job, make.ended(_done(job, text, **more)), make.facts())


def _committed(decision: Decision) -> bool:
    return any(isinstance(effect, fx.Publish) for effect in decision.effects)


SMALL = TEXT.replace("Collect, group, write.", "Collect pull requests, group, write.")


def test_a_small_edit_is_suggested_in_its_thread_and_nothing_is_committed() -> None:
    job = _asked(_comment())
    decision = _ended(job, SMALL)
    assert not _committed(decision)
    [reply] = [effect for effect in decision.effects if isinstance(effect, fx.ReplyInThread)]
    assert reply.comment_id == 77
    assert reply.body.endswith("```suggestion\nCollect pull requests, group, write.\n```")
    after = decision.job
    assert after is not None
    assert after.status is JobStatus.IN_REVIEW
    assert after.journey.generation == _in_review().journey.generation, "the draft is what is on the branch"
    assert after.journey.pending_feedback == []
    assert after.anchors == ()


@pytest.mark.parametrize(
    ("comments", "text"),
    [
        ([_comment()], SMALL.replace("invent", "make up")),
        ([_comment(line=10)], SMALL),
        ([_comment()], TEXT.replace("Collect, group, write.", "\n".join(f"- {n}" for n in range(11)))),
        ([_comment(commit_sha="c" * 40)], SMALL),
        ([_comment(commit_sha="")], SMALL),
        ([_comment(body="```suggestion\nCollect pull requests, group, write.\n```")], SMALL),
        ([_comment(), _comment(comment_id=78, line=10)], SMALL),
    ],
    ids=[
        "changes elsewhere too",
        "changes elsewhere only",
        "too much",
        "made on another commit",
        "on a line taken away",
        "a suggestion by the reviewer",
        "another wish is not answered by it",
    ],
)
def test_everything_else_becomes_a_commit(comments: list[ev.LineCommented], text: str) -> None:
    assert _committed(_ended(_asked(*comments), text))


def test_a_code_owner_who_cannot_push_gets_a_commit() -> None:
    job = _asked(_comment(make.RILEY), facts=make.facts(make.RILEY, code_owners=["riley"]))
    assert _committed(_ended(job, SMALL))


def test_several_lines_are_replaced_by_what_they_become_together() -> None:
    job = _asked(_comment(first_line=LINE, line=LINE + 2))
    decision = _ended(job, SMALL.replace("invent", "make up"))
    [reply] = [effect for effect in decision.effects if isinstance(effect, fx.ReplyInThread)]
    assert reply.body.endswith("```suggestion\nCollect pull requests, group, write.\n\nNever make up anything.\n```")


def test_a_wish_that_is_declined_is_answered_beside_a_suggestion() -> None:
    job = _asked(_comment(), _comment(comment_id=78, line=10, body="Why?"))
    journey = _done(job, SMALL)
    assert journey.generation is not None
    declined = Change(request="Why?", outcome="rejected", source="review_comment:78")
    both = journey.generation.model_copy(update={"changes": [*journey.generation.changes, declined]})
    decision = decide(job, make.ended(journey.model_copy(update={"generation": both})), make.facts())
    first, second = (effect for effect in decision.effects if isinstance(effect, fx.ReplyInThread))
    assert "```suggestion" in first.body
    assert "I left this as it is" in second.body


def test_after_a_suggestion_was_taken_over_the_next_one_is_suggested_as_well() -> None:
    after = _ended(_asked(_comment()), SMALL).job
    taken = "b" * 40
    job = decide(after, _comment(comment_id=79, commit_sha=taken, body="Twice."), make.facts()).job
    assert job is not None
    job = build_upon(job, BranchNow(tip=taken, files={**make.draft(SMALL).files, **EVALS}))
    decision = _ended(job, SMALL.replace("write.", "write, write."), source="review_comment:79")
    [reply] = [effect for effect in decision.effects if isinstance(effect, fx.ReplyInThread)]
    assert reply.body.endswith("```suggestion\nCollect pull requests, group, write, write.\n```")


def test_what_was_said_meanwhile_is_worked_on_next() -> None:
    job = decide(_asked(_comment()), _comment(comment_id=80, line=10, body="And this."), make.facts()).job
    assert job is not None
    after = _ended(job, SMALL).job
    assert after is not None
    assert after.status is JobStatus.RUNNING
    assert [feedback.source for feedback in after.journey.pending_feedback] == ["review_comment:80"]
    assert [anchor.source for anchor in after.anchors] == ["review_comment:80"]
