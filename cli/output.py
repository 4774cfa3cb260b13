"""What commands print: JSON for machines on standard output, tables for people."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterable, Sequence

import orjson
from rich.console import Console
from rich.table import Table


def print_json(value: object) -> None:
    """Indented JSON, dates in ISO 8601; nothing else goes to standard output with it."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
    sys.stdout.buffer.write(orjson.dumps(value, default=str, option=options))
    sys.stdout.flush()


def say(text: str) -> None:
    """A sentence for the person at the terminal, on standard error: it never mixes with results."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(text, markup=False)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()) -> None:
    """A plain table on standard output, wide enough for its content when it is not a terminal."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        shown.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        shown.add_row(*map(_cell, row))
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 240
    console.print(shown, markup=False)


def _cell(value: object) -> str:
    if isinstance(value, dt.datetime):
        return value.isoformat(" ", "seconds")
    return "" if value is None else str(value)
