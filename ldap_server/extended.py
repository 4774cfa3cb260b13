"""Extended operations (RFC 4511 section 4.12)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from directory.callers.caller import Caller
from ldap_server import messages
from ldap_server.answers import Answer, Course, refused
from ldap_server.messages import Envelope, Extended
from ldap_server.sharing import Service


def extended(service: Service, caller: Caller, envelope: Envelope) -> Course:
    request = messages.decode_extended(envelope)
    wanted = _OPERATIONS.get(request.name)
    if wanted is None:
        yield refused(messages.PROTOCOL_ERROR, "this extended operation is not supported")
    else:
        yield wanted(service, caller, request)


def _who_am_i(_service: Service, caller: Caller, _request: Extended) -> Answer:
    """Anonymous is the empty authorization identity (RFC 4532)."""
    return Answer(extra=messages.tlv(messages.RESPONSE_VALUE, caller.identity.encode()))


_OPERATIONS: Final[Mapping[str, Callable[[Service, Caller, Extended], Answer]]] = {messages.WHO_AM_I: _who_am_i}
