"""Durable steps: each result (or error) is recorded, and replayed after a crash.

An error that a step raised is part of its record: first run and replay raise the same type with the same arguments, so
that code which reacts to it takes the same way again. Errors that are not declared become `StepFailedError`.

The records are ours (`bot.store.steps`), not the engine's, whose own cost several times what a step of ours does.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar

import structlog
from pydantic import BaseModel, JsonValue
from sqlalchemy.exc import DBAPIError, OperationalError

from bot.jobs.ports import NotBeforeError, PassingError, SupersededError

T = TypeVar("T", bound=BaseModel)
R = TypeVar("R")

TRIES = 3
PAUSE_SECONDS = 0.5
"""Before the second try of a step that found the database busy; twice as long before the third."""

_log = structlog.get_logger(__name__)


class Records(Protocol):
    """Where records become durable; `bot.store.steps`."""

    async def of(self, task: str) -> dict[str, str]: ...

    async def add(self, task: str, records: Mapping[str, str]) -> dict[str, str]: ...

    async def forget(self, task: str) -> None: ...


class StepFailedError(Exception):
    """A step failed in a way nobody reacts to: the task ends and is tried again later.

    `passing`: the cause is outside and passes by itself.
    """

    def __init__(self, step: str, kind: str, message: str, passing: bool = False) -> None:
        super().__init__(step, kind, message, passing)
        self.step, self.kind, self.message, self.passing = step, kind, message, passing

    def __str__(self) -> str:
        return f"{self.step}: {self.kind}: {self.message}"


class StepWaitsError(StepFailedError, PassingError):
    """A step failed because something outside is away."""


def is_transient(error: BaseException) -> bool:
    """The database was busy or went away for a moment: worth another try within the same step."""
    return isinstance(error, OperationalError) or (isinstance(error, DBAPIError) and error.connection_invalidated)


class _DatabaseAwayError(StepWaitsError):
    """The database stayed busy or away: neither an outcome of the step nor its fault."""


async def _patiently(name: str, work: Callable[[], Awaitable[R]]) -> R:
    for attempt in range(TRIES):
        try:
            return await work()
        except Exception as error:
            if not is_transient(error):
                raise
            if attempt == TRIES - 1:
                raise _DatabaseAwayError(name, type(error).__qualname__, str(error)[:1_000], True) from error
            _log.warning("the database does not take it: the step is tried again", step=name, reason=str(error)[:300])
        await asyncio.sleep(PAUSE_SECONDS * 2**attempt)
    raise AssertionError("the last try returns or raises")


def _given(outcome: T | Exception) -> T:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


class DurableSteps:
    """`ports.Steps` of any task.

    `errors` are exception classes whose `args` are JSON values and enough to build them again.
    """

    def __init__(self, records: Records, errors: Iterable[type[Exception]] = ()) -> None:
        known: tuple[type[Exception], ...] = (SupersededError, *errors)
        self._records = records
        self._errors = {error.__qualname__: error for error in known}

    async def of(self, task: str) -> "TaskSteps":
        """The steps of a task that begins, or goes on after a crash."""
        return TaskSteps(task, self._records, self._errors, await self._records.of(task))


@dataclass
class TaskSteps:
    """`ports.Steps` of one task. Names of steps are unique within it."""

    task: str
    records: Records
    errors: Mapping[str, type[Exception]]
    known: dict[str, str]
    """What was recorded before this process took the task up, or meanwhile by another one."""
    _noted: dict[str, str] = field(default_factory=dict)
    """What is not durable yet: nothing outside was changed since."""
    _written: bool = False

    async def run(self, name: str, result: type[T], work: Callable[[], Awaitable[T]]) -> T:
        if name in self.known:
            return self._replayed(name, result)
        await self._write_own()
        outcome = await self._outcome(name, work)
        await self._write()
        return self._replayed(name, result) if name in self.known else _given(outcome)

    async def guarded(self, name: str, result: type[T], work: Callable[[], Awaitable[T]]) -> T:
        if name in self.known:
            return self._replayed(name, result)
        await self._write_own()
        return _given(await self._outcome(name, work))

    async def repeatable(self, name: str, result: type[T], work: Callable[[], Awaitable[T]]) -> T:
        if name in self.known:
            return self._replayed(name, result)
        return _given(await self._outcome(name, work))

    async def ended(self) -> None:
        """The task is over, well or not, and is not taken up again. Never fails: retention forgets what is left."""
        if self._written or self.known:
            try:
                await self.records.forget(self.task)
            except Exception as error:
                _log.info("records of an ended task are left", task=self.task, reason=str(error)[:200])

    async def _outcome(self, name: str, work: Callable[[], Awaitable[T]]) -> T | Exception:
        """What the work came to, noted. Raises _DatabaseAwayError, which is no outcome."""
        try:
            value = await _patiently(name, work)
        except _DatabaseAwayError:
            raise
        except Exception as error:
            record = self._record(name, error)
            self._noted[name] = json.dumps({"error": record})
            return self._rebuild(name, record)
        self._noted[name] = f'{{"value":{value.model_dump_json()}}}'
        return value

    async def _write_own(self) -> None:
        """Make what was noted durable, all of it. Raises SupersededError."""
        if other := await self._write():
            raise SupersededError(
                f"another process goes on with this task: {', '.join(sorted(other))} came out otherwise"
            )

    async def _write(self) -> Collection[str]:
        """Make what was noted durable. What another process has recorded first stands: the names of those records."""
        noted = dict(self._noted)
        if not noted:
            return ()
        theirs = await _patiently("record", lambda: self.records.add(self.task, noted))
        self.known |= theirs
        self._written = True
        for name in noted:
            self._noted.pop(name, None)
        return theirs

    def _replayed(self, name: str, result: type[T]) -> T:
        envelope = json.loads(self.known[name])
        if "error" in envelope:
            raise self._rebuild(name, envelope["error"])
        return result.model_validate_json(json.dumps(envelope["value"]))

    def _record(self, name: str, error: Exception) -> JsonValue:
        kind = type(error).__qualname__
        if isinstance(error, NotBeforeError):
            return {"kind": NotBeforeError.__qualname__, "args": [error.when.isoformat(), str(error)[:1_000]]}
        if kind in self.errors:
            return {"kind": kind, "args": list(error.args)}
        if not isinstance(error, PassingError):
            _log.exception("step failed", step=name, error=kind)
            return {"kind": StepFailedError.__qualname__, "args": [name, kind, str(error)[:1_000]]}
        _log.warning("step has to wait", step=name, error=kind, reason=str(error)[:300])
        return {"kind": StepFailedError.__qualname__, "args": [name, kind, str(error)[:1_000], True]}

    def _rebuild(self, name: str, record: JsonValue) -> Exception:
        assert isinstance(record, dict)
        kind, arguments = str(record["kind"]), record["args"]
        assert isinstance(arguments, list)
        if kind == NotBeforeError.__qualname__:
            return NotBeforeError(datetime.fromisoformat(str(arguments[0])), str(arguments[1]))
        if kind == StepFailedError.__qualname__:
            failed, cause, message, *passing = arguments
            kind_of_error = StepWaitsError if passing == [True] else StepFailedError
            return kind_of_error(str(failed), str(cause), str(message), passing == [True])
        if kind not in self.errors:
            return StepFailedError(name, kind, "an error recorded by another version")
        return self.errors[kind](*arguments)
