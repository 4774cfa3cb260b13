"""Assertions on attributes that mailboxes do not hold, for the entries of the server itself.

For the index they are what they are of every mailbox, false or true; `dit.satisfied` looks at the values.
"""

from __future__ import annotations

from dataclasses import dataclass

from directory.query import And, Or, Predicate


@dataclass(frozen=True, slots=True)
class OfServer(Or):
    """An attribute that no mailbox holds has a value, or has any."""

    parts: tuple[Predicate, ...] = ()
    attribute: str = ""
    value: str | None = None


@dataclass(frozen=True, slots=True)
class OfEveryMailbox(And):
    """An attribute has a value that the server computes for every mailbox, or has any."""

    parts: tuple[Predicate, ...] = ()
    attribute: str = ""
    value: str | None = None
