"""History: what records were before each change."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"

_BYTES = sa.Text(collation="C")


def upgrade() -> None:
    op.create_table(
        "history",
        sa.Column("kind", _BYTES, server_default="", nullable=False),
        sa.Column("key", _BYTES, server_default="", nullable=False),
        sa.Column("until_run", sa.BigInteger(), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", postgresql.JSONB(), nullable=True),
        sa.Column("about", postgresql.ARRAY(_BYTES), server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("kind", "key", "until_run"),
    )
    op.create_index("history_about", "history", ["about"], unique=False, postgresql_using="gin")
    op.create_index("history_until_at", "history", ["until_at"], unique=False)
