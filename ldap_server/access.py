"""The access log: one line per operation, written some lines at a time, without what was asked."""

from __future__ import annotations

import functools
import logging
import os
import time
from typing import Final, TextIO

from directory import logs
from directory.callers.trace import Done
from ldap_server.shapes import shape

NAME: Final = "annuaire.ldap.access"
_KEPT: Final = 100  # lines that may wait: to write them may not take long either


class AccessLog:
    """Gathers lines and writes them in the form of `directory.logs` when there are enough or it is told to; does
    nothing where the level of its logger leaves such lines out."""

    __slots__ = ("_head", "_lines", "_stream", "enabled")

    def __init__(self, stream: TextIO | None = None) -> None:
        self.enabled = logging.getLogger(NAME).isEnabledFor(logging.INFO)
        self._stream = stream
        self._head = f"INFO {NAME}[{os.getpid()}]"
        self._lines: list[tuple[float, Done]] = []

    def note(self, done: Done) -> None:
        if self.enabled:
            self._lines.append((time.time(), done))
            if len(self._lines) >= _KEPT:
                self.flush()

    def flush(self) -> None:
        """Write what has been noted."""
        if self._lines:
            lines, self._lines = self._lines, []
            (self._stream or logs.output()).write("".join([self._line(*noted) for noted in lines]))

    def _line(self, at: float, done: Done) -> str:
        if logs.in_json():
            return self._json(at, done)
        moment = f"{_second(int(at))}.{int(at % 1 * 1000):03d}Z"
        asked = f' filter="{shape(done.asked)}"' if done.asked is not None else ""
        return (
            f"{moment} {self._head} {done.operation} client={done.caller.address} who={done.caller.identity or '-'}"
            f"{asked} code={done.code} entries={done.results} ms={done.seconds * 1000:.1f}\n"
        )

    @staticmethod
    def _json(at: float, done: Done) -> str:
        fields = {
            "client": done.caller.address,
            "who": done.caller.identity or "-",
            **({"filter": shape(done.asked)} if done.asked is not None else {}),
            "code": done.code,
            "entries": done.results,
            "ms": round(done.seconds * 1000, 1),
        }
        return logs.json_line(at, "INFO", NAME, done.operation, fields) + "\n"


@functools.lru_cache(maxsize=4)
def _second(at: int) -> str:
    """A second as it is written; kept, as many lines are of the same."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))
