"""What a server sent, read by another decoder than ours: pyasn1, with RFC 4511's definitions as ldap3 writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ldap3.protocol.rfc4511 import LDAPMessage
from pyasn1.codec.ber import decoder
from pyasn1.error import PyAsn1Error


class Undecodable(Exception):
    """Bytes from a server that are no LDAPMessage."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One LDAPMessage; what its kind has not got is empty."""

    message_id: int
    kind: str  # as RFC 4511 calls it, such as "searchResEntry"
    code: int | None = None
    text: str = ""
    dn: str = ""
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    controls: Mapping[str, bytes] = field(default_factory=dict)
    name: str = ""  # of an extended response


def read(data: bytes) -> tuple[list[Reply], bytes]:
    """The messages that are complete, and the bytes of one that is not.

    Raises:
        Undecodable: one of them is none.
    """
    found = []
    while size := _announced(data):
        if size > len(data):
            break
        found.append(_reply(data[:size]))
        data = data[size:]
    return found, data


def _announced(data: bytes) -> int:
    """The size of the message that bytes begin with; 0 when not even that is there."""
    if len(data) < 2:
        return 0
    if data[1] < 0x80:
        return 2 + data[1]
    octets = data[1] & 0x7F
    if len(data) < 2 + octets:
        return 0
    return 2 + octets + int.from_bytes(data[2 : 2 + octets], "big")


def _reply(message: bytes) -> Reply:
    try:
        decoded, rest = decoder.decode(message, asn1Spec=LDAPMessage())
    except PyAsn1Error as error:
        raise Undecodable(f"{message.hex()}: {error}") from error
    if rest:
        raise Undecodable(f"{message.hex()}: {len(rest)} bytes too many")
    operation = decoded["protocolOp"]
    kind, body = operation.getName(), operation.getComponent()
    listed = decoded["controls"] if decoded["controls"].isValue else ()
    controls = {str(one["controlType"]): bytes(one["controlValue"]) for one in listed}
    message_id = int(decoded["messageID"])
    if kind == "searchResEntry":
        attributes = {str(one["type"]): [bytes(value).decode() for value in one["vals"]] for one in body["attributes"]}
        return Reply(message_id, kind, dn=str(body["object"]), attributes=attributes, controls=controls)
    name = _text(body, "responseName") if kind == "extendedResp" else ""
    return Reply(message_id, kind, int(body["resultCode"]), _text(body, "diagnosticMessage"), "", {}, controls, name)


def _text(body: Any, component: str) -> str:
    value = body[component]
    return bytes(value).decode() if value.isValue else ""
