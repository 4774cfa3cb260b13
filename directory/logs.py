"""Logs: one line per event, `key=value` pairs after a short sentence, to standard error.

A value never breaks the line or forges another one: control characters and quotes are escaped.
"""

from __future__ import annotations

import logging
import sys
import time
import uuid
from typing import Final

_FORMAT: Final = "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s[%(process)d] %(message)s"


class OneLine(logging.Formatter):
    """Formats a record as one line in UTC; a traceback follows it only when asked for."""

    def __init__(self, *, tracebacks: bool = True) -> None:
        super().__init__(_FORMAT, "%Y-%m-%dT%H:%M:%S")
        self._tracebacks = tracebacks

    @staticmethod
    def converter(timestamp: float | None) -> time.struct_time:
        return time.gmtime(timestamp)

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        head, *rest = text.split("\n")
        if record.exc_info and self._tracebacks:
            return "\n".join([head, *("    " + line for line in rest)])
        return "\\n".join([head, *rest]) if not record.exc_info else head


def setup(level: str, *, name: str = "annuaire") -> logging.Logger:
    """Send every logger's events from `level` up to standard error; return the program's own logger."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Each migration of a fresh database is no event that an operator wants to read about.
    logging.getLogger("alembic").setLevel(max(root.level, logging.WARNING))
    return logging.getLogger(name)


def pairs(**values: object) -> str:
    """`key=value` pairs for the end of a log line; texts with blanks or quotes are quoted and escaped."""
    return " ".join(f"{key}={_plain(value)}" for key, value in values.items())


def _plain(value: object) -> str:
    text = str(value)
    if text and all(char.isprintable() and char not in ' "=\\' for char in text):
        return text
    return '"' + text.encode("unicode_escape").decode("ascii").replace('"', '\\"') + '"'


def reference() -> str:
    """A short reference that ties what a caller is told ("internal error, reference …") to the log."""
    return uuid.uuid4().hex[:12]
