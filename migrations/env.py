"""Runs migrations on the connection handed over by directory.registry.schema, inside its transaction."""

from __future__ import annotations

from alembic import context

from directory.registry.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
