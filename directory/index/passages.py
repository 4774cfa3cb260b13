"""Which revisions this node has come to lately, and how: kept beside the index for people who ask how fresh it is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from directory.files import put_in_place
from directory.model import RegisterState

_FILE: Final = "passages"
_KEPT: Final = 30


@dataclass(frozen=True, slots=True)
class Passage:
    """A revision that the node came to: at what time, and how many records were read again; None: all of them."""

    revision: int
    as_of: dt.datetime | None
    at: dt.datetime
    records: int | None


def note(path: Path, state: RegisterState, records: int | None) -> None:
    """Remember a revision that is served from now on; the oldest ones are forgotten."""
    passage = Passage(state.revision, state.as_of, dt.datetime.now(dt.UTC), records)
    put_in_place(path / _FILE, orjson.dumps([*read(path), passage][-_KEPT:]))


def read(path: Path) -> Sequence[Passage]:
    """Those that are remembered, the latest last; none where nothing was noted, or nothing that can be read."""
    try:
        return [
            Passage(one["revision"], _moment(one["as_of"]), dt.datetime.fromisoformat(one["at"]), one["records"])
            for one in orjson.loads((path / _FILE).read_bytes())
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _moment(text: str | None) -> dt.datetime | None:
    return None if text is None else dt.datetime.fromisoformat(text)
