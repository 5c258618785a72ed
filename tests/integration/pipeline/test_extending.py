"""Requests that change a skill which exists."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from pipeline.checkpoints import ClarifyCheckpoint, PreviewCheckpoint
from pipeline.journey import Journey, answer
from pipeline.models import SkillRequest
from pipeline.runtime import Runtime
from pipeline.skills.taxonomy import Taxonomy
from pipeline.workflows.creation import advance
from tests.unit.pipeline.requests import RICH
from tests.unit.pipeline.test_journey_end_to_end import say

FAX = """---
name: fax
description: 'Sends a fax.  Use when a fax is due.'
license: MIT
metadata:
  owner: "ops"
---

# Fax

## Workflow

1.  Dial  the number.

## Gotchas

- Wait for the tone.
"""
FILES = {"SKILL.md": FAX, "assets/cover.txt": "Cover\n"}


class Reader:
    def __init__(self, files: Mapping[str, str] | None) -> None:
        self.files = files

    async def __call__(self, path: str) -> Mapping[str, str] | None:
        assert path == "skills/office/fax"
        return self.files


def runtime(files: Mapping[str, str] | None = FILES) -> Runtime:
    taxonomy = Taxonomy.build({"skills/office/fax/SKILL.md": FAX})
    return Runtime(taxonomy=taxonomy, skill_files=Reader(files))


def request(existing: str) -> SkillRequest:
    text = "Add a gotcha: never fax on Sundays."
    return SkillRequest(title="Improve fax", text=text, existing_skill=existing, author="ada")


@pytest.mark.parametrize("named", ["fax", "skills/office/fax", "`fax`", "skills/office/fax/SKILL.md"])
async def test_an_existing_skill_is_changed_where_it_is_and_nothing_else_of_it(named: str) -> None:
    world = runtime()
    journey = await advance(Journey(request=request(named), proceed_on_assumptions=True), world)
    assert isinstance(journey.checkpoint, PreviewCheckpoint), journey.failure
    raised = FAX.replace("metadata:\n", 'metadata:\n  version: "1.0.1"\n', 1)
    assert journey.checkpoint.document == f"{raised}- Never fax on Sundays.\n"
    assert journey.checkpoint.path == "skills/office/fax"
    assert set(journey.checkpoint.files) == {"SKILL.md", "assets/cover.txt"}
    journey = await advance(answer(journey, say("approve")), world)
    assert journey.status == "completed"


async def test_a_skill_that_does_not_exist_is_named() -> None:
    journey = await advance(Journey(request=request("telex"), proceed_on_assumptions=True), runtime())
    assert journey.failure is not None
    assert journey.failure.message == "There is no skill “telex” in this repository to change."


@pytest.mark.parametrize("files", [None, {}, {"SKILL.md": "no frontmatter"}])
async def test_a_skill_that_cannot_be_read_is_not_touched(files: Mapping[str, str] | None) -> None:
    journey = await advance(Journey(request=request("fax"), proceed_on_assumptions=True), runtime(files))
    assert journey.failure is not None
    assert journey.failure.code == "unreadable_skill"


@pytest.mark.parametrize(("reply", "extends"), [("1b", True), ("extend it", True), ("1. yes, separate", False)])
async def test_the_answer_about_a_near_duplicate_decides(reply: str, extends: bool) -> None:
    twin = FAX.replace("name: fax", "name: pdf-table-export").replace(
        "Sends a fax.  Use when a fax is due.",
        "Extract every table of a PDF report and write each to its own CSV file. Use when someone asks for the tables "
        "in a PDF, or when numbers from a report are needed in a spreadsheet.",
    )
    world = replace(
        runtime(), taxonomy=Taxonomy.build({"skills/office/fax/SKILL.md": twin}), skill_files=Reader({"SKILL.md": twin})
    )
    complete = RICH.model_copy(update={"purpose": f"{RICH.purpose}\nVerify that sums match."})
    journey = await advance(Journey(request=complete), world)
    assert isinstance(journey.checkpoint, ClarifyCheckpoint), journey.failure
    assert len(journey.checkpoint.questions) == 1
    journey = await advance(answer(journey, say("answer", reply)), world)
    assert (journey.existing is not None) is extends
    assert isinstance(journey.checkpoint, PreviewCheckpoint), (journey.failure, journey.checkpoint)


async def test_a_request_in_free_words_that_names_the_skill_changes_it_as_well() -> None:
    words = SkillRequest(title="Extend the fax skill", text="Add a gotcha: never fax on Sundays.", author="ada")
    journey = await advance(Journey(request=words, proceed_on_assumptions=True), runtime())
    assert journey.existing is not None
    assert journey.generation is not None
    assert journey.generation.draft.path == "skills/office/fax"
    assert "Never fax on Sundays" in journey.generation.draft.skill_content
