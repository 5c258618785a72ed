"""Writers of one SQLite file take turns."""

import asyncio
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from bot.store.database import open_database
from bot.store.together import Batch, Together
from bot.store.turns import Turns, TurnTaking


@pytest.fixture
def path(tmp_path: Path) -> str:
    path = str(tmp_path / "x.db")
    with connect(path) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE t (n INTEGER UNIQUE)")
    return path


def connect(path: str) -> TurnTaking:
    connection = sqlite3.connect(path, factory=TurnTaking, check_same_thread=False, isolation_level="IMMEDIATE")
    connection.execute("PRAGMA busy_timeout=0")  # whoever meets SQLite's own lock fails at once
    assert isinstance(connection, TurnTaking)
    return connection


def test_many_writers_never_meet_a_locked_file(path: str) -> None:
    errors: list[Exception] = []
    # Whoever closes the file last clears its log away under a lock of its own: here that is not one of the writers.
    open_throughout = connect(path)
    open_throughout.execute("SELECT count(*) FROM t").fetchall()

    def write(worker: int) -> None:
        connection = connect(path)
        try:
            for n in range(50):
                connection.execute("INSERT INTO t VALUES (?)", (worker * 1_000 + n,))
                connection.execute("UPDATE t SET n = n WHERE n = ?", (n,))
                connection.commit() if n % 5 else connection.rollback()
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert open_throughout.execute("SELECT count(*) FROM t").fetchone() == (8 * 40,)


def test_the_intake_waits_for_one_writer_at_most_and_the_others_keep_their_order() -> None:
    turns, order = Turns(), list[str]()
    assert turns.take()

    def write(name: str, next_turn: bool) -> None:
        turns.take(next_turn=next_turn)
        order.append(name)
        turns.give()

    writers = []
    for position, (name, next_turn) in enumerate([("first", False), ("second", False), ("intake", True)]):
        writers.append(threading.Thread(target=write, args=(name, next_turn)))
        writers[-1].start()
        while len(turns._waiting) <= position:
            time.sleep(0)
    turns.give()
    for writer in writers:
        writer.join(30)
    assert order == ["intake", "first", "second"]


@pytest.mark.parametrize("end", ["commit", "rollback", "close"])
def test_the_turn_ends_with_the_transaction(path: str, end: str) -> None:
    first, second = connect(path), connect(path)
    first.execute("INSERT INTO t VALUES (1)")
    getattr(first, end)()
    second.execute("INSERT INTO t VALUES (2)")
    second.commit()


def test_a_statement_that_fails_keeps_nobody_waiting(path: str) -> None:
    first, second = connect(path), connect(path)
    first.execute("INSERT INTO t VALUES (1)")
    first.commit()
    with pytest.raises(sqlite3.OperationalError):
        first.execute("INSERT INTO nowhere VALUES (1)")
    with pytest.raises(sqlite3.IntegrityError):
        first.execute("INSERT INTO t VALUES (1)")
    first.rollback()
    second.execute("INSERT INTO t VALUES (2)")
    second.commit()


def test_readers_need_no_turn(path: str) -> None:
    writer, reader = connect(path), connect(path)
    writer.execute("INSERT INTO t VALUES (1)")
    assert reader.execute("SELECT count(*) FROM t").fetchone() == (0,)
    writer.commit()


def test_who_waits_longest_is_next_and_patience_ends() -> None:
    turns = Turns()
    assert turns.take()
    assert not turns.take(patience=0.01)
    order: list[int] = []
    started = threading.Barrier(2)

    def wait(n: int) -> None:
        started.wait()
        assert turns.take()
        order.append(n)
        turns.give()

    threads = []
    for n in range(3):
        threads.append(threading.Thread(target=wait, args=(n,)))
        threads[-1].start()
        started.wait()
        while len(turns._waiting) <= n:
            time.sleep(0)
    turns.give()
    for thread in threads:
        thread.join(5)
    assert order == [0, 1, 2]


def test_a_closed_connection_holds_no_lock_though_a_cursor_of_it_lives_on(path: str) -> None:
    cancelled = connect(path)
    cursor = cancelled.execute("INSERT INTO t VALUES (1) RETURNING n")
    cancelled.close()
    other = connect(path)
    other.execute("INSERT INTO t VALUES (2)")
    other.commit()
    assert other.execute("SELECT n FROM t").fetchall() == [(2,)]
    cancelled.close()
    assert cursor is not None
    other.close()


async def test_writes_that_share_a_turn_leave_the_rest_for_the_next_one_when_the_intake_waits(path: str) -> None:
    database = open_database(f"sqlite:///{path}")
    together, order = Together(database), list[str]()
    shared: list[Batch] = []

    def store() -> None:
        connection = connect(path)
        connection.goes_first = True
        connection.execute("INSERT INTO t VALUES (100)")
        order.append("delivery")
        connection.commit()
        connection.close()

    delivery = threading.Thread(target=store)

    def write(number: int, batch: Batch) -> None:
        batch.connection.exec_driver_sql("INSERT INTO t VALUES (?)", (number,))
        order.append(str(number))
        shared.append(batch)
        if number == 2:
            delivery.start()
            while not batch.connection.connection.driver_connection.is_wanted:
                time.sleep(0.001)

    await asyncio.gather(*(together.write(lambda batch, number=number: write(number, batch)) for number in range(1, 5)))
    delivery.join()
    assert order == ["1", "2", "delivery", "3", "4"]
    assert [batch is shared[0] for batch in shared] == [True, True, False, False]
    await database.close()
