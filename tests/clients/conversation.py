"""What mail programs say on the wire, said over a real socket: their filters, limits, controls and lengths."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from bench.ldap import filters
from bench.ldap.encoding import ENUMERATED, OCTET_STRING, SEQUENCE, element, elements, integer, tlv
from tests.ldap_server.conftest import Server
from tests.ldap_server.replies import Reply, read

BASE: Final = "ou=bal,o=mssante,c=fr"
BASE_SCOPE, ONE_LEVEL, SUBTREE = 0, 1, 2
PAGED: Final = "1.2.840.113556.1.4.319"
SORT: Final = "1.2.840.113556.1.4.473"
SORT_RESPONSE: Final = "1.2.840.113556.1.4.474"
VLV: Final = "2.16.840.1.113730.3.4.9"
MANAGE_DSA_IT: Final = "2.16.840.1.113730.3.4.2"
PASSWORD_POLICY: Final = "1.3.6.1.4.1.42.2.27.8.5.1"  # asked about by clients, not known here


@dataclass(frozen=True, slots=True)
class Search:
    """A SearchRequest (RFC 4511 section 4.5.1) and its controls."""

    filter: str | bytes  # as text, or as it stands in the message
    attributes: Sequence[str] = ()
    size: int = 0
    time: int = 0
    aliases: int = 0  # derefAliases
    scope: int = SUBTREE
    base: str = BASE
    controls: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to a search."""

    entries: Sequence[Reply]
    code: int
    controls: Mapping[str, bytes]

    @property
    def addresses(self) -> list[str]:
        """What an address line shows."""
        return [entry.attributes["mail"][0] for entry in self.entries]


def control(oid: str, *, critical: bool, value: bytes | None = None) -> bytes:
    body = tlv(OCTET_STRING, oid.encode()) + (tlv(0x01, b"\xff") if critical else b"")
    return tlv(SEQUENCE, body + (b"" if value is None else tlv(OCTET_STRING, value)))


def paged(size: int, cookie: bytes = b"", *, critical: bool = False) -> bytes:
    """RFC 2696."""
    return control(PAGED, critical=critical, value=tlv(SEQUENCE, integer(size) + tlv(OCTET_STRING, cookie)))


def sorted_by(attribute: str, rule: str = "", *, critical: bool) -> bytes:
    """RFC 2891."""
    key = tlv(OCTET_STRING, attribute.encode()) + (tlv(0x80, rule.encode()) if rule else b"")
    return control(SORT, critical=critical, value=tlv(SEQUENCE, tlv(SEQUENCE, key)))


def view(offset: int, after: int, *, content: int = 0, critical: bool = True) -> bytes:
    """A window of a list, by offset (draft-ietf-ldapext-ldapv3-vlv-09)."""
    by_offset = tlv(0xA0, integer(offset) + integer(content))
    return control(VLV, critical=critical, value=tlv(SEQUENCE, integer(0) + integer(after) + by_offset))


def cookie(found: Found) -> bytes:
    """The cookie of an answer's page."""
    value = found.controls[PAGED]
    _, start, end = element(value, 0)
    _, (_, begin, stop) = elements(value, start, end)
    return value[begin:stop]


def in_four_octets(message: bytes) -> bytes:
    """The same message with the lengths of all constructed elements in four octets, as Windows writes them."""
    out = b""
    for tag, start, end in elements(message, 0, len(message)):
        content = message[start:end]
        if tag & 0x20:
            content = in_four_octets(content)
            out += bytes((tag, 0x84)) + len(content).to_bytes(4, "big") + content
        else:
            out += tlv(tag, content)
    return out


def _encoded(wanted: str | bytes) -> bytes:
    return wanted if isinstance(wanted, bytes) else filters.encode(filters.parse(wanted))


class Client:
    """One connection of a mail program; a context manager."""

    def __init__(self, server: Server, *, windows: bool = False, first_id: int = 1) -> None:
        self._socket = server.connect()
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._windows = windows
        self._next_id = first_id
        self._rest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def bind(self, version: int = 3, name: str = "", password: str = "", controls: Sequence[bytes] = ()) -> int:
        """A simple bind; returns its result code."""
        body = integer(version) + tlv(OCTET_STRING, name.encode()) + tlv(0x80, password.encode())
        message_id = self.send(tlv(0x60, body), controls)
        (reply,) = self.receive(message_id, "bindResponse")
        assert reply.code is not None
        return reply.code

    def search(self, wanted: Search) -> Found:
        return self.answer(self.ask(wanted))

    def ask(self, wanted: Search) -> int:
        """Send a search; returns its message id."""
        names = b"".join(tlv(OCTET_STRING, name.encode()) for name in wanted.attributes)
        body = b"".join((
            tlv(OCTET_STRING, wanted.base.encode()), integer(wanted.scope, ENUMERATED),
            integer(wanted.aliases, ENUMERATED), integer(wanted.size), integer(wanted.time), tlv(0x01, b"\0"),
            _encoded(wanted.filter), tlv(SEQUENCE, names),
        ))  # fmt: skip
        return self.send(tlv(0x63, body), wanted.controls)

    def answer(self, message_id: int) -> Found:
        """The answer to the search of this id."""
        *entries, done = self.receive(message_id, "searchResDone")
        assert {entry.kind for entry in entries} <= {"searchResEntry"}
        assert done.code is not None
        return Found(entries, done.code, done.controls)

    def abandon(self, message_id: int) -> None:
        self.send(tlv(0x50, integer(message_id)[2:]))

    def send(self, operation: bytes, controls: Sequence[bytes] = ()) -> int:
        message_id, self._next_id = self._next_id, self._next_id + 1
        listed = tlv(0xA0, b"".join(controls)) if controls else b""
        message = tlv(SEQUENCE, integer(message_id) + operation + listed)
        self._socket.sendall(in_four_octets(message) if self._windows else message)
        return message_id

    def receive(self, message_id: int, last: str) -> list[Reply]:
        """All replies up to one of the kind that ends an answer; they must be of one message id."""
        found: list[Reply] = []
        while not found or found[-1].kind != last:
            data = self._socket.recv(65536)
            assert data, f"closed after {found[-1:]}"
            replies, self._rest = read(self._rest + data)
            found += replies
        assert {reply.message_id for reply in found} == {message_id}
        return found

    def closed(self) -> bool:
        """Whether the server has closed; waits for it."""
        return self._socket.recv(1) == b""
