"""Who asks: what a connection knows of its client."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """A client as its operations see it; a bind makes another one, the rest of the connection stays."""

    address: str
    identity: str = ""
    """Its authorization identity, as "Who am I?" tells it (RFC 4513 section 5.2.1.8); empty when anonymous."""

    @property
    def known(self) -> bool:
        return bool(self.identity)
