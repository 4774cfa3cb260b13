"""Requests as bytes and replies as values, for tests that speak to the server without a client library."""

from __future__ import annotations

import socket
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ldaptor.protocols import pureldap

from ldap_server import messages
from ldap_server.ber import ENUMERATED, SEQUENCE, Framer, Reader
from ldap_server.messages import Control, integer, tlv
from tests.ldap_server.conftest import Server

BASE = "ou=bal,o=mssante,c=fr"
EVERYONE = pureldap.LDAPFilter_present("mail")


class Reply(NamedTuple):
    """A response: its kind, and of a result its code and text, of an entry its name and attributes."""

    message_id: int
    operation: int
    code: int = -1
    text: str = ""
    matched: str = ""
    dn: str = ""
    attributes: dict[str, list[str]] = {}  # noqa: RUF012 - never changed
    controls: dict[str, bytes] = {}  # noqa: RUF012 - never changed


def request(operation: Any, message_id: int = 1, controls: Sequence[Control] = ()) -> bytes:
    """A message with an operation of ldaptor's, and controls."""
    body = integer(message_id) + bytes(operation.toWire())
    if controls:
        body += tlv(0xA0, b"".join(map(_control, controls)))
    return tlv(SEQUENCE, body)


def _control(control: Control) -> bytes:
    parts = tlv(4, control.oid.encode()) + (tlv(1, b"\xff") if control.critical else b"")
    return tlv(SEQUENCE, parts + (b"" if control.value is None else tlv(4, control.value)))


def filter_of(written: str) -> Any:
    """A filter as RFC 4515 writes it, in ldaptor's form."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it calls its parser by names that have been given up
        from ldaptor.ldapfilter import parseFilter

        return parseFilter(written)


def search(filter_: Any = EVERYONE, message_id: int = 1, controls: Sequence[Control] = (), **more: Any) -> bytes:
    wanted = {"baseObject": BASE, "attributes": [b"mail"], **more}
    return request(pureldap.LDAPSearchRequest(filter=filter_, **wanted), message_id, controls)


def replies(data: bytes) -> list[Reply]:
    """The replies in some bytes, which end with the last of them."""
    framer = Framer(2**30)
    found = [_reply(message) for message in framer.feed(data)]
    assert not framer.partial
    return found


def _reply(message: bytes) -> Reply:
    whole = Reader(message).inside(SEQUENCE)
    message_id = whole.integer()
    operation = whole.peek()
    body = whole.inside(operation)
    if operation == messages.SEARCH_ENTRY:
        return Reply(message_id, operation, dn=body.octets().decode(), attributes=_attributes(body.inside(SEQUENCE)))
    code, matched, text = body.integer(ENUMERATED), body.octets().decode(), body.octets().decode()
    controls = {}
    listed = whole.inside(0xA0) if whole.more else Reader(b"")
    while listed.more:
        one = listed.inside(SEQUENCE)
        oid, value = one.octets().decode(), one.octets()
        controls[oid] = value
    return Reply(message_id, operation, code, text, matched, controls=controls)


def _attributes(listed: Reader) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    while listed.more:
        one = listed.inside(SEQUENCE)
        name, values = one.octets().decode(), one.inside(0x31)
        found[name] = []
        while values.more:
            found[name].append(values.octets().decode())
    return found


class Talk:
    """A conversation on one connection."""

    def __init__(self, server: Server) -> None:
        self.socket = server.connect()
        self._framer = Framer(2**30)
        self._next_id = 0

    def __enter__(self) -> Talk:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *wires: bytes) -> None:
        self.socket.sendall(b"".join(wires))

    def receive(self, done: Callable[[Reply], bool]) -> list[Reply]:
        """Replies up to the first that is what was waited for."""
        found: list[Reply] = []
        while not found or not done(found[-1]):
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionResetError("the server has closed")
            found += map(_reply, self._framer.feed(data))
        return found

    def ask(self, make: Callable[[int], bytes]) -> list[Reply]:
        """The replies to one request, made for the next message id."""
        self._next_id += 1
        self.send(make(self._next_id))
        return self.receive(lambda reply: reply.operation != messages.SEARCH_ENTRY)

    def search(self, filter_: Any = EVERYONE, *controls: Control, **more: Any) -> tuple[list[Reply], Reply]:
        """The entries, and the result."""
        found = self.ask(lambda message_id: search(filter_, message_id, controls, **more))
        return found[:-1], found[-1]


def exchange(server: Server, *wires: bytes, silence_s: float = 5.0) -> bytes:
    """All that the server says to some bytes, sent one piece after the other, until it closes: what asks it to is an
    unbind that the caller sends last, or what it cannot make out."""
    with server.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.settimeout(silence_s)
        for wire in wires:
            client.sendall(wire)
        got = b""
        while chunk := client.recv(65536):
            got += chunk
        return got
