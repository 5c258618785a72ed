"""The version of the instructions: says which ones a skill was written by, and nothing else changes it."""

from typing import cast

from pipeline.journey import Journey
from pipeline.models import SkillRequest
from pipeline.prompts import version
from pipeline.runtime import Drafter, Runtime
from pipeline.session import Session
from pipeline.signatures.generation import GenerateSkillContent
from pipeline.skills.taxonomy import Taxonomy

BETTER = {"GenerateSkillContent": "Write it better."}


class Named:
    name = "openai/gpt-oss"


def _written_by(model: Drafter | None, prompts: dict[str, str]) -> str:
    journey = Journey(request=SkillRequest(title="A skill", text="Please", author="riley"))
    return (
        Session(journey, Runtime(taxonomy=Taxonomy(), model=model, prompts=prompts), "generation")
        .account(journey)
        .prompts
    )


def test_the_version_follows_the_instructions_in_use() -> None:
    ours = version({})
    assert len(ours) == 12
    assert version(BETTER) != ours
    same = {"GenerateSkillContent": str(GenerateSkillContent.instructions)}
    assert version(same) == ours


def test_a_journey_names_the_instructions_a_model_was_given() -> None:
    model = cast(Drafter, Named())
    assert _written_by(model, BETTER) == version(BETTER)
    assert _written_by(None, BETTER) == "", "the outline drafter is told nothing"
