"""So many may be inside at once, and the number may change meanwhile; whoever came first is first."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress


class Gate:
    """An asynchronous context manager. A smaller number sends nobody out; a larger one counts when the next leaves."""

    def __init__(self, room: Callable[[], int]) -> None:
        self._room = room
        self._inside = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        mine = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        self._let_in()
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():  # let in at the very moment of being cancelled
                await self.__aexit__()
            with suppress(ValueError):
                self._waiting.remove(mine)
            raise

    async def __aexit__(self, *_: object) -> None:
        self._inside -= 1
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting and self._inside < self._room():
            first = self._waiting.popleft()
            if not first.done():
                self._inside += 1
                first.set_result(None)
