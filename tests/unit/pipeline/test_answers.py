"""Which answer fits which checkpoint, and what it does to the journey."""

import pytest

from pipeline.checkpoints import (
    Answer,
    Checkpoint,
    ClarifyCheckpoint,
    ConfirmCheckpoint,
    PreviewCheckpoint,
    Question,
    StructureFixCheckpoint,
    ValidateCheckpoint,
)
from pipeline.journey import (
    FITTING,
    Failure,
    InvalidName,
    Journey,
    NoOpenCheckpoint,
    NothingToRetry,
    StaleApproval,
    WrongAnswer,
    answer,
    regenerate,
    retry,
)
from pipeline.models import QualityAssessment
from tests.unit.pipeline.requests import RICH
from tests.unit.pipeline.test_quality import PLAN

DIGEST = "ab" * 32
QUALITY = QualityAssessment(
    overall_score=1,
    completeness=1,
    compliance=1,
    trigger_coverage=1,
    verbosity=0,
    word_count=1,
    size_assessment="optimal",
)
CHECKPOINTS: dict[str, Checkpoint] = {
    "clarify": ClarifyCheckpoint(
        id="c", round=1, last_round=False, questions=[Question(text="q", why="w", options=[], assumption="a")]
    ),
    "structure_fix": StructureFixCheckpoint(
        id="s",
        problems=["p"],
        current_name="A!",
        current_description="d",
        suggested_name="a",
        suggested_description="d",
    ),
    "confirm": ConfirmCheckpoint(id="c", plan=PLAN),
    "preview": PreviewCheckpoint(
        id="p", digest=DIGEST, path="skills/a", highlights=[], assumptions=[], files={}, document="", quality=QUALITY
    ),
    "validate": ValidateCheckpoint(id="v", digest=DIGEST, passed=True, findings=[], quality=QUALITY, document=""),
}
KINDS = ("answer", "skip", "accept", "rename", "approve", "revise", "refine", "cancel")


def at(kind: str) -> Journey:
    status = "pending_user_input" if kind in ("clarify", "structure_fix") else "pending_hitl"
    return Journey.model_validate({"request": RICH, "status": status}).model_copy(
        update={"checkpoint": CHECKPOINTS[kind], "phase": "validation"}
    )


def say(kind: str, text: str = "new-name", digest: str = "") -> Answer:
    return Answer.model_validate({"kind": kind, "by": "ada", "text": text, "digest": digest, "source": "comment:1"})


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
@pytest.mark.parametrize("kind", KINDS)
def test_only_fitting_answers_are_taken_and_the_others_are_told_what_fits(checkpoint: str, kind: str) -> None:
    if kind in FITTING[checkpoint]:
        after = answer(at(checkpoint), say(kind))
        assert after.checkpoint is None
        assert after.status == ("cancelled" if kind == "cancel" else "running")
    else:
        with pytest.raises(WrongAnswer) as caught:
            answer(at(checkpoint), say(kind))
        assert caught.value.fitting == FITTING[checkpoint]


@pytest.mark.parametrize(
    ("checkpoint", "kind", "phase"),
    [
        ("clarify", "answer", "understanding"),
        ("clarify", "skip", "understanding"),
        ("structure_fix", "accept", "understanding"),
        ("confirm", "approve", "generation"),
        ("confirm", "revise", "understanding"),
        ("preview", "approve", "validation"),
        ("preview", "refine", "generation"),
        ("preview", "revise", "understanding"),
        ("validate", "approve", "validation"),
        ("validate", "refine", "generation"),
    ],
)
def test_an_answer_leads_to_the_phase_that_uses_it(checkpoint: str, kind: str, phase: str) -> None:
    assert answer(at(checkpoint), say(kind)).phase == phase


def test_an_approval_remembers_what_and_by_whom() -> None:
    after = answer(at("preview"), say("approve", digest=DIGEST[:8].upper()))
    assert (after.approved_digest, after.approved_by) == (DIGEST, "ada")


@pytest.mark.parametrize("checkpoint", ["preview", "validate"])
def test_an_approval_of_something_else_is_stale(checkpoint: str) -> None:
    with pytest.raises(StaleApproval, match="abababab"):
        answer(at(checkpoint), say("approve", digest="cdcdcdcd"))


def test_errors_cannot_be_accepted() -> None:
    failing = at("validate").model_copy(
        update={"checkpoint": CHECKPOINTS["validate"].model_copy(update={"passed": False})}
    )
    with pytest.raises(WrongAnswer, match="cannot be accepted"):
        answer(failing, say("approve"))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("pdf-tables", "pdf-tables"),
        ("`pdf-tables`", "pdf-tables"),
        ("Please call it pdf-tables, thanks.", "pdf-tables"),
        ("report tables", "report-tables"),
    ],
)
def test_a_name_is_found_in_the_reply(text: str, name: str) -> None:
    assert answer(at("structure_fix"), say("answer", text)).name_override == name


@pytest.mark.parametrize("text", ["", "Ümläut", "I am not sure what a good name would be here", "claude-x"])
def test_a_reply_without_a_usable_name_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(InvalidName):
        answer(at("structure_fix"), say("rename" if text == "claude-x" else "answer", text))


def test_empty_words_are_refused_where_words_are_needed() -> None:
    for checkpoint, kind in (("clarify", "answer"), ("preview", "refine"), ("confirm", "revise")):
        with pytest.raises(WrongAnswer):
            answer(at(checkpoint), say(kind, text="  "))


def test_nothing_open_takes_no_answer() -> None:
    with pytest.raises(NoOpenCheckpoint):
        answer(Journey(request=RICH), say("approve"))


def test_a_published_skill_takes_changes_only() -> None:
    published = Journey(request=RICH, status="completed", in_review=True, approved_digest=DIGEST)
    after = answer(published, say("refine", "shorter"))
    assert (after.status, after.phase, after.pending_feedback[0].text) == ("running", "generation", "shorter")
    with pytest.raises(WrongAnswer):
        answer(published, say("approve"))


def test_retry_runs_the_failed_phase_again_and_regenerate_asks_anew() -> None:
    failed = Journey(
        request=RICH, status="failed", phase="validation", failure=Failure(code="x", message="m", retryable=True)
    )
    again = retry(failed)
    assert (again.status, again.phase, again.failure, again.attempt) == ("running", "validation", None, 0)
    anew = regenerate(failed)
    assert (anew.status, anew.phase, anew.attempt) == ("running", "understanding", 1)
    with pytest.raises(NothingToRetry):
        retry(Journey(request=RICH))
