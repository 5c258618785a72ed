"""The schedule's run: what GitHub shows and nobody told us, due reminders and expiries, open events, old rows.

Like every run it changes only keys whose leases it got; what another run is working on is left to that run.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from bot.engine.dispatcher import Dispatcher
from bot.engine.tasks import WakeUp
from bot.github.errors import GitHubError
from bot.github.missed import GRACE
from bot.github.models import RepositoryRef
from bot.jobs.job import Repository
from bot.noserver import database, state
from bot.noserver.desk import Desk, open_desk
from bot.noserver.run import Ended, Session
from bot.repo_config import InvalidConfigError

_log = structlog.get_logger(__name__)


@dataclass
class _Collected:
    """`engine.dispatcher.Tasks` that only notes whom to wake."""

    keys: set[str] = field(default_factory=set)

    async def wake(self, wake_ups: Sequence[WakeUp]) -> None:
        self.keys |= {wake_up.key for wake_up in wake_ups}

    async def busy_keys(self) -> set[str]:
        return set()

    async def forget_finished(self, before: datetime) -> int:
        return 0


async def go_round(session: Session) -> Ended:
    """Look after every job. Raises what opening a desk and writing the state raise."""
    books = session.books
    loaded = {each.key: each for each in books.everything()}
    books.base.update(loaded)
    async with open_desk(session, list(loaded.values())) as desk:
        await _compare(session, desk)
        keys = await _woken(session, desk)
        now = await asyncio.to_thread(database.read, desk.worker.path)
        keys |= {key for key, known in loaded.items() if now.get(key, state.KeyState(key)) != known}
        mine = {key: now.get(key, state.KeyState(key)) for key in keys}
        taken = await books.take(mine) if mine else None
        if taken is None:
            return Ended("nothing to do")
        for key, known in taken.states.items():
            before = loaded.get(key, state.KeyState(key))
            if known != state.with_additions(before, mine[key], before):  # another run was faster: go on from there
                await asyncio.to_thread(database.replace, desk.worker.path, known)
        await desk.worker.work(taken.states.keys())
        return Ended(await desk.summary(sorted(taken.states)), desk.worker.failed)


async def _compare(session: Session, desk: Desk) -> None:
    """What was missed becomes events. A GitHub that cannot say now is asked by the next round."""
    run = session.run
    at = {"owner": run.owner, "repo": run.repository}
    reader = session.connection.installation_reader(session.who.installation_id)
    try:
        found = await reader.getitem("/repos/{owner}/{repo}", at, RepositoryRef)
        repository = Repository(
            id=found.id,
            owner=run.owner,
            name=found.name,
            installation_id=session.who.installation_id,
            default_branch=found.default_branch,
            private=found.private,
        )
        if not found.archived:
            await (await desk.compared(repository, GRACE)).compare()
    except (GitHubError, InvalidConfigError) as error:
        _log.warning("reconcile_failed", error=str(error))


async def _woken(session: Session, desk: Desk) -> set[str]:
    """Jobs with something to do, after timers and retention had their turn."""
    settings, stores = session.inputs.settings, desk.stores
    tasks = _Collected()
    dispatcher = Dispatcher(
        inbox=stores.inbox,
        jobs=stores.jobs,
        tasks=tasks,
        max_attempts=settings.max_attempts,
        retention=timedelta(days=settings.retention_days),
        retain=stores.retain,
    )
    await dispatcher.fire_timers()
    await dispatcher.clean_up()
    await dispatcher.sweep()
    await dispatcher.dispatch()
    await dispatcher.wake_all_open()
    return tasks.keys
