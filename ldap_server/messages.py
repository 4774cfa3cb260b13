"""LDAP messages: a SearchRequest as a value, the frames of answers, and controls (RFC 4511 sections 4.1 and 4.5)."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from directory.index.encoding import length, octets
from directory.query import Predicate
from ldap_server.ber import (
    BOOLEAN,
    ENUMERATED,
    INTEGER,
    OCTET_STRING,
    SEQUENCE,
    Malformed,
    Reader,
    element,
    integer_at,
)
from ldap_server.filters import FilterDecoder

BIND_REQUEST: Final = 0x60
UNBIND_REQUEST: Final = 0x42
SEARCH_REQUEST: Final = 0x63
MODIFY_REQUEST: Final = 0x66
ADD_REQUEST: Final = 0x68
DELETE_REQUEST: Final = 0x4A
MODIFY_DN_REQUEST: Final = 0x6C
COMPARE_REQUEST: Final = 0x6E
ABANDON_REQUEST: Final = 0x50
EXTENDED_REQUEST: Final = 0x77
BIND_RESPONSE: Final = 0x61
SEARCH_ENTRY: Final = 0x64
SEARCH_DONE: Final = 0x65
MODIFY_RESPONSE: Final = 0x67
ADD_RESPONSE: Final = 0x69
DELETE_RESPONSE: Final = 0x6B
MODIFY_DN_RESPONSE: Final = 0x6D
COMPARE_RESPONSE: Final = 0x6F
EXTENDED_RESPONSE: Final = 0x78
# What an ExtendedResponse has behind the result.
RESPONSE_NAME: Final = 0x8A
RESPONSE_VALUE: Final = 0x8B
# How a bind authenticates.
SIMPLE: Final = 0x80
SASL: Final = 0xA3

SUCCESS: Final = 0
OPERATIONS_ERROR: Final = 1
PROTOCOL_ERROR: Final = 2
TIME_LIMIT: Final = 3
SIZE_LIMIT: Final = 4
COMPARE_FALSE: Final = 5
COMPARE_TRUE: Final = 6
AUTH_METHOD_NOT_SUPPORTED: Final = 7
STRONGER_AUTH_REQUIRED: Final = 8
ADMIN_LIMIT: Final = 11
UNAVAILABLE_CRITICAL_EXTENSION: Final = 12
CONFIDENTIALITY_REQUIRED: Final = 13
NO_SUCH_ATTRIBUTE: Final = 16
UNDEFINED_ATTRIBUTE_TYPE: Final = 17
NO_SUCH_OBJECT: Final = 32
INVALID_DN: Final = 34
INAPPROPRIATE_MATCHING: Final = 18
SORT_CONTROL_MISSING: Final = 60
OFFSET_RANGE_ERROR: Final = 61
WINDOW_ERROR: Final = 76
INAPPROPRIATE_AUTHENTICATION: Final = 48
CANCELED: Final = 118
NO_SUCH_OPERATION: Final = 119
TOO_LATE: Final = 120
CANNOT_CANCEL: Final = 121
ASSERTION_FAILED: Final = 122
INVALID_CREDENTIALS: Final = 49
INSUFFICIENT_ACCESS: Final = 50
BUSY: Final = 51
UNAVAILABLE: Final = 52
UNWILLING: Final = 53
OTHER: Final = 80

MANAGE_DSA_IT: Final = "2.16.840.1.113730.3.4.2"
CANCEL: Final = "1.3.6.1.1.8"
START_TLS: Final = "1.3.6.1.4.1.1466.20037"
WHO_AM_I: Final = "1.3.6.1.4.1.4203.1.11.3"
NOTICE_OF_DISCONNECTION: Final = "1.3.6.1.4.1.1466.20036"


class Control(NamedTuple):
    """A control (RFC 4511 section 4.1.11)."""

    oid: str
    critical: bool
    value: bytes | None


# The constructors of these two are written out as in `directory.query`: every search makes them.


@dataclass(frozen=True, slots=True, init=False)
class Envelope:
    """An LDAPMessage's outer part: where the operation stands in its bytes, and its controls."""

    message_id: int
    operation: int
    start: int
    end: int
    controls: tuple[Control, ...]
    data: bytes

    def __init__(
        self, message_id: int, operation: int, start: int, end: int, controls: tuple[Control, ...], data: bytes
    ) -> None:
        object.__setattr__(self, "message_id", message_id)
        object.__setattr__(self, "operation", operation)
        object.__setattr__(self, "start", start)
        object.__setattr__(self, "end", end)
        object.__setattr__(self, "controls", controls)
        object.__setattr__(self, "data", data)


@dataclass(frozen=True, slots=True, init=False)
class Search:
    """A SearchRequest. `filter` is already a predicate of the index."""

    base: str
    scope: int
    size_limit: int
    time_limit: int
    types_only: bool
    filter: Predicate
    attributes: tuple[str, ...]

    def __init__(
        self,
        base: str,
        scope: int,
        size_limit: int,
        time_limit: int,
        types_only: bool,
        filter: Predicate,
        attributes: tuple[str, ...],
    ) -> None:
        object.__setattr__(self, "base", base)
        object.__setattr__(self, "scope", scope)
        object.__setattr__(self, "size_limit", size_limit)
        object.__setattr__(self, "time_limit", time_limit)
        object.__setattr__(self, "types_only", types_only)
        object.__setattr__(self, "filter", filter)
        object.__setattr__(self, "attributes", attributes)


class Bind(NamedTuple):
    """A BindRequest (RFC 4511 section 4.2)."""

    version: int
    name: str
    method: int  # the tag of the authentication choice
    password: bytes = b""  # of a simple bind
    mechanism: str = ""  # of a SASL bind
    credentials: bytes | None = None


class Compare(NamedTuple):
    """A CompareRequest (RFC 4511 section 4.10)."""

    entry: str
    description: bytes
    value: bytes


class Extended(NamedTuple):
    """An ExtendedRequest (RFC 4511 section 4.12)."""

    name: str
    value: bytes | None


def open_envelope(message: bytes, max_controls: int) -> Envelope:
    """The outer part of a message.

    Raises:
        Malformed: it is no LDAPMessage.
    """
    tag, at, end = element(message, 0, len(message))
    if tag != SEQUENCE:
        raise Malformed("not an LDAP message")
    message_id, at = integer_at(message, at, end, INTEGER)
    if not 0 <= message_id < 2**31:
        raise Malformed("a message id of this size is not allowed")
    operation, start, stop = element(message, at, end)
    controls: tuple[Control, ...] = ()
    if stop < end and message[stop] == 0xA0:
        controls = _controls(Reader(message, stop, end).inside(0xA0), max_controls)
    return Envelope(message_id, operation, start, stop, controls, message)


def _controls(reader: Reader, most: int) -> tuple[Control, ...]:
    found: list[Control] = []
    while reader.more:
        if len(found) == most:
            raise Malformed(f"more than {most} controls")
        one = reader.inside(SEQUENCE)
        oid = one.octets().decode("ascii", "replace")
        critical = one.boolean() if one.more and one.peek() == BOOLEAN else False
        value = one.octets() if one.more and one.peek() == OCTET_STRING else None
        found.append(Control(oid, critical, value))
    return tuple(found)


def _content(envelope: Envelope) -> Reader:
    return Reader(envelope.data, envelope.start, envelope.end)


def decode_bind(envelope: Envelope) -> Bind:
    """The BindRequest of an envelope.

    Raises:
        Malformed: it is none.
    """
    body = _content(envelope)
    version, name, method = body.integer(), body.octets().decode("utf-8", "replace"), body.peek()
    if method == SIMPLE:
        return Bind(version, name, method, password=body.octets(SIMPLE))
    if method != SASL:
        return Bind(version, name, method)
    sasl = body.inside(SASL)
    mechanism = sasl.octets().decode("ascii", "replace")
    return Bind(version, name, method, mechanism=mechanism, credentials=sasl.octets() if sasl.more else None)


def decode_compare(envelope: Envelope) -> Compare:
    """The CompareRequest of an envelope.

    Raises:
        Malformed: it is none.
    """
    body = _content(envelope)
    entry, assertion = body.octets().decode("utf-8", "replace"), body.inside(SEQUENCE)
    return Compare(entry, assertion.octets(), assertion.octets())


def decode_extended(envelope: Envelope) -> Extended:
    """The ExtendedRequest of an envelope.

    Raises:
        Malformed: it is none.
    """
    body = _content(envelope)
    name = body.octets(0x80).decode("ascii", "replace")
    return Extended(name, body.octets(0x81) if body.more else None)


def decode_cancel(value: bytes | None) -> int:
    """The id of the operation that a Cancel request is about (RFC 3909 section 2.1).

    Raises:
        Malformed: it names none.
    """
    return Reader(value or b"").inside(SEQUENCE).integer()


def decode_search(envelope: Envelope, decoder: FilterDecoder, max_attributes: int) -> Search:
    """The SearchRequest of an envelope.

    Raises:
        Malformed: it is none.
        QueryTooComplex: its filter or its list of attributes is over the limits.
    """
    data, begun, end = envelope.data, envelope.start, envelope.end
    at = _behind_scope(data, begun, end)
    scoped = _scoped if at - begun <= _REMEMBERED else _scoped.__wrapped__
    base, scope, size_limit, time_limit, types_only = scoped(data[begun:at])
    predicate, at = decoder.decode(data, at, end)
    tag, start, at = element(data, at, end)
    if tag != SEQUENCE:
        raise Malformed("a search without a list of attributes")
    attributes = _attributes(data[start:at], max_attributes)
    return Search(base, scope, size_limit, time_limit, types_only, predicate, attributes)


_REMEMBERED: Final = 512  # bytes


def _behind_scope(data: bytes, at: int, end: int) -> int:
    """Where the filter of a SearchRequest begins: behind its base, scope, derefAliases, two limits and typesOnly."""
    for _ in range(6):
        if at + 2 <= end and data[at + 1] < 0x80:
            at += 2 + data[at + 1]
        else:
            at = element(data, at, end)[2]
    if at > end:
        raise Malformed("an element is longer than what holds it")
    return at


@functools.lru_cache(maxsize=256)
def _scoped(data: bytes) -> tuple[str, int, int, int, bool]:
    """Base, scope, limits and typesOnly; kept, as each program always sends the same."""
    end = len(data)
    tag, start, at = element(data, 0, end)
    if tag != OCTET_STRING:
        raise Malformed("a search without a base")
    base = data[start:at].decode("utf-8", "replace")
    scope, at = integer_at(data, at, end, ENUMERATED)
    _, at = integer_at(data, at, end, ENUMERATED)  # derefAliases: there are no aliases
    size_limit, at = integer_at(data, at, end, INTEGER)
    time_limit, at = integer_at(data, at, end, INTEGER)
    if scope not in (0, 1, 2):
        raise Malformed("an unknown scope")
    if size_limit < 0 or time_limit < 0:
        raise Malformed("a negative limit")
    tag, start, at = element(data, at, end)
    if tag != BOOLEAN or at - start != 1:
        raise Malformed("typesOnly is no boolean")
    return base, scope, size_limit, time_limit, data[start] != 0


_LONGEST_NAME: Final = 64


@functools.lru_cache(maxsize=256)
def _attributes(listed: bytes, most: int) -> tuple[str, ...]:
    """The names in a list of attributes; kept, as each program always asks for the same."""
    reader = Reader(listed)
    attributes: list[str] = []
    while reader.more:
        if len(attributes) == most:
            raise Malformed(f"more than {most} attributes asked for")
        name = reader.octets()
        # No name of ours is so long; a list of others is not an empty one, and "1.1" asks for nothing.
        attributes.append(name.decode("utf-8", "replace") if len(name) <= _LONGEST_NAME else "1.1")
    return tuple(attributes)


def tlv(tag: int, content: bytes) -> bytes:
    return bytes((tag,)) + length(len(content)) + content


@functools.lru_cache(maxsize=1024)
def integer(value: int, tag: int = INTEGER) -> bytes:
    """An integer; kept, as programs count their messages from one."""
    return tlv(tag, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def result(
    message_id: int,
    operation: int,
    code: int,
    message: str = "",
    *,
    matched: str = "",
    controls: Sequence[tuple[str, bytes]] = (),
    extra: bytes = b"",
) -> bytes:
    """A response that is an LDAPResult (RFC 4511 section 4.1.9), with controls and what the operation adds to it."""
    body = integer(code, ENUMERATED) + octets(matched.encode()) + octets(message.encode()) + extra
    encoded = integer(message_id) + tlv(operation, body)
    if controls:
        encoded += tlv(0xA0, b"".join(tlv(SEQUENCE, octets(oid.encode()) + octets(value)) for oid, value in controls))
    return tlv(SEQUENCE, encoded)


BARE_DONE: Final = {
    code: tlv(SEARCH_DONE, integer(code, ENUMERATED) + octets(b"") + octets(b"")) for code in (SUCCESS, SIZE_LIMIT)
}


@functools.lru_cache(maxsize=1024)
def search_done(message_id: bytes, code: int) -> bytes:
    """A SearchResultDone that says success or sizeLimitExceeded and nothing else."""
    return tlv(SEQUENCE, message_id + BARE_DONE[code])


def notice_of_disconnection(code: int, message: str) -> bytes:
    """The unsolicited notification before closing (RFC 4511 section 4.4.1)."""
    return result(0, EXTENDED_RESPONSE, code, message, extra=tlv(RESPONSE_NAME, NOTICE_OF_DISCONNECTION.encode()))
