"""When to ask GitHub again whether a pull request conflicts with its base.

Forward-safe: the column is nullable, so a process of the last version may go on writing.
"""

import sqlalchemy as sa
from alembic import op

from bot.store.tables import Utc

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SET = "look_at IS NOT NULL"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("look_at", Utc(), nullable=True))
    op.create_index("ix_jobs_look_at", "jobs", ["look_at"], sqlite_where=sa.text(SET), postgresql_where=sa.text(SET))


def downgrade() -> None:
    op.drop_index("ix_jobs_look_at", table_name="jobs")
    op.drop_column("jobs", "look_at")
