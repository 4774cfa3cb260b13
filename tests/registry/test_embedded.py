"""The embedded server is shared, survives crashes, and stops with its last user."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from directory.errors import Unavailable
from directory.registry import schema
from directory.registry.database import Database, connect, open_database
from directory.registry.embedded import Embedded
from directory.registry.tables import metadata
from directory.settings import Settings

_USER = """
import sys, time
from pathlib import Path
from directory.registry.embedded import Embedded
server = Embedded(Path(sys.argv[1]))
server.acquire()
print("up", flush=True)
time.sleep(60)
"""


def _answers(server: Embedded) -> bool:
    engine = create_engine(server.url)
    try:
        with engine.connect() as connection:
            return connection.execute(text("SELECT 1")).scalar() == 1
    except Exception:
        return False
    finally:
        engine.dispose()


def _postmaster(data_dir: Path) -> int:
    return int((data_dir / "postgres/cluster/postmaster.pid").read_text().splitlines()[0])


def test_the_server_stops_with_its_last_user_and_not_before(tmp_path: Path) -> None:
    first, second = Embedded(tmp_path), Embedded(tmp_path)
    first.acquire()
    second.acquire()
    first.release()
    assert _answers(second)
    second.release()
    assert not _answers(second)


def test_a_killed_user_does_not_keep_the_server_running(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", _USER, str(tmp_path)], stdout=subprocess.PIPE)
    assert other.stdout is not None
    assert other.stdout.readline() == b"up\n"
    server = Embedded(tmp_path)
    server.acquire()
    other.kill()
    other.wait()
    assert _answers(server)
    server.release()
    assert not _answers(server)


def test_a_killed_server_is_started_again_with_its_data(tmp_path: Path) -> None:
    server = Embedded(tmp_path)
    server.acquire()
    engine = create_engine(server.url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE kept AS SELECT 7 AS value"))
    engine.dispose()
    pid = _postmaster(tmp_path)
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while _postmaster(tmp_path) == pid and time.monotonic() < deadline:
        time.sleep(0.05)  # a dying process looks alive for a moment: the supervisor asks again and again, too
        server.ensure_running()
    assert _postmaster(tmp_path) != pid
    engine = create_engine(server.url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT value FROM kept")).scalar() == 7
    engine.dispose()
    server.release()


def test_a_copy_of_a_served_folder_is_a_server_of_its_own(tmp_path: Path) -> None:
    original, copy = Embedded(tmp_path / "original"), Embedded(tmp_path / "copy")
    original.acquire()
    shutil.copytree(tmp_path / "original", tmp_path / "copy")
    copy.acquire()
    assert _answers(copy)
    copy.release()
    assert not _answers(copy)
    assert _answers(original)
    original.release()


def test_no_port_is_opened_and_the_socket_folder_is_private(postgres: Embedded) -> None:
    engine = create_engine(postgres.url)
    with engine.connect() as connection:
        assert connection.execute(text("SHOW listen_addresses")).scalar() == ""
        folder = Path(str(connection.execute(text("SHOW unix_socket_directories")).scalar()))
    engine.dispose()
    assert folder.stat().st_mode & 0o077 == 0


def test_no_permission_of_a_parent_folder_is_changed(tmp_path: Path) -> None:
    home = tmp_path / "private home"
    home.mkdir(mode=0o700)
    server = Embedded(home / "data")
    server.acquire()
    assert _answers(server)
    server.release()
    assert home.stat().st_mode & 0o777 == 0o700


def test_an_unreachable_server_is_said_to_be_unavailable() -> None:
    settings = Settings(database_url="postgresql://nobody@127.0.0.1:9/nothing")
    with pytest.raises(Unavailable, match="the register's database"), open_database(settings):
        pass


def test_the_migrations_make_exactly_the_tables_of_the_code(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": False})
        assert compare_metadata(context, metadata) == []


def test_the_code_is_written_for_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(schema.configuration()).get_current_head() == schema.HEAD


def test_several_commands_may_bring_the_schema_up_at_once(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from directory.settings import Settings;"
        "from directory.registry.database import open_database\n"
        "with open_database(Settings(data_dir=Path(sys.argv[1]))): pass"
    )
    racing = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) for _ in range(3)]
    assert [process.wait(60) for process in racing] == [0, 0, 0]


def test_the_reader_role_may_read_and_not_write(database: Database) -> None:
    with database.engine.connect() as connection:
        can = text("SELECT has_table_privilege('annuaire_reader', 'mailbox', :what)")
        assert connection.execute(can, {"what": "SELECT"}).scalar() is True
        assert connection.execute(can, {"what": "INSERT"}).scalar() is False


def test_a_database_that_is_not_there_is_found_out_at_the_first_statement(postgres: Embedded) -> None:
    missing = connect(postgres.url.replace("/postgres?", "/missing?"))
    with pytest.raises(Unavailable), missing.reading():
        pass
