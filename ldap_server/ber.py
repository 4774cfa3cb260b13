"""Bounded BER decoding for the search path: framing of the byte stream, and the elements of a SearchRequest.

Everything is checked before memory is taken: an announced length over the limit is refused by its header alone, depth
and width of a filter while it is decoded. Only what LDAP allows is accepted: definite lengths (RFC 4511 section 5.1),
in the short or the long form of 1 to 4 octets, minimal or not (Outlook sends `84 00 00 01 8E`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

SEQUENCE: Final = 0x30
INTEGER: Final = 0x02
OCTET_STRING: Final = 0x04
BOOLEAN: Final = 0x01
ENUMERATED: Final = 0x0A


class Malformed(Exception):
    """Bytes that are no LDAPMessage: the connection cannot go on (RFC 4511 section 4.1.1)."""


class TooLarge(Malformed):
    """A message that announces more bytes than are allowed."""


class Framer:
    """Cuts a stream of bytes into messages, in linear time however the bytes arrive."""

    __slots__ = ("_buffer", "_limit", "_needed")

    def __init__(self, limit: int) -> None:
        self._buffer = bytearray()
        self._limit = limit
        self._needed = 2  # bytes to have before looking again

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The messages that are complete with these bytes.

        Raises:
            Malformed: what follows is not a message, or one that is too large.
        """
        self._buffer += data
        at = 0
        try:
            while len(self._buffer) - at >= self._needed:
                size = self._size(at)
                if size is None:
                    continue
                if len(self._buffer) - at < size:
                    self._needed = size
                    break
                yield bytes(self._buffer[at : at + size])
                at += size
                self._needed = 2
        finally:
            del self._buffer[:at]

    @property
    def partial(self) -> bool:
        """Whether a message has begun and is not complete."""
        return bool(self._buffer)

    def _size(self, at: int) -> int | None:
        """The size of the message at this place; None when its header is not there yet."""
        if self._buffer[at] != SEQUENCE:
            raise Malformed("not an LDAP message")
        first = self._buffer[at + 1]
        if first < 0x80:
            return 2 + first
        octets = first & 0x7F
        if not 1 <= octets <= 4:
            raise Malformed("a length of this form is not allowed")
        if len(self._buffer) - at < 2 + octets:
            self._needed = 2 + octets
            return None
        size = 2 + octets + int.from_bytes(self._buffer[at + 2 : at + 2 + octets], "big")
        if size > self._limit:
            raise TooLarge(f"a message of {size} bytes is over the limit of {self._limit}")
        return size


class Reader:
    """Reads elements one after the other from a part of a message."""

    __slots__ = ("at", "data", "end")

    def __init__(self, data: bytes, at: int = 0, end: int | None = None) -> None:
        self.data = data
        self.at = at
        self.end = len(data) if end is None else end

    @property
    def more(self) -> bool:
        return self.at < self.end

    def peek(self) -> int:
        if self.at >= self.end:
            raise Malformed("an element is missing")
        return self.data[self.at]

    def element(self) -> tuple[int, int, int]:
        """Step over the next element: its tag, and where its content begins and ends."""
        data, at, end = self.data, self.at, self.end
        if at + 2 > end:
            raise Malformed("an element is cut")
        tag, size, start = data[at], data[at + 1], at + 2
        if tag & 0x1F == 0x1F:
            raise Malformed("a tag of this form is not allowed")
        if size >= 0x80:
            octets = size & 0x7F
            if not 1 <= octets <= 4 or start + octets > end:
                raise Malformed("a length of this form is not allowed")
            size = int.from_bytes(data[start : start + octets], "big")
            start += octets
        if start + size > end:
            raise Malformed("an element is longer than what holds it")
        self.at = start + size
        return tag, start, start + size

    def expect(self, wanted: int) -> tuple[int, int]:
        tag, start, end = self.element()
        if tag != wanted:
            raise Malformed("an unexpected element")
        return start, end

    def octets(self, tag: int = OCTET_STRING) -> bytes:
        start, end = self.expect(tag)
        return self.data[start:end]

    def integer(self, tag: int = INTEGER) -> int:
        start, end = self.expect(tag)
        if not 1 <= end - start <= 8:
            raise Malformed("an integer of this size is not allowed")
        return int.from_bytes(self.data[start:end], "big", signed=True)

    def boolean(self) -> bool:
        start, end = self.expect(BOOLEAN)
        if end - start != 1:
            raise Malformed("a boolean has one octet")
        return self.data[start] != 0

    def inside(self, tag: int) -> Reader:
        start, end = self.expect(tag)
        return Reader(self.data, start, end)
