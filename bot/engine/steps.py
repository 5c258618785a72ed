"""Durable steps: each result (or error) is recorded before it is used and replayed after a crash.

An error that a step raised is part of its record: first run and replay raise the same type with the same arguments, so
that code which reacts to it takes the same way again. Errors that are not declared become `StepFailedError`.
"""

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import TypeVar

import structlog
from dbos import DBOS
from pydantic import BaseModel, JsonValue
from sqlalchemy.exc import DBAPIError, OperationalError

from bot.jobs.ports import NotBeforeError, PassingError, SupersededError

T = TypeVar("T", bound=BaseModel)

_log = structlog.get_logger(__name__)


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


class DurableSteps:
    """`ports.Steps` over DBOS. Usable inside a workflow only.

    `errors` are exception classes whose `args` are JSON values and enough to build them again.
    """

    def __init__(self, errors: Iterable[type[Exception]] = ()) -> None:
        known: tuple[type[Exception], ...] = (SupersededError, *errors)
        self._errors = {error.__qualname__: error for error in known}

    async def run(self, name: str, result: type[T], work: Callable[[], Awaitable[T]]) -> T:
        async def step() -> dict[str, JsonValue]:
            try:
                return {"value": (await work()).model_dump_json()}
            except Exception as error:
                if is_transient(error):
                    raise
                return {"error": self._record(name, error)}

        # The step's number is drawn when this coroutine first runs. Steps that run at the same time must therefore be
        # started in a fixed order (asyncio.gather does) and not start further steps of their own.
        envelope = await DBOS.run_step_async(
            {
                "name": name,
                "retries_allowed": True,
                "max_attempts": 3,
                "interval_seconds": 0.5,
                "should_retry": is_transient,
                "preemptible": True,
            },
            step,
        )
        if "error" in envelope:
            raise self._rebuild(name, envelope["error"])
        return result.model_validate_json(str(envelope["value"]))

    def _record(self, name: str, error: Exception) -> JsonValue:
        kind = type(error).__qualname__
        if isinstance(error, NotBeforeError):
            return {"kind": NotBeforeError.__qualname__, "args": [error.when.isoformat(), str(error)[:1_000]]}
        if kind in self._errors:
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
        if kind not in self._errors:
            return StepFailedError(name, kind, "an error recorded by another version")
        return self._errors[kind](*arguments)
