"""Search filters as values: read from their text (RFC 4515), encoded (RFC 4511), and judged over one entry."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bench.ldap.encoding import OCTET_STRING, SEQUENCE, tlv

_SPECIAL: Final = re.compile(r"[\\*()\0]")
_ESCAPED: Final = re.compile(rb"\\([0-9A-Fa-f]{2})")
_COMPARING: Final = {">": 0xA5, "<": 0xA6, "~": 0xA8, "": 0xA3}
_AND, _OR, _NOT, _SUBSTRINGS, _PRESENT = 0xA0, 0xA1, 0xA2, 0xA4, 0x87


@dataclass(frozen=True, slots=True)
class All:
    """`(&…)`."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """`(|…)`."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """`(!…)`."""

    part: Filter


@dataclass(frozen=True, slots=True)
class Presence:
    """`(a=*)`."""

    attribute: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """`(a=v)`, and with an operator sign `(a>=v)`, `(a<=v)`, `(a~=v)`."""

    sign: str
    attribute: str
    value: str


@dataclass(frozen=True, slots=True)
class Substrings:
    """`(a=i*m*f)`; initial and final are empty when the pattern begins or ends with a star."""

    attribute: str
    initial: str
    middle: tuple[str, ...]
    final: str


Filter = All | AnyOf | Negation | Presence | Comparison | Substrings


def escape(value: str) -> str:
    """A value as it stands in a filter (RFC 4515 section 3)."""
    return _SPECIAL.sub(lambda found: f"\\{ord(found[0]):02x}", value)


def parse(text: str) -> Filter:
    """The filter that a text writes.

    Raises:
        ValueError: it writes none.
    """
    found, end = _parse(text, 0)
    if end != len(text):
        raise ValueError(f"more than one filter: {text}")
    return found


def _parse(text: str, at: int) -> tuple[Filter, int]:
    if text[at : at + 1] != "(":
        raise ValueError(f"no filter at {at}: {text}")
    sign = text[at + 1 : at + 2]
    if sign in ("&", "|"):
        parts, at = [], at + 2
        while text[at : at + 1] == "(":
            part, at = _parse(text, at)
            parts.append(part)
        return (All if sign == "&" else AnyOf)(tuple(parts)), _closed(text, at)
    if sign == "!":
        part, at = _parse(text, at + 2)
        return Negation(part), _closed(text, at)
    end = text.find(")", at)
    if end < 0:
        raise ValueError(f"not closed: {text}")
    return _simple(text[at + 1 : end]), end + 1


def _closed(text: str, at: int) -> int:
    if text[at : at + 1] != ")":
        raise ValueError(f"not closed at {at}: {text}")
    return at + 1


def _simple(body: str) -> Filter:
    attribute, separator, value = body.partition("=")
    sign = attribute[-1:] if attribute[-1:] in ("<", ">", "~") else ""
    attribute = attribute.removesuffix(sign) if sign else attribute
    if not separator or not attribute:
        raise ValueError(f"no assertion: {body}")
    if sign or "*" not in value:
        return Comparison(sign, attribute, _unescape(value))
    if value == "*":
        return Presence(attribute)
    initial, *middle, final = (_unescape(part) for part in value.split("*"))
    return Substrings(attribute, initial, tuple(part for part in middle if part), final)


def _unescape(value: str) -> str:
    return _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()), value.encode()).decode()


def encode(wanted: Filter) -> bytes:
    """The filter as it stands in a SearchRequest (RFC 4511 section 4.5.1)."""
    match wanted:
        case All(parts):
            return tlv(_AND, b"".join(map(encode, parts)))
        case AnyOf(parts):
            return tlv(_OR, b"".join(map(encode, parts)))
        case Negation(part):
            return tlv(_NOT, encode(part))
        case Presence(attribute):
            return tlv(_PRESENT, attribute.encode())
        case Comparison(sign, attribute, value):
            return tlv(_COMPARING[sign], _octets(attribute) + _octets(value))
        case Substrings(attribute, initial, middle, final):
            pieces = [(0x80, initial), *((0x81, part) for part in middle), (0x82, final)]
            encoded = b"".join(tlv(tag, piece.encode()) for tag, piece in pieces if piece)
            return tlv(_SUBSTRINGS, _octets(attribute) + tlv(SEQUENCE, encoded))


def _octets(value: str) -> bytes:
    return tlv(OCTET_STRING, value.encode())


Entry = Mapping[str, Sequence[str]]  # values by attribute name in lower case


def holds(wanted: Filter, entry: Entry, form: Callable[[str], str]) -> bool:
    """Whether an entry satisfies a filter when values are compared in this form. Order is not looked at."""
    match wanted:
        case All(parts):
            return all(holds(part, entry, form) for part in parts)
        case AnyOf(parts):
            return any(holds(part, entry, form) for part in parts)
        case Negation(part):
            return not holds(part, entry, form)
        case Presence(attribute):
            return bool(entry.get(attribute.lower()))
        case Comparison(_, attribute, value):
            return form(value) in map(form, entry.get(attribute.lower(), ()))
        case Substrings(attribute, initial, middle, final):
            pattern = re.compile(_pattern(initial, middle, final, form), re.DOTALL)
            return any(pattern.fullmatch(form(value)) for value in entry.get(attribute.lower(), ()))


def _pattern(initial: str, middle: Sequence[str], final: str, form: Callable[[str], str]) -> str:
    return ".*".join(re.escape(form(part)) for part in (initial, *middle, final))
