"""What ldaptor makes of a message, put in our own terms: the other side of a comparison of decoders."""

from __future__ import annotations

from typing import Any

from ldaptor.protocols import pureber, pureldap

from directory.query import And, AtLeast, AtMost, Has, Like, Near, Not, Or, Predicate, Undefined
from ldap_server.filters import assertion_text, equality
from ldap_server.messages import Search
from ldap_server.schema import described
from tests.fuzz.mutation import parsed


def operation(message: bytes) -> Any:
    """The operation of an LDAPMessage, as ldaptor's object; None when it does not decode it to its end."""
    inner = pureldap.LDAPBERDecoderContext(fallback=pureber.BERDecoderContext())
    context = pureldap.LDAPBERDecoderContext_TopLevel(
        inherit=pureldap.LDAPBERDecoderContext_LDAPMessage(fallback=inner, inherit=inner)
    )
    try:
        decoded, size = pureber.berDecodeObject(context, message)
    except Exception:  # its decoder raises whatever the bytes led it to
        return None
    return decoded.value if decoded is not None and size == len(message) else None


def search(message: bytes) -> Search | None:
    """A search as we would have decoded it; None when ldaptor does not, or not to kinds that we know, or has read past
    a fault, such as a wrong tag or an element too many: what it read is then not what it would write."""
    request = operation(message)
    if not isinstance(request, pureldap.LDAPSearchRequest) or not _as_written(request, message):
        return None
    try:
        return Search(
            _bytes(request.baseObject).decode("utf-8", "replace"),
            int(request.scope),
            int(request.sizeLimit),
            int(request.timeLimit),
            bool(request.typesOnly),
            _predicate(request.filter),
            tuple(_bytes(getattr(name, "value", name)).decode("utf-8", "replace") for name in request.attributes),
        )
    except (_NoKindOfOurs, AttributeError, TypeError, ValueError):
        return None


def _as_written(request: Any, message: bytes) -> bool:
    (envelope,) = parsed(message) or (None,)
    try:
        written = parsed(request.toWire())
    except Exception:  # of parts that it has read as something else than they should be
        return False
    return envelope is not None and isinstance(envelope.content, list) and written == envelope.content[1:2]


class _NoKindOfOurs(Exception):
    """A filter that only one of the two decoders knows how to read."""


def _predicate(found: Any) -> Predicate:
    match found:
        case pureldap.LDAPFilter_and():
            return And(tuple(map(_predicate, found)))
        case pureldap.LDAPFilter_or():
            return Or(tuple(map(_predicate, found)))
        case pureldap.LDAPFilter_not():
            return Not(_predicate(found.value))
        case pureldap.LDAPFilter_present():
            attribute = described(_bytes(found.value))
            if attribute is None or attribute.field is None:
                raise _NoKindOfOurs
            return Has(attribute.field)
        case pureldap.LDAPFilter_substrings():
            return _like(found)
        case pureldap.LDAPAttributeValueAssertion():
            return _assertion(found)
    raise _NoKindOfOurs


def _assertion(found: Any) -> Predicate:
    attribute = described(_bytes(found.attributeDesc.value))
    value = assertion_text(_bytes(found.assertionValue.value))
    if attribute is None or attribute.field is None:
        raise _NoKindOfOurs
    match found:
        case pureldap.LDAPFilter_equalityMatch():
            return equality(attribute, value)
        case pureldap.LDAPFilter_approxMatch() if attribute.has_substrings:
            return Near(attribute.field, value)
        case pureldap.LDAPFilter_greaterOrEqual() if attribute.name in ("createTimestamp", "modifyTimestamp"):
            return AtLeast(attribute.field, value)
        case pureldap.LDAPFilter_lessOrEqual() if attribute.name in ("createTimestamp", "modifyTimestamp"):
            return AtMost(attribute.field, value)
    raise _NoKindOfOurs


def _like(found: Any) -> Predicate:
    attribute = described(_bytes(found.type))
    if attribute is None or attribute.field is None or not attribute.has_substrings:
        raise _NoKindOfOurs
    initial = final = None
    middle = []
    for part in found.substrings:
        text = assertion_text(_bytes(part.value))
        if isinstance(part, pureldap.LDAPFilter_substrings_initial):
            initial = text
        elif isinstance(part, pureldap.LDAPFilter_substrings_final):
            final = text
        else:
            middle.append(text)
    return Like(attribute.field, initial, tuple(middle), final) if found.substrings else Undefined()


def _bytes(value: Any) -> bytes:
    """What should be octets; ldaptor takes any element for such, and keeps it as what it is."""
    if not isinstance(value, bytes | str):
        raise _NoKindOfOurs
    return value if isinstance(value, bytes) else value.encode()
