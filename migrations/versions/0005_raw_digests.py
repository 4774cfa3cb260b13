"""Digests of the bytes of each record's lines, so that unchanged ones are not parsed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    # Empty at first: the next import reads every line once, and fills it.
    op.add_column("digest", sa.Column("raw", sa.BigInteger(), nullable=True))
