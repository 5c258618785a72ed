"""History for people who watch: status changes of a job, figures by day, how good a draft was.

Forward-safe: what is new is nullable or a table of its own, so a process of the last version may go on writing.
"""

import sqlalchemy as sa
from alembic import op

from bot.store.tables import Utc

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

WAITS = "waiting_since IS NOT NULL"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("status_since", Utc(), nullable=True))
    op.add_column("jobs", sa.Column("draft", sa.String(length=64), nullable=True))
    op.add_column("jobs", sa.Column("quality", sa.Float(), nullable=True))
    op.add_column("job_events", sa.Column("measured", sa.Text(), nullable=True))
    op.drop_index("ix_jobs_updated_at", table_name="jobs")
    op.create_index("ix_jobs_recent", "jobs", ["updated_at", "status", "key"])
    op.create_index("ix_jobs_repository_recent", "jobs", ["owner", "name", "updated_at", "status", "key"])
    op.create_index(
        "ix_jobs_waiting",
        "jobs",
        ["waiting_since", "status", "key"],
        sqlite_where=sa.text(WAITS),
        postgresql_where=sa.text(WAITS),
    )
    op.create_table(
        "job_moves",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("job_key", sa.String(length=80), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("status", sa.String(length=30), nullable=False),
        sa.Column("phase", sa.String(length=30), nullable=False),
        sa.Column("checkpoint", sa.String(length=30), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("job_key", "number", name=op.f("uq_job_moves_job_key_number")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "daily_figures",
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("figure", sa.String(length=30), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("amount", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("day", "figure", "name"),
    )


def downgrade() -> None:
    op.drop_table("daily_figures")
    op.drop_table("job_moves")
    op.drop_index("ix_jobs_waiting", table_name="jobs")
    op.drop_index("ix_jobs_repository_recent", table_name="jobs")
    op.drop_index("ix_jobs_recent", table_name="jobs")
    op.create_index("ix_jobs_updated_at", "jobs", ["updated_at"])
    op.drop_column("job_events", "measured")
    for name in ("quality", "draft", "status_since"):
        op.drop_column("jobs", name)
