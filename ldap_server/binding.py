"""Bind: who asks from now on (RFC 4511 section 4.2, RFC 4513 section 5)."""

from __future__ import annotations

from directory.callers.caller import Caller
from ldap_server import messages
from ldap_server.answers import Answer, Course, refused
from ldap_server.messages import Bind, Envelope
from ldap_server.sharing import Service


def bind(_service: Service, caller: Caller, envelope: Envelope) -> Course:
    """Whatever comes of it, the client is no longer who it was (RFC 4511 section 4.2.1)."""
    nobody = caller.anonymous()
    yield _answer(messages.decode_bind(envelope))._replace(caller=nobody)


def _answer(request: Bind) -> Answer:
    if request.version not in (2, 3):
        return refused(messages.PROTOCOL_ERROR, "LDAP version 2 or 3 is spoken here")
    if request.method != messages.SIMPLE:
        return refused(messages.AUTH_METHOD_NOT_SUPPORTED, "only simple authentication is supported")
    if request.password:
        return refused(messages.INVALID_CREDENTIALS)
    if request.name:
        # A name without a password must not pass for that name (RFC 4513 section 5.1.2).
        return refused(messages.UNWILLING, "a name without a password is not accepted")
    return Answer()
