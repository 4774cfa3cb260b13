"""The tree: distinguished names (RFC 4514), the containers, and what a base and a scope select."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from directory import text
from directory.index import matching
from directory.query import (
    ORDERED,
    And,
    Anything,
    AtLeast,
    AtMost,
    Field,
    Has,
    Is,
    Like,
    Near,
    Not,
    Or,
    Predicate,
    Undefined,
)
from ldap_server.assertions import OfEveryMailbox, OfServer
from ldap_server.schema import attribute_type

BASE, ONE, SUB = 0, 1, 2

_LONGEST: Final = 4096
_MOST_PAIRS: Final = 128
_HEX: Final = re.compile(r"[0-9A-Fa-f]{2}")

Rdn = frozenset[tuple[str, str]]
Name = tuple[Rdn, ...]


class BadName(ValueError):
    """Not a distinguished name: invalidDNSyntax (34)."""


@functools.lru_cache(maxsize=256)
def parse(dn: str) -> Name:
    """A name in comparable form: types by their first name, values folded, blanks around signs dropped.

    Raises:
        BadName: it is none, or longer than any of ours by far: what is kept here shall stay small.
    """
    if len(dn) > _LONGEST or dn.count("=") > _MOST_PAIRS:
        raise BadName("a name of this length is not accepted")
    if not dn.strip():
        return ()
    return tuple(_rdn(part) for part in _split(dn, ",;"))


def _rdn(part: str) -> Rdn:
    pairs = []
    for piece in _split(part, "+"):
        kind, separator, value = piece.partition("=")
        kind = kind.strip()
        if not separator or not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*|\d+(\.\d+)*", kind):
            raise BadName(dn_hint(part))
        known = attribute_type(kind)
        pairs.append((known.name.lower() if known else kind.lower(), text.fold(_value(value))))
    return frozenset(pairs)


def _split(dn: str, separators: str) -> list[str]:
    parts, current, quoted, escaped = [], "", False, False
    for char in dn:
        if escaped:
            current, escaped = current + char, False
        elif char == "\\":
            current, escaped = current + char, True
        elif char == '"':
            current, quoted = current + char, not quoted
        elif char in separators and not quoted:
            parts.append(current)
            current = ""
        else:
            current += char
    if quoted or escaped:
        raise BadName(dn_hint(dn))
    return [*parts, current]


def _value(raw: str) -> str:
    raw = raw.strip(" ")
    if len(raw) > 1 and raw.startswith('"') and raw.endswith('"'):
        raw = raw[1:-1]
    out = bytearray()
    at = 0
    while at < len(raw):
        if raw[at] != "\\":
            out += raw[at].encode()
            at += 1
        elif _HEX.match(raw, at + 1):
            out.append(int(raw[at + 1 : at + 3], 16))
            at += 3
        else:
            out += raw[at + 1 : at + 2].encode()
            at += 2
    try:
        return out.decode()
    except UnicodeDecodeError as error:
        raise BadName("a value is not UTF-8") from error


def dn_hint(part: str) -> str:
    return f"not a distinguished name near {part[:40]!r}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """An entry that only holds others: never returned by subtree searches, where mail clients would show it as an
    empty card (a written divergence, docs/ldap-conformance.md)."""

    dn: str
    name: Name
    attributes: dict[str, list[str]]


class Tree:
    """The containers below a suffix, and the place of mailboxes."""

    def __init__(self, suffix: str) -> None:
        self.suffix = suffix
        self.base = f"ou=bal,{suffix}"
        self.below_base = f",{self.base}".encode()
        """What stands behind the relative name in a mailbox's name."""
        suffix_name, base_name = parse(suffix), parse(self.base)
        kind, value = next(iter(suffix_name[0])) if suffix_name else ("o", "")
        top = {"objectClass": ["top", "organization"], "o": [value]} if kind == "o" else {"objectClass": ["top"]}
        self.containers = (
            Container(dn=suffix, name=suffix_name, attributes=top),
            Container(
                dn=self.base,
                name=base_name,
                attributes={
                    "objectClass": ["top", "organizationalUnit"],
                    "ou": ["bal"],
                    "description": ["Boîtes aux lettres MSSanté"],
                },
            ),
        )
        self._suffix_name, self.base_name = suffix_name, base_name

    def container(self, name: Name) -> Container | None:
        return next((container for container in self.containers if container.name == name), None)

    def address(self, name: Name) -> str | None:
        """The folded address that a name of our tree is of; None for other names."""
        if len(name) == len(self.base_name) + 1 and name[1:] == self.base_name:
            for kind, value in name[0]:
                if kind == "mail" and len(name[0]) == 1:
                    return value
        return None

    def placed(self, predicate: Predicate) -> Predicate:
        """The predicate of mailboxes, with what it says of their names said of their addresses."""
        match predicate:
            case OfServer(attribute="entryDN", value=str(written)):
                return self._named(written)
            case And(parts) | Or(parts) if parts:
                placed = [self.placed(part) for part in parts]
                # Nearly always nothing is said of names: what is there need not be made again.
                for was, now in zip(parts, placed, strict=True):
                    if now is not was:
                        return type(predicate)(tuple(placed))
            case Not(part):
                return Not(self.placed(part))
        return predicate

    def _named(self, written: str) -> Predicate:
        try:
            address = self.address(parse(written))
        except BadName:
            return Undefined()
        return Or(()) if address is None else Is(Field.MAIL, address)

    def holds_mailboxes(self, name: Name, scope: int) -> bool:
        """Whether a base and a scope select the mailboxes; they select nothing else then. Clients that have no base
        configured ask for everything below the empty name."""
        if scope == SUB:
            return name in (self.base_name, self._suffix_name, ())
        return scope == ONE and name == self.base_name

    def children(self, name: Name) -> list[Container]:
        """The containers directly below a name; the suffix counts as below the empty one."""
        if not name:
            return [self.containers[0]]
        return [container for container in self.containers if container.name[1:] == name]

    def nearest(self, name: Name) -> str:
        """The DN of the closest entry above a name that does not exist (matchedDN)."""
        for above in range(1, len(name)):
            container = self.container(name[above:])
            if container is not None:
                return container.dn
        return ""


def satisfied(predicate: Predicate, attributes: Mapping[str, Sequence[str]]) -> bool | None:
    """A predicate over one small entry: True, False, or None for undefined."""
    match predicate:
        case OfServer() | OfEveryMailbox():
            return _has_value(attributes.get(predicate.attribute, ()), predicate.attribute, predicate.value)
        case And(parts):
            found = [satisfied(part, attributes) for part in parts]
            return False if False in found else None if None in found else True
        case Or(parts):
            found = [satisfied(part, attributes) for part in parts]
            return True if True in found else None if None in found else False
        case Not(part):
            inner = satisfied(part, attributes)
            return None if inner is None else not inner
        case Has(field):
            return bool(_values(field, attributes))
        case AtLeast(field, value) | AtMost(field, value):
            return _compares(predicate, field, value, attributes)
        case Is(field, value) if field in ORDERED:
            return _compares(predicate, field, value, attributes)
        case Is(field, value) | Near(field, value):
            return text.fold(value) in _values(field, attributes)
        case Like(field, initial, middle, final):
            pattern = ".*".join(re.escape(text.fold(part or "")) for part in (initial, *middle, final))
            return any(re.fullmatch(pattern, value, re.DOTALL) for value in _values(field, attributes))
        case Anything():
            return True
        case Undefined():
            return None
        case _:
            return False


def _values(field: Field, attributes: Mapping[str, Sequence[str]]) -> list[str]:
    return [text.fold(value) for value in attributes.get(str(field), ())]


def _compares(
    predicate: Is | AtLeast | AtMost, field: Field, value: str, attributes: Mapping[str, Sequence[str]]
) -> bool | None:
    holds = matching.ordering(predicate, value) if field in ORDERED else None
    return None if holds is None else any(map(holds, attributes.get(str(field), ())))


def _has_value(values: Sequence[str], attribute: str, asked: str | None) -> bool:
    if asked is None:
        return bool(values)
    known = attribute_type(attribute)
    rule = known.rules.equality if known is not None else ""
    if rule == "objectIdentifierFirstComponentMatch":
        # A description of the schema is found by its identifier, or by a name (RFC 4517 section 4.2.26).
        return any(value.split()[1] == asked or f"'{asked.lower()}'" in value.lower() for value in values)
    if rule == "distinguishedNameMatch":
        return any(same_name(asked, parse(value)) for value in values)
    return text.fold(asked) in map(text.fold, values)


def same_name(written: str, name: Name) -> bool:
    """Whether something is another way to write a name."""
    try:
        return parse(written) == name
    except BadName:
        return False
