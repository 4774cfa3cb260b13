"""What was done for whom: one value for each operation or request that was answered, for whoever keeps a journal."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from directory.callers.caller import Caller
from directory.query import Predicate


class Done(NamedTuple):
    """One operation of LDAP, or one request of REST."""

    caller: Caller
    operation: str
    code: int
    """How it ended: a result code of LDAP, a status of HTTP."""
    results: int
    """How many entries or matches were sent."""
    seconds: float
    """From its first turn to its answer."""
    asked: Predicate | None = None
    """What was asked, where it was a search. It names people: a log of operations shows its shape only."""


Trace = Callable[[Done], None]
"""Told of each. It is called between two answers: what takes long is for another thread."""
