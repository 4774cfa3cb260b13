"""How long work reports its progress; the command line draws it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    def stage(self, name: str, total: int | None = None) -> None:
        """Begin a stage of `total` steps; None when their number is not known."""

    def advance(self, steps: int = 1) -> None:
        """Some steps of the present stage are done."""


class Silent:
    """Nobody watches."""

    def stage(self, name: str, total: int | None = None) -> None:
        pass

    def advance(self, steps: int = 1) -> None:
        pass
