"""Phase 1's questions to the model. A docstring is the instruction; outputs are bounded inside their types."""

import dspy
from pydantic import Field

from pipeline.journey import ClarificationRound
from pipeline.models import (
    Dependencies,
    Intent,
    Line,
    OutlineSection,
    Paragraph,
    Placement,
    Requirements,
    Resource,
    Sentence,
    SkillRequest,
    Slug,
    Written,
)


class StructureProposal(Written):
    name: Slug = Field(description="ASCII kebab-case, at most 64 characters, not in `taken`")
    description: Paragraph = Field(description="one line of 120 to 400 characters, no angle brackets")


class PlacementChoice(Written):
    new_category: Slug = Field(description="kebab-case, only when no existing category fits; empty otherwise")
    reason: Sentence
    parent_skills: list[Slug] = Field(max_length=5, description="existing skills this one specialises")


class KnownSkill(Written):
    """An existing skill of the repository, as shown to the model."""

    name: str
    category: str
    description: str


class PlanDraft(Written):
    """What the model decides about the plan; the name and the path are ours."""

    description: Paragraph = Field(
        description="frontmatter description: what the skill does, then 'Use when …'; one line, 120 to 400 characters, "
        "third person, no angle brackets, in the language of the request"
    )
    license: Line = Field(description="only if the request names one, else empty")
    compatibility: Line = Field(description="required software or access, only if there is any, else empty")
    capabilities: list[Sentence] = Field(max_length=10)
    content_outline: list[OutlineSection] = Field(
        min_length=1,
        max_length=12,
        description="sections of the document in order, with the points each must make; at most one section per topic, "
        "including the steps, an example, gotchas and how to check the result",
    )
    resource_requirements: list[Resource] = Field(
        max_length=5,
        description="bundled files only where they clearly pay: a script that would be rewritten every time, "
        "reference text too long for the document, a template to copy",
    )
    success_criteria: list[Sentence] = Field(max_length=6)
    generation_guidance: Paragraph
    trigger_phrases: list[Line] = Field(max_length=10)
    negative_triggers: list[Line] = Field(max_length=10)
    estimated_length: str = Field(max_length=10, description="short, medium or long")
    rationale: Sentence


class GatherRequirements(dspy.Signature):
    """Read a request for a new Agent Skill (a folder with a SKILL.md that teaches a coding agent a procedure) and
    state what it requires.

    Take over what the person wrote: their constraints, their examples (verbatim), their terms. Do not add
    requirements. List as ambiguities only what is really open and would change the skill, as questions the person can
    answer in a few words, each with why it matters, two to four suggested answers and the assumption to make if
    nobody answers. Never ask what the request or `clarifications` already answer. The suggested name is short ASCII
    kebab-case, even when the request is in another language; all other text is in the language of the request.
    """

    request: SkillRequest = dspy.InputField(desc="the issue as written")
    clarifications: list[ClarificationRound] = dspy.InputField(
        desc="questions asked before and the person's answers; empty: proceed on the assumptions"
    )
    requirements: Requirements = dspy.OutputField()


class ValidateStructure(dspy.Signature):
    """Propose a name and a description for a skill that solve the listed problems and keep the person's meaning."""

    name: str = dspy.InputField(desc="the name wished for")
    description: str = dspy.InputField()
    problems: list[str] = dspy.InputField(desc="what the rules say about them")
    taken: list[str] = dspy.InputField(desc="names already used in the repository")
    proposal: StructureProposal = dspy.OutputField()


class AnalyzeIntent(dspy.Signature):
    """State why the requested skill is wanted: the problem behind it, who benefits, what is inside and outside its
    scope, and how one would notice that it works. Success criteria must be checkable by reading the skill or by
    running an agent with it."""

    request: SkillRequest = dspy.InputField()
    requirements: Requirements = dspy.InputField()
    intent: Intent = dspy.OutputField()


class FindTaxonomyPath(dspy.Signature):
    """Choose the category of the repository in which people would look for this skill. Prefer an existing category;
    choose `new` only when none fits, and then name the new one and say why."""

    requirements: Requirements = dspy.InputField()
    tree: str = dspy.InputField(desc="the repository's skills with their descriptions, nearest first")
    categories: list[str] = dspy.InputField(desc="existing categories")
    category: str = dspy.OutputField(desc="one of the existing categories, or `new`")
    choice: PlacementChoice = dspy.OutputField()


class AnalyzeDependencies(dspy.Signature):
    """Say which existing skills this one needs (required) or goes well with (recommended). Only names from
    `existing_skills` may appear there; skills that would be needed but do not exist go to `missing`. Most skills need
    none: an empty list is a good answer."""

    requirements: Requirements = dspy.InputField()
    existing_skills: list[KnownSkill] = dspy.InputField(desc="nearest first")
    dependencies: Dependencies = dspy.OutputField()


class SynthesizePlan(dspy.Signature):
    """Plan the skill from what is known. Follow the section advice in `template` where it fits. Every topic,
    constraint and example of the requirements must have a place in the outline; every assumption must be visible in
    it. Do what `plan_feedback` asks. Keep the plan as small as the request allows."""

    requirements: Requirements = dspy.InputField()
    intent: Intent = dspy.InputField()
    placement: Placement = dspy.InputField()
    dependencies: Dependencies = dspy.InputField()
    assumptions: list[str] = dspy.InputField(desc="taken because a question stayed unanswered")
    plan_feedback: list[str] = dspy.InputField(desc="what the person wants changed about earlier plans")
    template: list[str] = dspy.InputField(desc="sections that documents of this kind usually have")
    name: str = dspy.InputField(desc="the skill's name, decided")
    plan: PlanDraft = dspy.OutputField()
