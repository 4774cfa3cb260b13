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
from typing import IO

import pytest

from directory.index.build import build_index
from ldap_server import tickets
from ldap_server.loads import shared
from tests.index.register_of_records import RegisterOfRecords
from tests.ldap_server.authority import Authority
from tests.ldap_server.people import HOLDERS, PEOPLE

_SERVE = """
import socket, sys
from pathlib import Path
from directory.index.reader import Index
from directory.settings import Settings
from ldap_server.loads import Loads
from ldap_server.service import run
from ldap_server.tickets import TicketKeys
settings = Settings.load()
number, listening, loads, keys, secure = map(int, sys.argv[1:])
index = Index.open(settings.index_path, map_bytes=2**28)
plain, ldaps = socket.socket(fileno=listening), socket.socket(fileno=secure)
run(settings, index, plain, Loads(loads, number), ldaps=ldaps, keys=TicketKeys(keys))
"""


@dataclass(frozen=True)
class Server:
    host: str
    port: int
    pids: tuple[int, ...]
    loads: int  # the file descriptor of the memory that the workers share
    tickets: int  # that of the keys of their session tickets
    ldaps_port: int  # served where a certificate is among the settings

    @property
    def url(self) -> str:
        return f"ldap://{self.host}:{self.port}"

    def connect(self) -> socket.socket:
        client = socket.create_connection((self.host, self.port), timeout=10)
        client.settimeout(10)
        return client


def serving(
    data_dir: Path, *, workers: int = 1, before: str = "", log: IO[bytes] | None = None, **settings: str
) -> Iterator[Server]:
    """A server on an index in `data_dir`, of some processes, with settings given by their names; what they do `before`
    they serve is Python. They log to a file, or where the tests' own messages go."""
    environ = {**os.environ, "ANNUAIRE_DATA_DIR": str(data_dir), "ANNUAIRE_LOG_LEVEL": "WARNING"}
    environ |= {f"ANNUAIRE_{name}": value for name, value in settings.items()}
    with socket.socket() as listener, socket.socket() as secure:
        for one in (listener, secure):
            one.bind(("127.0.0.1", 0))
            one.listen(512)
        loads, keys = shared(workers), tickets.shared()
        fds = [listener.fileno(), loads, keys, secure.fileno()]
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", before + _SERVE, *map(str, [number, *fds])],
                pass_fds=fds,
                env=environ,
                stderr=log,
            )
            for number in range(workers)
        ]
        host, port = listener.getsockname()
        ldaps_port = secure.getsockname()[1]
    server = Server(host, port, tuple(process.pid for process in processes), loads, keys, ldaps_port)
    try:
        assert bound(server)
        yield server
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 10
        for process in processes:
            while process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)
            process.kill()
            process.wait()
        os.close(loads)
        os.close(keys)


def bound(server: Server) -> bytes:
    """The answer to an anonymous bind on a connection of its own."""
    with server.connect() as client:
        client.sendall(bytes.fromhex("300c020101600702010304008000"))
        return client.recv(100)


@pytest.fixture(scope="session")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the index of the invented people."""
    folder = tmp_path_factory.mktemp("ldap")
    build_index(RegisterOfRecords.of([*PEOPLE, *HOLDERS]), folder / "index", map_bytes=2**28, workers=1)
    return folder


@pytest.fixture(scope="session")
def server(indexed: Path) -> Iterator[Server]:
    # Tests of faults bind with a wrong password hundreds of times a minute.
    yield from serving(indexed, PASSWORD_FAILURES_PER_ACCOUNT="1000000", PASSWORD_FAILURES_PER_ADDRESS="1000000")


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def certificate(authority: Authority) -> Path:
    return authority.issue("localhost")
