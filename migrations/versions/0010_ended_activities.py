"""Which activities persons have ended lately."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_BYTES = sa.Text(collation="C")
_TEXTS = ("national_id", "profession", "category", "organization_key")


def upgrade() -> None:
    op.create_table(
        "ended_activity",
        *(sa.Column(name, _BYTES, server_default="", nullable=False) for name in _TEXTS),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(*_TEXTS, "number"),
    )
    op.create_index("ended_activity_at", "ended_activity", ["at"])
