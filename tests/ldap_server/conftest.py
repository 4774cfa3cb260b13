"""A real LDAP server on a real index, for each module that wants one."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from directory.index.build import build_index
from tests.index.register_of_records import RegisterOfRecords
from tests.ldap_server.people import PEOPLE

_SERVE = """
import socket, sys
from pathlib import Path
from directory.index.reader import Index
from directory.settings import Settings
from ldap_server.service import run
settings = Settings.load()
listener = socket.socket(fileno=int(sys.argv[1]))
run(settings, Index.open(settings.index_path, map_bytes=2**28), listener)
"""


@dataclass(frozen=True)
class Server:
    host: str
    port: int
    pid: int

    @property
    def url(self) -> str:
        return f"ldap://{self.host}:{self.port}"

    def connect(self) -> socket.socket:
        client = socket.create_connection((self.host, self.port), timeout=10)
        client.settimeout(10)
        return client


def serving(data_dir: Path, **settings: str) -> Iterator[Server]:
    """A server process on an index in `data_dir`, with settings given by their names."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(512)
    environ = {**os.environ, "ANNUAIRE_DATA_DIR": str(data_dir), "ANNUAIRE_LOG_LEVEL": "WARNING"}
    environ |= {f"ANNUAIRE_{name}": value for name, value in settings.items()}
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVE, str(listener.fileno())], pass_fds=[listener.fileno()], env=environ
    )
    host, port = listener.getsockname()
    listener.close()
    server = Server(host, port, process.pid)
    try:
        with server.connect() as client:
            client.sendall(bytes.fromhex("300c020101600702010304008000"))  # an anonymous bind: answered when it is up
            assert client.recv(100)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 10
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the index of the invented people."""
    folder = tmp_path_factory.mktemp("ldap")
    build_index(RegisterOfRecords.of(PEOPLE), folder / "index", map_bytes=2**28, workers=1)
    return folder


@pytest.fixture(scope="session")
def server(indexed: Path) -> Iterator[Server]:
    yield from serving(indexed)
