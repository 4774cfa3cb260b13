"""Matched values: of each attribute sent, only the values that a client has use for (RFC 3876)."""

from __future__ import annotations

from collections.abc import Sequence

from directory.index.encoding import partial_attribute
from directory.query import Predicate
from ldap_server import dit
from ldap_server.ber import SEQUENCE, Reader
from ldap_server.entries import framed
from ldap_server.messages import SEARCH_ENTRY, integer

_SET = 0x31


def narrowed(message: bytes, wanted: Sequence[Predicate]) -> bytes:
    """A SearchResultEntry with those values only for which one of some assertions is true; an attribute of which none
    is left stays, without values (section 2)."""
    envelope = Reader(message).inside(SEQUENCE)
    message_id, entry = integer(envelope.integer()), envelope.inside(SEARCH_ENTRY)
    name, listed = entry.octets(), entry.inside(SEQUENCE)
    attributes = []
    while listed.more:
        one = listed.inside(SEQUENCE)
        attribute, values = one.octets().decode(), one.inside(_SET)
        attributes.append(partial_attribute(attribute, _left(attribute, values, wanted)))
    return framed(message_id, name, b"", b"".join(attributes))


def _left(attribute: str, values: Reader, wanted: Sequence[Predicate]) -> list[str]:
    left = []
    while values.more:
        value = values.octets().decode()
        if any(dit.satisfied(predicate, {attribute: [value]}) for predicate in wanted):
            left.append(value)
    return left
