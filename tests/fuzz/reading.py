"""Everything that the server decodes, in one call: framing, envelope, controls, operation, filter and names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from directory.errors import QueryTooComplex
from ldap_server import dit, messages
from ldap_server.ber import Framer, Malformed
from ldap_server.controls import wishes
from ldap_server.filters import FilterDecoder
from ldap_server.messages import Envelope

LIMIT: Final = 65536


def read(data: bytes) -> list[Any]:
    """What bytes mean to the server; an error that it expects stands in the place of what it refuses."""
    framer = Framer(LIMIT)
    try:
        complete = framer.feed(data)
    except Malformed as error:
        return [error]
    found = [_message(message) for message in complete]
    return found if framer.fault is None else [*found, framer.fault]


def _message(message: bytes) -> Any:
    try:
        envelope = messages.open_envelope(message, 10)
        decode = _DECODERS.get(envelope.operation)
        found = decode(envelope) if decode is not None else envelope.operation
        return found, wishes(envelope.controls, 20, 256)
    except (Malformed, QueryTooComplex, dit.BadName) as error:
        return error


def _search(envelope: Envelope) -> Any:
    search = messages.decode_search(envelope, FilterDecoder(20, 256), 256)
    return search, dit.parse(search.base)


def _compare(envelope: Envelope) -> Any:
    compare = messages.decode_compare(envelope)
    return compare, dit.parse(compare.entry)


_DECODERS: Final[Mapping[int, Callable[[Envelope], Any]]] = {
    messages.SEARCH_REQUEST: _search,
    messages.COMPARE_REQUEST: _compare,
    messages.BIND_REQUEST: messages.decode_bind,
    messages.EXTENDED_REQUEST: messages.decode_extended,
}
