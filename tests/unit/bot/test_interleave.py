"""Steps of jobs taken in turn: what a task does, returns and raises is what it would be without."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest

from bot.engine import interleave as module
from bot.engine.interleave import Rounds, interleaved


@pytest.fixture
async def rounds() -> AsyncIterator[Rounds]:
    yield Rounds()
    asyncio.get_running_loop().set_task_factory(None)


class Steps:
    """Takes steps, and notes in which round of the loop each was taken."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self._round = 0
        self._count()

    def _count(self) -> None:
        self._round += 1
        asyncio.get_running_loop().call_soon(self._count)

    async def take(self, steps: int) -> int:
        for _ in range(steps):
            self.taken.append(self._round)
            await asyncio.sleep(0)
        return steps

    async def take_in_children(self, children: int) -> list[int]:
        return await asyncio.gather(*(self.take(3) for _ in range(children)))


async def test_no_two_steps_are_taken_in_one_round_and_everybody_gets_theirs(rounds: Rounds) -> None:
    steps = Steps()
    assert await asyncio.gather(*(interleaved(rounds, steps.take(n)) for n in (1, 2, 3, 4))) == [1, 2, 3, 4]
    assert len(steps.taken) == len(set(steps.taken)) == 10


async def test_tasks_that_a_job_starts_take_their_steps_in_turn_and_those_of_others_do_not(rounds: Rounds) -> None:
    steps, others = Steps(), Steps()
    first, second, _ = await asyncio.gather(
        interleaved(rounds, steps.take_in_children(3)),
        interleaved(rounds, steps.take_in_children(2)),
        others.take_in_children(4),
    )
    assert (first, second) == ([3, 3, 3], [3, 3])
    assert len(steps.taken) == len(set(steps.taken)) == 15
    assert len(set(others.taken)) == 3


async def test_one_job_alone_waits_for_nothing_at_its_first_step(rounds: Rounds) -> None:
    begun = asyncio.create_task(interleaved(rounds, Steps().take(1)))
    await asyncio.sleep(0)
    assert rounds.turn() is not None, "its step was taken in this round"
    assert await begun == 1


async def _fails() -> None:
    await asyncio.sleep(0)
    raise KeyError("the reason")


async def _catches() -> str:
    with suppress(KeyError):
        await _fails()
    try:
        async with asyncio.timeout(0):
            await asyncio.Event().wait()
    except TimeoutError:
        return "caught"
    return "nothing to catch"


async def test_errors_go_through_and_can_be_caught_inside(rounds: Rounds) -> None:
    with pytest.raises(KeyError, match="the reason"):
        await interleaved(rounds, _fails())
    assert await interleaved(rounds, _catches()) == "caught"


async def _nothing_yet(task: "asyncio.Task[str]") -> None:
    """The task is cancelled before its first step."""


async def _one_round(task: "asyncio.Task[str]") -> None:
    await asyncio.sleep(0)


async def _some_rounds(task: "asyncio.Task[str]") -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize("until", [_nothing_yet, _one_round, _some_rounds])
async def test_a_task_that_is_cancelled_cleans_up_and_holds_nobody_up(
    rounds: Rounds, until: Callable[["asyncio.Task[str]"], Awaitable[None]]
) -> None:
    cleaned: list[str] = []

    async def wait(name: str) -> str:
        cleaned.append(name)
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.remove(name)
        return name

    async def parent() -> str:
        return (await asyncio.gather(wait("first"), wait("second")))[0]

    async def job() -> str:
        return await interleaved(rounds, parent())

    task = asyncio.create_task(job())
    behind = asyncio.create_task(interleaved(rounds, Steps().take(2)))
    await until(task)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned == []
    assert await behind == 2


async def test_a_child_that_is_cancelled_before_its_first_step_is_closed(rounds: Rounds) -> None:
    work = Steps().take(1)

    async def parent() -> None:
        child = asyncio.create_task(work)
        child.cancel()
        with suppress(asyncio.CancelledError):
            await child

    await interleaved(rounds, parent())
    assert inspect.getcoroutinestate(work) == inspect.CORO_CLOSED


async def test_who_is_cancelled_while_waiting_for_a_turn_leaves_it_to_the_next(rounds: Rounds) -> None:
    jobs = [asyncio.create_task(interleaved(rounds, Steps().take(3))) for _ in range(4)]
    await asyncio.sleep(0)
    jobs[1].cancel()
    async with asyncio.timeout(60):
        assert await asyncio.gather(*jobs[2:], jobs[0]) == [3, 3, 3]
    with pytest.raises(asyncio.CancelledError):
        await jobs[1]


async def test_a_step_waits_for_those_that_go_first_and_goes_on_when_they_are_done(
    rounds: Rounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 600)
    begun, alone = Steps(), Steps()
    job = asyncio.create_task(interleaved(rounds, begun.take(2)))
    await asyncio.sleep(0)
    with rounds.ahead():
        another = asyncio.create_task(interleaved(rounds, alone.take(1)))
        with rounds.ahead():
            await _some_rounds(job)
        await _some_rounds(job)
        assert (len(begun.taken), len(alone.taken)) == (1, 0)
    assert await asyncio.wait_for(asyncio.gather(job, another), 60) == [2, 1]


async def test_the_first_step_after_a_rest_waits_as_well(rounds: Rounds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 600)
    steps = Steps()
    with rounds.ahead():
        job = asyncio.create_task(interleaved(rounds, steps.take(1)))
        await _some_rounds(job)
        assert steps.taken == []
    assert await asyncio.wait_for(job, 60) == 1


async def test_jobs_go_on_however_long_somebody_goes_first(rounds: Rounds) -> None:
    with rounds.ahead():
        assert await asyncio.wait_for(interleaved(rounds, Steps().take(5)), 60) == 5


async def test_who_is_cancelled_while_somebody_goes_first_leaves_the_turn_to_the_next(
    rounds: Rounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 600)
    with rounds.ahead():
        gone = asyncio.create_task(interleaved(rounds, Steps().take(1)))
        await _some_rounds(gone)
        gone.cancel()
        with suppress(asyncio.CancelledError):
            await gone
    assert await asyncio.wait_for(interleaved(rounds, Steps().take(1)), 60) == 1
