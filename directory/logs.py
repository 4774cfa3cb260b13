"""Logs: one line per event, `key=value` pairs after a short sentence, to standard error or a file.

A value never breaks the line or forges another one: control characters and quotes are escaped.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import time
import uuid
from pathlib import Path
from typing import Final, TextIO, cast

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


class LogFile(io.TextIOBase):
    """A file that several processes append whole lines to, and that is opened anew when it has been moved away."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._file = self._opened()

    def write(self, text: str) -> int:
        os.write(self._file, text.encode("utf-8", "backslashreplace"))
        return len(text)

    def reopen(self) -> None:
        """Go on in a file of the same name (after `logrotate` has moved the old one)."""
        before, self._file = self._file, self._opened()
        os.close(before)

    def _opened(self) -> int:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)


_file: LogFile | None = None


def output() -> TextIO:
    """Where lines go."""
    return sys.stderr if _file is None else cast(TextIO, _file)


def reopen() -> None:
    """Open the log file anew, where there is one."""
    if _file is not None:
        _file.reopen()


def setup(level: str, *, file: Path | None = None, name: str = "annuaire") -> logging.Logger:
    """Send every logger's events from `level` up to a file, or to standard error; return the program's own logger."""
    global _file
    _file = LogFile(file) if file is not None else None
    handler = logging.StreamHandler(output())
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
