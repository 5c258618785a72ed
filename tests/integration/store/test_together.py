"""Reads where they are needed, and what becomes of them when the file is locked."""

import asyncio
import sqlite3
import threading

import pytest
from sqlalchemy import Connection, text

from bot.store.stores import Stores
from bot.store.together import Together

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def test_a_read_changes_no_thread(stores: Stores) -> None:
    def read(connection: Connection) -> tuple[int, str]:
        return connection.execute(text("SELECT count(*) FROM jobs")).scalar_one(), threading.current_thread().name

    assert await Together(stores.database).look(read) == (0, threading.current_thread().name)


async def test_a_read_of_a_locked_file_waits_in_a_thread_and_keeps_nobody_else_waiting(stores: Stores) -> None:
    database = stores.database
    assert database.here is not None
    with database.here.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 0, "it would stop the event loop"
    await database.engine.dispose()
    database.direct.dispose()
    database.here.dispose()
    other = sqlite3.connect(database.path, isolation_level=None)
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    other.execute("CREATE TABLE theirs (id INTEGER)")
    other.execute("COMMIT")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        sqlite3.connect(database.path, timeout=0).execute("SELECT count(*) FROM jobs")
    count = asyncio.create_task(
        Together(database).look(lambda connection: connection.execute(text("SELECT count(*) FROM jobs")).scalar_one())
    )
    for _ in range(20):
        await asyncio.sleep(0.01)
    assert not count.done()
    other.close()
    assert await asyncio.wait_for(count, 30) == 0
