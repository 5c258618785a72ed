"""What the steps of running tasks gave.

Forward-safe: a table of its own. A task that the last version left unfinished begins anew, which its effects allow.
"""

import sqlalchemy as sa
from alembic import op

from bot.store.tables import Utc

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "steps",
        sa.Column("task", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=400), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("task", "name"),
    )
    op.create_index(op.f("ix_steps_created_at"), "steps", ["created_at"])


def downgrade() -> None:
    op.drop_table("steps")
