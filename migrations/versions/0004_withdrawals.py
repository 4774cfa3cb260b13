"""Withdrawals: records that are not shown whatever the extracts say."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_BYTES = sa.Text(collation="C")


def upgrade() -> None:
    op.create_table(
        "withdrawal",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("kind", _BYTES, server_default="", nullable=False),
        sa.Column("key", _BYTES, server_default="", nullable=False),
        sa.Column("reason", _BYTES, server_default="", nullable=False),
        sa.Column("author", _BYTES, server_default="", nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by", _BYTES, nullable=True),
        sa.Column("lifted_reason", _BYTES, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "withdrawal_in_force",
        "withdrawal",
        ["kind", "key"],
        unique=True,
        postgresql_where=sa.text("lifted_at IS NULL"),
    )
