"""Clients that mean ill, or mean another protocol: the others do not notice."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import string
import struct
import time
from pathlib import Path

import pytest

from bench.ldap.client import Client
from tests.fuzz.corpus import CORPUS, REQUESTS
from tests.ldap_server.conftest import Server, bound, serving
from tests.ldap_server.replies import read

_RESET = struct.pack("ii", 1, 0)  # closing sends RST
_NOTICE = "1.3.6.1.4.1.1466.20036"


def reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    client.close()


def said(client: socket.socket) -> bytes:
    """All that the server says until it closes."""
    found = b""
    while data := client.recv(65536):
        found += data
    return found


def answers(server: Server) -> bool:
    """Whether somebody else's bind succeeds."""
    return bound(server)[5:10] == bytes.fromhex("61070a0100")


def dribble(client: socket.socket) -> None:
    """A long search, a byte at a time."""
    client.sendall(b"\x30\x84\x00\x00\xff\x00\x02\x01\x01\x63\x84\x00\x00\xfe\xf0")
    for _ in range(200):
        client.sendall(b"\x04")
        time.sleep(0.05)


def ask_without_reading(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    for _ in range(100_000):
        client.sendall(REQUESTS["search-schema"] * 20)


def test_connections_reset_before_they_are_accepted_do_not_shut_the_door(server: Server) -> None:
    for pid in server.pids:
        os.kill(pid, signal.SIGSTOP)
    for _ in range(5):
        reset(server.connect())
    for pid in server.pids:
        os.kill(pid, signal.SIGCONT)
    for _ in range(6):
        assert answers(server)


@pytest.mark.parametrize(
    "greeting",
    [
        CORPUS["bad-http"],
        CORPUS["bad-tls"],
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"EHLO printer\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
        bytes(64),
        b"\xff" * 64,
    ],
    ids=["HTTP", "TLS", "SSH", "SMTP", "PROXY", "zeros", "ones"],
)
def test_another_protocol_is_told_that_this_is_ldap_and_ended(server: Server, greeting: bytes) -> None:
    with server.connect() as client:
        client.sendall(greeting)
        ((notice,), rest) = read(said(client))
    assert (notice.message_id, notice.name, notice.code, rest) == (0, _NOTICE, 2, b"")


def test_two_hundred_half_messages_keep_nobody_waiting(server: Server) -> None:
    half = REQUESTS["search-outlook"][:-20]
    with contextlib.ExitStack() as held:
        for _ in range(200):
            client = held.enter_context(server.connect())
            client.sendall(half)
        assert answers(server)


def test_a_flood_of_connections_that_say_nothing_is_weathered(server: Server) -> None:
    for number in range(600):
        client = server.connect()
        client.close() if number % 2 else reset(client)
    assert answers(server)


def test_a_message_that_never_ends_is_ended_however_steadily_it_comes(indexed: Path) -> None:
    for server in serving(indexed, LDAP_FIRST_MESSAGE_S="0.5"):
        with server.connect() as client, pytest.raises(ConnectionError):
            dribble(client)
        assert answers(server)


def test_a_client_that_sends_and_does_not_read_is_ended_and_others_are_answered(indexed: Path) -> None:
    for server in serving(indexed, LDAP_WRITE_STALL_S="0.5"):
        with server.connect() as client, pytest.raises(ConnectionError):
            ask_without_reading(client)
        assert answers(server)


def test_an_approximate_match_of_an_endless_word_is_answered_at_once_as_is_one_of_many_words(server: Server) -> None:
    dice = random.Random(1)
    word = "".join(dice.choices(string.ascii_lowercase, k=60_000))
    with Client(server.host, server.port, timeout_s=10) as client:
        assert client.search("ou=bal,o=mssante,c=fr", f"(sn~={word})").code == 0
        assert client.search("ou=bal,o=mssante,c=fr", f"(sn~={'martin ' * 33})").code == 11
        assert client.search("ou=bal,o=mssante,c=fr", "(sn~=martain)").entries
