"""Makes one export file: `python -m api.export_maker` with a job on standard input, at the lowest priority.

The file is written beside its place under a lock, and put there when it is whole: a file that is there is complete, and
of one revision. Whoever finds the lock free and no file knows that its maker has died.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from api.filters import Filters
from api.formats import FILES, Context
from directory.index import found
from directory.index.reader import Index, Snapshot

_NICE: Final = 19
_STRETCH: Final = 1_000  # records written together
_TIME_S: Final = 60.0
PART: Final = ".part"


class Job(NamedTuple):
    """What to make: a file of `formats.FILES`, of what fits some filters, of what the index shows in a word."""

    folder: str
    map_bytes: int
    suffix: str
    name: str
    filters: dict[str, object]
    shown: str
    target: str


def make(job: Job) -> bool:
    """Make the file; False when somebody else does, or the index shows something else by now."""
    target = Path(job.target)
    part = target.with_name(target.name + PART)
    try:
        file = part.open("xb")
    except (FileExistsError, FileNotFoundError):
        return False
    index = Index.open(Path(job.folder), map_bytes=job.map_bytes)
    try:
        with file, index.read() as snapshot:
            fcntl.flock(file, fcntl.LOCK_EX)
            if snapshot.shown != job.shown:
                return False
            for lines in _lines(job, snapshot):
                file.write(lines)
                file.flush()
            part.replace(target)
        return True
    finally:
        part.unlink(missing_ok=True)
        index.close()


def _lines(job: Job, snapshot: Snapshot) -> Iterator[bytes]:
    kind, form = FILES[job.name]
    context = Context(snapshot.state, job.suffix)
    yield form.head(context)
    predicate = Filters.model_validate(job.filters).predicate()
    several = iter(found.matching(snapshot, predicate, (kind,), _TIME_S))
    while some := list(islice(several, _STRETCH)):
        yield b"".join([form.lines(snapshot.document(number), context) for number in some])


def main() -> None:
    os.nice(_NICE)
    make(Job(**orjson.loads(sys.stdin.buffer.read())))


if __name__ == "__main__":
    main()
