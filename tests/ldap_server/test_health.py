"""The check of an LDAP server's health, on a server that is well and on several that are not."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from ldap_server.health import check
from tests.ldap_server.conftest import Server

BASE = "o=mssante,c=fr"


def test_a_server_that_answers_is_well(server: Server) -> None:
    found = check(server.host, server.port, BASE, 5)
    assert (found.ok, found.detail) == (True, "answers")


def test_a_base_that_is_not_served_is_told(server: Server) -> None:
    found = check(server.host, server.port, "o=elsewhere", 5)
    assert (found.ok, found.detail) == (False, "the search ended with code 32")


def serving(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            client, _ = listener.accept()
            with client:
                answer(client)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(5)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda client: client.recv(100) and None, "closed during the bind"),
        (lambda client: client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "not an LDAP message"),
        (
            lambda client: client.sendall(bytes.fromhex("300c02010161070a013404000400")),
            "the bind ended with code 52",
        ),
    ],
    ids=["closes", "speaks HTTP", "is unavailable"],
)
def test_a_server_that_is_not_well_is_told(answer: Callable[[socket.socket], None], said: str) -> None:
    for port in serving(answer):
        found = check("127.0.0.1", port, BASE, 5)
        assert not found.ok
        assert said in found.detail


def test_a_server_that_hangs_is_told_when_the_time_is_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        found = check("127.0.0.1", listener.getsockname()[1], BASE, 0.2)
    assert (found.ok, found.detail) == (False, "timed out")


def test_the_command_exits_with_0_or_1_and_tells_machines(server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        closed = nobody.getsockname()[1]
    outcomes = []
    for port in (server.port, closed):
        environ = {**os.environ, "ANNUAIRE_LDAP_PORT": str(port)}
        command = [sys.executable, "-m", "cli.main", "ldap", "healthcheck", "--json"]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
        outcomes.append((done.returncode, json.loads(done.stdout)["ok"]))
    assert outcomes == [(0, True), (1, False)]
