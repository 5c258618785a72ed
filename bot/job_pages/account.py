"""What the page of one job shows beyond its account: bars, strips and the way to GitHub. Pure."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from markupsafe import Markup

from bot.figures.jobs import Account, Write
from bot.job_pages.plots import Series, bars, strip
from bot.job_pages.words import checkpoint_words, duration, status_words
from bot.jobs.job import JobStatus
from bot.setup.hosts import web_root

_PHASES = {"understanding": "c2", "generation": "c1", "validation": "c4"}
_WAITS = {
    JobStatus.QUEUED: "c5",
    JobStatus.PENDING_USER_INPUT: "c4",
    JobStatus.PENDING_HITL: "c3",
    JobStatus.IN_REVIEW: "c2",
}


@dataclass(frozen=True)
class Step:
    """One line of the timeline. `strip` is its part of all the time of its kind."""

    at: datetime
    what: str
    kind: str  # working, waiting, ended
    seconds: float | None
    share: float
    css: str


@dataclass(frozen=True)
class Web:
    """Where people see the repository. "" for an address that is not of this GitHub."""

    root: str

    def issue(self, repository: str, number: int) -> str:
        return f"{self.root}/{quote(repository)}/issues/{number}"

    def pull(self, repository: str, number: int) -> str:
        return f"{self.root}/{quote(repository)}/pull/{number}"

    def of(self, write: Write, repository: str, number: int) -> str:
        """GitHub's own address of what was written, else the issue it concerns."""
        if write.url.startswith(f"{self.root}/"):
            return write.url
        return "" if write.url else self.issue(repository, number)


def web_of(api_url: str) -> Web:
    return Web(web_root(api_url))


def steps_of(account: Account) -> list[Step]:
    """The timeline: phases as they ran and the times of waiting between them, in order."""
    working = sum(run.seconds or 0.0 for run in account.runs)
    found = [
        Step(
            at=run.at,
            what=f"{run.phase.capitalize()}{_ended(run.outcome)}",
            kind="working",
            seconds=run.seconds,
            share=(run.seconds or 0.0) / working if working else 0.0,
            css=_PHASES.get(run.phase, "c1"),
        )
        for run in account.runs
    ]
    for stretch in account.stretches:
        if stretch.status is JobStatus.RUNNING and account.runs:
            continue  # its phases say more
        asked = f": {checkpoint_words(stretch.checkpoint)}" if stretch.checkpoint and stretch.for_people else ""
        found.append(
            Step(
                at=stretch.since,
                what=f"{status_words(stretch.status).capitalize()}{asked}",
                kind="waiting" if stretch.for_people else "ended" if stretch.seconds is None else "working",
                seconds=stretch.seconds,
                share=(stretch.seconds or 0.0) / account.waiting_seconds
                if account.waiting_seconds and stretch.for_people
                else 0.0,
                css=_WAITS.get(stretch.status, "c1"),
            )
        )
    return sorted(found, key=lambda step: step.at)


def strips_of(account: Account, steps: list[Step]) -> list[tuple[str, Markup]]:
    """All the working and all the waiting, each as one bar divided by what it was spent on."""
    found = []
    for kind, title, seconds in (
        ("working", "Working", account.working_seconds),
        ("waiting", "Waiting for people", account.waiting_seconds),
    ):
        parts = [(f"{step.what}: {duration(step.seconds)}", step.css, step.seconds or 0.0) for step in steps]
        parts = [part for part, step in zip(parts, steps, strict=True) if step.kind == kind and step.seconds]
        if parts:
            said = f"{title}, {duration(seconds)} in all: {'; '.join(name for name, _, _ in parts[:12])}"
            found.append((f"{title}: {duration(seconds)}", strip(f"strip-{kind}", said, parts)))
    return found


def findings_plot(account: Account) -> Markup | None:
    """Findings over the rounds; None for fewer than two."""
    rounds = account.rounds
    if len(rounds) < 2:
        return None
    series = [
        Series("errors", "c6", [float(each.errors) for each in rounds]),
        Series("warnings", "c3", [float(each.warnings) for each in rounds]),
        Series("infos", "c5", [float(each.infos) for each in rounds]),
    ]
    first, last = rounds[0], rounds[-1]
    said = (
        f"Findings over {len(rounds)} rounds: from {first.errors} errors and {first.warnings} warnings "
        f"to {last.errors} errors and {last.warnings} warnings."
    )
    return bars("findings", said, [f"round {number}" for number in range(1, len(rounds) + 1)], series)


def _ended(outcome: str) -> str:
    if outcome in ("", "completed"):
        return ""
    return " stopped by a problem" if outcome == "error" else f", then asked about {checkpoint_words(outcome)}"
