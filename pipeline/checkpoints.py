"""Checkpoints (questions that suspend a job), answers (what a permitted person decided) and workflow events."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from pipeline.models import (
    Change,
    Dependencies,
    Phase,
    Placement,
    Plan,
    QualityAssessment,
    ReportedFinding,
    Sentence,
    Value,
)


class Question(Value):
    """One numbered question of a clarify round."""

    text: Sentence
    why: Sentence
    options: list[str] = Field(max_length=4)
    assumption: Sentence


class ClarifyCheckpoint(Value):
    kind: Literal["clarify"] = "clarify"
    id: str
    round: int = Field(ge=1)
    last_round: bool
    questions: list[Question] = Field(min_length=1, max_length=5)


class StructureFixCheckpoint(Value):
    """The wished-for name or description breaks the rules; the suggestion was checked to be valid and free."""

    kind: Literal["structure_fix"] = "structure_fix"
    id: str
    problems: list[Sentence] = Field(min_length=1)
    current_name: str
    current_description: str
    suggested_name: str
    suggested_description: str


class ConfirmCheckpoint(Value):
    kind: Literal["confirm"] = "confirm"
    id: str
    plan: Plan
    near_duplicates: list[str] = Field(default_factory=list)
    placement: Placement | None = None
    dependencies: Dependencies = Dependencies()


class PreviewCheckpoint(Value):
    """A draft to accept (`approve` with `digest`), refine or cancel."""

    kind: Literal["preview"] = "preview"
    id: str
    digest: str
    path: str
    highlights: list[Sentence]
    assumptions: list[Sentence]
    files: dict[str, int] = Field(description="path to size in bytes")
    document: str = Field(description="SKILL.md as it would be published")
    bundled: dict[str, str] = Field(
        default_factory=dict, description="the other files as they would be published: an approval covers them, too"
    )
    quality: QualityAssessment
    findings: list[ReportedFinding] = Field(default_factory=list)
    changes: list[Change] = Field(default_factory=list, description="what was done about the last feedback")
    near_duplicates: list[str] = Field(default_factory=list)


class ValidateCheckpoint(Value):
    """Validation could not be satisfied (or review was asked for): a person decides how to go on."""

    kind: Literal["validate"] = "validate"
    id: str
    digest: str
    passed: bool
    findings: list[ReportedFinding]
    quality: QualityAssessment
    document: str


Checkpoint = Annotated[
    ClarifyCheckpoint | StructureFixCheckpoint | ConfirmCheckpoint | PreviewCheckpoint | ValidateCheckpoint,
    Field(discriminator="kind"),
]

AnswerKind = Literal["answer", "skip", "accept", "rename", "approve", "revise", "refine", "cancel"]


class Answer(Value):
    """What a permitted person decided.

    `text` is their words (or the new name for `rename`), `digest` the prefix of the preview hash they approved
    (empty: the one that was shown last when they wrote), `source` what the answer came from, e.g. `comment:123`.
    """

    kind: AnswerKind
    by: str = Field(max_length=100)
    text: str = Field("", max_length=70_000)
    digest: str = Field("", max_length=64)
    source: str = Field("", max_length=100)
    path: str | None = Field(None, description="the file a review comment points at, from the repository root")
    line: int | None = None


class EventType(StrEnum):
    PHASE_START = "phase_start"
    PHASE_END = "phase_end"
    MODULE_START = "module_start"
    MODULE_END = "module_end"
    PROGRESS = "progress"
    REASONING = "reasoning"
    MEASURED = "measured"
    HITL_REQUIRED = "hitl_required"
    COMPLETED = "completed"
    ERROR = "error"


class Measured(Value):
    """What the rules and the measures say about one draft: one round of making it better."""

    draft: str = Field(description="the eight characters of its digest that people see")
    quality: float | None = Field(None, ge=0, le=1)
    errors: int = Field(0, ge=0)
    warnings: int = Field(0, ge=0)
    infos: int = Field(0, ge=0)


class WorkflowEvent(Value):
    """One thing that happened inside a workflow; for people watching, never for control flow."""

    type: EventType
    phase: Phase
    module: str = ""
    message: str = ""
    at: datetime
    seconds: float | None = Field(None, description="duration, on the `_end` events")
    checkpoint: str = Field("", description="kind of the checkpoint, on hitl_required")
    measured: Measured | None = Field(None, description="a draft as it is now, on measured")
