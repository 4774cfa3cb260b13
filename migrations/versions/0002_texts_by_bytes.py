"""Texts compare by their bytes: key ranges and key order are then served by the primary keys on every server."""

from __future__ import annotations

from itertools import groupby

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    columns = op.get_bind().execute(
        sa.text(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema() "
            "AND data_type = 'text' AND table_name <> 'alembic_version' ORDER BY table_name, ordinal_position"
        )
    )
    for table, found in groupby(columns, key=lambda row: row[0]):
        changes = ", ".join(f'ALTER COLUMN "{column}" TYPE text COLLATE "C"' for _, column in found)
        op.execute(f'ALTER TABLE "{table}" {changes}')
    op.execute("ANALYZE")  # a column that changes its type loses its statistics
