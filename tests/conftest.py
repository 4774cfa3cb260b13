"""What tests stand on: a real PostgreSQL for the session, a fresh register per test, the field's sample files."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy import create_engine, text

from directory import compiled
from directory.registry.database import Database, connect
from directory.registry.embedded import Embedded
from directory.registry.schema import migrate
from importers.mailboxes import import_mailboxes
from importers.report import ImportOptions
from importers.rpps import import_rpps

SHARED = Path(__file__).parent.parent.parent / "shared"
_TEMPLATE = "register_template"

# A commit passes or fails, the same on every run and however busy the machine; `make explore` looks for new examples.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("explore", max_examples=2_000, deadline=None)
settings.load_profile("same")


def pytest_configure() -> None:
    """What was compiled before the last change of its source is not what is to be tested."""
    if found := compiled.outdated():
        raise pytest.UsageError(f"make compiled, or make interpreted: {', '.join(found)} changed since")


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> None:
    for name in list(os.environ):
        if name.startswith("ANNUAIRE_"):
            del os.environ[name]


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """An embedded server for the session, in a folder with a space in its name; it may lose data in a crash."""
    server = Embedded(tmp_path_factory.mktemp("a server"))
    server.acquire()
    engine = create_engine(server.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for setting in ("fsync = off", "synchronous_commit = off", "full_page_writes = off"):
            connection.execute(text(f"ALTER SYSTEM SET {setting}"))
        connection.execute(text("SELECT pg_reload_conf()"))
        connection.execute(text(f"CREATE DATABASE {_TEMPLATE}"))
    engine.dispose()
    template = connect(_url(server, _TEMPLATE))
    migrate(template.engine)
    template.engine.dispose()
    yield server
    server.release()


def _url(server: Embedded, name: str) -> str:
    return server.url.replace("/postgres?", f"/{name}?")


@pytest.fixture
def database(postgres: Embedded) -> Iterator[Database]:
    """An empty register with today's schema."""
    name = f"register_{uuid.uuid4().hex[:12]}"
    engine = create_engine(postgres.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}"))
    opened = connect(_url(postgres, name))
    yield opened
    opened.engine.dispose()
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture(scope="session")
def domain() -> Path:
    """The field's sample files, which are not part of the project."""
    folder = SHARED / "domain"
    if not folder.is_dir():
        pytest.skip("the field's sample files (../shared/domain) are not here")
    return folder


@pytest.fixture(scope="session")
def invented(domain: Path) -> Path:
    return domain / "samples" / "invented"


@pytest.fixture
def filled(database: Database, invented: Path) -> Database:
    """A register that holds the small invented world."""
    import_rpps(database, [invented], ImportOptions())
    import_mailboxes(database, [invented], ImportOptions())
    return database


# The only reasons for which a test may be skipped: what it needs cannot be part of the project or of every machine.
EXPECTED_SKIPS = (
    "the field's sample files (../shared/domain) are not here",
    "the client scripts (../shared/clients) are not here",
    "python-ldap is not installed",
    "ldapsearch (ldap-utils) is not installed",
    "gnutls-cli is not installed",
    "openssl is not installed",
    "Postfix is not unpacked here",
    "Exim is not unpacked here",
    "Chromium is not installed",
    "this machine has no IPv6 loopback",
    "systemd-analyze is not installed",
    "lookups are compiled here",
)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A skip that nobody expects fails the run: a test that does not run proves nothing."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter is not None else []
    unexpected = [report for report in skipped if not any(reason in str(report.longrepr) for reason in EXPECTED_SKIPS)]
    if unexpected and reporter is not None:
        names = ", ".join(report.nodeid for report in unexpected)
        reporter.write_line(f"unexpected skips: {names}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
