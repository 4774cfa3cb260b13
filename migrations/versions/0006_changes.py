"""When the own content of records last changed, and since when that is known."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_BYTES = sa.Text(collation="C")


def upgrade() -> None:
    op.create_table(
        "record_change",
        sa.Column("kind", _BYTES, server_default="", nullable=False),
        sa.Column("key", _BYTES, server_default="", nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("kind", "key"),
    )
    op.add_column("register_state", sa.Column("known_since", sa.DateTime(timezone=True), nullable=True))
    # What changed before this table was there is not told by it.
    op.execute("UPDATE register_state SET known_since = clock_timestamp() WHERE revision > 0")
