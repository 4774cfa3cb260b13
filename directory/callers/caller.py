"""Who asks: one value that each operation of a connection or a request is carried out for."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import Self


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

    @property
    def known(self) -> bool:
        return bool(self.identity)

    @property
    def counted_as(self) -> str:
        """Whose budget it spends: its own when it is known, else that of its network."""
        return self.identity or self.network

    def anonymous(self) -> Self:
        """The same client when nobody vouches for it."""
        return replace(self, identity="", caller_class=CallerClass.ANONYMOUS)
