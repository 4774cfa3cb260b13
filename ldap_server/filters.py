"""LDAP filters to predicates, decoded straight from the wire within bounds on depth and width (RFC 4511 4.5.1)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from directory import nomenclature
from directory.errors import QueryTooComplex
from directory.query import (
    ORDERED,
    And,
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
    Resolves,
    Undefined,
)
from ldap_server.assertions import OfEveryMailbox, OfServer
from ldap_server.ber import OCTET_STRING, SEQUENCE, Malformed, element
from ldap_server.definitions import AttributeType
from ldap_server.schema import SUBSCHEMA_DN, class_name, described, rule_name

AND, OR, NOT, EQUAL, SUBSTRINGS, GREATER, LESS, PRESENT, APPROX, EXTENSIBLE = range(0xA0, 0xAA)
PRESENT = 0x87  # the one primitive choice

_APPROX_WEIGHT: Final = 16  # an approximate match takes as long to look up as many others
_FALSE: Final = Or(())  # a known attribute that no entry holds
_ANR: Final = b"anr"

Leaf = Callable[[bytes, int, int], Predicate]
"""Reads one kind of assertion from its content."""


class FilterDecoder:
    """Decodes one filter; refuses it while decoding when it is deeper or wider than allowed."""

    __slots__ = ("_max_depth", "_max_terms", "_terms")

    def __init__(self, max_depth: int, max_terms: int) -> None:
        self._max_depth = max_depth
        self._max_terms = max_terms
        self._terms = 0

    def decode(self, data: bytes, at: int, end: int, depth: int = 1) -> tuple[Predicate, int]:
        """The predicate of the element at a place, and where it ends.

        Raises:
            Malformed: it is no filter.
            QueryTooComplex: over the limits.
        """
        if depth > self._max_depth:
            raise QueryTooComplex(f"the filter is nested more than {self._max_depth} levels deep")
        tag, start, stop = element(data, at, end)
        self._terms += _APPROX_WEIGHT if tag == APPROX else 1
        if self._terms > self._max_terms:
            raise QueryTooComplex(f"the filter has more than {self._max_terms} terms")
        leaf = _LEAVES.get(tag)
        if leaf is not None:
            return leaf(data, start, stop), stop
        if tag not in (AND, OR, NOT):
            # A choice that is not defined (RFC 4511 section 4.5.1.7): neither true nor false.
            return Undefined(), stop
        parts = []
        while start < stop:
            part, start = self.decode(data, start, stop, depth + 1)
            parts.append(part)
        if tag == NOT:
            if len(parts) != 1:
                raise Malformed("a negation has one part")
            return Not(parts[0]), stop
        return (And if tag == AND else Or)(tuple(parts)), stop


def _assertion(data: bytes, at: int, end: int) -> tuple[bytes, bytes]:
    """An AttributeValueAssertion: description and value."""
    tag, start, stop = element(data, at, end)
    value_tag, value_start, value_stop = element(data, stop, end)
    if tag != OCTET_STRING or value_tag != OCTET_STRING:
        raise Malformed("an assertion has a description and a value")
    return data[start:stop], data[value_start:value_stop]


def _equal(data: bytes, at: int, end: int) -> Predicate:
    description, value = _assertion(data, at, end)
    attribute = described(description)
    if attribute is not None:
        return equality(attribute, assertion_text(value))
    return Resolves(assertion_text(value)) if description.lower() == _ANR else Undefined()


def _approximate(data: bytes, at: int, end: int) -> Predicate:
    attribute = described(_assertion(data, at, end)[0])
    if attribute is None or attribute.field is None or not attribute.has_substrings:
        return _equal(data, at, end)
    return Near(attribute.field, assertion_text(_assertion(data, at, end)[1]))


def _ordering(make: type[AtLeast | AtMost]) -> Leaf:
    def ordering(data: bytes, at: int, end: int) -> Predicate:
        description, value = _assertion(data, at, end)
        attribute = described(description)
        if attribute is None or attribute.field not in ORDERED:
            return Undefined()  # unknown, or without an ordering rule
        return make(attribute.field, assertion_text(value))

    return ordering


def equality(attribute: AttributeType, value: str) -> Predicate:
    """`(attribute=value)`; profession codes that have ended find what they are called today (DOMAIN 11.2 point 8), and
    an object class is known by its identifier too. What has no equality rule, or is no value of the type's syntax,
    makes the assertion Undefined (RFC 4511 section 4.5.1.7)."""
    field = attribute.field
    if field is None or field in _PARTICULAR:
        return _particular(attribute, value)
    return Is(field, value)


_PARTICULAR: Final = frozenset(
    {Field.PROFESSION, Field.OBJECT_CLASS, Field.PAPERLESS, Field.ENTRY_UUID, Field.TELEPHONE}
)


def _particular(attribute: AttributeType, value: str) -> Predicate:
    well_formed = _SYNTAX.get(attribute.rules.equality)
    if not attribute.rules.equality or (well_formed is not None and not well_formed(value)):
        return Undefined()
    if attribute.field is None:
        return _of_server(attribute, value)
    if attribute.field is Field.PROFESSION:
        value = nomenclature.current_profession_code(value.strip())
    elif attribute.field is Field.OBJECT_CLASS:
        value = class_name(value.strip()) or value
    elif attribute.field is Field.TELEPHONE:
        return Or(tuple(Is(Field.TELEPHONE, spelling) for spelling in _spellings(value)))
    return Is(attribute.field, value)


_NOT_DIALLED: Final = re.compile(r"[\s\u002d\u058a\u2010\u2011\u2212\ufe63\uff0d]")
"""Blanks and hyphens, which do not count in telephone numbers (RFC 4518 section 2.6.3)."""


def _spellings(number: str) -> list[str]:
    """The ways in which a telephone number is published: as typed, in one piece, and in pairs as the French say it."""
    dialled = _NOT_DIALLED.sub("", number)
    country, subscriber = (dialled[:3], dialled[3:]) if dialled.startswith("+33") else ("", dialled)
    odd = len(subscriber) % 2
    pairs = [subscriber[max(0, at) : at + 2] for at in range(-odd, len(subscriber), 2)]
    pieces = ([country] if country else []) + pairs
    return list(dict.fromkeys((number, dialled, *(sign.join(pieces) for sign in " -"))))


_SYNTAX: Final[dict[str, Callable[[str], object]]] = {
    "booleanMatch": re.compile(r"\s*(TRUE|FALSE)\s*", re.IGNORECASE).fullmatch,
    "uuidMatch": re.compile(r"\s*[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\s*", re.IGNORECASE).fullmatch,
    "integerMatch": re.compile(r"\s*-?\d+\s*").fullmatch,
    "telephoneNumberMatch": re.compile(r".*\S.*", re.DOTALL).fullmatch,
}

_COMPUTED: Final[dict[str, str]] = {
    "structuralObjectClass": "mssanteMailbox",
    "subschemaSubentry": SUBSCHEMA_DN.lower(),
    "hasSubordinates": "false",
}
"""What the server computes for every mailbox, and is the same for all."""


def _of_server(attribute: AttributeType, value: str | None) -> Predicate:
    same = _COMPUTED.get(attribute.name)
    if (value is None and attribute.name == "entryDN") or (
        same is not None and (value is None or value.strip().lower() == same.lower())
    ):
        return OfEveryMailbox(attribute=attribute.name, value=value)
    return OfServer(attribute=attribute.name, value=value)


def _present(data: bytes, at: int, end: int) -> Predicate:
    attribute = described(data[at:end])
    return Undefined() if attribute is None else present(attribute)


def present(attribute: AttributeType) -> Predicate:
    """`(attribute=*)`."""
    return Has(attribute.field) if attribute.field is not None else _of_server(attribute, None)


def _substrings(data: bytes, at: int, end: int) -> Predicate:
    tag, start, stop = element(data, at, end)
    list_tag, at, end = element(data, stop, end)
    if tag != OCTET_STRING or list_tag != SEQUENCE:
        raise Malformed("substrings have a description and a list")
    attribute = described(data[start:stop])
    initial, middle, final = _parts(data, at, end)
    if attribute is None or not attribute.has_substrings:
        return Undefined()
    if initial is None and final is None and not middle:
        # Not allowed, but Thunderbird sends it for a lone star: like other servers, neither true nor false.
        return Undefined()
    if attribute.field is None:
        return _FALSE
    return Like(attribute.field, initial, tuple(middle), final)


def _parts(data: bytes, at: int, end: int) -> tuple[str | None, list[str], str | None]:
    initial: str | None = None
    middle: list[str] = []
    final: str | None = None
    while at < end:
        tag, start, at = element(data, at, end)
        value = assertion_text(data[start:at])
        if tag == 0x81 and final is None:
            middle.append(value)
        elif tag == 0x80 and initial is None and not middle and final is None:
            initial = value
        elif tag == 0x82 and final is None:
            final = value
        else:
            raise Malformed("substrings out of order")
    return initial, middle, final


_NAMES_ONLY: Final = (Field.CN, Field.SN, Field.GIVEN_NAME, Field.DISPLAY_NAME, Field.ORGANIZATION, Field.SERVICE,
                      Field.CITY, Field.TITLE, Field.DESCRIPTION)  # fmt: skip


def _extensible(data: bytes, at: int, end: int) -> Predicate:
    rule = description = None
    value = b""
    while at < end:
        tag, start, at = element(data, at, end)
        part = data[start:at]
        if tag == 0x81:
            rule = part.decode("ascii", "replace")
        elif tag == 0x82:
            description = part
        elif tag == 0x83:
            value = part
        elif tag != 0x84:  # dnAttributes: the values of our DNs are also attributes of the entry
            raise Malformed("an unexpected element in an extensible match")
    rule_known = None if rule is None else rule_name(rule)
    if rule is not None and rule_known is None:
        return Undefined()
    text = assertion_text(value)
    if description is None:
        if rule_known != "caseIgnoreMatch":
            return Undefined()
        return Or(tuple(Is(field, text) for field in _NAMES_ONLY))
    attribute = described(description)
    if attribute is None or (
        rule_known is not None and rule_known not in (attribute.rules.equality, "caseIgnoreMatch")
    ):
        return Undefined()
    return equality(attribute, text)


def assertion_text(value: bytes) -> str:
    """An assertion value as text. It should be UTF-8; what is not comes from programs that are Latin-1 or cp1252
    inside and is read so (DOMAIN section 11.2 point 6)."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("cp1252", "replace")


_LEAVES: Final[dict[int, Leaf]] = {
    EQUAL: _equal,
    SUBSTRINGS: _substrings,
    PRESENT: _present,
    GREATER: _ordering(AtLeast),
    LESS: _ordering(AtMost),
    APPROX: _approximate,
    EXTENSIBLE: _extensible,
}
