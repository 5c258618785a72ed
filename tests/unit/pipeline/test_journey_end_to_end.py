"""The whole road with the outline drafter, over plain values."""

from pathlib import Path

import pytest
import skills_ref

from pipeline.checkpoints import Answer, ClarifyCheckpoint, EventType, PreviewCheckpoint, WorkflowEvent
from pipeline.journey import Journey, StaleApproval, answer
from pipeline.runtime import MemoryCallStore, Runtime
from pipeline.skills.taxonomy import Taxonomy
from pipeline.workflows.creation import advance
from pipeline.workflows.understanding import UnderstandingWorkflow
from tests.unit.pipeline.requests import RICH, THIN


def runtime() -> Runtime:
    return Runtime(taxonomy=Taxonomy(), calls=MemoryCallStore())


def say(kind: str, text: str = "", digest: str = "") -> Answer:
    return Answer.model_validate({"kind": kind, "by": "ada", "text": text, "digest": digest, "source": "comment:1"})


async def to_preview(world: Runtime) -> Journey:
    journey = await advance(Journey(request=RICH), world)
    assert isinstance(journey.checkpoint, ClarifyCheckpoint), journey.failure
    journey = answer(journey, say("answer", "Open two of the CSV files and compare the totals with the PDF."))
    journey = await advance(journey, world)
    assert isinstance(journey.checkpoint, PreviewCheckpoint), journey.failure
    return journey


async def test_a_rich_request_becomes_a_valid_skill_made_of_its_own_words(tmp_path: Path) -> None:
    world = runtime()
    journey = await to_preview(world)
    assert isinstance(journey.checkpoint, PreviewCheckpoint)
    document = journey.checkpoint.document
    for words in ("pdfplumber", "page-N-table-M.csv", "Never overwrite an existing CSV file", "compare the totals"):
        assert words in document
    journey = answer(journey, say("approve", digest=journey.checkpoint.digest[:8]))
    journey = await advance(journey, world)
    assert journey.status == "completed"
    assert journey.validation is not None
    assert journey.validation.passed
    assert journey.drafter == "outline"
    assert journey.validation.draft.digest == journey.approved_digest
    folder = tmp_path / journey.validation.draft.name
    for path, text in journey.validation.draft.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    assert skills_ref.validate(folder) == []


async def test_a_thin_request_is_asked_about_and_goes_on_with_stated_assumptions_when_skipped() -> None:
    world = runtime()
    journey = await advance(Journey(request=THIN), world)
    assert isinstance(journey.checkpoint, ClarifyCheckpoint)
    assert 2 <= len(journey.checkpoint.questions) <= 5
    journey = await advance(answer(journey, say("skip")), world)
    assert isinstance(journey.checkpoint, PreviewCheckpoint), journey.failure
    assert journey.checkpoint.assumptions


async def test_feedback_changes_what_it_names_and_leaves_the_rest_byte_for_byte() -> None:
    world = runtime()
    journey = await to_preview(world)
    assert isinstance(journey.checkpoint, PreviewCheckpoint)
    before = journey.checkpoint.document
    journey = await advance(
        answer(journey, say("refine", "Add a gotcha: rotated pages need `use_text_flow=True`.")), world
    )
    assert isinstance(journey.checkpoint, PreviewCheckpoint)
    after = journey.checkpoint.document
    assert after.startswith(before.rstrip("\n"))
    assert "Rotated pages need `use_text_flow=True`" in after
    assert [change.outcome for change in journey.checkpoint.changes] == ["applied"]


async def test_an_approval_of_an_older_preview_is_refused() -> None:
    journey = await to_preview(runtime())
    with pytest.raises(StaleApproval):
        answer(journey, say("approve", digest="00000000"))


async def test_a_journey_survives_json_at_every_stop() -> None:
    world = runtime()
    journey = await to_preview(world)
    again = Journey.model_validate_json(journey.model_dump_json())
    assert again == journey


async def test_a_workflow_streams_its_events_and_ends_with_where_it_stopped() -> None:
    stream = UnderstandingWorkflow().execute_streaming(Journey(request=THIN), runtime())
    events: list[WorkflowEvent] = [event async for event in stream]
    assert events[0].type is EventType.PHASE_START
    assert events[-1].type is EventType.HITL_REQUIRED
    assert stream.journey.status == "pending_user_input"
