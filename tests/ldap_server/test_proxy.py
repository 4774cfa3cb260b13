"""The PROXY protocol from those who are trusted, cut everywhere, and from those who are not."""

from __future__ import annotations

import socket
import ssl
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldap_server.proxy import SIGNATURE, NoHeader, client_of, header_size
from tests.ldap_server.authority import Authority
from tests.ldap_server.conftest import Server, serving
from tests.ldap_server.test_turns import BIND

ANSWER = bytes.fromhex("300c02010161070a010004000400")


def header(
    command: int = 0x21,
    family: int = 0x11,
    addresses: bytes | None = None,
    more: bytes = b"",
    source: str = "192.0.2.7",
) -> bytes:
    if addresses is None:
        addresses = socket.inet_aton(source) + socket.inet_aton("198.51.100.1") + struct.pack(">HH", 40000, 389)
    return SIGNATURE + struct.pack(">BBH", command, family, len(addresses) + len(more)) + addresses + more


SIX = socket.inet_pton(socket.AF_INET6, "2001:db8::7") * 2 + struct.pack(">HH", 40000, 389)
TLV = b"\x04\x00\x03\0\0\0" + b"\x02\x00\x07example"


def test_a_header_tells_whose_connection_it_is() -> None:
    assert client_of(header()) == ("192.0.2.7", 40000)
    assert client_of(header(family=0x21, addresses=SIX)) == ("2001:db8::7", 40000)
    assert client_of(header(more=TLV)) == ("192.0.2.7", 40000)


def test_a_proxys_own_connection_is_nobody_elses() -> None:
    assert client_of(header(0x20, 0, b"")) is None
    assert client_of(header(0x20)) is None


def test_the_size_of_a_header_is_known_with_its_sixteenth_byte() -> None:
    whole = header(more=TLV)
    assert [header_size(whole[:size]) for size in range(16)] == [None] * 16
    assert header_size(whole[:16]) == header_size(whole + b"more") == len(whole)


@pytest.mark.parametrize(
    "data",
    [
        b"0",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 389\r\n",
        SIGNATURE[:-1] + b"x",
        header(0x11),
        header(0x22),
        SIGNATURE + struct.pack(">BBH", 0x21, 0x11, 65_535),
    ],
    ids=["LDAP", "version 1", "another signature", "another version", "another command", "too long"],
)
def test_what_is_no_header_is_refused_at_once(data: bytes) -> None:
    with pytest.raises(NoHeader):
        header_size(data)


@pytest.mark.parametrize(
    "data",
    [header(family=0x12), header(family=0x31), header(family=0), header(addresses=b"\0" * 11), header(family=0x21)],
    ids=["UDP", "a local socket", "unspecified", "cut addresses", "IPv4 as IPv6"],
)
def test_a_header_without_the_addresses_of_a_tcp_connection_is_refused(data: bytes) -> None:
    with pytest.raises(NoHeader):
        client_of(data)


@given(st.binary(max_size=300))
def test_no_bytes_lead_to_anything_else_than_a_header_or_a_refusal(data: bytes) -> None:
    for tried in (data, SIGNATURE + data):
        try:
            size = header_size(tried)
            if size is not None and len(tried) >= size:
                client_of(tried[:size])
        except NoHeader:
            pass


# -- over a real socket ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def behind_proxy(indexed: Path) -> Iterator[Server]:
    yield from serving(indexed, LDAP_PROXIES="127.0.0.2", LDAP_CONNECTIONS_PER_ADDRESS="3", LDAP_FIRST_MESSAGE_S="1")


def proxied(server: Server, source: str = "127.0.0.2") -> socket.socket:
    client = socket.create_connection((server.host, server.port), 10, source_address=(source, 0))
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def received(client: socket.socket) -> bytes:
    got = b""
    try:
        while chunk := client.recv(4096):
            got += chunk
            if got == ANSWER:
                break
    except ConnectionResetError:
        pass
    return got


def test_the_header_may_be_cut_anywhere(behind_proxy: Server) -> None:
    whole = header(more=TLV) + BIND
    for cut in range(1, len(whole)):
        with proxied(behind_proxy) as client:
            client.sendall(whole[:cut])
            time.sleep(0.002)
            client.sendall(whole[cut:])
            assert received(client) == ANSWER


def test_header_and_request_may_come_byte_by_byte_or_in_one_segment(behind_proxy: Server) -> None:
    whole = header() + BIND
    with proxied(behind_proxy) as client:
        for place in range(len(whole)):
            client.sendall(whole[place : place + 1])
        assert received(client) == ANSWER
    with proxied(behind_proxy) as client:
        client.sendall(whole)
        assert received(client) == ANSWER


def test_it_is_the_client_that_is_counted_not_the_proxy(behind_proxy: Server) -> None:
    def from_client(source: str) -> tuple[socket.socket, bytes]:
        client = proxied(behind_proxy)
        client.sendall(header(source=source) + BIND)
        return client, received(client)

    opened = [from_client("192.0.2.50") for _ in range(3)]
    assert [answer for _, answer in opened] == [ANSWER] * 3
    refused, told = from_client("192.0.2.50")
    assert b"too many connections from this address" in told
    other, answer = from_client("192.0.2.51")
    assert answer == ANSWER
    for client in (*(client for client, _ in opened), refused, other):
        client.close()


def test_a_proxys_health_check_is_answered(behind_proxy: Server) -> None:
    with proxied(behind_proxy) as client:
        client.sendall(header(0x20, 0, b"") + BIND)
        assert received(client) == ANSWER


@pytest.mark.parametrize("sent", [BIND, header(family=0x12), b"\r\n\r\nx"], ids=["no header", "UDP", "garbage"])
def test_a_proxy_that_sends_no_header_is_cut_off(behind_proxy: Server, sent: bytes) -> None:
    with proxied(behind_proxy) as client:
        client.sendall(sent)
        assert received(client) == b""


def test_a_header_may_not_be_long_in_coming(behind_proxy: Server) -> None:
    with proxied(behind_proxy) as client:
        client.sendall(header()[:20])
        assert received(client) == b""  # or this waits until the test's own time is over


def test_a_header_from_anybody_else_is_no_ldap(behind_proxy: Server) -> None:
    with proxied(behind_proxy, "127.0.0.3") as client:
        client.sendall(header() + BIND)
        assert b"not an LDAP message" in received(client)
    with proxied(behind_proxy, "127.0.0.3") as client:
        client.sendall(BIND)
        assert received(client) == ANSWER


@pytest.mark.parametrize("cut", [0, 1, 15, 16, 28])
def test_tls_behind_a_proxy_begins_after_the_header_and_counts_the_client(
    indexed: Path, authority: Authority, certificate: Path, cut: int
) -> None:
    for server in serving(
        indexed, LDAP_PROXIES="127.0.0.2", LDAP_CONNECTIONS_PER_ADDRESS="1", TLS_CERTIFICATE_FILE=str(certificate)
    ):
        with secured_behind(server, authority, header(), cut) as client:
            client.sendall(BIND)
            assert received(client) == ANSWER
            with pytest.raises((ssl.SSLError, ConnectionError)):
                secured_behind(server, authority, header(), 0)  # too many of this client, who is not let in
            with secured_behind(server, authority, header(source="192.0.2.8"), 0) as other:
                other.sendall(BIND)
                assert received(other) == ANSWER


def secured_behind(server: Server, authority: Authority, told: bytes, cut: int) -> ssl.SSLSocket:
    raw = socket.create_connection((server.host, server.ldaps_port), 10, source_address=("127.0.0.2", 0))
    for part in (told[:cut], told[cut:]):
        if part:
            raw.sendall(part)
    context = ssl.create_default_context(cafile=str(authority.file))
    return context.wrap_socket(raw, server_hostname="localhost")
