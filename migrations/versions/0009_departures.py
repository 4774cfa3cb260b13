"""Which of the records that changed are gone: noted when they change, not sought among all records."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("record_change", sa.Column("gone", sa.Boolean, server_default="false", nullable=False))
    op.execute("""
        UPDATE record_change AS c SET gone = true
        WHERE c.kind = 'practitioner' AND NOT EXISTS (SELECT FROM practitioner p WHERE p.national_id = c.key)
            OR c.kind = 'organization' AND NOT EXISTS (SELECT FROM organization o WHERE o.key = c.key)
    """)
    op.create_index("record_change_gone", "record_change", ["kind", "key"], postgresql_where=sa.text("gone"))
