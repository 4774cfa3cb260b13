"""The operations that a client may ask for: what each is called, what answers it, and what carries it out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from directory.callers.caller import Caller
from ldap_server import controls, messages
from ldap_server.answers import Course, refused
from ldap_server.binding import bind
from ldap_server.budgeted import asked_of_mailboxes, budgeted
from ldap_server.comparing import compare
from ldap_server.extended import extended
from ldap_server.filters import FilterDecoder
from ldap_server.messages import Envelope
from ldap_server.sharing import Service


@dataclass(frozen=True, slots=True)
class Operation:
    """One kind of request."""

    name: str
    response: int
    carry_out: Callable[[Service, Caller, Envelope], Course]
    controls: frozenset[str] = frozenset({messages.MANAGE_DSA_IT})
    """Those that may be critical on it; all others are refused then."""


def _search(service: Service, caller: Caller, envelope: Envelope) -> Course:
    settings = service.settings
    decoder = FilterDecoder(settings.ldap_filter_depth, settings.ldap_filter_terms)
    search = messages.decode_search(envelope, decoder, settings.ldap_attributes)
    course = service.searcher.search(messages.integer(envelope.message_id), search, envelope.controls, caller)
    if service.budgets is None and caller.proof is None:
        return course
    asked = asked_of_mailboxes(service.searcher.tree, search.base, search.scope, search.filter)
    return course if asked is None else budgeted(service.budgets, caller, asked, course)


def _write(_service: Service, _caller: Caller, _envelope: Envelope) -> Course:
    yield refused(messages.UNWILLING, "this directory is read-only")


OPERATIONS: Final[Mapping[int, Operation]] = {
    messages.SEARCH_REQUEST: Operation("search", messages.SEARCH_DONE, _search, controls.ON_SEARCH),
    messages.BIND_REQUEST: Operation("bind", messages.BIND_RESPONSE, bind),
    messages.COMPARE_REQUEST: Operation("compare", messages.COMPARE_RESPONSE, compare, controls.ON_COMPARE),
    messages.EXTENDED_REQUEST: Operation("extended", messages.EXTENDED_RESPONSE, extended),
    messages.MODIFY_REQUEST: Operation("write", messages.MODIFY_RESPONSE, _write),
    messages.ADD_REQUEST: Operation("write", messages.ADD_RESPONSE, _write),
    messages.DELETE_REQUEST: Operation("write", messages.DELETE_RESPONSE, _write),
    messages.MODIFY_DN_REQUEST: Operation("write", messages.MODIFY_DN_RESPONSE, _write),
}


def unknown_critical(envelope: Envelope, operation: Operation) -> bool:
    """Whether a control that must be obeyed cannot be (RFC 4511 section 4.1.11)."""
    return any(control.critical and control.oid not in operation.controls for control in envelope.controls)


def cancelable(envelope: Envelope) -> bool:
    """Whether an operation may be given up: not what changes who asks or how the connection is secured (RFC 3909
    section 3), and no other extended operation, which all are short."""
    return envelope.operation not in (messages.BIND_REQUEST, messages.EXTENDED_REQUEST)
