"""A small LDAP client that reads entries: anonymous, one search at a time, simple paged results (RFC 2696)."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from bench.ldap import filters
from bench.ldap.encoding import OCTET_STRING, SEQUENCE, element, elements, integer, search_request, tlv

SUCCESS, SIZE_LIMIT = 0, 4
_PAGED: Final = "1.2.840.113556.1.4.319"
_ENTRY, _DONE = 0x64, 0x65
_CONTROLS: Final = 0xA0
_TIMEOUT_S: Final = 120.0


class Refused(Exception):
    """A search that ended with another result code than it should."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as a server sent it."""

    dn: str
    attributes: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """Entries, the result code and the cookie of the next page."""

    entries: list[Entry]
    code: int
    message: str
    cookie: bytes


class Client:
    """A connection to a server; a context manager."""

    def __init__(self, host: str, port: int, *, timeout_s: float = _TIMEOUT_S) -> None:
        self._socket = socket.create_connection((host, port), timeout=timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream = self._socket.makefile("rb", buffering=1 << 18)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._stream.close()
        self._socket.close()

    def search(
        self,
        base: str,
        wanted: str,
        *,
        attributes: Sequence[str] = (),
        size_limit: int = 0,
        scope: int = 2,
        controls: bytes = b"",
    ) -> Answer:
        """One search by its filter's text.

        Raises:
            OSError: the server closed the connection or did not answer in time.
        """
        encoded = filters.encode(filters.parse(wanted))
        request = search_request(
            base, encoded, attributes=attributes, size_limit=size_limit, scope=scope, controls=controls
        )
        self.send(request)
        return self.receive()

    def send(self, request: bytes) -> None:
        self._socket.sendall(request)

    def receive(self) -> Answer:
        """The answer to the search that was sent."""
        entries: list[Entry] = []
        while True:
            message = self._message()
            _, start, end = element(message, 0)
            _number, operation, *rest = elements(message, start, end)
            if operation[0] == _ENTRY:
                entries.append(_entry(message, operation[1], operation[2]))
            elif operation[0] == _DONE:
                code, _, text = elements(message, operation[1], operation[2])
                said = message[text[1] : text[2]].decode("utf-8", "replace")
                cookie = _cookie(message, rest[0]) if rest else b""
                return Answer(entries, message[code[1]], said, cookie)

    def walk(self, base: str, wanted: str, *, attributes: Sequence[str] = (), page: int = 2000) -> Iterator[Entry]:
        """Every entry that matches, page by page.

        Raises:
            Refused: a page ended with an error, such as the server's size limit.
        """
        cookie = b""
        while True:
            controls = _paged_control(page, cookie)
            answer = self.search(base, wanted, attributes=attributes, controls=controls)
            yield from answer.entries
            if answer.code != SUCCESS:
                raise Refused(f"the walk ended with result code {answer.code}: {answer.message}")
            cookie = answer.cookie
            if not cookie:
                return

    def _message(self) -> bytes:
        head = self._read(2)
        size = head[1]
        if size & 0x80:
            octets = self._read(size & 0x7F)
            head, size = head + octets, int.from_bytes(octets, "big")
        return head + self._read(size)

    def _read(self, size: int) -> bytes:
        data: bytes = self._stream.read(size)
        if len(data) < size:
            raise ConnectionError("the server closed the connection")
        return data


def _paged_control(size: int, cookie: bytes) -> bytes:
    value = tlv(SEQUENCE, integer(size) + tlv(OCTET_STRING, cookie))
    control = tlv(SEQUENCE, tlv(OCTET_STRING, _PAGED.encode()) + tlv(OCTET_STRING, value))
    return tlv(_CONTROLS, control)


def _cookie(message: bytes, controls: tuple[int, int, int]) -> bytes:
    for _, start, end in elements(message, controls[1], controls[2]):
        parts = [message[first:last] for _, first, last in elements(message, start, end)]
        if parts[0] == _PAGED.encode():
            value = parts[-1]
            _, start, end = element(value, 0)
            _size, cookie = elements(value, start, end)
            return value[cookie[1] : cookie[2]]
    return b""


def _entry(message: bytes, start: int, end: int) -> Entry:
    (_, name, name_end), (_, first, last) = elements(message, start, end)
    attributes = {}
    for _, begin, stop in elements(message, first, last):
        (_, kind, kind_end), (_, values, values_end) = elements(message, begin, stop)
        attributes[message[kind:kind_end].decode()] = [
            message[one:one_end].decode() for _, one, one_end in elements(message, values, values_end)
        ]
    return Entry(message[name:name_end].decode(), attributes)
