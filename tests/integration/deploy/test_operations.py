"""What docs/operations.md tells operators to type does what it says."""

import re
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from bot.cli import COMMANDS
from bot.store.database import open_database
from bot.store.inbox import NewEvent
from bot.store.stores import Stores

DOCS = Path(__file__).parents[3] / "docs"
OPERATIONS = (DOCS / "operations.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", ["operations.md", "setup.md", "configuration.md"])
def test_every_command_in_the_pages_exists(page: str) -> None:
    words = (DOCS / page).read_text(encoding="utf-8")
    quoted = "\n".join(re.findall(r"`[^`\n]+`|^skill-fleet .*", words, re.MULTILINE))
    commands = set(re.findall(r"skill-fleet ([a-z]+)", quoted))
    assert commands
    assert commands <= set(COMMANDS)


def statements() -> list[str]:
    return [block.strip() for block in re.findall(r"```sql\n(.*?)```", OPERATIONS, re.DOTALL)]


async def test_events_that_were_set_aside_can_be_looked_at_and_opened_again(database_url: str) -> None:
    stores = Stores.over(open_database(database_url))
    try:
        await stores.migrate()
        await stores.inbox.add([NewEvent(delivery="d-1", key="1:2", event="issues", action="labeled", body=b"{}")])
        await stores.inbox.set_aside("1:2", 10, "broken", datetime.now(UTC))
        look, reopen = statements()
        async with stores.database.engine.begin() as connection:
            (found,) = (await connection.execute(text(look))).all()
            assert found.error == "broken"
            assert (await connection.execute(text(reopen))).rowcount == 1
            assert (await connection.execute(text(look))).all() == []
        backlog = await stores.inbox.backlog()
        assert (backlog.open, backlog.set_aside) == (1, 0)
    finally:
        await stores.database.close()


def test_the_backup_of_sqlite_is_whole_while_somebody_writes(tmp_path: Path) -> None:
    (command,) = re.findall(r'^python -c "(.*)"$', OPERATIONS, re.MULTILINE)
    writer = sqlite3.connect(tmp_path / "skill-fleet.db")
    writer.execute("PRAGMA journal_mode=WAL")
    writer.execute("CREATE TABLE t (n INTEGER)")
    writer.execute("INSERT INTO t VALUES (1)")
    writer.commit()
    writer.execute("INSERT INTO t VALUES (2)")
    subprocess.run([sys.executable, "-c", command.replace('\\"', '"')], cwd=tmp_path, check=True, timeout=30)
    writer.commit()
    writer.close()
    backup = sqlite3.connect(tmp_path / "backup.db")
    assert backup.execute("SELECT n FROM t").fetchall() == [(1,)]
    backup.close()
