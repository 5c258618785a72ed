"""Between the state's rows and a SQLite file with the service's own schema. Raw values: a row survives any version.

A state written by an older version is filled into a database of that version, which is then migrated like any other.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path

from bot.noserver.state import IDENTITY, KEY_COLUMN, KeyState, Row, StateError, bytes_of, text_of
from bot.store.database import BUSY_TIMEOUT_MS

_BYTES = {("inbox", "body")}
_LOCAL_IDS = frozenset({"effects", "module_calls", "job_events", "job_moves"})
"""Tables whose ids nobody refers to; they are given anew."""


def fill(database: Path, states: Iterable[KeyState]) -> None:
    """Insert every row. The schema is there, and none of the rows."""
    with closing(_open(database)) as connection, connection:
        for state in states:
            _insert(connection, state)


def replace(database: Path, state: KeyState) -> None:
    """The key's rows are these, whatever was there."""
    with closing(_open(database)) as connection, connection:
        for table, column in KEY_COLUMN.items():
            connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (state.key,))  # noqa: S608 (constants)
        _insert(connection, state)


def add(database: Path, table: str, rows: Iterable[Row]) -> None:
    """Insert rows that are not known yet."""
    with closing(_open(database)) as connection, connection:
        for row in rows:
            _insert_row(connection, table, row, "INSERT OR IGNORE")


def read(database: Path, keys: Iterable[str] | None = None) -> dict[str, KeyState]:
    """The rows of these keys, or of all; a key without rows is an empty state when it was asked for."""
    wanted = None if keys is None else set(keys)
    found: dict[str, dict[str, list[Row]]] = {key: {} for key in wanted or ()}
    with closing(_open(database)) as connection:
        connection.execute("BEGIN")  # one moment for all tables
        for table, column in KEY_COLUMN.items():
            for row in connection.execute(f"SELECT * FROM {table} ORDER BY rowid"):  # noqa: S608 (constants)
                key = row[column]
                if wanted is None or key in wanted:
                    found.setdefault(key, {}).setdefault(table, []).append(_shown(table, row))
    return {key: KeyState(key, {table: tuple(rows) for table, rows in tables.items()}) for key, tables in found.items()}


def reserve_ids(database: Path, first: int) -> None:
    """From now on inbox rows get ids from `first` on (or above those that are there)."""
    with closing(_open(database)) as connection, connection:
        (highest,) = connection.execute("SELECT coalesce(max(id), 0) FROM inbox").fetchone()
        connection.execute("DELETE FROM sqlite_sequence WHERE name = 'inbox'")
        connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('inbox', ?)", (max(first - 1, highest),))


def move_to_end(database: Path, delivery: str) -> None:
    """An open inbox row takes its turn after those that were found to be older."""
    with closing(_open(database)) as connection, connection:
        connection.execute(
            "UPDATE inbox SET id = (SELECT max(id) + 1 FROM inbox) WHERE delivery = ? AND done_by IS NULL", (delivery,)
        )


def _open(database: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(database, timeout=BUSY_TIMEOUT_MS / 1000)
    connection.row_factory = sqlite3.Row
    return connection


def _insert(connection: sqlite3.Connection, state: KeyState) -> None:
    for table in IDENTITY:
        for row in state.of(table):
            _insert_row(connection, table, row, "INSERT")


def _insert_row(connection: sqlite3.Connection, table: str, row: Mapping[str, object], verb: str) -> None:
    values = {
        name: bytes_of(value) if (table, name) in _BYTES and isinstance(value, str) else value
        for name, value in row.items()
    }
    if not all(name.isidentifier() for name in values):
        raise StateError(f"a row of {table} in the state has columns that no version of this program wrote")
    names = ", ".join(values)
    marks = ", ".join("?" * len(values))
    connection.execute(f"{verb} INTO {table} ({names}) VALUES ({marks})", tuple(values.values()))


def _shown(table: str, row: sqlite3.Row) -> Row:
    shown: Row = {}
    for name in row.keys():  # noqa: SIM118 - iterating a sqlite3.Row gives its values
        value = row[name]
        if value is None or (table in _LOCAL_IDS and name == "id"):
            continue
        shown[name] = text_of(value) if isinstance(value, bytes) else value
    return shown
