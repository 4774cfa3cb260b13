"""Accounts, what they prove themselves with, and the key of the digests of their secrets."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_BYTES = sa.Text(collation="C")


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("name", _BYTES, nullable=False),
        sa.Column("kind", _BYTES, server_default="", nullable=False),
        sa.Column("scopes", _BYTES, server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "account_credential",
        sa.Column("key_id", _BYTES, nullable=False),
        sa.Column("account", _BYTES, nullable=False),
        sa.Column("kind", _BYTES, server_default="", nullable=False),
        sa.Column("verifier", _BYTES, server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["account.name"]),
        sa.PrimaryKeyConstraint("key_id"),
    )
    op.create_index("account_credential_account", "account_credential", ["account"], unique=False)
    op.create_table(
        "account_pepper",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("pepper", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute(
        sa.text("INSERT INTO account_pepper (id, pepper) VALUES (1, :pepper)").bindparams(
            pepper=secrets.token_bytes(32)
        )
    )
