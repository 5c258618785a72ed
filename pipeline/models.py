"""The values that pass between phases: bounded, frozen, JSON-serialisable.

Bounds live on nested fields because that is the only place where a model's structured output honours them.
"""

import hashlib
from typing import Annotated, Literal, Self, get_origin

from annotated_types import MaxLen
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from pipeline.visible import visible


class Value(BaseModel):
    """An immutable value; unknown fields are refused so that a stored value never loses data silently."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Written(Value):
    """A value that a model may write: a list longer than its bound is cut to it rather than refused."""

    @model_validator(mode="before")
    @classmethod
    def _cut_lists(cls: type[Self], data: object) -> object:
        if not isinstance(data, dict):
            return data
        cut = dict(data)
        for name, field in cls.model_fields.items():
            value = cut.get(name)
            if isinstance(value, list) and get_origin(field.annotation) is list:
                bounds = [limit.max_length for limit in field.metadata if isinstance(limit, MaxLen)]
                cut[name] = value[: min(bounds)] if bounds else value
        return cut


class _Cut:
    """Drops what nobody sees, and cuts a longer text at the last word that fits, marking the cut with an ellipsis."""

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def __call__(self, text: object) -> object:
        if not isinstance(text, str) or len(text := visible(text).strip()) <= self.limit:
            return text
        kept = text[: self.limit - 1]
        return (kept.rsplit(None, 1)[0] if " " in kept else kept) + "…"


Line = Annotated[str, BeforeValidator(_Cut(300)), StringConstraints(strip_whitespace=True, max_length=300)]
Sentence = Annotated[str, BeforeValidator(_Cut(600)), StringConstraints(strip_whitespace=True, max_length=600)]
Paragraph = Annotated[str, BeforeValidator(_Cut(4_000)), StringConstraints(strip_whitespace=True, max_length=4_000)]
Slug = Annotated[str, StringConstraints(strip_whitespace=True, max_length=64)]

Phase = Literal["understanding", "generation", "validation"]
Domain = Literal["technical", "cognitive", "domain_knowledge", "tool", "meta"]
Level = Literal["beginner", "intermediate", "advanced", "expert"]
SkillCategory = Literal["document_creation", "workflow_automation", "mcp_enhancement", "analysis", "other"]


# --- the request -----------------------------------------------------------------------------------------------------


class SkillRequest(Value):
    """What a person asked for, as snapshotted: untrusted text throughout."""

    title: str = Field(max_length=1_000)
    text: str = Field(max_length=70_000, description="the whole body as written")
    name: str = Field("", max_length=1_000, description="form field: the name wished for")
    purpose: str = Field("", max_length=70_000, description="form field: what it should do")
    when: str = Field("", max_length=70_000, description="form field: when an agent should use it")
    examples: str = Field("", max_length=70_000, description="form field")
    constraints: str = Field("", max_length=70_000, description="form field")
    references: str = Field("", max_length=70_000, description="form field")
    existing_skill: str = Field("", max_length=1_000, description="form field: the skill to change, if any")
    author: str = Field(max_length=100)


# --- understanding ---------------------------------------------------------------------------------------------------


class Ambiguity(Written):
    """Something the request leaves open, with what is assumed when nobody answers."""

    question: Sentence
    why: Sentence = Field(description="what in the result depends on the answer")
    options: list[Line] = Field(max_length=4, description="two to four suggested answers")
    assumption: Sentence = Field(description="what is assumed when the question stays unanswered")
    affects: Literal["scope", "name", "description", "content", "tools", "audience", "wording"] = "content"


class Requirements(Written):
    domain: Domain
    category: Slug
    target_level: Level
    topics: list[Line] = Field(max_length=10)
    constraints: list[Sentence] = Field(max_length=10)
    trigger_phrases: list[Line] = Field(max_length=10)
    negative_triggers: list[Line] = Field(max_length=10)
    examples: list[Paragraph] = Field(max_length=10, description="as given, verbatim Markdown")
    steps: list[Paragraph] = Field(default_factory=list, max_length=20, description="the procedure, in order, as given")
    gotchas: list[Sentence] = Field(default_factory=list, max_length=10, description="what goes wrong, as given")
    checks: list[Sentence] = Field(
        default_factory=list, max_length=10, description="how to see that it worked, as given"
    )
    references: list[Line] = Field(default_factory=list, max_length=10, description="links and documents named")
    skill_category: SkillCategory
    title: Line = Field("", description="the document's heading, a few words in the language of the request")
    suggested_name: Line
    suggested_description: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000)]
    language: Line = Field("English", description="the language of the request, in English words")
    ambiguities: list[Ambiguity] = Field(max_length=8)


class Intent(Written):
    purpose: Sentence
    problem_statement: Sentence
    target_audience: Line
    value_proposition: Sentence
    skill_type: Literal["how_to", "reference", "concept", "workflow", "checklist", "troubleshooting"]
    in_scope: list[Sentence] = Field(max_length=20)
    out_of_scope: list[Line] = Field(max_length=10)
    success_criteria: list[Sentence] = Field(max_length=6)


class Duplicate(Value):
    """An existing skill that is suspiciously like the one asked for."""

    name: str
    path: str
    similarity: float = Field(ge=0, le=1)


class Placement(Value):
    """Where the skill goes. The path is computed by us from a chosen category, never written by a model."""

    recommended_path: str = Field(description="directory of the skill from the repository root")
    category: str = Field("", description="empty in a flat layout")
    new_category: bool = False
    rationale: Sentence = ""
    parent_skills: list[str] = Field(default_factory=list, max_length=10)
    near_duplicates: list[Duplicate] = Field(default_factory=list, max_length=5)


class Dependency(Written):
    name: Slug
    reason: Sentence


class Dependencies(Value):
    required: list[Dependency] = Field(default_factory=list, max_length=5)
    recommended: list[Dependency] = Field(default_factory=list, max_length=5)
    missing: list[Dependency] = Field(
        default_factory=list, max_length=5, description="suggestions: not in the taxonomy"
    )


class OutlineSection(Written):
    title: Line
    points: list[Paragraph] = Field(max_length=20)


class Resource(Written):
    """A bundled file and why the skill needs it. The path is checked to stay in its directory."""

    path: Annotated[str, StringConstraints(pattern=r"^(scripts|references|assets)/[a-z0-9][a-z0-9._-]{0,79}$")]
    reason: Sentence
    load_when: Sentence = ""


class PlannedSkill(Value):
    """The frontmatter values to be: agentskills.io fields only."""

    name: str = Field(max_length=64, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    description: str = Field(min_length=1, max_length=1_024)
    license: str | None = None
    compatibility: str | None = Field(None, max_length=500)
    metadata: dict[str, str] = Field(default_factory=dict)
    allowed_tools: str | None = None


class Plan(Value):
    skill_metadata: PlannedSkill
    taxonomy_path: str
    capabilities: list[Sentence] = Field(max_length=12)
    content_outline: list[OutlineSection] = Field(max_length=15)
    resource_requirements: list[Resource] = Field(default_factory=list, max_length=8)
    success_criteria: list[Sentence] = Field(max_length=6)
    generation_guidance: Paragraph = ""
    trigger_phrases: list[Line] = Field(default_factory=list, max_length=10)
    negative_triggers: list[Line] = Field(default_factory=list, max_length=10)
    estimated_length: Literal["short", "medium", "long"] = "medium"
    assumptions: list[Sentence] = Field(default_factory=list, max_length=12)


class Understanding(Value):
    """Phase 1's result."""

    requirements: Requirements
    intent: Intent
    taxonomy: Placement
    dependencies: Dependencies
    plan: Plan


# --- generation ------------------------------------------------------------------------------------------------------


class SkillDraft(Value):
    """The full set of files generated so far, by path inside the skill's directory."""

    name: str
    path: str = Field(description="the skill's directory from the repository root")
    files: dict[str, str]

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over everything a person approves: all files but `evals/`, which validation adds."""
        digest = hashlib.sha256()
        digest.update(self.path.encode() + b"\0")
        for path in sorted(self.files):
            if path.startswith("evals/"):
                continue
            content = self.files[path].encode()
            digest.update(f"{path}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()

    @property
    def short_digest(self) -> str:
        """The eight characters people see and may repeat in `/skill approve`."""
        return self.digest[:8]

    @property
    def skill_content(self) -> str:
        return self.files["SKILL.md"]


FROM_VALIDATION = "validation"
"""Source of feedback that the rules gave, not a person."""


class Feedback(Value):
    """A person's words on a draft. `path` and `line` are set when they pointed at a place."""

    text: str = Field(max_length=70_000)
    by: str = Field(max_length=100)
    source: str = Field("", max_length=100, description="what it came from, e.g. `comment:123`; answers refer to it")
    path: str | None = None
    line: int | None = None


class Change(Value):
    """What was done about one piece of feedback."""

    request: Sentence
    outcome: Literal["applied", "rejected"]
    note: Sentence = ""
    source: str = ""


class QualityAssessment(Value):
    """Deterministic scores in 0..1 (see docs/quality in the validation module) plus optional model advice."""

    overall_score: float = Field(ge=0, le=1)
    completeness: float = Field(ge=0, le=1)
    compliance: float = Field(ge=0, le=1)
    trigger_coverage: float = Field(ge=0, le=1)
    verbosity: float = Field(ge=0, le=1, description="0 is terse, 1 is padded")
    word_count: int = Field(ge=0)
    size_assessment: Literal["too_small", "optimal", "acceptable", "too_large"]
    strengths: list[Sentence] = Field(default_factory=list, max_length=5)
    weaknesses: list[Sentence] = Field(default_factory=list, max_length=8)
    meets_success_criteria: list[Sentence] = Field(default_factory=list, max_length=6)
    missing_success_criteria: list[Sentence] = Field(default_factory=list, max_length=6)
    advice: list[Sentence] = Field(default_factory=list, max_length=8, description="a model's opinion: never a verdict")


class Generation(Value):
    """Phase 2's result."""

    draft: SkillDraft
    sections_generated: list[str]
    code_examples_count: int
    estimated_reading_time: int = Field(description="minutes")
    quality: QualityAssessment
    rounds: int = Field(0, description="refinement attempts made")
    changes: list[Change] = Field(default_factory=list)
    highlights: list[Sentence] = Field(default_factory=list, max_length=8)


# --- validation ------------------------------------------------------------------------------------------------------


class ReportedFinding(Value):
    """One finding of the rules, as `pipeline.skills` reports it, flattened to plain values."""

    rule: str
    severity: Literal["error", "warning", "info"]
    message: str
    file: str
    line: int
    column: int


class TriggerCase(Written):
    query: Sentence
    should_trigger: bool


class EvalCase(Written):
    """One task for comparing an agent with and without the skill."""

    prompt: Paragraph
    expected_output: Paragraph
    assertions: list[Sentence] = Field(max_length=6)


class TestCases(Written):
    """Trigger queries and evaluation tasks that are stored with the skill under `evals/`."""

    __test__ = False  # the name is the seed's; pytest must not collect it
    triggers: list[TriggerCase] = Field(default_factory=list, max_length=24)
    evals: list[EvalCase] = Field(default_factory=list, max_length=6)


class Validation(Value):
    """Phase 3's result. `passed` is the rules' word alone; `quality` is advice."""

    passed: bool
    verdict: Literal["pass", "fail", "unloadable"]
    findings: list[ReportedFinding]
    checks_performed: list[str]
    quality: QualityAssessment
    test_cases: TestCases
    trigger_losses: list[str] = Field(
        default_factory=list, description="sibling skills that win queries meant for this one"
    )
    draft: SkillDraft = Field(description="the validated files; what is published")
    rounds: int = 0


# --- accounting ------------------------------------------------------------------------------------------------------


class Usage(Value):
    """What calls to a model took. `cost_usd` is None when the price is unknown, which is not the same as free."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = None
    seconds: float = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        costs = [usage.cost_usd for usage in (self, other) if usage.calls]
        return Usage(
            calls=self.calls + other.calls,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            cost_usd=None if not costs or None in costs else sum(cost for cost in costs if cost is not None),
            seconds=self.seconds + other.seconds,
        )
