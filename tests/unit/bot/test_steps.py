"""Steps of a task: what is recorded when, and what comes back after a crash."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from sqlalchemy.exc import OperationalError

from bot.engine import steps as module
from bot.engine.steps import DurableSteps, StepFailedError, StepWaitsError
from bot.jobs.ports import NotBeforeError, OutageError, SupersededError
from pipeline.models import Value

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


class Text(Value):
    text: str


@dataclass
class Table:
    """`Records` in memory."""

    rows: dict[tuple[str, str], str] = field(default_factory=dict)
    busy: int = 0
    """So many writes fail because the database is busy."""

    async def of(self, task: str) -> dict[str, str]:
        return {name: record for (whose, name), record in self.rows.items() if whose == task}

    async def add(self, task: str, records: Mapping[str, str]) -> dict[str, str]:
        if self.busy:
            self.busy -= 1
            raise _busy()
        known = {name: self.rows[task, name] for name in records if (task, name) in self.rows}
        self.rows |= {(task, name): record for name, record in records.items() if name not in known}
        return {name: record for name, record in known.items() if record != records[name]}

    async def forget(self, task: str) -> None:
        self.rows = {key: record for key, record in self.rows.items() if key[0] != task}

    def names(self) -> list[str]:
        return [name for _, name in self.rows]


def _busy() -> OperationalError:
    return OperationalError("INSERT", None, Exception("database is locked"))


def _says(text: str, done: list[str]) -> Callable[[], Awaitable[Text]]:
    async def work() -> Text:
        done.append(text)
        return Text(text=text)

    return work


def _raises(error: Exception) -> Callable[[], Awaitable[Text]]:
    async def work() -> Text:
        raise error

    return work


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0)


async def test_what_was_read_is_durable_before_anything_outside_changes() -> None:
    table, done = Table(), list[str]()
    steps = await DurableSteps(table).of("t")
    await steps.repeatable("load", Text, _says("load", done))
    await steps.repeatable("role", Text, _says("role", done))
    assert table.names() == []

    async def write() -> Text:
        assert table.names() == ["load", "role"]
        return Text(text="written")

    assert await steps.run("effect", Text, write) == Text(text="written")
    assert table.names() == ["load", "role", "effect"]


async def test_what_guards_itself_begins_after_all_is_durable_and_is_recorded_with_the_next() -> None:
    table, done = Table(), list[str]()
    steps = await DurableSteps(table).of("t")
    await steps.repeatable("load", Text, _says("load", done))

    async def save() -> Text:
        assert table.names() == ["load"]
        return Text(text="saved")

    assert await steps.guarded("save", Text, save) == Text(text="saved")
    assert table.names() == ["load"]
    await steps.run("effect", Text, _says("effect", done))
    assert table.names() == ["load", "save", "effect"]
    again = await DurableSteps(table).of("t")
    assert await again.guarded("save", Text, _says("again", done)) == Text(text="saved")
    assert done == ["load", "effect"]


async def test_a_task_that_is_taken_up_again_does_nothing_twice_that_was_recorded() -> None:
    table, done = Table(), list[str]()
    first = await DurableSteps(table).of("t")
    await first.repeatable("load", Text, _says("before", done))
    await first.run("effect", Text, _says("effect", done))
    await first.repeatable("save", Text, _says("save", done))
    again = await DurableSteps(table).of("t")
    assert await again.repeatable("load", Text, _says("after", done)) == Text(text="before")
    assert await again.run("effect", Text, _says("twice", done)) == Text(text="effect")
    assert await again.repeatable("save", Text, _says("save", done)) == Text(text="save")
    assert done == ["before", "effect", "save", "save"]
    await again.ended()
    assert table.names() == []


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (SupersededError("moved on"), SupersededError("moved on")),
        (ZeroDivisionError("oops"), StepFailedError("effect", "ZeroDivisionError", "oops", False)),
        (OutageError("away"), StepWaitsError("effect", "OutageError", "away", True)),
        (NotBeforeError(NOON, "a limit"), NotBeforeError(NOON, "a limit")),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_an_error_is_the_same_now_and_after_a_crash(raised: Exception, expected: Exception) -> None:
    table = Table()
    seen = []
    for work in (_raises(raised), _says("not again", [])):
        steps = await DurableSteps(table).of("t")
        with pytest.raises(type(expected)) as caught:
            await steps.run("effect", Text, work)
        seen.append(caught.value)
    assert [(type(error), str(error), error.args) for error in seen] == [
        (type(expected), str(expected), expected.args)
    ] * 2


async def test_what_another_process_recorded_first_is_what_both_go_on_with() -> None:
    table = Table()
    ours, theirs = await DurableSteps(table).of("t"), await DurableSteps(table).of("t")
    await theirs.run("effect", Text, _says("theirs", []))
    assert await ours.run("effect", Text, _says("ours", [])) == Text(text="theirs")


@pytest.mark.parametrize("step", ["run", "guarded"])
async def test_who_went_on_from_what_came_out_otherwise_for_another_process_changes_nothing(step: str) -> None:
    table, done = Table(), list[str]()
    ours, theirs = await DurableSteps(table).of("t"), await DurableSteps(table).of("t")
    await ours.repeatable("load", Text, _says("ours", []))
    await theirs.repeatable("load", Text, _says("theirs", []))
    await theirs.run("save", Text, _says("saved", done))
    with pytest.raises(SupersededError, match="load came out otherwise"):
        await getattr(ours, step)("save", Text, _says("saved over it", done))
    assert done == ["saved"]


async def test_a_busy_database_is_waited_for_and_the_work_is_not_done_again() -> None:
    table, done = Table(), list[str]()
    steps = await DurableSteps(table).of("t")
    table.busy = 2
    await steps.run("effect", Text, _says("once", done))
    assert done == ["once"]
    assert table.names() == ["effect"]


async def test_a_database_that_stays_busy_is_no_outcome_of_the_step() -> None:
    table, tries = Table(), list[str]()
    steps = await DurableSteps(table).of("t")

    async def work() -> Text:
        tries.append("x")
        raise _busy()

    for step in (steps.run, steps.guarded, steps.repeatable):
        with pytest.raises(StepWaitsError, match="OperationalError"):
            await step("effect", Text, work)
    assert len(tries) == 3 * module.TRIES
    table.busy = module.TRIES
    with pytest.raises(StepWaitsError):
        await steps.run("effect", Text, _says("done", []))
    assert table.names() == []
    await steps.run("next", Text, _says("next", []))
    assert table.names() == ["effect", "next"], "what was noted is not forgotten"


async def test_records_that_cannot_be_deleted_disturb_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table()
    steps = await DurableSteps(table).of("t")
    await steps.run("effect", Text, _says("done", []))

    async def broken(task: str) -> None:
        raise _busy()

    monkeypatch.setattr(table, "forget", broken)
    await steps.ended()
    assert table.names() == ["effect"]
