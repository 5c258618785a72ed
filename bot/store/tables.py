"""The tables. Every query in this package is served by an index named here; times are timezone-aware UTC."""

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s"}
)

Serial = BigInteger().with_variant(Integer, "sqlite")


class Utc(TypeDecorator[datetime]):
    """Aware datetimes in and out on every database; a naive one is a bug and refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime cannot be stored; use datetime.now(UTC)")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


OPEN = text("done_by IS NULL")
WAITS = text("waiting_since IS NOT NULL")
TALK = text("event IN ('issue_comment', 'pull_request_review', 'pull_request_review_comment')")

jobs = Table(
    "jobs",
    metadata,
    Column("key", String(80), primary_key=True),
    Column("status", String(30), nullable=False),
    Column("phase", String(30), nullable=False),
    Column("state", Text, nullable=False),
    Column("rev", Integer, nullable=False),
    Column("last_task", String(120), nullable=False),
    Column("repo_id", BigInteger, nullable=False),
    Column("installation_id", BigInteger, nullable=False),
    Column("owner", String(100), nullable=False),
    Column("name", String(100), nullable=False),
    Column("issue_number", Integer, nullable=False),
    Column("pull_number", Integer),
    Column("pull_key", String(80)),
    Column("remind_at", Utc),
    Column("expire_at", Utc),
    Column("waiting_since", Utc),
    Column("cost_usd", Float),
    Column("created_at", Utc, nullable=False),
    Column("updated_at", Utc, nullable=False),
    Column("status_since", Utc),
    Column("draft", String(64)),
    Column("quality", Float),
    Column("look_at", Utc),
    Index(None, "repo_id", "issue_number"),
    Index(None, "owner", "name", "issue_number"),
    Index(None, "installation_id"),
    Index(None, "status", "updated_at"),
    Index("ix_jobs_recent", "updated_at", "status", "key"),
    Index("ix_jobs_repository_recent", "owner", "name", "updated_at", "status", "key"),
    Index("ix_jobs_waiting", "waiting_since", "status", "key", sqlite_where=WAITS, postgresql_where=WAITS),
    Index(
        "ix_jobs_pull_key",
        "pull_key",
        unique=True,
        sqlite_where=text("pull_key IS NOT NULL"),
        postgresql_where=text("pull_key IS NOT NULL"),
    ),
    Index(
        "ix_jobs_remind_at",
        "remind_at",
        sqlite_where=text("remind_at IS NOT NULL"),
        postgresql_where=text("remind_at IS NOT NULL"),
    ),
    Index(
        "ix_jobs_expire_at",
        "expire_at",
        sqlite_where=text("expire_at IS NOT NULL"),
        postgresql_where=text("expire_at IS NOT NULL"),
    ),
    Index(
        "ix_jobs_look_at",
        "look_at",
        sqlite_where=text("look_at IS NOT NULL"),
        postgresql_where=text("look_at IS NOT NULL"),
    ),
)

inbox = Table(
    "inbox",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("delivery", String(120), nullable=False),
    Column("key", String(80), nullable=False),
    Column("event", String(60), nullable=False),
    Column("action", String(60), nullable=False),
    Column("repo_id", BigInteger),
    Column("installation_id", BigInteger),
    Column("body", LargeBinary, nullable=False),
    Column("received_at", Utc, nullable=False),
    Column("done_by", String(120)),
    Column("done_at", Utc),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_at", Utc, nullable=False),
    Column("error", Text),
    UniqueConstraint("delivery"),
    Index("ix_inbox_open", "key", "id", sqlite_where=OPEN, postgresql_where=OPEN),
    Index("ix_inbox_next_at", "next_at", sqlite_where=OPEN, postgresql_where=OPEN),
    Index("ix_inbox_open_id", "id", sqlite_where=OPEN, postgresql_where=OPEN),
    Index(
        "ix_inbox_done_at",
        "done_at",
        sqlite_where=text("done_at IS NOT NULL"),
        postgresql_where=text("done_at IS NOT NULL"),
    ),
    Index("ix_inbox_talk", "key", sqlite_where=TALK, postgresql_where=TALK),
    Index("ix_inbox_error", "id", sqlite_where=text("error IS NOT NULL"), postgresql_where=text("error IS NOT NULL")),
    sqlite_autoincrement=True,
)

effects = Table(
    "effects",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("job_key", String(80), nullable=False),
    Column("key", String(200), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("remote_id", BigInteger, nullable=False),
    Column("result", Text, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("updated_at", Utc, nullable=False),
    UniqueConstraint("job_key", "key"),
    sqlite_autoincrement=True,
)

module_calls = Table(
    "module_calls",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("job_key", String(80), nullable=False),
    Column("call_key", String(120), nullable=False),
    Column("phase", String(30), nullable=False),
    Column("module", String(80), nullable=False),
    Column("result", Text, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("created_at", Utc, nullable=False),
    UniqueConstraint("job_key", "call_key"),
    sqlite_autoincrement=True,
)

job_events = Table(
    "job_events",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("job_key", String(80), nullable=False),
    Column("at", Utc, nullable=False),
    Column("type", String(30), nullable=False),
    Column("phase", String(30), nullable=False),
    Column("module", String(80), nullable=False),
    Column("message", Text, nullable=False),
    Column("seconds", Float),
    Column("checkpoint", String(30), nullable=False),
    Column("measured", Text),
    Index(None, "job_key", "id"),
    Index(None, "at"),
    sqlite_autoincrement=True,
)

job_moves = Table(
    "job_moves",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("job_key", String(80), nullable=False),
    Column("number", Integer, nullable=False),
    Column("at", Utc, nullable=False),
    Column("status", String(30), nullable=False),
    Column("phase", String(30), nullable=False),
    Column("checkpoint", String(30), nullable=False),
    UniqueConstraint("job_key", "number"),
    sqlite_autoincrement=True,
)

daily_figures = Table(
    "daily_figures",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("figure", String(30), primary_key=True),
    Column("name", String(80), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("amount", Float, nullable=False),
)

steps = Table(
    "steps",
    metadata,
    Column("task", String(200), primary_key=True),
    Column("name", String(400), primary_key=True),
    Column("record", Text, nullable=False),
    Column("created_at", Utc, nullable=False),
    Index(None, "created_at"),
)

instances = Table(
    "instances",
    metadata,
    Column("id", String(120), primary_key=True),
    Column("started_at", Utc, nullable=False),
    Column("beat_at", Utc, nullable=False),
)
