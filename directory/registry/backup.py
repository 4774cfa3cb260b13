"""The register in one file, and back again, by PostgreSQL's own `pg_dump` and `pg_restore`."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, func, make_url, text, update

from directory.errors import InvalidInput, Unavailable
from directory.registry import embedded, schema
from directory.registry.database import connect, served, translated
from directory.registry.tables import register_state
from directory.settings import Settings

_ROLES: Final = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
        CREATE ROLE {role} NOLOGIN;
    END IF;
    GRANT USAGE ON SCHEMA public TO {role};
    GRANT {may} ON ALL TABLES IN SCHEMA public TO {role};
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role};
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT {may} ON TABLES TO {role};
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'the role {role} was not created: no right to';
END
$$
"""
"""The group roles of the first migration: a dump is of one database, and holds none."""
_MAY: Final = {"annuaire_reader": "SELECT", "annuaire_importer": "SELECT, INSERT, UPDATE, DELETE"}


def dump(settings: Settings, path: Path) -> None:
    """Write the register, as it is at this moment, to a file in pg_dump's custom format; nobody has to wait for it.

    Raises:
        Unavailable: the server cannot be reached, or its program failed; what it said is in the message.
    """
    beside = path.with_name(path.name + ".part")
    with served(settings) as url:
        _run("pg_dump", url, "--format=custom", "--no-owner", "--no-privileges", f"--file={beside}")
    beside.replace(path)


def restore(settings: Settings, path: Path) -> None:
    """Fill an empty database from such a file, whole or not at all, and bring its schema up to date.

    It is a new epoch: every node builds its index anew, whatever revisions it has seen since the file was written.

    Raises:
        InvalidInput: the database is not empty.
        Unavailable: the server cannot be reached, or its program failed; what it said is in the message.
    """
    with served(settings) as url:
        database = connect(url)
        try:
            with database.reading() as connection:
                _refuse_filled(connection)
            _run("pg_restore", url, "--single-transaction", "--no-owner", "--no-privileges", str(path))
            with translated():
                schema.migrate(database.engine)
            with database.writing() as connection:
                for role, may in _MAY.items():
                    connection.execute(text(_ROLES.format(role=role, may=may)))
                connection.execute(update(register_state).values(epoch=func.gen_random_uuid()))
                connection.execute(text("ANALYZE"))
        finally:
            database.engine.dispose()


def _refuse_filled(connection: Connection) -> None:
    if schema.current(connection) is not None:
        raise InvalidInput(
            "the register's database is not empty: put the folder postgres of the data directory aside, or set "
            "ANNUAIRE_DATABASE_URL to an empty database"
        )


def _run(program: str, url: str, *arguments: str) -> None:
    """Run one of the embedded PostgreSQL's programs on a database, which may be of another server: they read what older
    ones have written, not the other way round."""
    whole = make_url(url)
    named = URL.create("postgresql", whole.username, None, whole.host, whole.port, whole.database, whole.query)
    done = subprocess.run(
        [embedded.program(program), f"--dbname={named.render_as_string()}", *arguments],
        # Whoever lists processes sees their arguments.
        env={**os.environ, **({"PGPASSWORD": whole.password} if whole.password is not None else {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Unavailable(f"{program} failed: {' '.join(done.stderr.split())[-400:]}")
