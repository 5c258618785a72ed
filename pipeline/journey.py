"""One request's way through the three phases, as a value: the whole memory of the pipeline between wake-ups.

`advance` (in `pipeline.workflows.creation`) runs a journey to its next checkpoint or its end; `answer` applies a
person's decision to the open checkpoint. Both return a new journey; nothing here talks to anyone.
"""

from typing import Literal

from pydantic import Field

from pipeline.checkpoints import Checkpoint, Question
from pipeline.models import Feedback, Generation, Phase, SkillRequest, Understanding, Usage, Validation, Value

JourneyStatus = Literal["running", "pending_user_input", "pending_hitl", "completed", "cancelled", "failed"]


class PipelineOptions(Value):
    """What a repository may decide about its own journeys."""

    confirm_plan: bool = False
    review_validation: bool = Field(False, description="stop at `validate` even when validation passed")
    quality_target: float = Field(0.75, ge=0, le=1)
    max_question_rounds: int = Field(2, ge=0, le=5)
    max_questions: int = Field(5, ge=1, le=5)
    max_refinements: int = Field(3, ge=0, le=10, description="attempts to reach the quality target per draft")
    max_validation_rounds: int = Field(3, ge=0, le=10, description="returns from validation to generation")
    model_review: bool = Field(True, description="ask the model for advice on compliance and quality")
    skills_root: str = Field("", max_length=200, description="overrides the placement found from the repository")


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

    pending_feedback: list[Feedback] = Field(default_factory=list, description="asked for, not yet incorporated")
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
    usage: Usage = Usage()
    usage_by_module: dict[str, Usage] = Field(default_factory=dict)
    failure: Failure | None = None
