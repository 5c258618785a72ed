"""The migrations make exactly the schema that the tables describe, on both databases, and can be run at any time."""

import asyncio
import itertools
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Connection, MetaData, create_engine, delete, insert, select, text, update

from bot.store.database import MIGRATIONS, current_revision, latest_revision, migrate, migrate_now, open_database
from bot.store.stores import Stores
from bot.store.tables import metadata


def _ours(connection: Connection) -> list[object]:
    def is_ours(thing: object, name: str | None, kind: str, *_: object) -> bool:
        return kind != "table" or name in metadata.tables

    context = MigrationContext.configure(connection, opts={"include_object": is_ours, "compare_type": True})
    return list(compare_metadata(context, metadata))


async def test_the_migrated_schema_is_the_one_the_tables_describe(stores: Stores) -> None:
    async with stores.database.engine.connect() as connection:
        assert await connection.run_sync(_ours) == []


@pytest.mark.postgres
async def test_several_processes_may_migrate_at_once(postgres_url: str) -> None:
    program = (
        "import asyncio, sys; from bot.store.database import migrate, open_database; "
        "asyncio.run(migrate(open_database(sys.argv[1])))"
    )
    root = Path(__file__).parents[3]
    running = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", program, postgres_url, cwd=root) for _ in range(3)
    ]
    assert [await process.wait() for process in running] == [0, 0, 0]
    database = open_database(postgres_url)
    assert await current_revision(database) == latest_revision()
    await migrate(database)
    await database.close()


def test_the_latest_revision_is_the_head_of_one_line_of_migrations() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    script = ScriptDirectory.from_config(config)
    assert script.get_heads() == [latest_revision()]
    for revision in script.walk_revisions():
        assert Path(revision.path).name.startswith(f"{revision.revision}_")


def _value(column: Column[Any], number: int) -> object:
    """Something that fits the column."""
    match column.type.python_type:
        case kind if kind is int:
            return number
        case kind if kind is bytes:
            return b"{}"
        case kind if kind is datetime:
            return datetime.now(UTC)
        case kind if kind is float:
            return 0.5
        case kind if kind is bool:
            return False
    return f"{number}"


class OldProcess:
    """Writes and reads every table as a process of the last version does: by the columns that it knows."""

    def __init__(self, url: str) -> None:
        # No statement may be held up for longer than a person or GitHub would wait.
        options = {"connect_args": {"options": "-c statement_timeout=8000"}}
        self.engine = create_engine(url, **options)
        self._known = MetaData()
        self._known.reflect(self.engine)
        self.rounds = 0

    def round(self) -> None:
        for table in self._known.sorted_tables:
            if table.name == "alembic_version":
                continue
            number = 1_000 + self.rounds
            row = {column.name: _value(column, number) for column in table.columns}
            same = [column == row[column.name] for column in table.primary_key]
            with self.engine.begin() as connection:
                connection.execute(insert(table).values(row))
                connection.execute(update(table).where(*same).values(row))
            with self.engine.connect() as connection:
                assert len(connection.execute(select(table).where(*same)).all()) == 1
            if self.rounds % 2:
                with self.engine.begin() as connection:
                    connection.execute(delete(table).where(*same))
        self.rounds += 1


def _steps() -> list[tuple[str, str]]:
    names = sorted(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
    return list(itertools.pairwise(names))


@pytest.mark.postgres
@pytest.mark.parametrize(("before", "after"), _steps())
def test_a_process_of_the_last_version_goes_on_while_the_next_migrates(
    postgres_url: str, before: str, after: str
) -> None:
    url = open_database(postgres_url).sync_url
    migrate_now(url, before)
    old = OldProcess(url)
    old.round()
    migrated = threading.Event()

    def work() -> None:
        while not migrated.is_set():
            old.round()

    with ThreadPoolExecutor(1) as thread:
        working = thread.submit(work)
        try:
            migrate_now(url, after)
        finally:
            migrated.set()
        working.result(60)
    done = old.rounds
    old.round()
    old.round()
    assert old.rounds == done + 2
    old.engine.dispose()


@pytest.mark.postgres
def test_a_migration_that_has_to_wait_lets_the_old_process_write_meanwhile(postgres_url: str) -> None:
    url = open_database(postgres_url).sync_url
    migrate_now(url, "0001")
    old, watching = OldProcess(url), create_engine(url)
    old.round()
    waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    with ThreadPoolExecutor(1) as thread:
        with old.engine.connect() as reading:  # a backup, or a query that takes its time
            reading.execute(text("SELECT count(*) FROM jobs"))
            migrating = thread.submit(migrate_now, url, "head")
            with watching.connect() as look:
                while not look.execute(waits).scalar_one():
                    assert not migrating.done(), migrating.result()
                    look.rollback()
                old.round()
                old.round()
            assert not migrating.done()
        migrating.result(60)
    old.round()
    for engine in (old.engine, watching):
        engine.dispose()
