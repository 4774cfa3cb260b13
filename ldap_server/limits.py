"""Which limits hold for whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from directory.callers.caller import CallerClass
from directory.settings import Settings


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits that depend on who asks."""

    size: int
    """Entries per search."""
    message_bytes: int


def limits_by_class(settings: Settings) -> Mapping[CallerClass, Limits]:
    known = Limits(settings.ldap_size_limit_known, settings.ldap_message_bytes_known)
    return {
        CallerClass.ANONYMOUS: Limits(settings.ldap_size_limit, settings.ldap_message_bytes),
        CallerClass.KNOWN: known,
        CallerClass.GATEWAY: known,
    }
