"""Assertions on attributes that mailboxes do not hold, for the entries of the server itself.

For the index they are what they are of every mailbox, false or true; `dit.satisfied` looks at the values.
"""

from __future__ import annotations

from dataclasses import dataclass

from directory.query import And, Or


@dataclass(frozen=True, slots=True, init=False)
class OfServer(Or):
    """An attribute that no mailbox holds has a value, or has any."""

    attribute: str
    value: str | None

    def __init__(self, attribute: str, value: str | None) -> None:  # written out as in `directory.query`
        object.__setattr__(self, "parts", ())
        object.__setattr__(self, "attribute", attribute)
        object.__setattr__(self, "value", value)


@dataclass(frozen=True, slots=True, init=False)
class OfEveryMailbox(And):
    """An attribute has a value that the server computes for every mailbox, or has any."""

    attribute: str
    value: str | None

    def __init__(self, attribute: str, value: str | None) -> None:
        object.__setattr__(self, "parts", ())
        object.__setattr__(self, "attribute", attribute)
        object.__setattr__(self, "value", value)
