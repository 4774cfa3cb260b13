"""Reports: what a run tells besides its counts, and the column at fault in a rejected line."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"

_BYTES = sa.Text(collation="C")


def upgrade() -> None:
    op.add_column(
        "import_run",
        sa.Column("details", postgresql.JSONB(), server_default="{}", nullable=False),
    )
    op.add_column("rejected_line", sa.Column("column_name", _BYTES, server_default="", nullable=False))
