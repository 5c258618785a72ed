"""The plots above the list of jobs, from the figures. Pure."""

from collections.abc import Callable, Sequence

from bot.figures.overview import Day, Overview
from bot.job_pages.plots import Plot, Series, bars
from bot.job_pages.words import duration, money, share, status_words
from bot.jobs.job import ENDED, JobStatus

_OPEN = {
    JobStatus.RUNNING: "c1",
    JobStatus.IN_REVIEW: "c2",
    JobStatus.PENDING_HITL: "c3",
    JobStatus.PENDING_USER_INPUT: "c4",
    JobStatus.QUEUED: "c5",
}
_ENDS = {
    JobStatus.PROMOTED: "c1",
    JobStatus.REJECTED: "c3",
    JobStatus.CANCELLED: "c5",
    JobStatus.EXPIRED: "c2",
    JobStatus.FAILED: "c6",
}


def plots(found: Overview) -> list[Plot]:
    days = found.days
    return [
        _statuses("open", "Open jobs", f"{found.now.open:,} now", days, _OPEN, lambda day, status: day.open[status]),
        _ends(days),
        _cost(days),
        _time(days),
        _quality(found),
    ]


def _statuses(
    id_: str,
    title: str,
    headline: str,
    days: Sequence[Day],
    colours: dict[JobStatus, str],
    count: Callable[[Day, JobStatus], int],
) -> Plot:
    series = [
        Series(status_words(status), css, [count(day, status) for day in days]) for status, css in colours.items()
    ]
    peak = max((sum(each.values[place] for each in series) for place in range(len(days))), default=0)
    said = f"{title} by status, day by day for {len(days)} days: {headline}, at most {peak:.0f} on one day."
    return Plot(
        id=id_,
        title=title,
        headline=headline,
        said=said,
        svg=bars(id_, said, _labels(days), series),
        axis=_axis(_labels(days), f"{peak:,.0f}"),
        legend=tuple((each.css, each.name) for each in series),
        head=("day (UTC)", *(each.name for each in series)),
        rows=tuple((str(day.day), *(f"{each.values[place]:.0f}" for each in series)) for place, day in enumerate(days))[
            ::-1
        ],
    )


def _ends(days: Sequence[Day]) -> Plot:
    promoted = sum(day.ended[JobStatus.PROMOTED] for day in days)
    others = sum(day.ended[status] for day in days for status in ENDED) - promoted
    headline = f"{promoted:,} promoted, {others:,} not"
    return _statuses("ended", "Ended jobs", headline, days, _ENDS, lambda day, status: day.ended[status])


def _cost(days: Sequence[Day]) -> Plot:
    total, tokens = sum(day.cost_usd for day in days), sum(day.tokens for day in days)
    series = [Series("dollars", "c1", [day.cost_usd for day in days])]
    said = f"Cost of models per day for {len(days)} days: {money(total)} in all, for {tokens:,} tokens."
    return Plot(
        id="cost",
        title="Cost per day",
        headline=f"{money(total)} for {tokens:,} tokens",
        said=said,
        svg=bars("cost", said, _labels(days), series),
        axis=_axis(_labels(days), money(max((day.cost_usd for day in days), default=0.0))),
        legend=(("c1", "calls to models whose price is known"),),
        head=("day (UTC)", "cost", "calls", "tokens"),
        rows=tuple((str(day.day), money(day.cost_usd), f"{day.calls:,}", f"{day.tokens:,}") for day in days)[::-1],
    )


def _time(days: Sequence[Day]) -> Plot:
    waiting, working = sum(day.waiting_seconds for day in days), sum(day.working_seconds for day in days)
    headline = f"{duration(waiting)} for people, {duration(working)} working"
    said = f"Time that jobs spent, for {len(days)} days: {headline}. Each is drawn to its own scale."
    # Two scales, or work would never be seen beside waiting: each is drawn as a share of its own highest day.
    most_waiting = max((day.waiting_seconds for day in days), default=0.0) or 1.0
    most_working = max((day.working_seconds for day in days), default=0.0) or 1.0
    series = [
        Series("working", "c1", [day.working_seconds / most_working for day in days]),
        Series("waiting for people", "c3", [day.waiting_seconds / most_waiting for day in days]),
    ]
    return Plot(
        id="time",
        title="Waiting and working",
        headline=headline,
        said=said,
        svg=bars("time", said, _labels(days), series),
        axis=_axis(_labels(days), ""),
        legend=(("c3", "waiting for people"), ("c1", "working (its own scale)")),
        head=("day (UTC)", "waiting for people", "working"),
        rows=tuple((str(day.day), duration(day.waiting_seconds), duration(day.working_seconds)) for day in days)[::-1],
    )


def _quality(found: Overview) -> Plot:
    drafts = sum(found.qualities)
    summed = sum((day.quality or 0.0) * day.drafts for day in found.days)
    headline = f"{share(summed / drafts)} on average" if drafts else "no drafts yet"
    labels = [f"{tenth * 10}–{tenth * 10 + 10}%" for tenth in range(len(found.qualities))]
    said = f"Quality of {drafts:,} drafts in steps of ten percent: {headline}."
    series = [Series("drafts", "c2", [float(count) for count in found.qualities])]
    return Plot(
        id="quality",
        title="Quality of drafts",
        headline=headline,
        said=said,
        svg=bars("quality", said, labels, series),
        axis=("0%", "100%", f"{max(found.qualities):,}"),
        legend=(("c2", f"{drafts:,} drafts, from the worst to the best"),),
        head=("quality", "drafts"),
        rows=tuple((label, f"{count:,}") for label, count in zip(labels, found.qualities, strict=True))[::-1],
    )


def _labels(days: Sequence[Day]) -> list[str]:
    return [f"{day.day.day} {day.day:%b}" for day in days]


def _axis(labels: Sequence[str], peak: str) -> tuple[str, str, str]:
    return (labels[0], labels[-1], peak) if labels else ("", "", "")
