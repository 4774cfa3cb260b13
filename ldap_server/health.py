"""Whether an LDAP server answers, found out as a client of another make does: bind, root DSE, one search.

Requests are written and answers read by ldaptor, not by the server's own encoding: a fault that both sides of it shared
would not be seen.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from ldaptor.protocols import pureber, pureldap
from ldaptor.protocols.ldap.ldaperrors import LDAPAdminLimitExceeded, Success

_MOST: Final = 1 << 20  # bytes of an answer
_WELL: Final = (Success.resultCode, LDAPAdminLimitExceeded.resultCode)  # a spent budget is an answer too
_WHOLE: Final = 2  # scope: the base and all below it
_ABSENT: Final = (pureber.BEROctetString("mail"), pureber.BEROctetString("health@check.invalid"))
_SEQUENCE: Final = b"\x30"
_CONTENTS: Final = pureldap.LDAPBERDecoderContext(fallback=pureber.BERDecoderContext())
_MESSAGES: Final = pureldap.LDAPBERDecoderContext_TopLevel(
    inherit=pureldap.LDAPBERDecoderContext_LDAPMessage(fallback=_CONTENTS, inherit=_CONTENTS)
)


class Health(NamedTuple):
    """What a check found."""

    ok: bool
    detail: str
    seconds: float


class _Unwell(Exception):
    """Why an answer is not one."""


def check(host: str, port: int, base: str, timeout_s: float) -> Health:
    """Ask for a bind, the root DSE, and an address below a base that nobody has."""
    began = time.monotonic()
    detail = ""
    try:
        with socket.create_connection((host, port), timeout_s) as client:
            client.settimeout(timeout_s)
            _converse(client, base)
    except (OSError, _Unwell) as error:
        detail = str(error) or type(error).__name__
    return Health(not detail, detail or "answers", round(time.monotonic() - began, 3))


def _converse(client: socket.socket, base: str) -> None:
    answers = _answers(client)
    steps = (
        ("bind", pureldap.LDAPBindRequest()),
        ("root DSE", _search("", pureldap.LDAPFilter_present("objectClass"), scope=0)),
        ("search", _search(base, pureldap.LDAPFilter_equalityMatch(*_ABSENT))),
    )
    for number, (step, request) in enumerate(steps, 1):
        client.sendall(pureldap.LDAPMessage(request, id=number).toWire())
        code = next((answer.resultCode for answer in answers if isinstance(answer, pureldap.LDAPResult)), None)
        if code is None:
            raise _Unwell(f"closed during the {step}")
        if code not in _WELL:
            raise _Unwell(f"the {step} ended with code {code}")


def _answers(client: socket.socket) -> Iterator[Any]:
    """What the server sends, until it closes; a notice of disconnection is a result too."""
    received = b""
    while chunk := client.recv(65536):
        received += chunk
        if received[:1] != _SEQUENCE or len(received) > _MOST:
            raise _Unwell("not an LDAP message")
        while received:
            try:
                message, length = pureber.berDecodeObject(_MESSAGES, received)
            except pureber.BERExceptionInsufficientData:
                break
            except Exception as error:  # what ldaptor raises for bytes that are no message is of many kinds
                raise _Unwell("not an LDAP message") from error
            received = received[length:]
            yield message.value


def _search(base: str, wanted: Any, scope: int = _WHOLE) -> Any:
    return pureldap.LDAPSearchRequest(baseObject=base, scope=scope, timeLimit=5, filter=wanted, attributes=["1.1"])
