"""Where a run works: the state's rows in a SQLite file, and the bot over them. What is done counts once it is written.

The same tables, migrations, decisions, words and effects as on a server; only the engine's records are left out.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from bot.advancing import advancing, authors_of
from bot.github.missed import RepositoryState
from bot.github.service import GitHubService
from bot.jobs.events import InboxRow
from bot.jobs.intake import parse
from bot.jobs.job import Repository
from bot.metrics import Metrics
from bot.noserver import database
from bot.noserver.run import Session
from bot.noserver.state import KeyState
from bot.noserver.worker import Worker
from bot.repo_config import InvalidConfigError
from bot.settings import SettingsError
from bot.store.database import DatabaseError, create, migrate_now, open_database
from bot.store.ledger import SqlLedger
from bot.store.stores import Stores
from bot.tracking import CLOSE_SECONDS

_log = structlog.get_logger(__name__)


@dataclass
class Desk:
    """What a run works with."""

    session: Session
    stores: Stores
    github: GitHubService
    ledger: SqlLedger
    worker: Worker

    async def catch_up(self, key: str, delivery: str) -> None:
        """What nobody told us about this job: GitHub cancels waiting runs of a concurrency group, and with them events.

        What was said is heard in the order in which it was said, the words of this run's own event among it.
        """
        row = await self.stores.jobs.find(key)
        if row is None:
            return
        try:
            compared = await self.compared(row.job.repository, timedelta(0))
        except InvalidConfigError as error:  # the run's own event fails with the same words, and stays open
            _log.warning("nothing is compared", reason=str(error))
            return
        if await compared.compare_one(row.job):
            rows = await self.stores.inbox.open_rows(key)
            own = next((row for row in rows if row.delivery == delivery), None)
            said = [(spoken(row), row.delivery) for row in rows if own is not None and row.event == own.event]
            for _, each in sorted(words for words in said if words[0]):
                await asyncio.to_thread(database.move_to_end, self.worker.path, each)

    async def compared(self, repository: Repository, grace: timedelta) -> RepositoryState:
        """The comparison of a repository with its jobs. Raises GitHubError, InvalidConfigError."""
        config = await self.github.config(repository)
        return RepositoryState(
            api=self.session.connection.installation_reader(repository.installation_id),
            repository=repository,
            label=config.label,
            identity=self.github.identity,
            ledger=self.ledger,
            now=datetime.now(UTC),
            grace=grace,
            sleep=self.session.connection.sleep,
        )

    async def summary(self, keys: Iterable[str]) -> str:
        """Where these jobs stand, a line each."""
        lines = []
        for key in keys:
            row = await self.stores.jobs.find(key)
            if row is not None:
                job = row.job
                lines.append(f"{job.repository.full_name}#{job.issue_number}: {job.status.value}")
        return "\n".join(lines) or "this concerned no request"


def migrated(folder: Path, states: Sequence[KeyState], revision: str) -> dict[str, KeyState]:
    """Rows of an older revision as this version has them. Blocking."""
    path = folder / f"from-{revision}.db"
    opened = open_database(f"sqlite:///{path}")
    migrate_now(opened.sync_url, revision)
    database.fill(path, states)
    migrate_now(opened.sync_url)
    return database.read(path)


def spoken(row: InboxRow) -> int:
    """The id of what was said in an event, which grows with time; 0 when nothing was."""
    payload = parse(row)
    said = (payload.comment or payload.review) if payload is not None else None
    return said.id if said is not None else 0


@asynccontextmanager
async def open_desk(session: Session, states: Sequence[KeyState]) -> AsyncIterator[Desk]:
    """A desk with these rows on it. Raises SettingsError, StateError."""
    settings, books = session.inputs.settings, session.books
    authors = authors_of(settings)
    path = session.folder / "state.db"
    try:
        opened = open_database(f"sqlite:///{path}")
    except DatabaseError as error:
        raise SettingsError(str(error)) from None
    metrics = Metrics()
    stores = Stores.over(opened, on_paid=metrics.paid, on_effect=metrics.effect)
    try:
        await create(opened)
        await asyncio.to_thread(database.fill, path, states)
        await asyncio.to_thread(database.reserve_ids, path, session.run.first_id + 1)
        github = GitHubService(session.connection, session.who.identity, stores.effects)
        advance = advancing(settings, stores, metrics, github, authors)
        worker = Worker(books, stores, advance, session.pauses, settings.workers, settings.max_attempts)
        yield Desk(session, stores, github, SqlLedger(stores), worker)
    finally:
        await opened.close()
        if authors.tracker is not None:
            await asyncio.to_thread(authors.tracker.close, CLOSE_SECONDS)
