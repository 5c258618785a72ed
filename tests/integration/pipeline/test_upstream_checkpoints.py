"""The same for its checkpoints: how questions, decisions and their ends went wrong there, one test each."""

import importlib
import pkgutil
import re
from pathlib import Path
from typing import Any

import pytest

import pipeline
from pipeline import create
from pipeline.checkpoints import (
    Answer,
    Checkpoint,
    ClarifyCheckpoint,
    ConfirmCheckpoint,
    EventType,
    PreviewCheckpoint,
    StructureFixCheckpoint,
    ValidateCheckpoint,
)
from pipeline.journey import Journey, NoOpenCheckpoint, answer
from tests.integration.pipeline.conftest import Stage
from tests.integration.pipeline.test_upstream_defects import QUESTION, preview, start, with_requirements
from tests.integration.pipeline.upstream_table import TABLE
from tests.scripted_author import BODY
from tests.unit.pipeline.requests import RICH

TESTS = Path(__file__).parents[2]
MOST_DECISIONS = 6
UNCLOSED: dict[str, Any] = {"document": {"body": f"{BODY}\n```python\nopen('x')\n"}}
THIN_BODY: dict[str, Any] = {"document": {"body": "# PDF tables\n\n## Workflow\n\nUse it.\n"}}


async def to_validate(stage: Stage, **options: Any) -> Journey:
    journey = await stage.say(await stage.go(start(review_validation=True, **options)), "approve")
    assert isinstance(journey.checkpoint, ValidateCheckpoint), (journey.failure, journey.checkpoint)
    return journey


async def at(stage: Stage, kind: str) -> Journey:
    """A journey at its checkpoint of this kind."""
    match kind:
        case "clarify":
            stage.author.answers["GatherRequirements"] = with_requirements(ambiguities=[QUESTION])
            return await stage.go(start())
        case "structure_fix":
            return await stage.go(Journey(request=RICH.model_copy(update={"name": "a!!b"})))
        case "confirm":
            return await stage.go(start(confirm_plan=True))
        case "preview":
            return await stage.go(start())
        case _:
            return await to_validate(stage)


KINDS: dict[str, type[Checkpoint]] = {
    "clarify": ClarifyCheckpoint,
    "structure_fix": StructureFixCheckpoint,
    "confirm": ConfirmCheckpoint,
    "preview": PreviewCheckpoint,
    "validate": ValidateCheckpoint,
}


async def test_what_a_person_wants_changed_after_validation_reaches_the_model(stage: Stage) -> None:
    journey = await to_validate(stage)
    journey = await stage.say(journey, "refine", "compare two columns, please")
    assert "compare two columns, please" in stage.author.prompts("IncorporateFeedback")[0]
    assert "two numeric columns" in preview(journey).document


async def test_a_second_change_at_the_preview_keeps_the_first_and_writes_nothing_anew(stage: Stage) -> None:
    journey = await stage.say(await stage.go(start()), "refine", "compare two columns")
    journey = await stage.say(journey, "refine", "and now the other thing")
    assert stage.author.asked.count("GenerateSkillContent") == 1
    assert "two numeric columns" in preview(journey).document


@pytest.mark.parametrize("kind", KINDS)
async def test_cancelling_ends_the_journey_for_good(stage: Stage, kind: str) -> None:
    journey = await at(stage, kind)
    assert isinstance(journey.checkpoint, KINDS[kind]), (journey.failure, journey.checkpoint)
    asked = list(stage.author.asked)
    ended = await stage.say(journey, "cancel")
    assert (ended.status, ended.checkpoint) == ("cancelled", None)
    assert await stage.go(ended) == ended
    assert stage.author.asked == asked, "nothing more is asked of the model"
    with pytest.raises(NoOpenCheckpoint):
        answer(ended, Answer(kind="skip", by="ada"))


async def test_a_draft_is_refined_although_a_person_will_look_at_the_validation(stage: Stage) -> None:
    stage.author.answers["GenerateSkillContent"] = THIN_BODY
    journey = await to_validate(stage)
    assert journey.generation is not None
    assert journey.generation.rounds == 1
    assert isinstance(journey.checkpoint, ValidateCheckpoint)
    assert "pdfplumber.open(path)" in journey.checkpoint.document


async def test_automatic_decisions_mend_the_name_skip_questions_and_come_to_an_end(stage: Stage) -> None:
    stage.author.answers["GatherRequirements"] = with_requirements(ambiguities=[QUESTION])
    journey = await stage.go(Journey(request=RICH.model_copy(update={"name": "My Skill!! (v2)"})))
    met = []
    for _ in range(MOST_DECISIONS):
        if journey.checkpoint is None:
            break
        met.append(journey.checkpoint.kind)
        decided = create.automatic(journey)
        assert decided is not None
        journey = await stage.go(answer(journey, decided))
    assert met == ["clarify", "structure_fix", "preview"]
    assert journey.status == "completed", journey.failure
    assert journey.validation is not None
    assert journey.validation.draft.name == "report-tables", "what the model proposed, and the rules accepted"


async def test_automatic_decisions_stop_at_errors_instead_of_waiting_for_ever(stage: Stage) -> None:
    stage.author.answers |= {"GenerateSkillContent": UNCLOSED, "RefinedContent": UNCLOSED}
    journey = await stage.say(await stage.go(start()), "approve")
    assert isinstance(journey.checkpoint, ValidateCheckpoint)
    assert create.automatic(journey) is None


@pytest.mark.parametrize("kind", KINDS)
async def test_a_stop_tells_what_it_waits_for_and_can_be_taken_up_by_another_process(stage: Stage, kind: str) -> None:
    journey = await at(stage, kind)
    last = stage.events[-1]
    assert (last.type, last.checkpoint) == (EventType.HITL_REQUIRED, kind)
    assert Journey.model_validate_json(journey.model_dump_json()) == journey
    assert await stage.go(journey) == journey, "nothing goes on before somebody decides"


async def test_each_phase_says_once_that_it_has_ended(stage: Stage) -> None:
    await stage.say(await stage.go(start()), "approve")
    ended = [event.message for event in stage.events if event.type is EventType.COMPLETED]
    assert ended == ["understanding", "validation"], "the second stopped at its preview"


async def test_the_target_of_one_journey_is_not_that_of_the_next(stage: Stage) -> None:
    stage.author.answers["GenerateSkillContent"] = THIN_BODY
    rounds = []
    for target in (0.1, 0.75, 0.1):
        stage.calls.results.clear()
        journey = await stage.go(start(quality_target=target))
        assert journey.generation is not None
        rounds.append(journey.generation.rounds)
    assert rounds == [0, 1, 0]


async def test_the_preview_counts_what_it_shows(stage: Stage) -> None:
    stage.author.answers["GenerateSkillContent"] = THIN_BODY
    shown = preview(await stage.go(start()))
    assert shown.files["SKILL.md"] == len(shown.document.encode())
    assert shown.quality.word_count > 60, "the refined text's words, not those of the first draft"


@pytest.mark.parametrize("wanted", [True, False])
async def test_only_checks_that_ran_are_listed(stage: Stage, *, wanted: bool) -> None:
    journey = await stage.say(await stage.go(start(model_review=wanted)), "approve")
    assert journey.validation is not None
    assert ("model_review" in journey.validation.checks_performed) is wanted
    assert ("ValidateSkill" in stage.author.asked) is wanted


def test_every_module_can_be_imported() -> None:
    for module in pkgutil.walk_packages(pipeline.__path__, "pipeline."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def test_every_defect_has_a_test_that_exists() -> None:
    names = {name for defects in TABLE.values() for name in defects.values()}
    there = {
        f"{path}::{name}"
        for path in {name.partition("::")[0] for name in names}
        for name in re.findall(r"def (test_\w+)", (TESTS / path).read_text(encoding="utf-8"))
    }
    assert names - there == set()
    assert sum(map(len, TABLE.values())) >= 70
