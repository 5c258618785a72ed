"""Writers of one SQLite file take turns inside the process instead of polling SQLite's lock.

SQLite has no queue: a writer that finds the file locked sleeps up to 100 ms and tries again, so under load whoever
answers deliveries starves behind many short writes. All writers live in this process (a file lock sees to that), so
they queue here, first come first served, and SQLite's own lock is free when it is their turn. The intake goes first:
somebody waits for its answer, and as it is one writer, every second turn at least is another's. Whoever writes much in
one turn can see that it waits, and leave the rest for the next turn. Other programs that write to the file (an
operator's command) are still kept out by SQLite itself.
"""

import sqlite3
import threading
from collections import deque
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection

PATIENCE_SECONDS = 30.0
_WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE", "BEGIN", "CREATE", "DROP", "ALTER")


class Turns:
    """A fair lock that any thread may release."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._held = False
        self._waiting: deque[threading.Lock] = deque()
        self.wanted = False
        """Does the one who goes first wait?"""

    def take(self, patience: float = PATIENCE_SECONDS, *, next_turn: bool = False) -> bool:
        """Wait for the turn, or only for the one that is under way; False when it did not come in time."""
        with self._mutex:
            if not self._held:
                self._held = True
                return True
            mine = threading.Lock()
            mine.acquire()
            if next_turn:
                self._waiting.appendleft(mine)
                self.wanted = True
            else:
                self._waiting.append(mine)
        if mine.acquire(timeout=patience):
            return True
        with self._mutex:
            if mine in self._waiting:
                self._waiting.remove(mine)
                self.wanted = self.wanted and not next_turn
                return False
        return True  # it came in the very moment the patience ended

    def give(self) -> None:
        """End the turn; the one who waits longest is next."""
        with self._mutex:
            if self._waiting:
                self.wanted = False
                self._waiting.popleft().release()
            else:
                self._held = False


_turns: dict[str, Turns] = {}
_turns_mutex = threading.Lock()


def turns_of(database: str) -> Turns:
    """The turns of this file; the same for every connection to it."""
    with _turns_mutex:
        return _turns.setdefault(database, Turns())


class TurnTaking(sqlite3.Connection):
    """Connection factory: takes the turn before a transaction that writes, gives it back after commit or rollback."""

    goes_first = False

    def __init__(self, database: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(database, *args, **kwargs)
        self._turns = turns_of(str(database))
        self._has_turn = False

    def cursor(self, factory: Any = None) -> Any:
        return super().cursor(factory or _TurnTakingCursor)

    def execute(self, statement: str, *args: Any) -> sqlite3.Cursor:
        cursor: sqlite3.Cursor = self.cursor()  # the inherited shortcut goes past the cursor's own method
        return cursor.execute(statement, *args)

    def executemany(self, statement: str, *args: Any) -> sqlite3.Cursor:
        cursor: sqlite3.Cursor = self.cursor()
        return cursor.executemany(statement, *args)

    def commit(self) -> None:
        super().commit()
        self.give_turn()

    def rollback(self) -> None:
        try:
            super().rollback()
        finally:
            self.give_turn()

    def close(self) -> None:
        """Ends its transaction first: SQLite keeps a closed connection, and its lock, as long as a cursor of it lives
        on somewhere, as it does in the traceback of a task that was cancelled while it wrote."""
        try:
            with suppress(sqlite3.ProgrammingError):  # closed already
                super().rollback()
            super().close()
        finally:
            self.give_turn()

    def take_turn(self, statement: str) -> None:
        if self._has_turn or self.in_transaction or not statement.lstrip()[:8].upper().startswith(_WRITES):
            return
        if not self._turns.take(next_turn=self.goes_first):
            raise sqlite3.OperationalError("database is locked: another writer of this process did not finish")
        self._has_turn = True

    @property
    def is_wanted(self) -> bool:
        """Does the one who goes first wait for this connection's turn to end?"""
        return self._has_turn and self._turns.wanted

    def give_turn(self) -> None:
        if self._has_turn:
            self._has_turn = False
            self._turns.give()

    def give_turn_when_idle(self) -> None:
        """Statements that commit by themselves, and those that failed before a transaction began."""
        if self._has_turn and not self.in_transaction:
            self.give_turn()


def others_first(connection: Connection) -> bool:
    """Should a transaction that could end here do so, and go on in the next one? Never on a server."""
    driver = connection.connection.driver_connection
    return isinstance(driver, TurnTaking) and driver.is_wanted


class _TurnTakingCursor(sqlite3.Cursor):
    connection: TurnTaking

    def execute(self, statement: str, *args: Any) -> "_TurnTakingCursor":
        self.connection.take_turn(statement)
        try:
            super().execute(statement, *args)
        finally:
            self.connection.give_turn_when_idle()
        return self

    def executemany(self, statement: str, *args: Any) -> "_TurnTakingCursor":
        self.connection.take_turn(statement)
        try:
            super().executemany(statement, *args)
        finally:
            self.connection.give_turn_when_idle()
        return self
