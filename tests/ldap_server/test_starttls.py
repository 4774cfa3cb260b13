"""StartTLS: once, when nothing is outstanding, and nothing of what was said in the clear."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ldap3
import pytest

from ldap_server import messages
from tests.ldap_server.authority import Authority
from tests.ldap_server.conftest import Server, serving
from tests.ldap_server.secure import START_TLS, WHO, asked, secure_server, trusting, with_accounts
from tests.ldap_server.test_binding import (
    PASSWORD,
    answers,
    bind,
)
from tests.ldap_server.test_server import search


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_accounts(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def server(data: Path, authority: Authority, certificate: Path) -> Iterator[Server]:
    yield from secure_server(data, authority, certificate)


def started(server: Server, authority: Authority) -> ssl.SSLSocket:
    raw = server.connect()
    got = asked(raw, START_TLS)
    assert answers(got) == [(1, 0x78, 0)]
    assert messages.START_TLS.encode() in got
    return trusting(authority).wrap_socket(raw, server_hostname="localhost")


def test_tls_is_started_once(server: Server, authority: Authority) -> None:
    with started(server, authority) as client:
        assert answers(asked(client, bind("jeanne", PASSWORD))) == [(1, 0x61, 0)]
        assert answers(asked(client, START_TLS)) == [(1, 0x78, 1)]
        assert b"u:jeanne" in asked(client, WHO)


def test_tls_is_not_started_while_an_operation_is_outstanding(server: Server) -> None:
    with server.connect() as client:
        client.sendall(search(message_id=3) + search(message_id=4, sizeLimit=1) + START_TLS)
        got = b""
        while b"\x02\x01\x04\x65" not in got:
            got += client.recv(65536)
        assert (1, 0x78, 1) in answers(got)
        assert answers(asked(client, bind("", ""))) == [(1, 0x61, 0)]  # still in the clear, and answered


@pytest.mark.parametrize(
    "injected",
    [search(message_id=7), bind("", "", 7), search(message_id=7)[:9], b"\x16\x03\x01\x02\x00\x01"],
    ids=["request", "bind", "part of one", "handshake"],
)
def test_what_is_sent_behind_starttls_in_the_clear_ends_the_conversation(server: Server, injected: bytes) -> None:
    with server.connect() as client:
        client.sendall(START_TLS + injected)
        got = b""
        with contextlib.suppress(ConnectionResetError):
            while part := client.recv(65536):
                got += part
    assert (1, 0x78, 0) not in answers(got)
    assert b"\x02\x01\x07" not in got


def test_without_a_certificate_there_is_no_tls(indexed: Path) -> None:
    for server in serving(indexed):
        with server.connect() as client:
            assert answers(asked(client, START_TLS)) == [(1, 0x78, 2)]
        assert messages.START_TLS not in root_dse(server)["supportedExtension"]
        assert "supportedSASLMechanisms" not in root_dse(server)


def root_dse(server: Server) -> dict[str, Any]:
    where = ldap3.Server(server.host, server.port, get_info=ldap3.NONE)
    client = ldap3.Connection(where, auto_bind=True)
    client.search("", "(objectClass=*)", ldap3.BASE, attributes=["*", "+"])
    return dict(client.response[0]["attributes"])


def test_the_root_dse_says_what_there_is(server: Server) -> None:
    assert messages.START_TLS in root_dse(server)["supportedExtension"]
    assert set(root_dse(server)["supportedSASLMechanisms"]) == {"EXTERNAL", "PLAIN"}
