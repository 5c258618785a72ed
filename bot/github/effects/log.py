"""What is remembered of effects: key to remote id and result. A shortcut and a memory of ids, never the only proof.

If the log is lost every effect still finds its own traces on GitHub.
"""

from typing import Protocol

from bot.jobs.effects import EffectResult
from pipeline.models import Value


class Recorded(Value):
    """An effect that stands. `remote_id` is the id of what it made (comment, check run), 0 if it has none."""

    key: str
    kind: str
    remote_id: int
    result: EffectResult


class EffectLog(Protocol):
    """The effects table. Keys are unique within a job."""

    async def find(self, job_key: str, key: str) -> Recorded | None: ...

    async def record(self, job_key: str, key: str, kind: str, remote_id: int, result: EffectResult) -> None:
        """Insert or replace: the last write of a key wins (the status comment is written many times)."""
        ...


class EffectsInMemory:
    """An EffectLog that forgets everything when the process ends: for tests and one-shot commands."""

    def __init__(self) -> None:
        self._recorded: dict[tuple[str, str], Recorded] = {}

    async def find(self, job_key: str, key: str) -> Recorded | None:
        return self._recorded.get((job_key, key))

    async def record(self, job_key: str, key: str, kind: str, remote_id: int, result: EffectResult) -> None:
        self._recorded[job_key, key] = Recorded(key=key, kind=kind, remote_id=remote_id, result=result)

    def forget(self) -> None:
        """Lose everything, as a lost database would."""
        self._recorded.clear()
