"""Extended operations (RFC 4511 section 4.12)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from directory.callers.caller import Caller
from ldap_server import messages
from ldap_server.answers import Answer, Course, refused
from ldap_server.ber import Malformed
from ldap_server.messages import Envelope, Extended
from ldap_server.sharing import Service

_START_TLS: Final = messages.START_TLS.encode()


def extended(service: Service, caller: Caller, envelope: Envelope) -> Course:
    request = messages.decode_extended(envelope)
    wanted = _OPERATIONS.get(request.name)
    if wanted is None:
        yield refused(messages.PROTOCOL_ERROR, "this extended operation is not supported")
    else:
        yield wanted(service, caller, request)


def starts_tls(envelope: Envelope) -> bool:
    """Whether a request is the one for TLS, as far as can be told without refusing it."""
    if envelope.operation != messages.EXTENDED_REQUEST or _START_TLS not in envelope.data:
        return False
    try:
        return messages.decode_extended(envelope).name == messages.START_TLS
    except Malformed:
        return False


def _who_am_i(_service: Service, caller: Caller, _request: Extended) -> Answer:
    """Anonymous is the empty authorization identity (RFC 4532)."""
    return Answer(extra=messages.tlv(messages.RESPONSE_VALUE, caller.identity.encode()))


def _start_tls(service: Service, caller: Caller, request: Extended) -> Answer:
    """RFC 4511 section 4.14; that nothing is outstanding has been seen to by the connection."""
    if service.settings.tls_certificate_file is None or request.value is not None:
        return refused(messages.PROTOCOL_ERROR, "StartTLS is not available here")
    if service.tls is None:
        return refused(messages.UNAVAILABLE, "the certificate cannot be read at present")
    if caller.encrypted:
        return refused(messages.OPERATIONS_ERROR, "TLS is in place already")
    return Answer(extra=messages.tlv(messages.RESPONSE_NAME, messages.START_TLS.encode()), secures=True)


_OPERATIONS: Final[Mapping[str, Callable[[Service, Caller, Extended], Answer]]] = {
    messages.WHO_AM_I: _who_am_i,
    messages.START_TLS: _start_tls,
}
