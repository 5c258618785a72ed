"""Export and import: everything a service knows, as JSON lines. A backup, and the way from SQLite to PostgreSQL.

The engine's own records are not part of it: between tasks a job is nothing but its row, and an open event wakes it
wherever it is imported. The export is one consistent snapshot, taken while the service may be running; a move needs the
service stopped, or what it does after the export stays behind.
"""

import base64
import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, cast

from pydantic import JsonValue
from sqlalchemy import LargeBinary, Table, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.operate.session import UsageError
from bot.store.database import Database, current_revision
from bot.store.tables import Utc, daily_figures, effects, inbox, job_events, job_moves, jobs, module_calls

FORMAT = 1
TABLES: tuple[Table, ...] = (jobs, inbox, effects, module_calls, job_events, job_moves, daily_figures)
ROWS_AT_ONCE = 200


async def export_to(database: Database, path: Path) -> int:
    """Write the snapshot (compressed when the name ends in .gz); how many rows. An existing file is not replaced."""
    rows = 0
    revision = await current_revision(database)
    partial = path.with_name(path.name + ".part")
    if path.exists():  # noqa: ASYNC240 - a command, nobody else waits for this loop
        raise UsageError(f"{path} exists already; nothing was written")
    with _opened(partial, "w") as file:
        file.write(json.dumps({"skill_fleet_export": FORMAT, "revision": revision}) + "\n")
        async with database.engine.connect() as connection:
            await _begin_snapshot(connection)
            for table in TABLES:
                result = await connection.stream(select(table).order_by(*table.primary_key.columns))
                async for row in result.mappings():
                    file.write(json.dumps([table.name, {name: _plain(value) for name, value in row.items()}]) + "\n")
                    rows += 1
        file.write(json.dumps({"rows": rows}) + "\n")
    partial.rename(path)
    return rows


async def import_from(database: Database, path: Path) -> int:
    """Read an export into a database that has no jobs and events; all of it or nothing."""
    names = {table.name: table for table in TABLES}
    count, waiting, last = 0, dict[str, list[dict[str, object]]](), None
    async with database.engine.begin() as connection:
        for table in TABLES:
            if (await connection.execute(select(func.count()).select_from(table))).scalar_one():
                raise UsageError(f"the database is not empty: there are rows in {table.name}")
        with _opened(path, "r") as file, _readable(path):
            _check_header(file.readline(), await current_revision(database), path)
            for number, line in enumerate(file, start=2):
                last = _read(line, number, path)
                if isinstance(last, dict):
                    break
                name, values = _row(last, names, number, path)
                waiting.setdefault(name, []).append(values)
                count += 1
                if len(waiting[name]) >= ROWS_AT_ONCE:
                    await connection.execute(insert(names[name]), waiting.pop(name))
            if file.readline():
                raise UsageError(f"{path} goes on after its end: it is damaged; nothing was imported")
        if not isinstance(last, dict) or last.get("rows") != count:
            raise UsageError(f"{path} is cut off: it has {count} rows and no matching end; nothing was imported")
        for name, rows in waiting.items():
            await connection.execute(insert(names[name]), rows)
        if not database.is_sqlite:
            await _advance_sequences(connection)
    return count


def _row(line: JsonValue, names: Mapping[str, Table], number: int, path: Path) -> tuple[str, dict[str, object]]:
    """The table that a line is of, and its values as the database takes them."""
    match line:
        case [str(name), dict(values)] if name in names and values.keys() <= set(names[name].c.keys()):
            try:
                return name, _typed(names[name], values)
            except ValueError:  # no date, or no base64
                pass
    raise UsageError(f"{path}:{number}: this line is no row of an export: it is damaged; nothing was imported")


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Errors of what is read, not of opening it."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is damaged ({error}); nothing was imported") from None


async def _begin_snapshot(connection: AsyncConnection) -> None:
    """Everything read on this connection is of one moment."""
    if connection.dialect.name == "postgresql":
        await connection.execution_options(isolation_level="REPEATABLE READ")
    else:
        await connection.exec_driver_sql("BEGIN DEFERRED")
        await connection.exec_driver_sql("SELECT 1 FROM jobs LIMIT 1")


async def _advance_sequences(connection: AsyncConnection) -> None:
    for table in (table for table in TABLES if "id" in table.c):
        sequence = f"pg_get_serial_sequence('{table.name}', 'id')"
        await connection.execute(text(f"SELECT setval({sequence}, max(id)) FROM {table.name}"))  # noqa: S608 (constants)


def _plain(value: object) -> JsonValue:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    assert value is None or isinstance(value, str | int | float)
    return value


def _typed(table: Table, values: Mapping[str, JsonValue]) -> dict[str, object]:
    row: dict[str, object] = {}
    for name, value in values.items():
        kind = table.c[name].type
        if isinstance(value, str) and isinstance(kind, Utc):
            row[name] = datetime.fromisoformat(value)
        elif isinstance(value, str) and isinstance(kind, LargeBinary):
            row[name] = base64.b64decode(value, validate=True)
        else:
            row[name] = value
    return row


def _check_header(line: str, revision: str, path: Path) -> None:
    header = _read(line, 1, path)
    if not isinstance(header, dict) or header.get("skill_fleet_export") != FORMAT:
        raise UsageError(f"{path} is not an export of this program")
    if header.get("revision") != revision:
        raise UsageError(
            f"{path} was exported at revision {header.get('revision')}, the database is at {revision}: "
            "start this version once on the old database, then export again"
        )


def _read(line: str, number: int, path: Path) -> JsonValue:
    try:
        value: JsonValue = json.loads(line)
    except ValueError:
        raise UsageError(f"{path}:{number}: this line is not JSON; nothing was imported") from None
    return value


@contextmanager
def _opened(path: Path, mode: str) -> Iterator[IO[str]]:
    """Text, compressed by name; readable by its owner alone, for it holds what people wrote."""
    named = str(path).removesuffix(".part")
    try:
        if mode == "w":
            path.touch(mode=0o600)
        opened = gzip.open if named.endswith(".gz") else open
        file = opened(path, mode + "t", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot {'write' if mode == 'w' else 'read'} {named}: {error.strerror}") from None
    with file:
        yield cast(IO[str], file)
