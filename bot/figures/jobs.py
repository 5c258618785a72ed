"""One job in numbers: its summary, and the whole account of its life.

The summary shows what people see on the issue; the account adds their answers. Neither shows prompts or drafts.
"""

from collections.abc import Sequence
from datetime import datetime

from pydantic import Field, JsonValue

from bot.figures.overview import FOR_PEOPLE
from bot.jobs.effects import Done, EffectResult, Published, Refused
from bot.jobs.job import ENDED, Job, JobStatus
from bot.store.history import Move
from bot.store.inbox import SET_ASIDE
from bot.store.jobs import JobRow
from bot.store.listed import Listed
from bot.store.stores import Stores
from bot.store.timeline import TimelineEntry
from pipeline.accounting import by_phase, in_order
from pipeline.checkpoints import EventType
from pipeline.models import Phase, Usage, Value

EVENTS_AT_ONCE = 500


class Took(Value):
    """What calls to a model took. An unknown price is null, which is not the same as free."""

    calls: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None
    seconds: float

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


class PhaseTook(Took):
    modules: dict[str, Took]


class JobLine(Value):
    """A job in a list, without anything a person wrote but the title."""

    key: str
    repository: str
    issue: int
    title: str
    requester: str
    status: JobStatus
    phase: Phase
    checkpoint: str | None
    pull: int | None
    path: str | None
    drafter: str
    quality: float | None
    calls: int
    tokens: int
    cost_usd: float | None
    waiting_since: datetime | None
    remind_at: datetime | None
    expire_at: datetime | None
    ended_reason: str
    created_at: datetime
    updated_at: datetime


class JobSummary(JobLine):
    """The same with what each phase and module took."""

    usage: dict[str, PhaseTook]


class Stretch(Value):
    """A time in one status. The last one is open (`until` None) unless the job has ended."""

    status: JobStatus
    phase: str
    checkpoint: str
    since: datetime
    until: datetime | None
    seconds: float | None

    @property
    def for_people(self) -> bool:
        return self.status in FOR_PEOPLE


class Run(Value):
    """One run of a phase: from its start to a checkpoint, its end or an error; `seconds` None while it runs."""

    phase: str
    at: datetime
    seconds: float | None = None
    outcome: str = ""


class ModuleRuns(Value):
    """A module over the whole job: how often it ran and how long, and what the model took for it."""

    phase: str
    module: str
    runs: int
    seconds: float
    took: Took


class Round(Value):
    """A draft and what was found in it."""

    draft: str
    phase: str
    at: datetime
    quality: float | None
    errors: int
    warnings: int
    infos: int


class Exchange(Value):
    """A question and what a person said to it; no answer while it is open."""

    kind: str
    asked: list[str]
    answer: str | None
    by: str = ""


class Write(Value):
    """A write to GitHub. `url` is GitHub's own address of what was written, "" when it has none."""

    kind: str
    key: str
    at: datetime
    url: str
    outcome: str


class Account(Value):
    """The whole life of a job."""

    summary: JobSummary
    stretches: list[Stretch]
    working_seconds: float
    waiting_seconds: float
    runs: list[Run]
    modules: list[ModuleRuns]
    rounds: list[Round]
    exchanges: list[Exchange]
    writes: list[Write]
    set_aside: int = Field(description="events that were tried too often and wait for a retry")


def line_of(job: Job | Listed) -> JobLine:
    usage, generation = job.journey.usage, job.journey.generation
    return JobLine(
        key=job.key,
        repository=job.repository.full_name,
        issue=job.issue_number,
        title=job.title,
        requester=job.requester,
        status=job.status,
        phase=job.journey.phase,
        checkpoint=job.journey.checkpoint.kind if job.journey.checkpoint else None,
        pull=job.pull.number if job.pull else None,
        path=job.pull.path if job.pull else None,
        drafter=job.journey.drafter,
        quality=generation.quality.overall_score if generation else None,
        calls=usage.calls,
        tokens=usage.prompt_tokens + usage.completion_tokens,
        cost_usd=usage.cost_usd,
        waiting_since=job.waiting_since,
        remind_at=job.remind_at,
        expire_at=job.expire_at,
        ended_reason=job.ended_reason,
        created_at=job.created_at,
        updated_at=job.updated_at,
    )


def summarise(job: Job) -> JobSummary:
    return JobSummary(**dict(line_of(job)), usage=_usage(job))


def job_summary(row: JobRow) -> dict[str, JsonValue]:
    """The summary as JSON."""
    return summarise(row.job).model_dump(mode="json")


def timeline_entry(entry: TimelineEntry) -> dict[str, JsonValue]:
    """An event of the timeline as JSON."""
    return {"id": entry.id, **entry.event.model_dump(mode="json")}


async def account_of(stores: Stores, row: JobRow, now: datetime) -> tuple[Account, list[TimelineEntry]]:
    """The account of a job, and the events it was made from (the first few hundred)."""
    job = row.job
    events = await stores.timeline.of(job.key, limit=EVENTS_AT_ONCE)
    stretches = stretches_of(await stores.history.moves(job.key), now)
    written = await stores.effects.of(job.key)
    aside = await stores.inbox.list_entries(state=SET_ASIDE, key=job.key)
    account = Account(
        summary=summarise(job),
        stretches=stretches,
        working_seconds=sum(each.seconds or 0.0 for each in stretches if each.status is JobStatus.RUNNING),
        waiting_seconds=sum(each.seconds or 0.0 for each in stretches if each.for_people),
        runs=runs_of(events),
        modules=_modules(job, events),
        rounds=rounds_of(events),
        exchanges=exchanges_of(job),
        writes=[
            Write(kind=each.kind, key=each.key, at=each.at, url=_url(each.result), outcome=_outcome(each.result))
            for each in written
        ],
        set_aside=len(aside),
    )
    return account, events


def stretches_of(moves: Sequence[Move], now: datetime) -> list[Stretch]:
    """The statuses of a job in order, each until the next; an end lasts no time."""
    found: list[Stretch] = []
    for position, move in enumerate(moves):
        ended = move.status in ENDED
        until = moves[position + 1].at if position + 1 < len(moves) else None
        over = until or now
        found.append(
            Stretch(
                status=move.status,
                phase=move.phase,
                checkpoint=move.checkpoint,
                since=move.at,
                until=until,
                seconds=None if ended else max(0.0, (over - move.at).total_seconds()),
            )
        )
    return found


def runs_of(events: Sequence[TimelineEntry]) -> list[Run]:
    """The phases as they ran. One that was interrupted has neither a duration nor an outcome."""
    found: list[Run] = []
    for entry in events:
        event = entry.event
        if event.type is EventType.PHASE_START:
            found.append(Run(phase=event.phase, at=event.at))
        elif found and found[-1].phase == event.phase:
            match event.type:
                case EventType.PHASE_END:
                    found[-1] = found[-1].model_copy(update={"seconds": event.seconds})
                case EventType.HITL_REQUIRED:
                    found[-1] = found[-1].model_copy(update={"outcome": event.checkpoint})
                case EventType.COMPLETED | EventType.ERROR:
                    found[-1] = found[-1].model_copy(update={"outcome": event.type.value})
                case _:
                    pass
    return found


def rounds_of(events: Sequence[TimelineEntry]) -> list[Round]:
    """Each draft as it was measured; the same draft measured again (a repeated phase) counts once."""
    found: list[Round] = []
    for entry in events:
        measured = entry.event.measured
        if measured is None:
            continue
        new = Round(phase=entry.event.phase, at=entry.event.at, **measured.model_dump())
        if all((new.draft, new.phase) != (known.draft, known.phase) for known in found):
            found.append(new)
    return found


def exchanges_of(job: Job) -> list[Exchange]:
    """What was asked and answered, oldest first as far as the journey remembers an order."""
    journey = job.journey
    found = [
        Exchange(kind="clarify", asked=[each.text for each in done.questions], answer=done.answer, by=done.by)
        for done in journey.clarifications
    ]
    found += [Exchange(kind="confirm", asked=[], answer=text) for text in journey.plan_feedback]
    if journey.generation is not None:
        found += [Exchange(kind="preview", asked=[], answer=each.request) for each in journey.generation.changes]
    if journey.approved_by:
        digest = journey.approved_digest[:8]
        found.append(Exchange(kind="preview", asked=[], answer=f"Approved {digest}".strip(), by=journey.approved_by))
    if journey.validation_waived_by:
        found.append(Exchange(kind="validate", asked=[], answer="Accepted", by=journey.validation_waived_by))
    if (checkpoint := journey.checkpoint) is not None:
        asked = [each.text for each in checkpoint.questions] if checkpoint.kind == "clarify" else []
        found.append(Exchange(kind=checkpoint.kind, asked=asked, answer=None))
    return found


def _modules(job: Job, events: Sequence[TimelineEntry]) -> list[ModuleRuns]:
    ended = [entry.event for entry in events if entry.event.type is EventType.MODULE_END]
    took = {(phase, name): _took(usage) for phase, name, usage in in_order(job.journey.usage_by_module)}
    names = dict.fromkeys([*((event.phase, event.module) for event in ended), *took])
    return [
        ModuleRuns(
            phase=phase,
            module=name,
            runs=sum((event.phase, event.module) == (phase, name) for event in ended),
            seconds=sum(event.seconds or 0.0 for event in ended if (event.phase, event.module) == (phase, name)),
            took=took.get((phase, name)) or _took(Usage()),
        )
        for phase, name in names
    ]


def _usage(job: Job) -> dict[str, PhaseTook]:
    """What each phase took, and each of its modules."""
    modules = in_order(job.journey.usage_by_module)
    return {
        phase: PhaseTook(
            **_took(total).model_dump(),
            modules={name: _took(usage) for inside, name, usage in modules if inside == phase},
        )
        for phase, total in by_phase(job.journey.usage_by_module).items()
    }


def _took(usage: Usage) -> Took:
    return Took(
        calls=usage.calls,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cost_usd=usage.cost_usd,
        seconds=round(usage.seconds, 3),
    )


def _url(result: EffectResult) -> str:
    return result.url if isinstance(result, Done | Published) else ""


def _outcome(result: EffectResult) -> str:
    return result.reason if isinstance(result, Refused) else result.kind
