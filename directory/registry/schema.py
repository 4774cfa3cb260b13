"""Brings the register's schema to this version with Alembic, one process at a time, and never by blocking for long."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, Engine, text

from directory.registry.tables import SCHEMA_LOCK

if TYPE_CHECKING:
    from alembic.config import Config

HEAD: Final = "0010"
"""The schema this code is written for: the newest of migrations/versions (a test compares)."""

_LOCK_TIMEOUT: Final = "10s"  # waiting for a table somebody else uses
_STATEMENT_TIMEOUT: Final = "15min"


def migrate(engine: Engine) -> None:
    """Apply the migrations that are missing, under an advisory lock; quick when there is none."""
    with engine.begin() as connection:
        if current(connection) == HEAD:
            return
        connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'"))
        connection.execute(text(f"SET LOCAL statement_timeout = '{_STATEMENT_TIMEOUT}'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": SCHEMA_LOCK})
        if current(connection) != HEAD:
            _upgrade(connection)


def current(connection: Connection) -> str | None:
    """The schema's version in the database, None when there is no schema yet."""
    if connection.execute(text("SELECT to_regclass('alembic_version')")).scalar() is None:
        return None
    version: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return version


def configuration() -> Config:
    """Alembic's configuration, found beside the migrations wherever they are installed."""
    from alembic.config import Config  # slow to import, and seldom needed

    config = Config()
    config.set_main_option("script_location", str(files("migrations")))
    return config


def _upgrade(connection: Connection) -> None:
    from alembic import command

    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
