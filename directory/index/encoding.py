"""The LDAP that a prepared answer needs: a PartialAttribute in BER (RFC 4511 section 4.1.7), a relative name."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Final


def _length(size: int) -> bytes:
    if size < 0x80:
        return bytes([size])
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(octets)]) + octets


_LENGTHS: Final = [_length(size) for size in range(0x1000)]


def length(size: int) -> bytes:
    """A definite length in the fewest bytes (X.690 section 8.1.3)."""
    return _LENGTHS[size] if size < 0x1000 else _length(size)


def octets(value: bytes) -> bytes:
    return b"\x04" + length(len(value)) + value


def partial_attribute(name: str, values: Sequence[str]) -> bytes:
    """`SEQUENCE { type OCTET STRING, vals SET OF OCTET STRING }`; no value when only types are asked for."""
    if len(values) == 1:
        value = values[0].encode()
        encoded = b"\x04" + length(len(value)) + value
    else:
        encoded = b"".join([octets(value.encode()) for value in values])
    body = _type(name) + length(len(encoded)) + encoded
    return b"\x30" + length(len(body)) + body


@functools.lru_cache(maxsize=1000)
def _type(name: str) -> bytes:
    """A type, and the tag of the set that follows."""
    return octets(name.encode()) + b"\x31"


_SPECIAL: Final = re.compile(r'([\\"+,;<>=])')


def rdn_value(value: str) -> str:
    """A value as it stands in a distinguished name (RFC 4514 section 2.4)."""
    escaped = _SPECIAL.sub(r"\\\1", value).replace("\x00", r"\00")
    if escaped.startswith(("#", " ")):
        escaped = "\\" + escaped
    if escaped.endswith(" ") and not escaped.endswith("\\ "):
        escaped = escaped[:-1] + "\\ "
    return escaped


def attributes_of(encoded: bytes) -> list[tuple[bytes, list[bytes]]]:
    """The types and values of partial attributes that stand one after the other: what `partial_attribute` has made."""
    found, at = [], 0
    while at < len(encoded):
        start, end = _content(encoded, at)
        name_at, name_end = _content(encoded, start)
        value_at, _ = _content(encoded, name_end)
        values = []
        while value_at < end:
            first, value_at = _content(encoded, value_at)
            values.append(encoded[first:value_at])
        found.append((encoded[name_at:name_end], values))
        at = end
    return found


def _content(encoded: bytes, at: int) -> tuple[int, int]:
    """Where the content of the element at a place begins and ends."""
    size, start = encoded[at + 1], at + 2
    if size & 0x80:
        octets_of_size = size & 0x7F
        size = int.from_bytes(encoded[start : start + octets_of_size], "big")
        start += octets_of_size
    return start, start + size
