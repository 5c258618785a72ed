"""Between the state ref and an export: the way from workflow runs to a server, and back.

The repository is reached as the operator's own git reaches it. Stop the workflow (or the service) first: what it does
after the export stays behind.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from bot.noserver import database
from bot.noserver.books import Books
from bot.noserver.desk import migrated
from bot.noserver.reach import REF
from bot.noserver.ref import StateRef
from bot.noserver.state import KeyState
from bot.operate.archive import export_to, import_from
from bot.operate.session import UsageError
from bot.store.database import create, latest_revision, open_database


async def export_state(url: str, file: Path) -> int:
    """Write what the repository's state holds as an export; how many rows. Raises StateError, UsageError."""
    with tempfile.TemporaryDirectory() as folder:
        books = await _books(url, Path(folder))
        if not books.everything():
            raise UsageError(f"there is no state on {REF} of {url}")
        states: Iterable[KeyState] = books.everything()
        if books.is_of_another_version:
            states = (await asyncio.to_thread(migrated, Path(folder), books.everything(), books.rows_revision)).values()
        opened = open_database(f"sqlite:///{folder}/export.db")
        try:
            await create(opened)
            await asyncio.to_thread(database.fill, opened.path, states)
            return await export_to(opened, file)
        finally:
            await opened.close()


async def import_state(url: str, file: Path) -> int:
    """Make an export the repository's state, which must be empty; how many rows. Raises StateError, UsageError."""
    with tempfile.TemporaryDirectory() as folder:
        books = await _books(url, Path(folder))
        if books.everything():
            raise UsageError(f"there is state on {REF} of {url} already; nothing was written")
        opened = open_database(f"sqlite:///{folder}/import.db")
        try:
            await create(opened)
            rows = await import_from(opened, file)
            await books.begin(await asyncio.to_thread(database.read, opened.path))
            return rows
        finally:
            await opened.close()


async def _books(url: str, folder: Path) -> Books:
    clock: Callable[[], float] = time.time
    books = Books(StateRef(folder / "state.git", url, None), "operator", latest_revision(), clock)
    await books.look()
    return books
