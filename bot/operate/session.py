"""Opening the service's database from another process: no webhook secret needed, the service may be running."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine

from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from bot.settings import SettingsError, load_database_url
from bot.store.database import DatabaseError, current_revision, latest_revision, open_database
from bot.store.stores import Stores

_WIDE = 4_000
_LARGEST = 2**63 - 1
"""That a database holds."""


class UsageError(Exception):
    """What the operator asked for cannot be done; the text says why."""


def number(text: str) -> int:
    """An argument that counts or names a row. Raises what argparse says with the argument's name."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:20]) <= _LARGEST):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no number from 1 to {_LARGEST}")
    return int(text)


def add_database(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--database", metavar="URL", help="the service's database (SKILL_FLEET_DATABASE_URL)")


def print_table(table: Table) -> None:
    """As wide as the terminal; into a file or a pipe nothing is cut."""
    Console(width=None if sys.stdout.isatty() else _WIDE).print(table)


def run_with_stores(
    arguments: argparse.Namespace, work: Callable[[Stores], Awaitable[None]], *, make: bool = False
) -> int:
    """Exit status: 0 done, 2 not possible (said on standard error). `make`: set a database up that has nothing yet."""
    return run_quietly(arguments, lambda: _with_stores(arguments.database, work, make))


def run_quietly(arguments: argparse.Namespace, work: Callable[[], Coroutine[object, object, None]]) -> int:
    """What an operator asked for, without a traceback. Exit status as above."""
    try:
        asyncio.run(work())
    except (UsageError, SettingsError, DatabaseError) as error:
        reason = str(error)
    except (SQLAlchemyError, OSError) as error:
        reason = str(getattr(error, "orig", None) or error)
    else:
        return 0
    sys.stderr.write(f"skill-fleet {arguments.command}: {reason}\n")
    return 2


async def _with_stores(url: str | None, work: Callable[[Stores], Awaitable[None]], make: bool) -> None:
    stores = Stores.over(open_database(load_database_url(url)))
    try:
        if make and not await current_revision(stores.database):
            await stores.migrate()
        if stores.database.is_sqlite and not stores.database.path.exists():
            raise UsageError(f"there is no database at {stores.database.path}; name it with --database")
        have, want = await current_revision(stores.database), latest_revision()
        if have != want:
            raise UsageError(
                f"the database is at revision {have or 'nothing'}, this program knows {want}: "
                "start the service of this version once, or use the program of the other version"
            )
        await work(stores)
    finally:
        await stores.database.close()
