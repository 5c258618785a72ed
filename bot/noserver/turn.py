"""Waiting for one's turn with a key, and what a turn is made of. Loaded before the 👀: no database, no models."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from bot.noserver.books import Books
from bot.noserver.state import KeyState
from pipeline.models import Value

T = TypeVar("T", bound=Value)


@dataclass(frozen=True)
class Pauses:
    """In seconds."""

    write: float = 20.0
    """Between two writes of the state while something is being worked on."""
    retry: tuple[float, ...] = (5.0, 20.0, 60.0)
    """Before each further try of a task that failed."""
    poll: float = 3.0
    """Between two looks at a key that another run works on."""
    patience: float = 900.0
    """How long such a key is watched at all."""


class PlainSteps:
    """`ports.Steps` without records: a run that dies leaves the open event, and effects are found where they stand."""

    async def run(self, name: str, result: type[T], work: Callable[[], Awaitable[T]]) -> T:
        return await work()

    guarded = repeatable = run


async def own_turn(books: Books, mine: KeyState, delivery: str, pauses: Pauses) -> KeyState | None:
    """Put `mine` into the state and wait for the key's lease: its state then, or None when another run did the work."""
    deadline = books.clock() + pauses.patience
    while True:
        taken = await books.take({mine.key: mine})
        if mine.key in taken.states:
            return taken.states[mine.key]
        if books.clock() >= deadline:
            return None
        await asyncio.sleep(pauses.poll)
        await books.look()
        if delivery not in _open_deliveries(books.read(mine.key)):
            return None


def _open_deliveries(known: KeyState) -> set[object]:
    return {row["delivery"] for row in known.of("inbox") if row.get("done_by") is None}
