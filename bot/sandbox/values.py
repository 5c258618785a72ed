"""Small values every part of the sandbox shares: JSON objects, instants, the clock, ids."""

import base64
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

JsonObject = dict[str, object]


def iso(moment: datetime) -> str:
    """GitHub's timestamp: UTC with a resolution of one second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_or_none(moment: datetime | None) -> str | None:
    return None if moment is None else iso(moment)


def parse_instant(text: str) -> datetime:
    """An ISO 8601 instant; without a zone it is UTC. Raises ValueError for anything else."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def node_id(prefix: str, number: int | str) -> str:
    """A GraphQL id: opaque to clients, stable for an object."""
    return f"{prefix}_{base64.urlsafe_b64encode(str(number).encode()).decode().rstrip('=')}"


class Clock:
    """The sandbox's time: the wall clock plus an offset, or frozen at a moment of the test's choosing."""

    def __init__(self) -> None:
        self._offset = timedelta()
        self._frozen: datetime | None = None

    @property
    def shifted(self) -> bool:
        return self._frozen is not None or bool(self._offset)

    def now(self) -> datetime:
        return self._frozen if self._frozen is not None else datetime.now(UTC) + self._offset

    def advance(self, seconds: float) -> None:
        if self._frozen is not None:
            self._frozen += timedelta(seconds=seconds)
        else:
            self._offset += timedelta(seconds=seconds)

    def freeze(self, moment: datetime | None = None) -> None:
        self._frozen = moment or self.now()

    def thaw(self) -> None:
        if self._frozen is not None:
            self._offset = self._frozen - datetime.now(UTC)
            self._frozen = None


_FIRST_IDS = {"account": 90_000_001, "repository": 800_000_001, "comment": 3_600_000_001, "delivery": 210_000_000_001}


class Ids:
    """Ids as large as GitHub's (comments and deliveries do not fit 32 bits), never used twice."""

    def __init__(self) -> None:
        self._counters: dict[str, Iterator[int]] = {}

    def next(self, kind: str) -> int:
        if kind not in self._counters:
            self._counters[kind] = itertools.count(_FIRST_IDS.get(kind, 2_500_000_001))
        return next(self._counters[kind])
