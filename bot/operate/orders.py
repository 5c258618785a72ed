"""What an operator may ask of a job, from the terminal or from the jobs pages: retry and cancel.

An order is an event in the job's inbox like any other: durable, in order with what people say, decided by the state
machine. Nothing here changes a job.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from uuid import uuid4

from bot.jobs.events import CANCEL, OWN_EVENT, RUN_AGAIN
from bot.jobs.job import CANCELLABLE, RETRYABLE, Job
from bot.store.inbox import SET_ASIDE, NewEvent
from bot.store.jobs import JobRow
from bot.store.stores import Stores

Put = Callable[[NewEvent], Awaitable[object]]
"""Stores an event and wakes its job; a process that serves has one."""


class Order(StrEnum):
    """The operator's words."""

    RETRY = "retry"
    CANCEL = "cancel"


@dataclass(frozen=True)
class Given:
    """What was done, as sentences; or why nothing was."""

    told: tuple[str, ...] = ()
    refused: str = ""


def fitting(job: Job, set_aside: int = 0) -> tuple[Order, ...]:
    """The orders that make sense for a job as it is now."""
    retry = (Order.RETRY,) if job.status in RETRYABLE or set_aside else ()
    return (*retry, *((Order.CANCEL,) if job.status in CANCELLABLE else ()))


async def give(stores: Stores, row: JobRow, order: Order, put: Put | None = None) -> Given:
    """Store the order. Without `put` the serving process finds it at its next sweep, seconds later."""
    return await (_retry if order is Order.RETRY else _cancel)(stores, row.job, put)


async def _retry(stores: Stores, job: Job, put: Put | None) -> Given:
    aside = await stores.inbox.list_entries(state=SET_ASIDE, key=job.key)
    told = []
    if aside:
        await stores.inbox.requeue([entry.id for entry in aside], datetime.now(UTC))
        told.append(f"{job.key}: {len(aside)} events are open again")
    if job.status in RETRYABLE:
        await _ask(stores, job, RUN_AGAIN, put)
        told.append(f"{job.key}: will run again")
    elif not aside:
        return Given(refused=f"{job.key} is {job.status.value} and has no events set aside: there is nothing to retry")
    return Given(tuple(told))


async def _cancel(stores: Stores, job: Job, put: Put | None) -> Given:
    if job.status not in CANCELLABLE:
        return Given(refused=f"{job.key} is {job.status.value}: there is nothing to cancel")
    await _ask(stores, job, CANCEL, put)
    return Given((f"{job.key}: will be cancelled",))


async def _ask(stores: Stores, job: Job, action: str, put: Put | None) -> None:
    now = datetime.now(UTC)
    event = NewEvent(f"{action}:{job.key}:{uuid4().hex}", job.key, OWN_EVENT, action, b"{}", due_at=now)
    await (put(event) if put is not None else stores.inbox.add([event]))
