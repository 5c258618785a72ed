"""Storing deliveries: the hottest path there is. All that wait at one time become durable in one transaction.

Talk that can concern no job (an organisation says it all day) is stored as done in the same transaction, so that nobody
is woken for it. On SQLite the whole transaction runs in one thread on a connection of its own: every hop between
threads costs more than the insert itself. Errors of the database are raised as SQLAlchemy's.
"""

import asyncio
import json
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Protocol

from sqlalchemy.exc import DBAPIError

from bot.store.database import Database, configure_sqlite
from bot.store.inbox import BEGINNING, COLUMNS, NO_JOB, Inbox, NewEvent, StoredEvent, batched, row_of, sqlite_time
from bot.store.turns import TurnTaking

ROWS_PER_INSERT = 64
_ROW = (*COLUMNS, "done_by", "done_at")
_OPEN = (None, None)
_NEWEST_AMONG = (
    "SELECT delivery, id FROM inbox WHERE delivery IN (SELECT value FROM json_each(?)) ORDER BY +id DESC LIMIT ?"
)
_OF_SOMEBODY = f"""
SELECT key FROM jobs WHERE key IN (SELECT value FROM json_each(?))
UNION ALL
SELECT key FROM inbox WHERE key IN (SELECT value FROM json_each(?)) AND done_by IS NULL AND event IN {BEGINNING}
"""  # noqa: S608 (constants)
QUERIES = (_NEWEST_AMONG, _OF_SOMEBODY)


class Intake(Protocol):
    """Where deliveries become durable."""

    async def add(self, events: Sequence[NewEvent]) -> list[StoredEvent]:
        """Store those that are not known yet, in order, all or none; returns those that were new."""

    async def close(self) -> None: ...


def intake_over(database: Database, inbox: Inbox) -> Intake:
    return SqliteIntake(str(database.path)) if database.is_sqlite else ServerIntake(inbox)


class ServerIntake:
    """Into PostgreSQL, through the pool that everybody uses."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    async def add(self, events: Sequence[NewEvent]) -> list[StoredEvent]:
        """A connection that breaks meanwhile (a restart, a failover) costs one more try. Had all been stored already,
        they are known then, and the sweeper finds them."""
        try:
            return await self._inbox.add_closing_orphans(events)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
        return await self._inbox.add_closing_orphans(events)

    async def close(self) -> None:
        """The pool is not ours."""


class SqliteIntake:
    """Into a SQLite file. Opens its connection at the first delivery, and a new one after an error."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="intake")
        self._connection: sqlite3.Connection | None = None
        self._inserts: dict[int, str] = {}

    async def add(self, events: Sequence[NewEvent]) -> list[StoredEvent]:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._add, events)
        except sqlite3.Error as error:
            raise DBAPIError.instance("INSERT INTO inbox", None, error, sqlite3.Error) from error

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
        self._thread.shutdown()

    def _add(self, events: Sequence[NewEvent]) -> list[StoredEvent]:
        by_delivery: dict[str, NewEvent] = {}
        for event in events:
            by_delivery.setdefault(event.delivery, event)
        connection = self.connected()
        try:
            connection.execute("BEGIN IMMEDIATE")
            stored = self._add_within(connection, list(by_delivery.values()))
            connection.commit()
        except BaseException:
            self._disconnect()  # whatever state it is in: the next delivery starts anew
            raise
        return stored

    def _add_within(self, connection: sqlite3.Connection, events: Sequence[NewEvent]) -> list[StoredEvent]:
        orphans = self._orphans(connection, events)
        closing = (NO_JOB, sqlite_time(datetime.now(UTC)))
        stored: list[StoredEvent] = []
        for some in batched(events, ROWS_PER_INSERT):
            values: list[object] = []
            for event in some:
                values += row_of(event, sqlite_time)
                values += closing if event.key in orphans and event.talk else _OPEN
            cursor = connection.execute(self._insert(len(some)), values)
            if cursor.rowcount == len(some) and cursor.lastrowid is not None:
                first = cursor.lastrowid - len(some) + 1  # nobody else writes meanwhile: the ids follow each other
                ids = {event.delivery: id_ for id_, event in enumerate(some, first)}
            else:
                deliveries = json.dumps([event.delivery for event in some])
                ids = dict(connection.execute(_NEWEST_AMONG, (deliveries, cursor.rowcount)).fetchall())
            stored += [
                StoredEvent(id_, event.key, event, closed=event.talk and event.key in orphans)
                for event in some
                if (id_ := ids.get(event.delivery)) is not None
            ]
        return stored

    def _insert(self, count: int) -> str:
        """Many rows in one statement: between two statements the thread has to ask for the interpreter again."""
        if count not in self._inserts:
            row = f"({', '.join('?' * len(_ROW))})"
            self._inserts[count] = (
                f"INSERT INTO inbox ({', '.join(_ROW)}) VALUES {', '.join([row] * count)} "  # noqa: S608 (constants)
                "ON CONFLICT (delivery) DO NOTHING"
            )
        return self._inserts[count]

    @staticmethod
    def _orphans(connection: sqlite3.Connection, events: Sequence[NewEvent]) -> set[str]:
        """Keys of talk that have neither a job nor an event that may begin one."""
        talk = {event.key for event in events if event.talk}
        if not talk:
            return talk
        keys = json.dumps(list(talk))
        known = connection.execute(_OF_SOMEBODY, (keys, keys)).fetchall()
        return talk - {key for (key,) in known} - {event.key for event in events if event.event in BEGINNING}

    def connected(self) -> sqlite3.Connection:
        """The connection, opened when there is none."""
        if self._connection is None:
            connection = sqlite3.connect(self._path, factory=TurnTaking, check_same_thread=False)
            configure_sqlite(connection)
            connection.isolation_level = None  # the transaction is spelt out here
            connection.goes_first = True
            self._connection = connection
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
