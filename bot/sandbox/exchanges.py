"""What was asked and answered, in order, for whoever looks on: the newest so many reads, and the newest so many writes.

Apart from each other, so that people who look all the time do not push out what was written.
"""

import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from bot.sandbox.values import JsonObject

KEPT = 50_000


@dataclass
class Exchange:
    """One request and its answer, as the log keeps them."""

    number: int
    at: str
    method: str
    path: str
    query: dict[str, str]
    actor: str
    headers: dict[str, str]
    body: object | None
    has_body: bool
    status: int = 0
    """What was answered; 0: nothing."""
    came_to: int = 0
    """The status that the request came to, whatever a fault made of the answer; 0: a fault kept it away."""
    answer: object | None = None
    media: str = "application/json"
    fault: str | None = None

    @property
    def is_write(self) -> bool:
        return self.method not in ("GET", "HEAD")

    def as_json(self) -> JsonObject:
        return {**self.__dict__}


class Exchanges:
    """The log. Older ones are forgotten."""

    def __init__(self, kept: int = KEPT) -> None:
        self._reads: deque[Exchange] = deque(maxlen=kept)
        self._writes: deque[Exchange] = deque(maxlen=kept)

    def append(self, exchange: Exchange) -> None:
        (self._writes if exchange.is_write else self._reads).append(exchange)

    def clear(self) -> None:
        self._reads.clear()
        self._writes.clear()

    def writes(self) -> list[Exchange]:
        return list(self._writes)

    def __iter__(self) -> Iterator[Exchange]:
        return heapq.merge(list(self._reads), list(self._writes), key=lambda each: each.number)

    def __len__(self) -> int:
        return len(self._reads) + len(self._writes)
