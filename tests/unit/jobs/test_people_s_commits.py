"""A branch that people changed: the next phase starts from it; a publication that was overtaken is worked out anew."""

from bot.jobs import effects as fx
from bot.jobs import events as ev
from bot.jobs.job import Job, JobStatus
from bot.jobs.machine import decide, settle
from bot.jobs.ports import BranchNow
from bot.jobs.review import build_upon
from pipeline.models import Feedback
from tests.unit.jobs import builders as make

ASKED = Feedback(text="Shorter, please.", by="morgan", source="review:5")
TESTS = {"evals/triggers.json": "[]\n"}


def refining() -> Job:
    """In review, with one wish, about to run."""
    published = make.draft().model_copy(update={"files": {**make.draft().files, **TESTS}})
    journey = make.completed(published).model_copy(
        update={"in_review": True, "pending_feedback": [ASKED], "status": "running", "phase": "generation"}
    )
    return make.job(JobStatus.RUNNING, journey, pull=make.PULL)


def edited(**more: str) -> dict[str, str]:
    text = make.draft().skill_content.replace("Collect, group, write.", "Collect, group, write, rest.")
    text = text.replace("---\n\n", 'license: "MIT"\n---\n\n', 1)
    return {"SKILL.md": text, **TESTS, **more}


def test_a_branch_that_nobody_touched_changes_nothing() -> None:
    job = refining()
    after = build_upon(job, BranchNow(tip=make.PULL.head_sha))
    assert after.journey == job.journey
    assert after.unpublished == [ASKED]


def test_the_files_of_the_branch_are_what_the_next_phase_changes() -> None:
    files = edited(**{"references/notes.md": "By hand.\n", "evals/mine.json": "{}\n"})
    job = build_upon(refining(), BranchNow(tip="b" * 40, files=files))
    journey = job.journey
    assert journey.generation is not None
    assert journey.generation.draft.files == {path: text for path, text in files.items() if path not in TESTS}
    assert journey.edited_by_people == ["SKILL.md", "evals/mine.json", "references/notes.md"]
    assert journey.understanding is not None
    assert journey.understanding.plan.skill_metadata.license == "MIT"
    assert journey.pending_feedback == [ASKED]
    assert job.pull is not None
    assert job.pull.seen == "b" * 40


def test_a_new_draft_that_was_asked_for_takes_the_place_of_what_people_committed() -> None:
    job = refining()
    job = job.with_(journey=job.journey.model_copy(update={"generation": None}))
    after = build_upon(job, BranchNow(tip="b" * 40, files=edited()))
    assert after.journey == job.journey
    assert after.pull is not None
    assert after.pull.seen == "b" * 40


def test_a_skill_that_was_moved_away_stops_with_one_sentence() -> None:
    job = build_upon(refining(), BranchNow(tip="b" * 40, files={}))
    decision = decide(job, make.ended(job.journey), make.facts())
    assert decision.job is not None
    assert decision.job.status is JobStatus.FAILED
    said = "".join(effect.body for effect in decision.effects if isinstance(effect, fx.Say))
    assert "skills/release-notes" in said
    assert "`/skill retry`" in said


def test_a_publication_that_was_overtaken_is_worked_out_again_with_the_same_wishes() -> None:
    job = build_upon(refining(), BranchNow(tip=make.PULL.head_sha))
    journey = make.completed().model_copy(update={"in_review": True})
    published = decide(job, make.ended(journey), make.facts())
    assert published.job is not None
    publish = published.effects[0]
    assert isinstance(publish, fx.Publish)
    assert publish.known_head == make.PULL.head_sha
    refused = fx.Refused(code="human_edits", reason="Somebody changed the skill.")
    again = settle(published.job, publish, refused, make.facts()).job
    assert again is not None
    assert again.status is JobStatus.RUNNING
    retried = build_upon(again, BranchNow(tip="b" * 40, files=edited()))
    assert retried.journey.pending_feedback == [ASKED]
    assert retried.journey.status == "running"


def test_wishes_are_forgotten_once_they_are_published() -> None:
    job = build_upon(refining(), BranchNow(tip=make.PULL.head_sha))
    published = decide(job, make.ended(make.completed().model_copy(update={"in_review": True})), make.facts())
    assert published.job is not None
    result = fx.Published(pull_number=13, head_sha="c" * 40, url="")
    after = settle(published.job, published.effects[0], result, make.facts()).job
    assert after is not None
    assert after.unpublished == []
    assert after.pull is not None
    assert after.pull.seen == "c" * 40


def test_the_fix_button_commits_for_people_with_write_access_alone() -> None:
    job = make.job(JobStatus.IN_REVIEW, make.completed().model_copy(update={"in_review": True}), pull=make.PULL)
    pressed = ev.CheckRequested(actor=make.RILEY, head_sha="b" * 40, action="fix")
    assert decide(job, pressed, make.facts(make.RILEY)).effects == ()
    pressed = ev.CheckRequested(actor=make.MORGAN, head_sha="b" * 40, action="fix")
    (repair,) = decide(job, pressed, make.facts()).effects
    assert isinstance(repair, fx.Fix)
    assert (repair.head_sha, repair.by) == ("b" * 40, "morgan")
    done = fx.Published(pull_number=13, head_sha="c" * 40, url="")
    (check,) = settle(job, repair, done, make.facts()).effects
    assert isinstance(check, fx.Check)
    assert check.head_sha == "c" * 40
