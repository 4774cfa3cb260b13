"""Logs: one line per event, to standard error or a file: a short sentence with `key=value` pairs, or a JSON object.

A value never breaks the line or forges another one: control characters and quotes are escaped.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import logging
import os
import sys
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TextIO, cast

from directory.errors import InvalidInput

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


class JsonLine(logging.Formatter):
    """Formats a record as a JSON object in one line: `time` (UTC), `level`, `logger`, `process`, `message`, the pairs
    of the line as fields of their own, and `traceback` where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        given = record.args if isinstance(record.args, tuple) else ()
        told = [arg for arg in given if isinstance(arg, Pairs)]
        if told:
            message = (record.msg % tuple("" if isinstance(arg, Pairs) else arg for arg in given)).rstrip()
        else:
            message = record.getMessage()
        fields = {name: value for one in told for name, value in one.fields.items()}
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json_line(record.created, record.levelname, record.name, message, fields)


def json_line(at: float, level: str, logger: str, message: str, fields: Mapping[str, object]) -> str:
    """An event as a JSON object without the end of the line; a field never takes the place of one of ours."""
    moment = dt.datetime.fromtimestamp(at, dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    event = {"time": moment, "level": level, "logger": logger, "process": os.getpid(), "message": message}
    return json.dumps({**fields, **event}, default=str, ensure_ascii=True)


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
_json = False


def in_json() -> bool:
    """Whether lines are JSON objects."""
    return _json


def output() -> TextIO:
    """Where lines go."""
    return sys.stderr if _file is None else cast(TextIO, _file)


def reopen() -> None:
    """Open the log file anew, where there is one."""
    if _file is not None:
        _file.reopen()


def setup(level: str, *, file: Path | None = None, form: str = "text", name: str = "annuaire") -> logging.Logger:
    """Send every logger's events from `level` up to a file, or to standard error, as `text` or `json`; return the
    program's own logger."""
    global _file, _json
    _json = form == "json"
    try:
        _file = LogFile(file) if file is not None else None
    except OSError as error:
        reason = error.strerror or str(error)
        raise InvalidInput(f"ANNUAIRE_LOG_FILE: {file} cannot be written: {reason}") from error
    handler = logging.StreamHandler(output())
    handler.setFormatter(JsonLine() if _json else OneLine())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Each migration of a fresh database is no event that an operator wants to read about.
    logging.getLogger("alembic").setLevel(max(root.level, logging.WARNING))
    return logging.getLogger(name)


class Pairs(str):
    """`key=value` pairs as text, and as the fields that they are in JSON."""

    fields: Mapping[str, object]


def pairs(**values: object) -> Pairs:
    """`key=value` pairs for the end of a log line; texts with blanks or quotes are quoted and escaped."""
    told = Pairs(" ".join(f"{key}={_plain(value)}" for key, value in values.items()))
    told.fields = values
    return told


def _plain(value: object) -> str:
    text = str(value)
    if text and all(char.isprintable() and char not in ' "=\\' for char in text):
        return text
    return '"' + text.encode("unicode_escape").decode("ascii").replace('"', '\\"') + '"'


def reference() -> str:
    """A short reference that ties what a caller is told ("internal error, reference …") to the log."""
    return uuid.uuid4().hex[:12]
