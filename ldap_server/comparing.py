"""Compare: whether an entry has a value (RFC 4511 section 4.10)."""

from __future__ import annotations

from collections.abc import Sequence

from directory.callers.caller import Caller
from directory.errors import DirectoryError
from directory.query import Undefined
from ldap_server import dit, messages
from ldap_server.answers import Answer, Course, failed, refused
from ldap_server.ber import Malformed
from ldap_server.budgeted import asked_of_mailboxes, budgeted
from ldap_server.filters import assertion_text, equality, present
from ldap_server.messages import Compare, Control, Envelope
from ldap_server.schema import described
from ldap_server.searching import Searcher
from ldap_server.sharing import Service


def compare(service: Service, caller: Caller, envelope: Envelope) -> Course:
    request = messages.decode_compare(envelope)
    course = _course(service.searcher, request, envelope.controls)
    if service.budgets is None and caller.proof is None:
        return course
    # To be told whether an entry is there costs what the entry would.
    asked = asked_of_mailboxes(service.searcher.tree, request.entry, dit.BASE, Undefined())
    return course if asked is None else budgeted(service.budgets, caller, asked, course)


def _course(searcher: Searcher, request: Compare, controls: Sequence[Control]) -> Course:
    try:
        yield _answer(searcher, request, controls)
    except dit.BadName as error:
        yield refused(messages.INVALID_DN, str(error))
    except DirectoryError as error:
        yield failed(error)


def _answer(searcher: Searcher, request: Compare, controls: Sequence[Control]) -> Answer:
    name = dit.parse(request.entry)
    try:
        refusal = searcher.refusal(name, searcher.wishes(controls))
    except Malformed as error:
        return refused(messages.PROTOCOL_ERROR, str(error))
    if refusal is not None:
        return refusal
    attribute = described(request.description)
    if attribute is None:
        return refused(messages.UNDEFINED_ATTRIBUTE_TYPE)
    return searcher.compare(name, equality(attribute, assertion_text(request.value)), present(attribute))
