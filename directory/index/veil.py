"""The veil: what a node hides at once, before its index has followed the withdrawal that says so.

Following a large night, or building anew, takes longer than an emergency can wait. So the follower writes withdrawals
to a small file beside the builds as soon as it hears of them, and every reader leaves out what stands in it for as long
as the index it answers from is of an earlier revision. Records that quote a withdrawn one are hidden for those moments
too: what they quote is in their prepared bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from directory.files import put_in_place
from directory.model import Kind, RegisterState

_FILE: Final = "veil"


@dataclass(frozen=True, slots=True)
class Veil:
    """Records to be hidden from who answers from a revision before (`epoch`, revision)."""

    epoch: str = ""
    records: Sequence[tuple[int, Kind, str]] = ()

    def over(self, state: RegisterState) -> Iterator[tuple[Kind, str]]:
        """The records that are hidden at a state; all of them at one of another epoch, whose revisions say nothing."""
        for revision, kind, key in self.records:
            if revision > state.revision or state.epoch != self.epoch:
                yield kind, key


NOTHING: Final = Veil()


def stamp(path: Path) -> tuple[int, int] | None:
    """What changes with each new veil over the index in a folder; None where there is none."""
    try:
        found = (path / _FILE).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino


def read(path: Path) -> Veil:
    try:
        held = orjson.loads((path / _FILE).read_bytes())
    except FileNotFoundError:
        return NOTHING
    return Veil(held["epoch"], tuple((revision, Kind(kind), key) for revision, kind, key in held["records"]))


def write(path: Path, veil: Veil) -> None:
    """Put a veil in the place of the one before, at once for all readers."""
    path.mkdir(parents=True, exist_ok=True)
    put_in_place(
        path / _FILE, orjson.dumps({"epoch": veil.epoch, "records": [list(record) for record in veil.records]})
    )
