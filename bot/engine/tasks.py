"""A task of the engine: who it is for, what does it, how it failed. Loaded without the engine's own library."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace

from bot.engine.steps import StepFailedError, is_transient
from bot.jobs.ports import EventError, PassingError, Steps

Advance = Callable[[str, str, Steps], Awaitable[None]]
"""(job key, task id, steps): bring the job as far as it goes."""


@dataclass(frozen=True, slots=True)
class TaskFailure:
    """Why a task failed. `is_passing`: nothing is wrong with its events, they only have to wait."""

    reason: str
    is_passing: bool = False
    row: int | None = None
    """The event whose handling failed; None when it was none in particular."""
    kind: str = ""
    """The error's name; that of its cause where a step failed."""

    @classmethod
    def of(cls, error: Exception) -> "TaskFailure":
        kind = type(error).__qualname__
        reason = f"{kind}: {error}"
        match error:
            case EventError():
                return replace(cls.of(error.cause), row=error.row)
            case StepFailedError():
                return cls(reason, error.passing, kind=error.kind)
            case PassingError():
                return cls(reason, True, kind=kind)
        return cls(reason, is_transient(error), kind=kind)


@dataclass(frozen=True, slots=True)
class WakeUp:
    """A task to be: for this job, under this id. The same id is the same task, however often it is enqueued."""

    key: str
    task: str


def wake_ups_for(stored: Iterable[tuple[str, int]]) -> list[WakeUp]:
    """One wake-up per job for these (key, inbox id), under an id that sorts in the order of arrival."""
    newest: dict[str, int] = {}
    for key, id_ in stored:
        newest[key] = max(id_, newest.get(key, 0))
    return [WakeUp(key, f"ev:{id_:019d}") for key, id_ in newest.items()]
