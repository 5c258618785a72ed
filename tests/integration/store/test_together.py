"""Reads where they are needed, and what becomes of them when the file is locked."""

import asyncio
import sqlite3
import threading

import pytest
from sqlalchemy import Connection, event, text

from bot.store import together as module
from bot.store.stores import Stores
from bot.store.together import Batch, Together

_INSERT = text("INSERT INTO steps (task, name, record, created_at) VALUES (:task, 'save:0', '{}', '2026-01-01')")

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


async def test_writes_that_come_within_a_moment_while_much_is_written_share_a_transaction(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "QUIET", 600)
    monkeypatch.setattr(module, "MOMENT", 1)
    together, commits = Together(stores.database), list[object]()
    together._ended = asyncio.get_running_loop().time()
    event.listen(stores.database.direct, "commit", commits.append)

    async def write(number: int) -> int:
        def work(batch: Batch) -> int:
            batch.connection.execute(_INSERT, {"task": f"ev:{number}"})
            return number

        return await together.write(work)

    first = asyncio.create_task(write(1))
    for _ in range(5):
        await asyncio.sleep(0)
    assert await asyncio.gather(first, write(2)) == [1, 2]
    assert len(commits) == 1


async def test_a_write_that_comes_alone_waits_for_nobody(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUIET", 0)
    monkeypatch.setattr(module, "MOMENT", 600)
    together = Together(stores.database)
    for number in range(2):
        async with asyncio.timeout(60):
            assert await together.write(lambda batch, number=number: number) == number  # type: ignore[misc]
