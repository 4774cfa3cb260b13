"""A throw-away PostgreSQL of the distribution's own packages, with the people in one table, for the peers."""

from __future__ import annotations

import contextlib
import io
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import psycopg2

from bench.retrieval.people import Person

_DEBIAN: Final = "/usr/lib/postgresql"
_SETTINGS: Final = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "1GB",
    "work_mem": "64MB",
    "maintenance_work_mem": "512MB",
    "max_wal_size": "4GB",
    "fsync": "off",
    "jit": "off",
}
_ROWS_AT_ONCE: Final = 50_000


def installed() -> Path | None:
    """The programs of the newest server that Debian's packages installed."""
    found = sorted(Path(_DEBIAN).glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


@contextlib.contextmanager
def throwaway(programs: Path) -> Iterator[str]:
    """A running server's connection string; server and folder are gone after the block.

    Root cannot run PostgreSQL: it then runs as the user `postgres` that the package made.
    """
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="retrieval-peer-"))
    if user:
        shutil.chown(folder, user)
    try:
        _run(
            user,
            programs / "initdb",
            "-D",
            folder / "data",
            "-U",
            "peer",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
        )
        port = _free_port()
        settings = " ".join(f"-c {name}={value or repr('')}" for name, value in {**_SETTINGS, "port": port}.items())
        control = (programs / "pg_ctl", "-D", folder / "data", "-w")
        _run(user, *control, "-l", folder / "log", "-o", settings, "start")
        try:
            yield f"host=127.0.0.1 port={port} user=peer dbname=postgres"
        finally:
            _run(user, *control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def version(dsn: str) -> str:
    """The server's version, such as 15.14."""
    with contextlib.closing(psycopg2.connect(dsn)) as connection:
        return str(connection.get_parameter_status("server_version")).split(" ")[0]


def load(dsn: str, people: Sequence[Person]) -> None:
    """The table `person`: names and towns folded by `lower` and `unaccent`."""
    with contextlib.closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(_TABLE)
        for start in range(0, len(people), _ROWS_AT_ONCE):
            rows = "".join(map(_line, people[start : start + _ROWS_AT_ONCE]))
            cursor.copy_expert("COPY raw FROM STDIN", io.StringIO(rows))
        cursor.execute(_FOLD)


_TABLE: Final = """
    CREATE EXTENSION pg_trgm;
    CREATE EXTENSION unaccent;
    CREATE TEMPORARY TABLE raw (national_id text, given text, family text, towns text) ON COMMIT DROP;
"""
_FOLD: Final = """
    CREATE TABLE person AS
    SELECT national_id, given, family,
           given || ' ' || family AS name,
           given || ' ' || family || ' ' || towns AS name_towns
    FROM (SELECT national_id,
                 lower(unaccent(given)) AS given, lower(unaccent(family)) AS family, lower(unaccent(towns)) AS towns
          FROM raw) AS folded;
"""


def _line(person: Person) -> str:
    towns = " ".join(dict.fromkeys((*person.towns, *person.postal_codes)))
    values = (person.national_id, person.given, person.family, towns)
    return "\t".join(value.replace("\\", "\\\\").replace("\t", " ") for value in values) + "\n"


def _run(user: str | None, *command: Any) -> None:
    home = pwd.getpwnam(user).pw_dir if user else None
    # To a file and not to a pipe: the server would hold the pipe open.
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(
            [str(part) for part in command], user=user, group=user, extra_groups=[] if user else None,
            cwd=home or "/", stdin=subprocess.DEVNULL, stdout=said, stderr=said, check=False,
        )  # fmt: skip
        if done.returncode:
            said.seek(0)
            raise RuntimeError(f"{Path(command[0]).name}: {said.read().decode(errors='replace').strip()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
