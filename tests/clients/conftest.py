"""A server of the people whom mail programs look for, and the clients that may be missing on a machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from directory.index.build import build_index
from tests.clients.mail_servers import UNPACKED, Postmap
from tests.clients.people import PEOPLE
from tests.index.register_of_records import RegisterOfRecords
from tests.ldap_server.conftest import Server, serving


@pytest.fixture(scope="package")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The directory that the clients are set up for."""
    folder = tmp_path_factory.mktemp("clients")
    build_index(RegisterOfRecords.of(PEOPLE), folder / "index", map_bytes=2**28, workers=1)
    yield from serving(folder)


@pytest.fixture
def postmap(tmp_path: Path) -> Postmap:
    if not (UNPACKED / "usr/sbin/postmap").exists():
        pytest.skip("Postfix is not unpacked here")
    return Postmap.prepare(tmp_path)


@pytest.fixture
def exim_folder(tmp_path: Path) -> Path:
    if not (UNPACKED / "usr/sbin/exim4").exists():
        pytest.skip("Exim is not unpacked here")
    return tmp_path


@pytest.fixture
def ldap_utils() -> None:
    if shutil.which("ldapsearch") is None:
        pytest.skip("ldapsearch (ldap-utils) is not installed")
