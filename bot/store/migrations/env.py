"""How Alembic runs here: always on the connection it is given, in one transaction, one process at a time.

On PostgreSQL whoever waits to have a table alone makes everybody behind it wait, too. So a migration waits a second,
lets the others write, and tries again; one long query of an old process delays the migration and nothing else.
"""

import time

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from bot.store.tables import metadata

MIGRATION_LOCK = 7_318_004_226  # any constant; PostgreSQL instances that start together take turns
TRIES = 120
LOCK_NOT_AVAILABLE = "55P03"


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    for attempt in range(1, TRIES + 1):
        try:
            with context.begin_transaction():
                if connection.dialect.name == "postgresql":
                    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
                    connection.execute(text("SET LOCAL lock_timeout = '1s'"))
                context.run_migrations()
            return
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", "") != LOCK_NOT_AVAILABLE or attempt == TRIES:
                raise
        time.sleep(1)


run(context.config.attributes["connection"])
