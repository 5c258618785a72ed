"""Jobs, inbox, effects, module calls, job events, instances"""

import sqlalchemy as sa
from alembic import op

from bot.store.tables import Utc

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TALK = "event IN ('issue_comment', 'pull_request_review', 'pull_request_review_comment')"


def upgrade() -> None:
    op.create_table(
        "effects",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("job_key", sa.String(length=80), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("remote_id", sa.BigInteger(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("updated_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("job_key", "key", name=op.f("uq_effects_job_key_key")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "inbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("delivery", sa.String(length=120), nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("event", sa.String(length=60), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("repo_id", sa.BigInteger(), nullable=True),
        sa.Column("installation_id", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", Utc(), nullable=False),
        sa.Column("done_by", sa.String(length=120), nullable=True),
        sa.Column("done_at", Utc(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_at", Utc(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("delivery", name=op.f("uq_inbox_delivery")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.create_index(
            "ix_inbox_done_at",
            ["done_at"],
            sqlite_where=sa.text("done_at IS NOT NULL"),
            postgresql_where=sa.text("done_at IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_inbox_talk",
            ["key"],
            sqlite_where=sa.text(TALK),
            postgresql_where=sa.text(TALK),
        )
        batch_op.create_index(
            "ix_inbox_error",
            ["id"],
            sqlite_where=sa.text("error IS NOT NULL"),
            postgresql_where=sa.text("error IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_inbox_next_at",
            ["next_at"],
            sqlite_where=sa.text("done_by IS NULL"),
            postgresql_where=sa.text("done_by IS NULL"),
        )
        batch_op.create_index(
            "ix_inbox_open",
            ["key", "id"],
            sqlite_where=sa.text("done_by IS NULL"),
            postgresql_where=sa.text("done_by IS NULL"),
        )
        batch_op.create_index(
            "ix_inbox_open_id",
            ["id"],
            sqlite_where=sa.text("done_by IS NULL"),
            postgresql_where=sa.text("done_by IS NULL"),
        )

    op.create_table(
        "instances",
        sa.Column("id", sa.String(length=120), nullable=False),
        sa.Column("started_at", Utc(), nullable=False),
        sa.Column("beat_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "job_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("job_key", sa.String(length=80), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("type", sa.String(length=30), nullable=False),
        sa.Column("phase", sa.String(length=30), nullable=False),
        sa.Column("module", sa.String(length=80), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("checkpoint", sa.String(length=30), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("job_events", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_job_events_at"), ["at"])
        batch_op.create_index(batch_op.f("ix_job_events_job_key_id"), ["job_key", "id"])

    op.create_table(
        "jobs",
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("status", sa.String(length=30), nullable=False),
        sa.Column("phase", sa.String(length=30), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.Column("last_task", sa.String(length=120), nullable=False),
        sa.Column("repo_id", sa.BigInteger(), nullable=False),
        sa.Column("installation_id", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("issue_number", sa.Integer(), nullable=False),
        sa.Column("pull_number", sa.Integer(), nullable=True),
        sa.Column("pull_key", sa.String(length=80), nullable=True),
        sa.Column("remind_at", Utc(), nullable=True),
        sa.Column("expire_at", Utc(), nullable=True),
        sa.Column("waiting_since", Utc(), nullable=True),
        sa.Column("cost_usd", sa.Float(), nullable=True),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("updated_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.create_index(
            "ix_jobs_expire_at",
            ["expire_at"],
            sqlite_where=sa.text("expire_at IS NOT NULL"),
            postgresql_where=sa.text("expire_at IS NOT NULL"),
        )
        batch_op.create_index(batch_op.f("ix_jobs_installation_id"), ["installation_id"])
        batch_op.create_index(batch_op.f("ix_jobs_owner_name_issue_number"), ["owner", "name", "issue_number"])
        batch_op.create_index(
            "ix_jobs_pull_key",
            ["pull_key"],
            unique=True,
            sqlite_where=sa.text("pull_key IS NOT NULL"),
            postgresql_where=sa.text("pull_key IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_jobs_remind_at",
            ["remind_at"],
            sqlite_where=sa.text("remind_at IS NOT NULL"),
            postgresql_where=sa.text("remind_at IS NOT NULL"),
        )
        batch_op.create_index(batch_op.f("ix_jobs_repo_id_issue_number"), ["repo_id", "issue_number"])
        batch_op.create_index(batch_op.f("ix_jobs_status_updated_at"), ["status", "updated_at"])
        batch_op.create_index(batch_op.f("ix_jobs_updated_at"), ["updated_at"])

    op.create_table(
        "module_calls",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("job_key", sa.String(length=80), nullable=False),
        sa.Column("call_key", sa.String(length=120), nullable=False),
        sa.Column("phase", sa.String(length=30), nullable=False),
        sa.Column("module", sa.String(length=80), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("job_key", "call_key", name=op.f("uq_module_calls_job_key_call_key")),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    op.drop_table("module_calls")
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_jobs_updated_at"))
        batch_op.drop_index(batch_op.f("ix_jobs_status_updated_at"))
        batch_op.drop_index(batch_op.f("ix_jobs_repo_id_issue_number"))
        batch_op.drop_index(
            "ix_jobs_remind_at",
            sqlite_where=sa.text("remind_at IS NOT NULL"),
            postgresql_where=sa.text("remind_at IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_jobs_pull_key",
            sqlite_where=sa.text("pull_key IS NOT NULL"),
            postgresql_where=sa.text("pull_key IS NOT NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_jobs_owner_name_issue_number"))
        batch_op.drop_index(batch_op.f("ix_jobs_installation_id"))
        batch_op.drop_index(
            "ix_jobs_expire_at",
            sqlite_where=sa.text("expire_at IS NOT NULL"),
            postgresql_where=sa.text("expire_at IS NOT NULL"),
        )

    op.drop_table("jobs")
    with op.batch_alter_table("job_events", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_job_events_job_key_id"))
        batch_op.drop_index(batch_op.f("ix_job_events_at"))

    op.drop_table("job_events")
    op.drop_table("instances")
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_inbox_open_id", sqlite_where=sa.text("done_by IS NULL"), postgresql_where=sa.text("done_by IS NULL")
        )
        batch_op.drop_index(
            "ix_inbox_open", sqlite_where=sa.text("done_by IS NULL"), postgresql_where=sa.text("done_by IS NULL")
        )
        batch_op.drop_index(
            "ix_inbox_next_at", sqlite_where=sa.text("done_by IS NULL"), postgresql_where=sa.text("done_by IS NULL")
        )
        batch_op.drop_index("ix_inbox_talk", sqlite_where=sa.text(TALK), postgresql_where=sa.text(TALK))
        batch_op.drop_index(
            "ix_inbox_error", sqlite_where=sa.text("error IS NOT NULL"), postgresql_where=sa.text("error IS NOT NULL")
        )
        batch_op.drop_index(
            "ix_inbox_done_at",
            sqlite_where=sa.text("done_at IS NOT NULL"),
            postgresql_where=sa.text("done_at IS NOT NULL"),
        )

    op.drop_table("inbox")
    op.drop_table("effects")
