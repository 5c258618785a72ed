"""All jobs together: how things are now, and day by day."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from pydantic import Field

from bot.jobs.job import ENDED, JobStatus
from bot.store.history import DayFigure, Figure
from bot.store.stores import Stores
from pipeline.models import Value

DAYS = 30
TENTHS = 10
FOR_PEOPLE = frozenset({JobStatus.QUEUED, JobStatus.PENDING_USER_INPUT, JobStatus.PENDING_HITL, JobStatus.IN_REVIEW})
"""Statuses in which a person has to do something; RUNNING is the one in which the service has."""
_PEOPLE = sorted(status.value for status in FOR_PEOPLE)
_WORKING = JobStatus.RUNNING.value
_ENDS = [status for status in JobStatus if status in ENDED]


class Now(Value):
    """How things are at this moment. Times are when it began; None when there is no such thing."""

    counts: dict[JobStatus, int]
    oldest_waiting: datetime | None
    inbox_open: int
    inbox_oldest: datetime | None
    inbox_set_aside: int

    @property
    def open(self) -> int:
        return sum(count for status, count in self.counts.items() if status not in ENDED)


class Day(Value):
    """One day (UTC). Time is counted on the day on which a job left the status it was spent in."""

    day: date
    open: dict[JobStatus, int] = Field(description="jobs in each open status at the end of the day, or now")
    ended: dict[JobStatus, int] = Field(description="jobs that came to each end on this day")
    waiting_seconds: float = Field(description="spent waiting for people")
    working_seconds: float = Field(description="spent working")
    calls: int
    tokens: int
    cost_usd: float = Field(description="of calls whose price is known")
    drafts: int
    quality: float | None = Field(description="mean of the day's drafts, from 0 to 1")


class Overview(Value):
    """What the jobs page shows above its list."""

    now: Now
    days: list[Day]
    qualities: list[int] = Field(description="drafts of these days by tenths of quality, lowest first")


async def look(stores: Stores) -> Now:
    """How things are."""
    backlog, counts = await stores.inbox.backlog(), await stores.jobs.counts()
    return Now(
        counts={status: counts.get(status, 0) for status in JobStatus},
        oldest_waiting=await stores.jobs.oldest_waiting(),
        inbox_open=backlog.open,
        inbox_oldest=backlog.oldest,
        inbox_set_aside=backlog.set_aside,
    )


async def overview(stores: Stores, at: datetime, days: int = DAYS) -> Overview:
    """How things are, and were on each of the last days up to `at`."""
    now, last = await look(stores), at.astimezone(UTC).date()
    figures = await stores.history.days(last - timedelta(days=days - 1))
    return Overview(now=now, days=days_of(now.counts, figures, last, days), qualities=_tenths(figures))


def days_of(counts: Mapping[JobStatus, int], figures: Sequence[DayFigure], last: date, days: int) -> list[Day]:
    """The days up to `last`, oldest first. Goes back from what is true now by what each day changed."""
    by_day: dict[date, list[DayFigure]] = {}
    for figure in figures:
        by_day.setdefault(figure.day, []).append(figure)
    current = {status: counts.get(status, 0) for status in JobStatus if status not in ENDED}
    found: list[Day] = []
    for back in range(days):
        day = last - timedelta(days=back)
        happened = by_day.get(day, [])
        entered = {each.name: each.count for each in happened if each.figure is Figure.ENTERED}
        left = {each.name: each for each in happened if each.figure is Figure.LEFT}
        found.append(_day(day, current, happened, entered, left))
        for status in current:
            gone = left[status.value].count if status.value in left else 0
            current[status] = max(0, current[status] - entered.get(status.value, 0) + gone)
    return found[::-1]


def _day(
    day: date,
    current: Mapping[JobStatus, int],
    happened: Sequence[DayFigure],
    entered: Mapping[str, int],
    left: Mapping[str, DayFigure],
) -> Day:
    drafts = [each for each in happened if each.figure is Figure.DRAFTED]
    paid = [each for each in happened if each.figure is Figure.PAID]
    written = sum(each.count for each in drafts)
    return Day(
        day=day,
        open=dict(current),
        ended={status: entered.get(status.value, 0) for status in _ENDS},
        waiting_seconds=sum(left[name].amount for name in _PEOPLE if name in left),
        working_seconds=left[_WORKING].amount if _WORKING in left else 0.0,
        calls=sum(each.count for each in paid),
        tokens=sum(each.count for each in happened if each.figure is Figure.TOKENS),
        cost_usd=sum(each.amount for each in paid),
        drafts=written,
        quality=sum(each.amount for each in drafts) / written if written else None,
    )


def _tenths(figures: Sequence[DayFigure]) -> list[int]:
    found = [0] * TENTHS
    for each in figures:
        if each.figure is Figure.DRAFTED:
            found[int(each.name)] += each.count
    return found
