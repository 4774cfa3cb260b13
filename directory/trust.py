"""The white list as it is told: which domains belong to the trust space, and who operates them (DOMAIN section 10)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Operator:
    """Who runs a domain, as the certificate says. `identifier_type` is SIRET, FINESS, or empty as `identifier` is."""

    name: str
    identifier_type: str = ""
    identifier: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhiteList:
    """The trusted domains, in lower case, each with its operators. `as_of` is when the list was made; None where the
    register holds none."""

    as_of: dt.datetime | None = None
    domains: Mapping[str, tuple[Operator, ...]] = field(default_factory=dict)


def domain_of(text: str) -> str | None:
    """The domain of an address, or a domain itself, in lower case; None for what is neither.

    A domain counts as it stands on the list: those below a trusted domain are not trusted for it.
    """
    local, at, domain = text.strip().lower().rpartition("@")
    domain = domain.removesuffix(".")
    whole = domain and not domain.startswith(".") and not any(letter.isspace() or letter == "/" for letter in domain)
    return domain if whole and "." in domain and (local or not at) and len(domain) <= 255 else None
