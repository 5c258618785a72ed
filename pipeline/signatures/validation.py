"""Phase 3's questions to the model: test cases, and opinions that never decide."""

import dspy
from pydantic import Field

from pipeline.models import Plan, Sentence, TestCases, Written


class Review(Written):
    """An opinion on how a skill reads."""

    strengths: list[Sentence] = Field(max_length=4)
    issues: list[Sentence] = Field(max_length=6, description="each with the section it concerns")


class Judgement(Written):
    clarity: float = Field(ge=0, le=1)
    usefulness: float = Field(ge=0, le=1)
    strengths: list[Sentence] = Field(max_length=4)
    weaknesses: list[Sentence] = Field(max_length=5)
    meets: list[Sentence] = Field(max_length=6, description="success criteria that are met, verbatim")
    missing: list[Sentence] = Field(max_length=6, description="success criteria that are not met, verbatim")


class GenerateTestCases(dspy.Signature):
    """Write test cases for a skill. Triggers: 16 to 20 realistic things a person would say to a coding agent, half of
    which should load this skill and half near misses that should not, varied in wording, detail and length, without
    copying the description. Evals: three tasks, one of them an edge case, each with the expected result and assertions
    that can be checked in the agent's output."""

    name: str = dspy.InputField()
    description: str = dspy.InputField()
    body: str = dspy.InputField()
    trigger_phrases: list[str] = dspy.InputField()
    negative_triggers: list[str] = dspy.InputField()
    siblings: list[str] = dspy.InputField(desc="neighbouring skills, `name: description`; near misses belong to them")
    test_cases: TestCases = dspy.OutputField()


class ValidateSkill(dspy.Signature):
    """Read a skill as the agent that will have to follow it. Point out instructions that contradict each other, steps
    that cannot be carried out as written, claims that nothing in the plan supports, and anything that would make an
    agent act outside the skill's purpose."""

    document: str = dspy.InputField(desc="the complete SKILL.md")
    plan: Plan = dspy.InputField()
    findings: list[str] = dspy.InputField(desc="what the rules found already; do not repeat")
    review: Review = dspy.OutputField()


class AssessQuality(dspy.Signature):
    """Judge a skill against its success criteria. 0 is useless, 1 could not be better; most drafts lie between."""

    document: str = dspy.InputField(desc="the complete SKILL.md")
    success_criteria: list[str] = dspy.InputField()
    judgement: Judgement = dspy.OutputField()
