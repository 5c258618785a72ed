"""One request's way through the three phases, as a value: the whole memory of the pipeline between wake-ups.

`advance` (in `pipeline.workflows.creation`) runs a journey to its next checkpoint or its end; `answer` applies a
person's decision to the open checkpoint. Both return a new journey; nothing here talks to anyone.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from pydantic import Field, field_validator

from pipeline.checkpoints import (
    Answer,
    AnswerKind,
    Checkpoint,
    ClarifyCheckpoint,
    ConfirmCheckpoint,
    PreviewCheckpoint,
    Question,
    StructureFixCheckpoint,
    ValidateCheckpoint,
)
from pipeline.models import (
    Feedback,
    Generation,
    Phase,
    PlannedSkill,
    SkillDraft,
    SkillRequest,
    Understanding,
    Usage,
    Validation,
    Value,
)
from pipeline.naming import description_problems, name_problems, slug
from pipeline.skills.metadata import read_metadata

JourneyStatus = Literal["running", "pending_user_input", "pending_hitl", "completed", "cancelled", "failed"]


class PipelineOptions(Value):
    """What a repository may decide about its own journeys."""

    confirm_plan: bool = Field(False, description="put the plan up for confirmation before anything is written")
    review_validation: bool = Field(False, description="stop at `validate` even when validation passed")
    quality_target: float = Field(0.75, ge=0, le=1, description="what a draft is refined to, from 0 to 1")
    max_question_rounds: int = Field(2, ge=0, le=5, description="how often questions may be asked; 0 asks nothing")
    max_questions: int = Field(5, ge=1, le=5, description="questions in one round")
    max_refinements: int = Field(3, ge=0, le=10, description="attempts to reach the quality target per draft")
    max_validation_rounds: int = Field(3, ge=0, le=10, description="returns from validation to generation")
    model_review: bool = Field(True, description="ask the model for advice on compliance and quality")
    skills_root: str = Field("", max_length=200, description="overrides the placement found from the repository")

    @field_validator("skills_root")
    @classmethod
    def _inside(cls, value: str) -> str:
        root = value.rstrip("/") or value
        segments = root.split("/") if root else []
        if any(part in ("", ".", "..") or part.lower() == ".git" or "\\" in part for part in segments) or not (
            root.isprintable()
        ):
            raise ValueError("must be a folder inside the repository, such as skills, written without .. and .git")
        return root


class ClarificationRound(Value):
    """The questions of one round and what came back; `answer` is None while open and "" when skipped."""

    questions: list[Question]
    answer: str | None = None
    by: str = ""


class Failure(Value):
    """Why a journey stopped, in one sentence fit for a person: never a traceback, a prompt or a key."""

    code: str = Field(description="stable identifier, e.g. `rate_limited`, `truncated`, `budget_exceeded`, `refused`")
    message: str
    retryable: bool


class Journey(Value):
    """State of one request between wake-ups. JSON in, JSON out; unknown to the models."""

    request: SkillRequest
    options: PipelineOptions = PipelineOptions()
    phase: Phase = "understanding"
    status: JourneyStatus = "running"
    checkpoint: Checkpoint | None = None

    clarifications: list[ClarificationRound] = Field(default_factory=list)
    proceed_on_assumptions: bool = False
    name_override: str = ""
    description_override: str = ""
    plan_feedback: list[str] = Field(default_factory=list)
    understanding: Understanding | None = None
    rebuilt: bool = Field(False, description="in review, known only from its branch: `existing` is what is there")
    existing: SkillDraft | None = Field(None, description="the skill to change, as it is now; None for a new one")

    pending_feedback: list[Feedback] = Field(default_factory=list, description="asked for, not yet incorporated")
    edited_by_people: list[str] = Field(
        default_factory=list, description="files that people changed by hand; they are never made anew"
    )
    generation: Generation | None = None
    previews_shown: int = 0
    approved_digest: str = Field("", description="full digest a person approved; publishing checks it")
    approved_by: str = ""

    validation: Validation | None = None
    validation_rounds: int = 0
    validation_waived_by: str = Field("", description="who accepted failing advice at the `validate` checkpoint")

    in_review: bool = Field(
        False, description="published: feedback now goes straight to a new commit, without a preview"
    )
    attempt: int = Field(0, description="raised by regenerate/retry so that stored results are not reused")
    drafter: str = Field("", description="the model's name, or `outline` when no model is configured")
    prompts: str = Field("", description="version of the instructions in use; empty without a model")
    usage: Usage = Usage()
    usage_by_module: dict[str, Usage] = Field(default_factory=dict)
    counted_calls: list[str] = Field(
        default_factory=list, description="prefixes of the keys of paid calls in `usage`: a stored answer counts once"
    )
    failure: Failure | None = None


# --- decisions -------------------------------------------------------------------------------------------------------


class AnswerError(ValueError):
    """A decision that cannot be applied; the message is a sentence for the person who made it."""


class NoOpenCheckpoint(AnswerError):  # noqa: N818 - named for what is the case
    """Nothing is being asked at the moment."""


class WrongAnswer(AnswerError):  # noqa: N818
    """This kind of answer does not fit the open checkpoint; `fitting` are those that do."""

    def __init__(self, message: str, fitting: tuple[AnswerKind, ...] = ()) -> None:
        super().__init__(message)
        self.fitting = fitting


class StaleApproval(AnswerError):  # noqa: N818
    """What was approved is not what is open."""


class InvalidName(AnswerError):  # noqa: N818
    """The name given cannot be a skill's name."""


class NothingToRetry(AnswerError):  # noqa: N818
    """The journey has not failed."""


FITTING: Mapping[str, tuple[AnswerKind, ...]] = {
    "clarify": ("answer", "skip", "cancel"),
    "structure_fix": ("accept", "rename", "answer", "cancel"),
    "confirm": ("approve", "revise", "cancel"),
    "preview": ("approve", "refine", "revise", "cancel"),
    "validate": ("approve", "refine", "cancel"),
}


def answer(journey: Journey, answer: Answer) -> Journey:
    """The journey after a person's decision on its open checkpoint. Raises AnswerError."""
    if journey.status == "completed" and journey.in_review:
        if answer.kind != "refine":
            raise WrongAnswer("The skill is in review: only changes can be asked for.", ("refine",))
        return _refine(journey, answer)
    checkpoint = journey.checkpoint
    if checkpoint is None:
        raise NoOpenCheckpoint("Nothing is waiting for an answer at the moment.")
    fitting = FITTING[checkpoint.kind]
    if answer.kind not in fitting:
        words = ", ".join(fitting[:-1]) + f" or {fitting[-1]}"
        raise WrongAnswer(f"“{answer.kind}” does not fit here; what fits is {words}.", fitting)
    if answer.kind == "cancel":
        return journey.model_copy(update={"status": "cancelled", "checkpoint": None})
    match checkpoint:
        case ClarifyCheckpoint():
            return _clarify(journey, checkpoint, answer)
        case StructureFixCheckpoint():
            return _fix_structure(journey, checkpoint, answer)
        case ConfirmCheckpoint():
            return _go_on(journey, phase="generation") if answer.kind == "approve" else _revise(journey, answer)
        case PreviewCheckpoint():
            return _PREVIEW[answer.kind](journey, answer)
        case ValidateCheckpoint():
            return (
                _accept_validation(journey, checkpoint, answer)
                if answer.kind == "approve"
                else _refine(journey, answer)
            )


def regenerate(journey: Journey) -> Journey:
    """The journey writing its draft anew, without using what was stored for the current one."""
    update: dict[str, object] = {
        "attempt": journey.attempt + 1,
        "generation": None,
        "validation": None,
        "validation_rounds": 0,
        "pending_feedback": [],
        "approved_digest": "",
        "approved_by": "",
    }
    return _go_on(journey.model_copy(update=update), phase="generation" if journey.understanding else "understanding")


def going_on_from(journey: Journey, files: Mapping[str, str], feedback: Sequence[Feedback]) -> Journey:
    """The journey going on from files that people changed by hand, with what was asked for and is not in them yet.

    Nothing of theirs is undone: their frontmatter is the plan's from now on, and their test cases stay.
    Raises AnswerError when there is no SKILL.md among the files.
    """
    if journey.generation is None:
        return journey
    if "SKILL.md" not in files:
        raise AnswerError("There is no SKILL.md any more where I put it.")
    ours = journey.validation.draft.files if journey.validation else {}
    tests = {path for path in files if path.startswith("evals/")}
    by_people = sorted(path for path in files if ours.get(path) != files[path])
    kept = {path: text for path, text in files.items() if path not in tests or path in by_people}
    draft = journey.generation.draft.model_copy(update={"files": kept})
    return journey.model_copy(
        update={
            "generation": journey.generation.model_copy(update={"draft": draft}),
            "understanding": _with_frontmatter(journey.understanding, files["SKILL.md"]),
            "edited_by_people": sorted({*journey.edited_by_people, *by_people}),
            "pending_feedback": list(feedback),
            "phase": "generation",
            "checkpoint": None,
        }
    )


def _with_frontmatter(understanding: Understanding | None, document: str) -> Understanding | None:
    """What a person wrote into the frontmatter counts; what cannot be read is left to the rules."""
    if understanding is None:
        return None
    try:
        skill = PlannedSkill.model_validate(read_metadata(document).model_dump())
    except ValueError:
        return understanding
    plan = understanding.plan.model_copy(update={"skill_metadata": skill})
    return understanding.model_copy(update={"plan": plan})


def retry(journey: Journey) -> Journey:
    """A failed journey running again from the phase it failed in. Raises NothingToRetry."""
    if journey.status != "failed":
        raise NothingToRetry("There is nothing to retry: the last step did not fail.")
    return _go_on(journey, phase=journey.phase)


def _go_on(journey: Journey, *, phase: Phase) -> Journey:
    return journey.model_copy(update={"status": "running", "phase": phase, "checkpoint": None, "failure": None})


def _clarify(journey: Journey, checkpoint: ClarifyCheckpoint, answer: Answer) -> Journey:
    skipped = answer.kind == "skip"
    if not skipped and not answer.text.strip():
        raise WrongAnswer("The answer is empty; reply with a few words, or skip the questions.", ("answer", "skip"))
    done = ClarificationRound(
        questions=checkpoint.questions, answer="" if skipped else answer.text.strip(), by=answer.by
    )
    update = {
        "clarifications": [*journey.clarifications, done],
        "proceed_on_assumptions": journey.proceed_on_assumptions or skipped,
    }
    return _go_on(journey.model_copy(update=update), phase="understanding")


def _fix_structure(journey: Journey, checkpoint: StructureFixCheckpoint, answer: Answer) -> Journey:
    update: dict[str, object] = {}
    wrong_name = checkpoint.current_name != checkpoint.suggested_name
    wrong_description = checkpoint.current_description != checkpoint.suggested_description
    if answer.kind == "accept":
        if description_problems(checkpoint.suggested_description):
            raise WrongAnswer(
                "I have no description to suggest; please say in a sentence what the skill does and when.",
                ("answer", "cancel"),
            )
        update["name_override"] = checkpoint.suggested_name
        if wrong_description:
            update["description_override"] = checkpoint.suggested_description
    elif answer.kind == "rename" or (wrong_name and _names_something(answer.text)):
        update["name_override"] = _name_in(answer.text)
        if wrong_description:
            update["description_override"] = checkpoint.suggested_description
    elif wrong_description and answer.text.strip():
        update["description_override"] = answer.text.strip()
        if wrong_name:
            update["name_override"] = checkpoint.suggested_name
    else:
        raise InvalidName("Please give a name such as `pdf-tables`: lower-case letters, digits and hyphens.")
    return _go_on(journey.model_copy(update=update), phase="understanding")


_QUOTED_NAME = re.compile(r"[`\"'“]([a-z0-9]+(?:-[a-z0-9]+)*)[`\"'”]")
_HYPHENATED = re.compile(r"(?<![\w-])[a-z0-9]+(?:-[a-z0-9]+)+(?![\w-])")
_MOST_NAME_WORDS = 5


def _names_something(text: str) -> bool:
    found = _QUOTED_NAME.search(text) or _HYPHENATED.search(text)
    return bool(found) or 0 < len(text.split()) <= _MOST_NAME_WORDS


def _name_in(text: str) -> str:
    """The name in a reply: alone, quoted, hyphenated, or a few words that make one."""
    words = text.strip().strip("`\"'“”.")
    found = _QUOTED_NAME.search(text) or _HYPHENATED.search(text)
    if not name_problems(words):
        name = words
    elif found is not None:
        name = found[1] if found.re is _QUOTED_NAME else found[0]
    elif " " in words and words.isascii() and len(words.split()) <= _MOST_NAME_WORDS:
        name = slug(words)
    else:
        name = words
    if problems := name_problems(name):
        raise InvalidName(f"“{name[:80]}” cannot be the name. {problems[0]}")
    return name


def _approve(journey: Journey, answer: Answer) -> Journey:
    checkpoint = journey.checkpoint
    assert isinstance(checkpoint, PreviewCheckpoint), "only previews are approved here"
    _same_digest(checkpoint.digest, answer.digest)
    update = {"approved_digest": checkpoint.digest, "approved_by": answer.by}
    return _go_on(journey.model_copy(update=update), phase="validation")


def _refine(journey: Journey, answer: Answer) -> Journey:
    if not answer.text.strip():
        raise WrongAnswer("Please say what should change.", ("refine",))
    feedback = Feedback(text=answer.text, by=answer.by, source=answer.source, path=answer.path, line=answer.line)
    update = {
        "pending_feedback": [*journey.pending_feedback, feedback],
        "validation_rounds": 0,
        "validation_waived_by": "",
        "approved_digest": "",
        "approved_by": "",
    }
    return _go_on(journey.model_copy(update=update), phase="generation")


def _revise(journey: Journey, answer: Answer) -> Journey:
    if not answer.text.strip():
        raise WrongAnswer("Please say what should change about the plan.", ("revise",))
    update = {
        "plan_feedback": [*journey.plan_feedback, answer.text.strip()],
        "generation": None,
        "validation": None,
        "validation_rounds": 0,
        "approved_digest": "",
        "approved_by": "",
    }
    return _go_on(journey.model_copy(update=update), phase="understanding")


def _accept_validation(journey: Journey, checkpoint: ValidateCheckpoint, answer: Answer) -> Journey:
    if not checkpoint.passed:
        raise WrongAnswer(
            "Errors found by the rules cannot be accepted; ask for a change or cancel.", ("refine", "cancel")
        )
    _same_digest(checkpoint.digest, answer.digest)
    return _go_on(journey.model_copy(update={"validation_waived_by": answer.by}), phase="validation")


def _same_digest(shown: str, approved: str) -> None:
    if approved and not shown.startswith(approved.strip().lower()):
        raise StaleApproval(f"That approves `{approved[:8]}`, but the open draft is `{shown[:8]}`; look at it first.")


_PREVIEW: Mapping[AnswerKind, Callable[[Journey, Answer], Journey]] = {
    "approve": _approve,
    "refine": _refine,
    "revise": _revise,
}
