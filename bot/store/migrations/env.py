"""How Alembic runs here: always on the connection it is given, in one transaction, one process at a time."""

from alembic import context
from sqlalchemy import Connection, text

from bot.store.tables import metadata

MIGRATION_LOCK = 7_318_004_226  # any constant; PostgreSQL instances that start together take turns


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
        context.run_migrations()


run(context.config.attributes["connection"])
