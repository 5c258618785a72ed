"""What happens, as a stream of small changes for pages and tests. A slow reader loses the oldest, never blocks."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

from bot.sandbox.values import JsonObject

_BUFFER = 1000


@dataclass(frozen=True)
class Change:
    id: int
    event: str
    action: str | None
    repository: str | None
    number: int | None
    actor: str
    at: str

    def as_json(self) -> JsonObject:
        return {**self.__dict__}


class Feed:
    def __init__(self) -> None:
        self.history: deque[Change] = deque(maxlen=_BUFFER)
        self._readers: set[asyncio.Queue[Change]] = set()
        self._count = 0

    def publish(
        self, event: str, action: str | None, repository: str | None, number: int | None, actor: str, at: str
    ) -> None:
        self._count += 1
        change = Change(self._count, event, action, repository, number, actor, at)
        self.history.append(change)
        for reader in self._readers:
            if reader.full():
                reader.get_nowait()
            reader.put_nowait(change)

    async def follow(self, after: int | None = None) -> AsyncIterator[Change]:
        """Changes as they come; with `after` (an id seen last) first those missed since."""
        queue: asyncio.Queue[Change] = asyncio.Queue(_BUFFER)
        for change in self.history:
            if after is not None and change.id > after:
                queue.put_nowait(change)
        self._readers.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._readers.discard(queue)
