"""The migrations make exactly the schema that the tables describe, on both databases, and can be run at any time."""

import asyncio
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from bot.store.database import MIGRATIONS, current_revision, latest_revision, migrate, open_database
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
