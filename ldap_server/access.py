"""The access log: one line per operation, written some lines at a time, off the path of the answers."""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import Final, TextIO

NAME: Final = "annuaire.ldap.access"
_KEPT: Final = 10_000  # lines that may wait


class AccessLog:
    """Gathers lines and writes them in the form of `directory.logs` when told to; does nothing where the level of its
    logger leaves such lines out."""

    __slots__ = ("_head", "_lines", "_stream", "enabled")

    def __init__(self, stream: TextIO | None = None) -> None:
        self.enabled = logging.getLogger(NAME).isEnabledFor(logging.INFO)
        self._stream = stream
        self._head = f"INFO {NAME}[{os.getpid()}]"
        self._lines: list[tuple[float, str, str, int, int]] = []

    def note(self, operation: str, address: str, code: int, entries: int) -> None:
        if self.enabled:
            self._lines.append((time.time(), operation, address, code, entries))
            if len(self._lines) >= _KEPT:
                self.flush()

    def flush(self) -> None:
        """Write what has been noted."""
        if self._lines:
            lines, self._lines = self._lines, []
            (self._stream or sys.stderr).write("".join(map(self._line, lines)))

    def _line(self, noted: tuple[float, str, str, int, int]) -> str:
        at, operation, address, code, entries = noted
        moment = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(at))}.{int(at % 1 * 1000):03d}Z"
        return f"{moment} {self._head} {operation} client={address} code={code} entries={entries}\n"
