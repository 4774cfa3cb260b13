"""Bind: who asks from now on (RFC 4511 section 4.2, RFC 4513 section 5).

An account binds as `cn=NAME,ou=accounts,<suffix>`, or by its plain name where a program offers no more than that. It
proves itself with its secret or password (simple, or SASL PLAIN), or with the certificate of its TLS session (SASL
EXTERNAL). An unknown account and a wrong password get the same answer for the same work.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Generator
from typing import Final

from directory import credentials
from directory.accounts import Identity, by_certificate, verify_secret
from directory.callers.caller import Caller
from directory.errors import DirectoryError
from ldap_server import dit, messages
from ldap_server.answers import Answer, Course, Waiting, failed, refused
from ldap_server.messages import Bind, Envelope
from ldap_server.sharing import Service

PLAIN, EXTERNAL = "PLAIN", "EXTERNAL"

_WRONG: Final = refused(messages.INVALID_CREDENTIALS)
_IN_THE_CLEAR: Final = refused(messages.CONFIDENTIALITY_REQUIRED, "passwords are accepted over TLS only")
_LONGEST_NAME: Final = 256

_Outcome = Generator[Waiting, None, Answer]


def bind(service: Service, caller: Caller, envelope: Envelope) -> Course:
    """Whatever comes of it, the client is no longer who it was (RFC 4511 section 4.2.1)."""
    nobody = caller.anonymous()
    request = messages.decode_bind(envelope)
    try:
        answer = yield from _answer(service, nobody, request)
    except DirectoryError as error:
        answer = failed(error)
    yield answer if answer.caller is not None else answer._replace(caller=nobody)


def _answer(service: Service, caller: Caller, request: Bind) -> _Outcome:
    if request.version not in (2, 3):
        return refused(messages.PROTOCOL_ERROR, "LDAP version 2 or 3 is spoken here")
    if request.method == messages.SASL:
        return (yield from _sasl(service, caller, request))
    if request.method != messages.SIMPLE:
        return refused(messages.AUTH_METHOD_NOT_SUPPORTED, "this authentication is not supported")
    if request.password:
        return (yield from _by_password(service, caller, request.name, request.password))
    if request.name:
        # A name without a password must not pass for that name (RFC 4513 section 5.1.2).
        return refused(messages.UNWILLING, "a name without a password is not accepted")
    return Answer()


def _sasl(service: Service, caller: Caller, request: Bind) -> _Outcome:
    if request.mechanism == EXTERNAL:
        return _by_certificate(service, caller, request.credentials or b"")
    if request.mechanism == PLAIN:
        return (yield from _plain(service, caller, request.credentials or b""))
    return refused(messages.AUTH_METHOD_NOT_SUPPORTED, "only EXTERNAL and PLAIN are supported")


def _plain(service: Service, caller: Caller, told: bytes) -> _Outcome:
    """SASL PLAIN (RFC 4616): who to act as, who one is, and the password."""
    if not caller.encrypted:
        return _IN_THE_CLEAR
    parts = told.split(b"\0")
    if len(parts) != 3 or not parts[2]:
        return _WRONG
    acting_as, name, password = parts
    answer = yield from _by_password(service, caller, name.decode("utf-8", "replace"), password)
    return answer if _is(service, answer, acting_as) else _WRONG


def _by_certificate(service: Service, caller: Caller, acting_as: bytes) -> Answer:
    """SASL EXTERNAL (RFC 4513 section 5.2.3): by the client certificate of the TLS session."""
    if service.tls is None or caller.certificate is None:
        return refused(messages.INAPPROPRIATE_AUTHENTICATION, "there is no client certificate in this session")
    refusal = service.tls.revocation.refusal(caller.certificate)
    if refusal is not None:
        return refused(messages.INVALID_CREDENTIALS, refusal)
    issuer, subject = credentials.certificate_names(caller.certificate)
    with service.index.read() as snapshot:
        found = by_certificate(snapshot.accounts, issuer, subject, dt.datetime.now(dt.UTC))
    answer = _proved(caller, found)
    return answer if _is(service, answer, acting_as) else _WRONG


def _by_password(service: Service, caller: Caller, name: str, password: bytes) -> _Outcome:
    if not caller.encrypted and not service.settings.plain_passwords:
        return _IN_THE_CLEAR
    account, text = account_of(name, service.searcher.tree.suffix), password.decode("utf-8", "replace")
    if credentials.key_id_of(text) is not None:
        return _by_secret(service, caller, account, text)
    found = service.passwords.remembered(account, text)
    if found is None:
        checking = service.passwords.check(account, text, caller.network or caller.address)
        yield Waiting(checking)
        found = checking.result()
    return _proved(caller, found)


def _by_secret(service: Service, caller: Caller, account: str, secret: str) -> Answer:
    with service.index.read() as snapshot:
        found = verify_secret(snapshot.accounts, secret, dt.datetime.now(dt.UTC))
    return _proved(caller, found) if found is not None and found.account.name == account else _WRONG


def _proved(caller: Caller, found: Identity | None) -> Answer:
    return _WRONG if found is None else Answer(caller=caller.proved(found))


def _is(service: Service, answer: Answer, acting_as: bytes) -> bool:
    """Whether a client asks to act as itself, by whatever form of its name: nobody acts for another here."""
    if not acting_as or answer.caller is None or answer.caller.proof is None:
        return True
    wanted = acting_as.decode("utf-8", "replace").removeprefix("dn:").removeprefix("u:")
    return account_of(wanted, service.searcher.tree.suffix) == answer.caller.proof.account.name


def account_of(name: str, suffix: str) -> str:
    """The account that a bind name is of. A name that is no account's stands for itself: it is refused like an account
    that does not exist, for the same work."""
    plain = name.strip().lower()[:_LONGEST_NAME]
    if "=" not in plain:
        return plain
    try:
        rdn, *above = dit.parse(name)
        if tuple(above) == dit.parse(f"ou=accounts,{suffix}"):
            ((kind, value),) = rdn
            return value if kind in ("cn", "uid") else plain
    except (dit.BadName, ValueError):
        pass
    return plain
