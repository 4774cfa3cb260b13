"""The little of LDAP that a prepared answer needs: a PartialAttribute in BER (RFC 4511 section 4.1.7), a relative name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_SHORT = [bytes([size]) for size in range(0x80)]


def length(size: int) -> bytes:
    """A definite length in the fewest bytes (X.690 section 8.1.3)."""
    if size < 0x80:
        return _SHORT[size]
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(octets)]) + octets


def octets(value: bytes) -> bytes:
    return b"\x04" + length(len(value)) + value


def partial_attribute(name: str, values: Sequence[str]) -> bytes:
    """`SEQUENCE { type OCTET STRING, vals SET OF OCTET STRING }`; no value when only types are asked for."""
    encoded = b"".join([octets(value.encode()) for value in values])
    body = octets(name.encode()) + b"\x31" + length(len(encoded)) + encoded
    return b"\x30" + length(len(body)) + body


_SPECIAL: Final = re.compile(r'([\\"+,;<>=])')


def rdn_value(value: str) -> str:
    """A value as it stands in a distinguished name (RFC 4514 section 2.4)."""
    escaped = _SPECIAL.sub(r"\\\1", value).replace("\x00", r"\00")
    if escaped.startswith(("#", " ")):
        escaped = "\\" + escaped
    if escaped.endswith(" ") and not escaped.endswith("\\ "):
        escaped = escaped[:-1] + "\\ "
    return escaped
