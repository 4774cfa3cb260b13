"""What was done for whom: one value for each operation or request that was answered, for whoever keeps a journal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from directory.callers.caller import Caller
from directory.query import Predicate


@dataclass(frozen=True, slots=True, init=False)
class Done:
    """One operation of LDAP, or one request of REST."""

    caller: Caller
    operation: str
    code: int
    """How it ended: a result code of LDAP, a status of HTTP."""
    results: int
    """How many entries or matches were sent."""
    seconds: float
    """From its first turn to its answer."""
    asked: Predicate | None
    """What was asked, where it was a search. It names people: a log of operations shows its shape only."""

    def __init__(
        self,
        caller: Caller,
        operation: str,
        code: int,
        results: int,
        seconds: float,
        asked: Predicate | None = None,
    ) -> None:  # written out as in `directory.query`
        object.__setattr__(self, "caller", caller)
        object.__setattr__(self, "operation", operation)
        object.__setattr__(self, "code", code)
        object.__setattr__(self, "results", results)
        object.__setattr__(self, "seconds", seconds)
        object.__setattr__(self, "asked", asked)


Trace = Callable[[Done], None]
"""Told of each. It is called between two answers: what takes long is for another thread."""
