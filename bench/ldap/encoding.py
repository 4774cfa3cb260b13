"""The little of BER that a load generator needs: writing elements, and walking over those of an answer.

Written apart from the server's own codec on purpose: a measurement should not share its subject's mistakes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

INTEGER: Final = 0x02
OCTET_STRING: Final = 0x04
ENUMERATED: Final = 0x0A
SEQUENCE: Final = 0x30
SEARCH_REQUEST: Final = 0x63
_LENGTH: Final = struct.Struct("<I")  # how ldapload.c reads it


def tlv(tag: int, content: bytes) -> bytes:
    """One element, its length in the fewest octets."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def integer(value: int, tag: int = INTEGER) -> bytes:
    return tlv(tag, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def search_request(
    base: str,
    encoded_filter: bytes,
    *,
    attributes: Sequence[str] = (),
    size_limit: int = 0,
    scope: int = 2,
    message_id: int = 1,
    controls: bytes = b"",
) -> bytes:
    """An LDAPMessage that holds a SearchRequest (RFC 4511 section 4.5.1)."""
    body = b"".join(
        (
            tlv(OCTET_STRING, base.encode()),
            integer(scope, ENUMERATED),
            integer(0, ENUMERATED),  # derefAliases: never
            integer(size_limit),
            integer(0),  # timeLimit: the server's own
            tlv(0x01, b"\0"),  # typesOnly: no
            encoded_filter,
            tlv(SEQUENCE, b"".join(tlv(OCTET_STRING, name.encode()) for name in attributes)),
        )
    )
    return tlv(SEQUENCE, integer(message_id) + tlv(SEARCH_REQUEST, body) + controls)


def write_requests(path: Path, requests: Iterable[bytes]) -> int:
    """Requests as ldapload.c reads them, each behind its length; returns how many."""
    count = 0
    with path.open("wb") as file:
        for request in requests:
            file.write(_LENGTH.pack(len(request)) + request)
            count += 1
    return count


def element(data: bytes, at: int) -> tuple[int, int, int]:
    """The element at a place: its tag, and where its content begins and ends.

    Raises:
        IndexError: it is not all there.
    """
    tag, size, start = data[at], data[at + 1], at + 2
    if size & 0x80:
        octets = size & 0x7F
        size = int.from_bytes(data[start : start + octets], "big")
        start += octets
    if start + size > len(data):
        raise IndexError("an element is cut")
    return tag, start, start + size


def elements(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The elements between two places, one after the other."""
    while at < end:
        found = element(data, at)
        yield found
        at = found[2]
