"""Compare: whether an entry has a value (RFC 4511 section 4.10)."""

from __future__ import annotations

from directory.callers.caller import Caller
from directory.errors import DirectoryError
from directory.query import Has, Predicate, Undefined
from ldap_server import dit, messages
from ldap_server.answers import Answer, Course, failed, refused
from ldap_server.filters import assertion_text, equality
from ldap_server.messages import Compare, Envelope
from ldap_server.schema import described
from ldap_server.sharing import Service


def compare(service: Service, _caller: Caller, envelope: Envelope) -> Course:
    yield _answer(service, messages.decode_compare(envelope))


def _answer(service: Service, request: Compare) -> Answer:
    attribute = described(request.description)
    if attribute is None:
        return refused(messages.UNDEFINED_ATTRIBUTE_TYPE)
    asked = equality(attribute, assertion_text(request.value))
    present: Predicate = Has(attribute.field) if attribute.field is not None else Undefined()
    try:
        return Answer(code=service.searcher.compare(dit.parse(request.entry), asked, present))
    except dit.BadName as error:
        return refused(messages.INVALID_DN, str(error))
    except DirectoryError as error:
        return failed(error)
