"""Whether an LDAP server answers, found out as a client does: bind, root DSE, one search."""

from __future__ import annotations

import socket
import time
from typing import Final, NamedTuple

from directory.index.encoding import octets
from ldap_server import messages
from ldap_server.ber import BOOLEAN, ENUMERATED, SEQUENCE, Framer, Malformed, Reader

_BIND: Final = bytes.fromhex("300c020101600702010304008000")
_DSE: Final = 2
_SEARCH: Final = 3
_MOST: Final = 1 << 20  # bytes of an answer
_WELL: Final = (messages.SUCCESS, messages.ADMIN_LIMIT)  # a spent budget is an answer too


class Health(NamedTuple):
    """What a check found."""

    ok: bool
    detail: str
    seconds: float


def check(host: str, port: int, base: str, timeout_s: float) -> Health:
    """Ask for a bind, the root DSE, and an address below a base that nobody has."""
    began = time.monotonic()
    try:
        with socket.create_connection((host, port), timeout_s) as client:
            client.settimeout(timeout_s)
            detail = _conversation(client, base)
    except (OSError, Malformed) as error:
        detail = str(error) or type(error).__name__
    return Health(not detail, detail or "answers", round(time.monotonic() - began, 3))


def _conversation(client: socket.socket, base: str) -> str:
    """What is wrong with it; nothing when it is as it should be."""
    framer = Framer(_MOST)
    client.sendall(_BIND)
    steps = (
        ("bind", messages.BIND_RESPONSE, b""),
        ("root DSE", messages.SEARCH_DONE, _search(_DSE, "", 0, b"objectClass")),
        ("search", messages.SEARCH_DONE, _search(_SEARCH, base, 2, b"mail", b"health@check.invalid")),
    )
    for step, response, request in steps:
        if request:
            client.sendall(request)
        code = _result(client, framer, response)
        if code not in _WELL:
            return f"the {step} ended with code {code}" if code is not None else f"closed during the {step}"
    return ""


def _result(client: socket.socket, framer: Framer, response: int) -> int | None:
    """The result code of the response that is waited for; None when the connection ends before it."""
    while chunk := client.recv(65536):
        for message in framer.feed(chunk):
            envelope = messages.open_envelope(message, 10)
            if envelope.operation in (response, messages.EXTENDED_RESPONSE):  # the latter: a notice of disconnection
                return Reader(envelope.data, envelope.start, envelope.end).integer(ENUMERATED)
    return None


def _search(message_id: int, base: str, scope: int, attribute: bytes, value: bytes | None = None) -> bytes:
    """A search for an attribute's presence, or for a value of it, that asks for no attributes."""
    integer, tlv = messages.integer, messages.tlv
    filter_ = tlv(0x87, attribute) if value is None else tlv(0xA3, octets(attribute) + octets(value))
    body = (
        octets(base.encode())
        + integer(scope, ENUMERATED)
        + integer(0, ENUMERATED)
        + integer(1)
        + integer(5)
        + tlv(BOOLEAN, b"\0")
        + filter_
        + tlv(SEQUENCE, octets(b"1.1"))
    )
    return tlv(SEQUENCE, integer(message_id) + tlv(messages.SEARCH_REQUEST, body))
