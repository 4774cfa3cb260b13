"""Who asks: one value that each operation of a connection or a request is carried out for."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from directory.members import direct

if TYPE_CHECKING:
    from directory.accounts import Identity


@direct
class CallerClass(enum.StrEnum):
    """Whose limits apply to a caller."""

    ANONYMOUS = "anonymous"
    KNOWN = "known"  # has an account
    GATEWAY = "gateway"  # the account of a mail gateway: whole values only, very often


@dataclass(frozen=True, slots=True)
class Caller:
    """A client as its operations see it. A bind makes another one; where it comes from stays."""

    address: str
    network: str = ""
    """What its address is counted as (`networks.Networks`); empty where nothing is counted."""
    identity: str = ""
    """Its authorization identity, as "Who am I?" tells it (RFC 4513 section 5.2.1.8); empty when anonymous."""
    caller_class: CallerClass = CallerClass.ANONYMOUS
    proof: Identity | None = None
    """The account that vouches for it, and the credential by which."""
    encrypted: bool = False
    certificate: bytes | None = None
    """The client certificate of its TLS session, whose chain has been verified."""

    @property
    def known(self) -> bool:
        return bool(self.identity)

    @property
    def counted_as(self) -> str:
        """Whose budget it spends: its own when it is known, else that of its network."""
        return self.identity or self.network

    def anonymous(self) -> Self:
        """The same client when nobody vouches for it."""
        return replace(self, identity="", caller_class=CallerClass.ANONYMOUS, proof=None)

    def proved(self, identity: Identity) -> Self:
        """The same client with an account that vouches for it; its identity is the same by LDAP and REST."""
        account = identity.account
        return replace(self, identity=f"u:{account.name}", caller_class=account.caller_class, proof=identity)
