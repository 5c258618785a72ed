"""Opening the database: one URL for our tables and the engine's, SQLite by file or PostgreSQL by address.

SQLite is always WAL, `synchronous=FULL` (a commit is on the disk) and `BEGIN IMMEDIATE` (a write never fails half-way
for want of the lock). Nothing awaits the network or the engine inside a transaction opened here.
"""

import asyncio
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from bot.store.revision import MIGRATIONS as MIGRATIONS
from bot.store.revision import latest_revision as latest_revision
from bot.store.tables import metadata
from bot.store.turns import TurnTaking

BUSY_TIMEOUT_MS = 30_000
READERS = 4
"""Threads that read; beside them one writes and one claims tasks."""


class DatabaseError(Exception):
    """The database cannot be used; the text says why and what to do."""


@dataclass(frozen=True)
class Database:
    """An open database. `sync_url` is what others (Alembic, DBOS) connect to.

    `engine` is for whoever awaits each statement, `direct` for whole transactions in a thread, `here` for reads of a
    SQLite file in the thread of the event loop (`bot.store.together`).
    """

    engine: AsyncEngine
    direct: Engine
    sync_url: str
    here: Engine | None = None
    writer: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "store-write"))
    readers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(READERS, "store-read"))

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @property
    def path(self) -> Path:
        """The SQLite file."""
        return Path(make_url(self.sync_url).database or "")

    async def close(self) -> None:
        for threads in (self.writer, self.readers):
            await asyncio.to_thread(threads.shutdown)
        self.direct.dispose()
        if self.here is not None:
            self.here.dispose()
        await self.engine.dispose()


def _urls(url: str) -> tuple[URL, URL]:
    """(asynchronous, synchronous) form of what the operator wrote."""
    if url.startswith("postgres://"):
        url = "postgresql://" + url.removeprefix("postgres://")
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        absolute = str(Path(parsed.database or "").absolute())
        return (
            parsed.set(drivername="sqlite+aiosqlite", database=absolute),
            parsed.set(drivername="sqlite", database=absolute),
        )
    both = parsed.set(drivername="postgresql+psycopg")
    return both, both


def check_sqlite_version(
    library: tuple[int, ...] = sqlite3.sqlite_version_info, python: tuple[int, ...] = sys.version_info[:3]
) -> None:
    """Refuse the one combination on which the engine cannot start: Python >= 3.12 with SQLite < 3.42."""
    if python >= (3, 12) and library < (3, 42):
        have = ".".join(map(str, library))
        raise DatabaseError(
            f"SQLite {have} is too old for Python {python[0]}.{python[1]}: the job engine needs SQLite 3.42 there. "
            "Use Python 3.11, a base image with a newer SQLite (Debian trixie, Alpine 3.19), or PostgreSQL."
        )


def open_database(url: str) -> Database:
    """Connects lazily. Raises DatabaseError when this Python and SQLite cannot work together."""
    asynchronous, synchronous = _urls(url)
    sqlite = asynchronous.get_backend_name() == "sqlite"
    if sqlite:
        check_sqlite_version()
        folder = Path(synchronous.database or "").parent
        if not folder.is_dir():
            raise DatabaseError(f"The folder {folder} of the database does not exist. Create it or change the URL.")
        ours = {"connect_args": {"factory": TurnTaking}, "hide_parameters": True}
        engine = create_async_engine(asynchronous, pool_size=4, max_overflow=4, **ours)
        direct = create_engine(synchronous, pool_size=READERS + 2, max_overflow=0, **ours)
        here = create_engine(synchronous, pool_size=1, max_overflow=0, **ours)
        for each in (engine.sync_engine, direct):
            event.listen(each, "connect", configure_sqlite)
        event.listen(here, "connect", _configure_impatient)
    else:
        here = None
        server = {"pool_pre_ping": True, "hide_parameters": True}
        engine = create_async_engine(asynchronous, pool_size=10, max_overflow=10, **server)
        direct = create_engine(synchronous, pool_size=READERS + 2, max_overflow=0, **server)
    return Database(engine, direct, synchronous.render_as_string(hide_password=False), here)


def configure_sqlite(connection: sqlite3.Connection, _record: ConnectionPoolEntry | None = None) -> None:
    """Every connection to the file works like this."""
    _configure(connection, BUSY_TIMEOUT_MS)


def _configure_impatient(connection: sqlite3.Connection, _record: ConnectionPoolEntry) -> None:
    """A lock that is held is an error at once: who waits in the event loop's thread keeps everybody waiting."""
    _configure(connection, 0)


def _configure(connection: sqlite3.Connection, busy_timeout: int) -> None:
    connection.isolation_level = "IMMEDIATE"
    for pragma in (
        f"busy_timeout={busy_timeout}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def migrate_now(sync_url: str, revision: str = "head") -> None:
    """Run the migrations up to a revision, in this thread."""
    # Most starts find nothing to do; then nobody waits for Alembic to be imported.
    from alembic import command
    from alembic.config import Config

    engine = create_engine(sync_url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", configure_sqlite)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    try:
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
    finally:
        engine.dispose()


async def migrate(database: Database) -> None:
    """Bring the schema to the latest revision; one process at a time on PostgreSQL, a no-op when it is there already.

    A schema that is ahead is left alone: migrations are forward-safe, so a process of the last version may go on.
    """
    if await current_revision(database) < latest_revision():
        await asyncio.to_thread(migrate_now, database.sync_url)


async def create(database: Database) -> None:
    """Make the latest schema in an empty database at once, without Alembic and its steps."""
    async with database.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        await connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
        await connection.exec_driver_sql("INSERT INTO alembic_version VALUES (?)", (latest_revision(),))


async def current_revision(database: Database) -> str:
    """The schema's revision; empty before the first migration."""
    async with database.engine.connect() as connection:
        if not await connection.run_sync(lambda sync: inspect(sync).has_table("alembic_version")):
            return ""
        return (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar_one_or_none() or ""
