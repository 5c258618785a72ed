"""Live progress: at most one edit in five seconds, none without news, and none after the phase's own result."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from structlog.contextvars import get_contextvars

from bot.jobs.effects import Done, ShowStatus
from bot.jobs.job import JobStatus
from bot.metrics import Metrics
from bot.progress import SECONDS_BETWEEN_EDITS, Progress
from pipeline.checkpoints import EventType, WorkflowEvent
from pipeline.models import Phase
from tests.jobs import NOON, make_job

JOB = make_job(status=JobStatus.RUNNING)


async def _as_far_as_it_gets() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


class Around:
    """GitHub, the timeline and the passing of time, all under the test's control."""

    def __init__(self) -> None:
        self.edits: list[str] = []
        self.noted: list[str] = []
        self.slept: list[float] = []
        self.time = asyncio.Semaphore(0)
        self.github_answers = asyncio.Event()
        self.github_answers.set()
        self.database_answers = asyncio.Event()
        self.database_answers.set()
        self.progress = Progress(self, self, Metrics(), lambda: datetime(2026, 5, 4, tzinfo=UTC), sleep=self.sleep)

    async def perform(self, effect: Any, job_key: str, repository: object) -> Done:
        assert isinstance(effect, ShowStatus)
        await self.github_answers.wait()
        self.edits.append(effect.body)
        return Done()

    async def add(self, events: list[tuple[str, WorkflowEvent]]) -> None:
        await self.database_answers.wait()
        self.noted += [event.module for _, event in events]

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await self.time.acquire()

    async def five_seconds_later(self) -> None:
        self.time.release()
        await _as_far_as_it_gets()

    async def phase_ends(self) -> asyncio.Task[None]:
        """`quiet` under way, as far as GitHub and the database let it come."""
        quiet = asyncio.create_task(self.progress.quiet(JOB.key))
        await _as_far_as_it_gets()
        return quiet

    def begins(self, module: str, phase: Phase = "understanding") -> None:
        event = WorkflowEvent(type=EventType.MODULE_START, phase=phase, module=module, at=NOON)
        self.progress.emit(JOB, event)


async def test_what_happens_within_five_seconds_is_one_edit_that_shows_the_last() -> None:
    around = Around()
    for module in ("GatherRequirements", "AnalyzeIntent", "SynthesizePlan"):
        around.begins(module)
    await around.five_seconds_later()
    [shown] = around.edits
    assert "making the plan" in shown
    assert around.slept[0] == SECONDS_BETWEEN_EDITS == 5
    await around.five_seconds_later()
    assert len(around.edits) == 1, "nothing new"
    around.begins("AnalyzeIntent")
    await around.five_seconds_later()
    assert "working out what it is for" in around.edits[-1]
    await around.progress.quiet(JOB.key)


async def test_what_is_done_stands_at_its_phase_although_the_job_is_saved_only_after_the_last() -> None:
    around = Around()
    around.begins("GenerateSkillContent", "generation")
    await around.five_seconds_later()
    assert "- ✅ **Understanding**\n- 🔄 **Generation**: writing the draft\n- ⬜ **Validation**" in around.edits[-1]
    await around.progress.quiet(JOB.key)


async def test_an_edit_under_way_ends_before_the_result_is_written_and_none_follows() -> None:
    around = Around()
    around.github_answers.clear()
    around.begins("GatherRequirements")
    await around.five_seconds_later()
    quiet = await around.phase_ends()
    assert not quiet.done()
    around.github_answers.set()
    await quiet
    assert len(around.edits) == 1
    await around.five_seconds_later()
    assert len(around.edits) == 1


async def test_everything_is_noted_even_when_the_phase_ends_at_once() -> None:
    around = Around()
    around.begins("GatherRequirements")
    around.begins("AnalyzeIntent")
    await around.progress.quiet(JOB.key)
    assert around.noted == ["GatherRequirements", "AnalyzeIntent"]
    assert around.edits == []


async def test_a_phase_that_ends_while_the_database_is_slow_loses_no_note() -> None:
    around = Around()
    around.database_answers.clear()
    around.begins("GatherRequirements")
    await around.five_seconds_later()
    quiet = await around.phase_ends()
    around.database_answers.set()
    await quiet
    assert around.noted == ["GatherRequirements"]


async def test_what_is_logged_while_a_module_runs_names_it_and_its_phase_until_the_phase_is_quiet() -> None:
    around = Around()

    async def phase() -> None:
        event = WorkflowEvent(type=EventType.PHASE_START, phase="understanding", at=NOON)
        around.progress.emit(JOB, event)
        around.begins("AnalyzeIntent")
        assert get_contextvars() == {"phase": "understanding", "module": "AnalyzeIntent"}
        ended = WorkflowEvent(type=EventType.MODULE_END, phase="understanding", module="AnalyzeIntent", at=NOON)
        around.progress.emit(JOB, ended)
        assert get_contextvars() == {"phase": "understanding"}
        around.begins("SynthesizePlan")  # somebody speaks, and neither ends
        await around.progress.quiet(JOB.key)
        assert get_contextvars() == {}

    await asyncio.create_task(phase())
