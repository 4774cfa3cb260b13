"""Handshakes over real sockets: what is agreed to, what is refused, sessions that go on elsewhere, hostile clients."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ldaptor.protocols import pureldap

from ldap_server import tickets
from tests.ldap_server.authority import Authority
from tests.ldap_server.conftest import Server, serving
from tests.ldap_server.secure import START_TLS, VERSIONS, asked, secure_server, secured, trusting, until, with_accounts
from tests.ldap_server.test_binding import (
    answers,
    bind,
)
from tests.ldap_server.test_server import request, search


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_accounts(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def server(data: Path, authority: Authority, certificate: Path) -> Iterator[Server]:
    yield from secure_server(data, authority, certificate)


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
def test_both_versions_agree_on_ephemeral_keys_and_authenticated_encryption(
    server: Server, authority: Authority, version: ssl.TLSVersion
) -> None:
    with secured(server, trusting(authority, version)) as client:
        assert b"\x65" in asked(client, search(sizeLimit=1))
        cipher = client.cipher()
        assert cipher is not None
        assert client.compression() is None
        assert "GCM" in cipher[0] or "POLY1305" in cipher[0]
        assert version is ssl.TLSVersion.TLSv1_3 or cipher[0].startswith("ECDHE-")


@pytest.mark.parametrize(
    ("version", "ciphers"),
    [
        (ssl.TLSVersion.TLSv1_1, "DEFAULT:@SECLEVEL=0"),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA"),
        (ssl.TLSVersion.TLSv1_2, "AES128-GCM-SHA256"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_older_versions_and_weaker_ciphers_are_refused(
    server: Server, authority: Authority, version: ssl.TLSVersion, ciphers: str
) -> None:
    context = trusting(authority, version)
    context.set_ciphers(ciphers)
    with pytest.raises(ssl.SSLError), secured(server, context):
        pass


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
def test_a_session_goes_on_at_whichever_worker_answers(
    server: Server, authority: Authority, version: ssl.TLSVersion
) -> None:
    context, session = trusting(authority, version), None
    # A connection held open makes the other worker the least loaded one: in the end each has answered some of these.
    with contextlib.ExitStack() as held:
        for number in range(200):
            client = held.enter_context(secured(server, context, session=session))
            assert answers(asked(client, bind("", ""))) == [(1, 0x61, 0)]
            assert client.session_reused == (number > 0)
            session = client.session
            loads = memoryview(os.pread(server.loads, 8, 0)).cast("I")
            if number > 10 and min(loads) > 3:
                break
            time.sleep(0 if min(loads) else 0.1)  # the second worker may still be starting
        assert min(loads) > 3


def test_new_keys_of_tickets_cost_a_handshake_and_nothing_else(server: Server, authority: Authority) -> None:
    context = trusting(authority)

    def resumed(session: ssl.SSLSession | None) -> tuple[bool, ssl.SSLSession | None]:
        with secured(server, context, session=session) as client:
            asked(client, bind("", ""))
            return client.session_reused is True, client.session

    session = resumed(None)[1]
    assert resumed(session)[0]
    tickets.rotate(server.tickets)
    until(lambda: not resumed(session)[0])
    until(lambda: resumed(resumed(None)[1])[0])


def test_tickets_can_be_shared_on_this_python() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    assert tickets.apply(context, b"k" * tickets.KEY_BYTES)
    assert not tickets.apply(context, b"short")


def test_requests_split_at_every_byte_and_answers_of_many_records_pass(server: Server, authority: Authority) -> None:
    with secured(server, trusting(authority)) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in search(sizeLimit=1):
            client.sendall(bytes([byte]))
        assert b"\x65" in client.recv(65536)
        wires = b"".join(search(message_id=number) for number in range(1, 31))
        client.sendall(wires)
        got = b""
        while b"\x02\x01\x1e\x65" not in got:
            got += client.recv(65536)
        assert len(got) > 16_384


@pytest.mark.parametrize("garbage", [bind("", ""), b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"x" * 5000])
def test_garbage_on_the_port_of_tls_is_closed(server: Server, garbage: bytes) -> None:
    with socket.create_connection((server.host, server.ldaps_port), timeout=10) as client:
        client.sendall(garbage)
        with contextlib.suppress(ConnectionResetError):
            while client.recv(1000):
                pass


def test_a_client_may_not_negotiate_again(server: Server, authority: Authority) -> None:
    # openssl asks for it at a line that is "R"; the server says no and goes on, or closes: never a second handshake.
    command = ["openssl", "s_client", "-connect", f"{server.host}:{server.ldaps_port}", "-tls1_2", "-CAfile",
               str(authority.file), "-legacy_renegotiation"]  # fmt: skip
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    done = subprocess.run(command, input="R\n", capture_output=True, text=True, timeout=20, check=False)
    assert "Verify return code: 0" in done.stdout
    assert "RENEGOTIATING" in done.stdout + done.stderr
    assert "no renegotiation" in done.stdout + done.stderr


@pytest.mark.parametrize("how", ["silent", "half a handshake", "StartTLS and then silent"])
def test_a_handshake_that_does_not_end_is_closed(data: Path, authority: Authority, certificate: Path, how: str) -> None:
    for server in serving(data, LDAP_FIRST_MESSAGE_S="0.4", TLS_CERTIFICATE_FILE=str(certificate)):
        port = server.port if how.startswith("StartTLS") else server.ldaps_port
        with socket.create_connection((server.host, port), timeout=10) as client:
            if how == "half a handshake":
                client.sendall(b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1")
            elif how != "silent":
                assert answers(asked(client, START_TLS)) == [(1, 0x78, 0)]
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(1000) == b""


def test_an_end_without_goodbye_and_a_goodbye_harm_nobody(server: Server, authority: Authority) -> None:
    with secured(server, trusting(authority)) as client:
        asked(client, bind("", ""))
        client.unwrap().close()
    with secured(server, trusting(authority)) as client:
        client.sendall(search()[:5])
    with secured(server, trusting(authority)) as client:
        client.sendall(request(pureldap.LDAPUnbindRequest()))
        assert client.recv(100) == b""  # a proper end of the session, no cut
