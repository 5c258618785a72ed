"""`skill-fleet serve`: settings, logs, the service, until SIGTERM. Exit 0: stopped, 2: refused, 75: start again."""

import argparse
import logging
import os
import sys

from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from bot.app import Compose, create_app
from bot.engine.dispatcher import Schedule
from bot.engine.lock import LockedError
from bot.garbage import keep_for_good
from bot.logs import configure_logs
from bot.settings import Settings, SettingsError, load, unknown_variables
from bot.store.database import DatabaseError

EXIT_LEASE_LOST = 75
"""EX_TEMPFAIL: start it again."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", help="address to listen on (SKILL_FLEET_HOST)")
    parser.add_argument("--port", type=int, help="port to listen on (SKILL_FLEET_PORT)")


def run(args: argparse.Namespace) -> int:
    from bot.compose import compose

    return serve(args, compose)


def serve(args: argparse.Namespace, compose: Compose, schedule: Schedule | None = None) -> int:
    """Run until a signal says stop. `compose` builds what advances jobs."""
    overrides = {name: value for name in ("host", "port") if (value := getattr(args, name, None)) is not None}
    try:
        settings = load(**overrides)
    except SettingsError as error:
        return _refuse(str(error))
    for name in unknown_variables():
        print(f"skill-fleet serve: {name} is not a setting; it is ignored", file=sys.stderr)  # noqa: T201
    configure_logs(settings.log_level, settings.log_format)
    try:
        app = create_app(settings, compose, schedule=schedule, lost=_end_at_once)
        app.on_startup.append(_started)
        web.run_app(
            app,
            host=settings.host,
            port=settings.port,
            access_log=None,
            print=None,
            shutdown_timeout=settings.drain_seconds,
        )
    except (LockedError, DatabaseError, SettingsError) as error:
        return _refuse(str(error))
    except (SQLAlchemyError, OSError) as error:
        return _refuse(_explain(settings, error))
    return 0


async def _started(_app: web.Application) -> None:
    """Last of what starts: everything that stays has been made."""
    keep_for_good()


def _end_at_once() -> None:
    """Others do our work by now. Everything is in the database; a supervisor starts us again."""
    sys.stderr.write(
        "skill-fleet serve: this process was silent for longer than SKILL_FLEET_LEASE_SECONDS and others took over "
        "its work; it ends so that nothing is done twice\n"
    )
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(EXIT_LEASE_LOST)


def _explain(settings: Settings, error: Exception) -> str:
    reason = str(getattr(error, "orig", None) or error)
    if isinstance(error, SQLAlchemyError):
        return f"SKILL_FLEET_DATABASE_URL: the database cannot be used: {reason}"
    return f"cannot listen on {settings.host}:{settings.port}: {reason}"


def _refuse(reason: str) -> int:
    print(f"skill-fleet serve: {reason}", file=sys.stderr)  # noqa: T201
    return 2
