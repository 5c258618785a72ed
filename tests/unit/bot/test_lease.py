"""A process that was silent finds out before it acts that others took over."""

import pytest

from bot.store.lease import Lease, LeaseLostError


class Row:
    """The instances table as far as a lease needs it."""

    def __init__(self) -> None:
        self.alive, self.beats = True, 0

    async def enter(self, instance: str) -> None:
        self.alive = True

    async def beat(self, instance: str) -> bool:
        self.beats += 1
        return self.alive

    async def living(self) -> int:
        return 3

    async def leave(self, instance: str) -> None:
        self.alive = False


async def held(row: Row, now: list[float], ended: list[bool]) -> Lease:
    lease = Lease(row, clock=lambda: now[0])  # type: ignore[arg-type]
    await lease.take("a", 40, lambda: ended.append(True))
    return lease


async def test_a_process_that_beats_asks_nobody_before_it_acts() -> None:
    row, now = Row(), [0.0]
    lease = await held(row, now, [])
    for _ in range(10):
        now[0] += 10
        await lease.beat()
        await lease.hold()
    assert row.beats == 10


async def test_after_a_silence_it_asks_once_whether_it_may_go_on() -> None:
    row, now, ended = Row(), [0.0], list[bool]()
    lease = await held(row, now, ended)
    now[0] = 100
    await lease.hold()
    await lease.hold()
    assert (row.beats, ended) == (1, [])


async def test_declared_dead_it_ends_before_it_acts() -> None:
    row, now, ended = Row(), [0.0], list[bool]()
    lease = await held(row, now, ended)
    now[0], row.alive = 100, False
    with pytest.raises(LeaseLostError, match="others took over"):
        await lease.hold()
    assert ended == [True]


async def test_without_a_shared_database_the_lease_always_holds() -> None:
    row = Row()
    await Lease(row).hold()  # type: ignore[arg-type]
    assert row.beats == 0
