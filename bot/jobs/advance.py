"""Advancing one job: drain its inbox in order, run the pipeline to its next checkpoint, write what follows from it.

Everything that reads or writes the outside is one durable step, so a crash replays from the records and repeats at most
the step that was interrupted, and what was read since the last write to GitHub. Order within a turn: decide, write to
GitHub (idempotent by key), then save job and inbox rows in one transaction. A crash before the save repeats decisions
whose effects are found to be there already.

Raises what the steps raise (the engine decides about retries); returns when the job waits, ended, or was superseded.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol, TypeVar

import structlog
from pydantic import BaseModel
from structlog.contextvars import bound_contextvars

from bot.comments import reasons
from bot.jobs import effects as fx
from bot.jobs import events as ev
from bot.jobs import recovery, review
from bot.jobs.decision import Decision, Facts
from bot.jobs.intake import BotIdentity, interpret, repository_of
from bot.jobs.job import Job, JobStatus, Repository, Role, skill_path
from bot.jobs.machine import decide, queue_after, settle, status_body
from bot.jobs.ports import (
    BranchNow,
    EventError,
    GitHub,
    JobStore,
    Loaded,
    NotBeforeError,
    OutageError,
    PassingError,
    Remains,
    Steps,
    SupersededError,
)
from bot.repo_config import RepoConfig
from pipeline.journey import Failure, Journey
from pipeline.models import Feedback, Value
from pipeline.skills.taxonomy import Taxonomy

M = TypeVar("M", bound=BaseModel)

_log = structlog.get_logger(__name__)

RECOVERING = frozenset({"issue_comment", "pull_request", "pull_request_review", "pull_request_review_comment"})
"""Events that may concern a request of ours whose job row was lost."""
MODEL_PATIENCE = {
    "rate_limited": timedelta(hours=12),
    "unreachable": timedelta(hours=12),
    "provider_unavailable": timedelta(hours=12),
    "timeout": timedelta(hours=1),  # a call that takes too long may be paid
}
"""For how long a job waits by itself for a model that fails in one of these ways, before people are asked."""
OF_PULLS = frozenset({"pull_request", "pull_request_review", "pull_request_review_comment", "check_run"})
"""Events that are nothing to a job that knows of no pull request."""
ENDING = frozenset({("issues", "closed"), ("issues", "unlabeled"), (ev.OWN_EVENT, ev.CANCEL)})
"""Events that end a job that knows of none, and mean something else when one is open, or merged."""
OUT_OF_REACH = frozenset(
    {
        ("installation", "deleted"),
        ("installation", "suspend"),
        ("installation_repositories", "removed"),
        ("repository", "deleted"),
    }
)
"""Events after which nothing of the repository can be read any more, its configuration included."""
_MAX_TURNS = 200  # far above any real conversation within one wake-up; ends a loop of ours instead of paying for it


class Interrupted(Exception):  # noqa: N818 - not an error: somebody said something while a phase was running
    """Raised between two module calls when the job's inbox has something new; the phase goes on afterwards."""


class Turn(Value):
    """What one load gave: the job, its open rows, and the time that every decision of this turn sees."""

    loaded: Loaded
    now: datetime


class Known(Value):
    config: RepoConfig


class Ranked(Value):
    role: Role
    code_owners: tuple[str, ...] = ()


class Settled(Value):
    """The outcome of one effect, in the shape that steps can store."""

    result: fx.EffectResult


class Saved(Value):
    rev: int


class Words(Value):
    said: list[Feedback]


class Compared(Value):
    conflicts: bool | None


class Left(Value):
    remains: Remains | None


class Ran(Value):
    """How a phase ended; no journey when somebody spoke meanwhile."""

    journey: Journey | None


RunPipeline = Callable[[Job, Taxonomy, int, str], Awaitable[Journey]]
"""(job, taxonomy, newest inbox id seen, model the repository asks for) -> the journey at its next checkpoint.

Raises Interrupted.

It stores each paid answer itself, by content: repeating it after a crash pays for nothing twice.
"""


class BegunWith(Protocol):
    """What a phase saw when it began: the same for whoever takes it up again."""

    async def __call__(self, job: Job, what: str, into: type[M], look: Callable[[], Awaitable[M]]) -> M: ...


async def at_present(job: Job, what: str, into: type[M], look: Callable[[], Awaitable[M]]) -> M:
    """`BegunWith` that remembers nothing."""
    return await look()


@dataclass(frozen=True)
class Ports:
    store: JobStore
    github: GitHub
    run_pipeline: RunPipeline
    identity: BotIdentity
    clock: Callable[[], datetime]
    begun_with: BegunWith = at_present


async def advance_job(key: str, task: str, steps: Steps, ports: Ports) -> None:
    """Bring the job `key` as far as it goes without a person. `task` names this wake-up, for exactly-once saving."""
    worker = _Worker(key, task, steps, ports)
    for turn in range(_MAX_TURNS):
        if not await worker.turn(turn):
            return
    raise RuntimeError(f"{key}: still not at rest after {_MAX_TURNS} turns")


class _Worker:
    def __init__(self, key: str, task: str, steps: Steps, ports: Ports) -> None:
        self.key, self.task, self.steps, self.ports = key, task, steps, ports

    async def turn(self, number: int) -> bool:
        """One load, decide, write, save. True when there may be more to do."""
        turn = await self.steps.repeatable(f"load:{number}", Turn, self._load)
        job = turn.loaded.job
        news = [row for row in turn.loaded.rows if not row.is_work]
        work = [row.id for row in turn.loaded.rows if row.is_work]
        # By what was loaded, too: of two processes that take the same turn, only one that saw the same saved the same.
        newest = turn.loaded.rows[-1].id if turn.loaded.rows else 0
        name = f"{self.task}:{number}:{newest}"
        if news:
            if job is not None and (ended := await self._concluded(job, turn, number)) is not None:
                await self._finish(ended, turn.loaded.rev, work, name, number)
                return True
            for row in news:
                job = await self._blamed(job, row, turn.now, number)
            await self._finish(job, turn.loaded.rev, [row.id for row in news], name, number)
            return True
        if job is None or job.status is not JobStatus.RUNNING:
            if work:
                await self._finish(None, turn.loaded.rev, work, name, number)
            return False
        ended = await self._run_phases(job, turn, number)
        if ended is not None:
            await self._finish(ended, turn.loaded.rev, work, name, number)
        return True

    async def _load(self) -> Turn:
        return Turn(loaded=await self.ports.store.load(self.key), now=self.ports.clock())

    async def _finish(self, job: Job | None, rev: int, done: list[int], task: str, number: int) -> None:
        """Store the job (None: nothing to store) and mark the rows done, in one transaction."""

        async def save() -> Saved:
            if job is None:
                await self.ports.store.discard(self.key, done=done, task=task)
                return Saved(rev=rev)
            return Saved(rev=await self.ports.store.save(job, rev=rev, done=done, task=task))

        await self.steps.guarded(f"save:{number}", Saved, save)

    async def _concluded(self, job: Job, turn: Turn, number: int) -> Job | None:
        """A phase that had all its answers, but whose end could not be written or saved: ended before people are heard.

        They may have seen the preview already, and their words are about it; or the pull request, and merged it. That
        asks for nothing: None, when the phase still needs the model, or cannot be ended for a reason of its own.
        """
        if job.status is not JobStatus.RUNNING:
            return None
        said = any((row.event, row.action) == ("issue_comment", "created") for row in turn.loaded.rows)
        try:
            if not said and not await self._was_opened(job, turn, number):
                return None
            return await self._run_phases(job, turn, number, seen=0)
        except (NotBeforeError, PassingError, SupersededError):
            raise
        except Exception as error:
            _log.warning("a phase could not be ended before its news", job=self.key, reason=str(error)[:300])
            return None

    async def _was_opened(self, job: Job, turn: Turn, number: int) -> bool:
        """Is there a pull request that the job does not know of, and news that it would hear otherwise if it did?"""
        if job.pull is not None or not job.journey.approved_digest:
            return False
        if not any(row.event in OF_PULLS or (row.event, row.action) in ENDING for row in turn.loaded.rows):
            return False

        async def look() -> Left:
            return Left(remains=await self.ports.github.remains(job.repository, job.issue_number))

        left = (await self.steps.repeatable(f"opened:{number}", Left, look)).remains
        return left is not None and left.pull is not None

    async def _blamed(self, job: Job | None, row: ev.InboxRow, now: datetime, number: int) -> Job | None:
        """As `_handle_row`; an error names the event, so that it does not take its neighbours along."""
        with bound_contextvars(delivery=row.delivery, inbox=row.id):
            try:
                return await self._handle_row(job, row, now, number)
            except (NotBeforeError, SupersededError):
                raise
            except Exception as error:
                raise EventError(row.id, error) from error

    async def _handle_row(self, job: Job | None, row: ev.InboxRow, now: datetime, number: int) -> Job | None:
        """One stored event. Rows that concern no job cost no request."""
        if job is None and row.event not in {"issues", *RECOVERING}:
            return None
        repository = repository_of(row) or (job.repository if job is not None else None)
        if repository is None:
            return job
        if job is not None and repository != job.repository:
            job = job.with_(repository=repository)  # renamed, transferred within reach, or installed anew
        out_of_reach = (row.event, row.action) in OUT_OF_REACH
        config = RepoConfig() if out_of_reach else await self._config(repository, f"config:{number}:{row.id}")
        event = interpret(row, label=config.label, bot=self.ports.identity)
        if event is None:
            _log.info("nothing to decide", github_event=row.event, action=row.action)
            return job
        if isinstance(event, ev.PullClosed) and job is not None and job.pull is not None:
            event = await self._with_words(repository, event, f"said:{number}:{row.id}")
        ranked = await self._ranked(repository, job, event, f"role:{number}:{row.id}")
        facts = Facts(
            role=ranked.role,
            config=config,
            now=now,
            bot_login=self.ports.identity.login,
            web=self.ports.identity.web,
            event_id=row.id,
            code_owners=ranked.code_owners,
            actor=actor.login if (actor := ev.actor_of(event)) is not None else "",
        )
        if job is None and row.event != "issues":
            job = await self._recovered(repository, event, facts, f"{number}:{row.id}")
            if job is None:
                return None
        decision = decide(job, event, facts)
        _explain(event, job, decision, by=facts.actor, role=facts.role.value)
        job = await self._apply(decision, facts, f"{number}:{row.id}")
        if job is not None and review.may_conflict_now(job, event):
            job = await self._compared_with_base(job, facts, f"{number}:{row.id}")
        return job

    async def _with_words(self, repository: Repository, event: ev.PullClosed, name: str) -> ev.PullClosed:
        """A closing without merging, with what people said on the pull request: the reasons are there."""

        async def look() -> Words:
            return Words(said=await self.ports.github.said_on_pull(repository, event.number))

        return event.model_copy(update={"said": (await self.steps.repeatable(name, Words, look)).said})

    async def _compared_with_base(self, job: Job, facts: Facts, name: str) -> Job | None:
        """Does our pull request conflict with the branch it is to be merged into?"""
        pull = job.pull
        assert pull is not None, "only a pull request can conflict"

        async def look() -> Compared:
            return Compared(conflicts=await self.ports.github.conflicts(job.repository, pull.number))

        found = (await self.steps.repeatable(f"conflicts:{name}", Compared, look)).conflicts
        event = ev.Compared(head_sha=pull.seen, conflicts=found)
        return await self._apply(decide(job, event, facts), facts, f"{name}:conflict")

    async def _recovered(self, repository: Repository, event: ev.Event, facts: Facts, name: str) -> Job | None:
        """The job rebuilt from what GitHub holds; None when this was never ours."""
        if not recovery.may_concern_us(event, facts.bot_login):
            return None

        async def look() -> Left:
            return Left(remains=await self.ports.github.remains(repository, int(self.key.rpartition(":")[2])))

        left = (await self.steps.repeatable(f"remains:{name}", Left, look)).remains
        if left is None or (not left.issue.open and left.pull is None):
            return None
        return await self._apply(recovery.rebuild(repository, left, event, facts), facts, f"{name}:rebuilt")

    async def _config(self, repository: Repository, name: str) -> RepoConfig:
        async def look() -> Known:
            return Known(config=await self.ports.github.config(repository))

        return (await self.steps.repeatable(name, Known, look)).config

    async def _ranked(self, repository: Repository, job: Job | None, event: ev.Event, name: str) -> Ranked:
        """Authority comes from the repository, asked about the event's sender; events without one have none."""
        actor = ev.actor_of(event)
        if actor is None:
            return Ranked(role=Role.NONE)
        path = skill_path(job) if job is not None and isinstance(event, ev.SPOKEN) else ""

        async def look() -> Ranked:
            role = await self.ports.github.role(repository, actor.login)
            if not path or role.at_least(Role.WRITE) or not role.at_least(Role.READ):
                return Ranked(role=role)
            return Ranked(role=role, code_owners=await self.ports.github.code_owners(repository, path))

        return await self.steps.repeatable(name, Ranked, look)

    async def _apply(self, decision: Decision, facts: Facts, name: str) -> Job | None:
        """Make the effects of a decision, and those that follow from their outcomes, in order."""
        job = decision.job
        if job is None:
            return None
        job = job.with_(updated_at=facts.now)
        waiting = list(decision.effects)
        position = 0
        while waiting:
            effect = waiting.pop(0)
            result = await self._perform(job, effect, f"effect:{name}:{position}:{effect.key}")
            position += 1
            follow_up = settle(job, effect, result, facts)
            assert follow_up.job is not None
            if follow_up.job.status is not job.status:
                _explain(effect, job, follow_up, outcome=result.kind)
            job = follow_up.job
            waiting = queue_after(follow_up.effects, waiting)
        return job

    async def _perform(self, job: Job, effect: fx.Effect, name: str) -> fx.EffectResult:
        async def perform() -> Settled:
            return Settled(result=await self.ports.github.perform(effect, job.key, job.repository))

        return (await self.steps.run(name, Settled, perform)).result

    async def _run_phases(self, job: Job, turn: Turn, number: int, seen: int | None = None) -> Job | None:
        """Run the pipeline. None when somebody spoke meanwhile: their words come first, stored results are reused.

        `seen`: the newest event that does not count as meanwhile; by default the newest that was loaded.
        """

        config = await self._config(job.repository, f"options:{number}")
        me = self.ports.identity
        facts = Facts(Role.NONE, config, turn.now, bot_login=me.login, web=me.web)
        job = await self._with_people_s_commits(job, number)
        if job.journey.status == "failed":
            return await self._apply(decide(job, ev.PhaseEnded(journey=job.journey), facts), facts, str(number))
        if seen is None:
            seen = max((row.id for row in turn.loaded.rows), default=0)
        after = seen

        async def run() -> Ran:
            github, begun_with = self.ports.github, self.ports.begun_with
            taxonomy = await begun_with(job, "skills", Taxonomy, lambda: github.taxonomy(job.repository, config))
            try:
                return Ran(journey=await self.ports.run_pipeline(job, taxonomy, after, config.model))
            except Interrupted:
                return Ran(journey=None)

        journey = (await self.steps.repeatable(f"phases:{number}", Ran, run)).journey
        if journey is None:
            return None
        if journey.failure is not None:
            await self._wait_out(job, journey.failure, turn, facts, number)
        ended = ev.PhaseEnded(journey=journey)
        decision = decide(job, ended, facts)
        failure = journey.failure.code if journey.failure is not None else None
        _explain(ended, job, decision, phase=str(journey.phase), failure=failure)
        return await self._apply(decision, facts, str(number))

    async def _wait_out(self, job: Job, failure: Failure, turn: Turn, facts: Facts, number: int) -> None:
        """A model that is away for a while stops no job: say so, and come back later (OutageError)."""
        since = min((row.received_at for row in turn.loaded.rows if row.is_work), default=turn.now)
        if turn.now - since >= MODEL_PATIENCE.get(failure.code, timedelta()):
            return
        body = status_body(job, facts, reasons.waiting_for_model(failure.message))
        await self._perform(job, fx.ShowStatus(number=job.issue_number, body=body), f"effect:{number}:waiting")
        raise OutageError(failure.message)

    async def _with_people_s_commits(self, job: Job, number: int) -> Job:
        """The job going on from its branch as it is, if there is one: people's commits are built upon."""
        pull = job.pull
        if pull is None:
            return job

        async def look() -> BranchNow:
            github, begun_with = self.ports.github, self.ports.begun_with
            now = partial(github.branch_now, job.repository, pull.branch, pull.path, pull.seen)
            return await begun_with(job, f"branch:{pull.seen}", BranchNow, now)

        return review.build_upon(job, await self.steps.repeatable(f"branch:{number}", BranchNow, look))


def _explain(event: ev.Event | fx.Effect, before: Job | None, decision: Decision, **because: str | None) -> None:
    """One line for each decision: what it was about, what it made of the job, and what is written because of it."""
    after = decision.job
    _log.info(
        "decision",
        about=type(event).__name__,
        status=after.status.value if after is not None else None,
        was=before.status.value if before is not None else None,
        checkpoint=after.journey.checkpoint.kind if after is not None and after.journey.checkpoint else None,
        effects=[effect.key for effect in decision.effects],
        **because,
    )
