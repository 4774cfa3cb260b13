"""LDAP filters to predicates, decoded straight from the wire within bounds on depth and width (RFC 4511 4.5.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from directory import nomenclature
from directory.errors import QueryTooComplex
from directory.query import (
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
from ldap_server.ber import Malformed, Reader
from ldap_server.schema import AttributeType, attribute_type, rule_name

AND, OR, NOT, EQUAL, SUBSTRINGS, GREATER, LESS, PRESENT, APPROX, EXTENSIBLE = range(0xA0, 0xAA)
PRESENT = 0x87  # the one primitive choice

_FALSE: Final = Or(())  # a known attribute that no entry holds


@dataclass(slots=True)
class FilterDecoder:
    """Decodes one filter; refuses it while decoding when it is deeper or wider than allowed."""

    max_depth: int
    max_terms: int
    _terms: int = 0

    def decode(self, reader: Reader, depth: int = 1) -> Predicate:
        """The predicate of the next element.

        Raises:
            Malformed: it is no filter.
            QueryTooComplex: over the limits.
        """
        if depth > self.max_depth:
            raise QueryTooComplex(f"the filter is nested more than {self.max_depth} levels deep")
        self._terms += 1
        if self._terms > self.max_terms:
            raise QueryTooComplex(f"the filter has more than {self.max_terms} terms")
        tag, start, end = reader.element()
        content = Reader(reader.data, start, end)
        if tag in (AND, OR):
            parts = []
            while content.more:
                parts.append(self.decode(content, depth + 1))
            return And(tuple(parts)) if tag == AND else Or(tuple(parts))
        if tag == NOT:
            part = self.decode(content, depth + 1)
            if content.more:
                raise Malformed("a negation has one part")
            return Not(part)
        if tag == PRESENT:
            return _present(reader.data[start:end])
        if tag == SUBSTRINGS:
            return _substrings(content)
        if tag in (EQUAL, GREATER, LESS, APPROX):
            return _assertion(tag, content.octets(), content.octets())
        if tag == EXTENSIBLE:
            return _extensible(content)
        # A choice that is not defined (RFC 4511 section 4.5.1.7): neither true nor false.
        return Undefined()


def _assertion(tag: int, description: bytes, value: bytes) -> Predicate:
    name = _name(description)
    if name == "anr" and tag in (EQUAL, APPROX):
        return Resolves(assertion_text(value))
    attribute = attribute_type(name)
    if attribute is None:
        return Undefined()
    if tag == EQUAL or (tag == APPROX and not attribute.has_substrings):
        return equality(attribute, assertion_text(value))
    if tag in (GREATER, LESS) and attribute.field not in (Field.CREATED, Field.MODIFIED):
        return Undefined()  # no ordering rule
    if attribute.field is None:
        return _FALSE
    text = assertion_text(value)
    if tag == APPROX:
        return Near(attribute.field, text)
    return AtLeast(attribute.field, text) if tag == GREATER else AtMost(attribute.field, text)


def equality(attribute: AttributeType, value: str) -> Predicate:
    """`(attribute=value)`; profession codes that have ended find what they are called today (DOMAIN 11.2 point 8)."""
    if attribute.field is None:
        return _FALSE
    if attribute.field is Field.PROFESSION:
        value = nomenclature.current_profession_code(value.strip())
    return Is(attribute.field, value)


def _present(description: bytes) -> Predicate:
    attribute = attribute_type(_name(description))
    if attribute is None:
        return Undefined()
    return Has(attribute.field) if attribute.field is not None else _COMPUTED.get(attribute.name, _FALSE)


# Present in every entry, computed by the server.
_COMPUTED: Final[dict[str, Predicate]] = {
    name: And(()) for name in ("entryDN", "structuralObjectClass", "subschemaSubentry", "hasSubordinates")
}


def _substrings(content: Reader) -> Predicate:
    attribute = attribute_type(_name(content.octets()))
    parts = content.inside(0x30)
    initial: str | None = None
    final: str | None = None
    middle: list[str] = []
    while parts.more:
        tag, start, end = parts.element()
        value = assertion_text(content.data[start:end])
        if tag == 0x80 and initial is None and not middle and final is None:
            initial = value
        elif tag == 0x81 and final is None:
            middle.append(value)
        elif tag == 0x82 and final is None:
            final = value
        else:
            raise Malformed("substrings out of order")
    if attribute is None or not attribute.has_substrings:
        return Undefined()
    if initial is None and final is None and not middle:
        # Not allowed, but Thunderbird sends it for a lone star: like other servers, neither true nor false.
        return Undefined()
    if attribute.field is None:
        return _FALSE
    return Like(attribute.field, initial, tuple(middle), final)


_NAMES_ONLY: Final = (Field.CN, Field.SN, Field.GIVEN_NAME, Field.DISPLAY_NAME, Field.ORGANIZATION, Field.SERVICE,
                      Field.CITY, Field.TITLE, Field.DESCRIPTION)  # fmt: skip


def _extensible(content: Reader) -> Predicate:
    rule = description = None
    value = b""
    while content.more:
        tag, start, end = content.element()
        part = content.data[start:end]
        if tag == 0x81:
            rule = _name(part)
        elif tag == 0x82:
            description = _name(part)
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
    attribute = attribute_type(description)
    if attribute is None or (rule_known is not None and rule_known not in (attribute.rules[0], "caseIgnoreMatch")):
        return Undefined()
    return equality(attribute, text)


def _name(description: bytes) -> str:
    return description.decode("ascii", "replace")


def assertion_text(value: bytes) -> str:
    """An assertion value as text. It should be UTF-8; what is not comes from programs that are Latin-1 or cp1252
    inside and is read so (DOMAIN section 11.2 point 6)."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("cp1252", "replace")
