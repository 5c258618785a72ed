"""So many at once and no more, in order, whatever happens to those who wait."""

import asyncio

import pytest

from pipeline.lm.gate import Gate
from pipeline.lm.model import Slots


async def _rounds() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class Visitors:
    """Tasks that go in, and come out when they are told."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.inside: list[str] = []
        self._leave: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, *names: str) -> None:
        for name in names:
            self._leave[name] = asyncio.Event()
            self.tasks[name] = asyncio.create_task(self._visit(name))
        await _rounds()

    async def _visit(self, name: str) -> None:
        async with self._gate:
            self.inside.append(name)
            await self._leave[name].wait()
        self.inside.remove(name)

    async def go(self, *names: str) -> None:
        for name in names:
            self._leave[name].set()
        await _rounds()


async def test_so_many_are_inside_and_whoever_came_first_is_next() -> None:
    visitors = Visitors(Gate(lambda: 2))
    await visitors.come(*"abcd")
    assert visitors.inside == ["a", "b"]
    await visitors.go("b")
    assert visitors.inside == ["a", "c"]
    await visitors.go(*"acd")
    assert visitors.inside == []


async def test_the_number_may_change_and_sends_nobody_out() -> None:
    room = 3
    visitors = Visitors(Gate(lambda: room))
    await visitors.come(*"abcdef")
    room = 1
    await visitors.go(*"ab")
    assert visitors.inside == ["c"]
    room = 2
    await visitors.go("c")
    assert visitors.inside == ["d", "e"]
    await visitors.go(*"def")
    assert visitors.inside == []


@pytest.mark.parametrize("gone", ["a", "b", "c"])
async def test_who_is_cancelled_inside_or_waiting_leaves_the_place_to_others(gone: str) -> None:
    visitors = Visitors(Gate(lambda: 1))
    await visitors.come(*"abcd")
    visitors.tasks[gone].cancel()
    await visitors.go(*"abcd")
    assert [name for name, task in visitors.tasks.items() if task.cancelled()] == [gone]
    assert all(task.done() for task in visitors.tasks.values())


async def test_who_is_cancelled_in_the_very_moment_of_being_let_in_leaves_again() -> None:
    gate = Gate(lambda: 1)
    await gate.__aenter__()
    let_in = asyncio.create_task(gate.__aenter__())
    await asyncio.sleep(0)
    await gate.__aexit__()
    let_in.cancel()
    with pytest.raises(asyncio.CancelledError):
        await let_in
    async with asyncio.timeout(60), gate:
        pass


@pytest.mark.parametrize(("processes", "most"), [(1, 8), (2, 4), (3, 2), (20, 1)])
async def test_processes_share_what_a_provider_is_asked_at_once(processes: int, most: int) -> None:
    visitors = Visitors(Slots(8, lambda: processes).of("openai/x"))
    await visitors.come(*"abcdefghij")
    assert len(visitors.inside) == most
    for task in visitors.tasks.values():
        task.cancel()
    await _rounds()
