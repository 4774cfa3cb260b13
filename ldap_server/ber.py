"""Bounded BER decoding for the search path: framing of the byte stream, and the elements of a message.

Everything is checked before memory is taken: an announced length over the limit is refused by its header alone, depth
and width of a filter while it is decoded. Only what LDAP allows is accepted: definite lengths (RFC 4511 section 5.1),
in the short or the long form of 1 to 4 octets, minimal or not (Outlook sends `84 00 00 01 8E`).
"""

from __future__ import annotations

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

    __slots__ = ("_buffer", "_needed", "fault", "limit")

    def __init__(self, limit: int) -> None:
        self._buffer = bytearray()
        self.limit = limit
        """Most bytes of a message."""
        self._needed = 2  # bytes to have before looking again
        self.fault: Malformed | None = None
        """What is wrong with the bytes behind the last messages that were complete: nothing follows them."""

    def feed(self, data: bytes, most: int = 1 << 30) -> list[bytes]:
        """The messages that are complete with these bytes, at most so many: the others stay as bytes until the next
        call, however many there are.

        Raises:
            Malformed: it begins with no message, or with one that is too large; `fault` is that of a later one.
        """
        if data and not self._buffer and most and self._size(data, 0, len(data)) == len(data):
            return [data]  # nearly always: one request, in one segment
        self._buffer += data
        return self._cut(most) if len(self._buffer) >= self._needed else []

    @property
    def partial(self) -> bool:
        """Whether a message has begun and is not complete."""
        return 0 < len(self._buffer) < self._needed

    @property
    def more(self) -> bool:
        """Whether there may be a complete message that has not been taken."""
        return len(self._buffer) >= self._needed

    def _cut(self, most: int) -> list[bytes]:
        buffer, at = self._buffer, 0
        found: list[bytes] = []
        size = 0
        try:
            while size := self._size(buffer, at, len(buffer)):
                if at + size > len(buffer) or len(found) == most:
                    break
                found.append(bytes(buffer[at : at + size]))
                at += size
        except Malformed as error:
            if not found:
                raise
            self.fault = error
        del buffer[:at]
        self._needed = size or len(buffer) + 1
        return found

    def _size(self, data: bytes | bytearray, at: int, end: int) -> int:
        """The size of the message at this place; 0 when its header is not there yet."""
        if at + 2 > end:
            if at < end and data[at] != SEQUENCE:
                raise Malformed("not an LDAP message")
            return 0
        if data[at] != SEQUENCE:
            raise Malformed("not an LDAP message")
        size = data[at + 1] + 2
        if size >= 0x82:
            octets = size - 0x82
            if not 1 <= octets <= 4:
                raise Malformed("a length of this form is not allowed")
            if at + 2 + octets > end:
                return 0
            size = 2 + octets + int.from_bytes(data[at + 2 : at + 2 + octets], "big")
        if size > self.limit:
            raise TooLarge(f"a message of {size} bytes is over the limit of {self.limit}")
        return size


def element(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    """The element at a place: its tag, where its content begins, and where it ends.

    Raises:
        Malformed: it is cut, of a form that is not allowed, or longer than what holds it.
    """
    start = at + 2
    if start > end:
        raise Malformed("an element is missing or cut")
    tag, size = data[at], data[at + 1]
    if size >= 0x80:
        octets = size & 0x7F
        if not 1 <= octets <= 4 or start + octets > end:
            raise Malformed("a length of this form is not allowed")
        size = int.from_bytes(data[start : start + octets], "big")
        start += octets
    stop = start + size
    if stop > end:
        raise Malformed("an element is longer than what holds it")
    if tag & 0x1F == 0x1F:
        raise Malformed("a tag of this form is not allowed")
    return tag, start, stop


def integer_at(data: bytes, at: int, end: int, wanted: int) -> tuple[int, int]:
    """The integer (INTEGER or ENUMERATED) at a place, and where it ends.

    Raises:
        Malformed: there is none.
    """
    tag, start, stop = element(data, at, end)
    if tag != wanted or not 1 <= stop - start <= 8:
        raise Malformed("an integer is missing, or of a size that is not allowed")
    return int.from_bytes(data[start:stop], "big", signed=True), stop


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
        found = element(self.data, self.at, self.end)
        self.at = found[2]
        return found

    def expect(self, wanted: int) -> tuple[int, int]:
        tag, start, end = element(self.data, self.at, self.end)
        if tag != wanted:
            raise Malformed("an unexpected element")
        self.at = end
        return start, end

    def octets(self, tag: int = OCTET_STRING) -> bytes:
        start, end = self.expect(tag)
        return self.data[start:end]

    def integer(self, tag: int = INTEGER) -> int:
        value, self.at = integer_at(self.data, self.at, self.end, tag)
        return value

    def boolean(self) -> bool:
        start, end = self.expect(BOOLEAN)
        if end - start != 1:
            raise Malformed("a boolean has one octet")
        return self.data[start] != 0

    def inside(self, tag: int) -> Reader:
        start, end = self.expect(tag)
        return Reader(self.data, start, end)
