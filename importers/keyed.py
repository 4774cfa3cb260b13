"""One file against what the register keeps of it: which lines have to be read at all, and what they come to per key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from directory.registry.loading import Merge, Plan, Source
from directory.registry.runs import RejectedLine
from importers.digests import Digests, row_digests
from importers.extract import Batch, Extract, Reject
from importers.lines import Lines, scan
from importers.pipeline import Job


class KeyedFile:
    """A file whose lines are summed up per key.

    `sift` tells the keys whose lines are yesterday's to the letter from the others; `read` parses the others' lines,
    `add` sums them up, `plan` compares the sums.
    """

    def __init__(self, extract: Extract, source: Source, field: str, semantic: Sequence[str]) -> None:
        self.extract = extract
        self.source = source
        self._field, self._semantic = field, semantic
        self._digests = Digests()
        self._rejected: list[int] = []
        self._lines: Lines
        self._places: pl.Series
        self.considered: pl.DataFrame | None = None  # the stored keys to compare with; None: all there are
        self.straight = False  # there are none: rows may be staged when they are read for the first time

    @property
    def lines(self) -> Lines:
        return self._lines

    def sift(self, merge: Merge, job: Job) -> None:
        """Look at every line, and find those that have to be read."""
        member = self.extract.member
        job.warnings += self.extract.warnings
        job.stage(f"reading {member.name}", member.size)
        stored = merge.stored(self.source)
        lower = self._field == "address"
        self._lines = lines = scan(self.extract, self._field, lower=lower, advance=job.progress.advance)
        held = stored.result()
        self.straight = job.straight and not held.height
        found = lines.per_key()
        # A whole number is joined on far sooner than a text; it is a digest of lines that bear the key, too.
        pairs = found.with_row_index("new").join(held.with_row_index("old"), on="raw", suffix="_held")
        same = pairs.filter(pl.col("key") == pl.col("key_held"))
        if same.height:
            changed = _others(found, same["new"])["key"]
            self._places = pl.concat([lines.of_keys(changed), lines.without_key()])
            self.considered = _others(held, same["old"]).select("key")
        else:
            self._places = pl.arange(lines.number, eager=True)

    def read(self, job: Job) -> Iterator[Batch]:
        """The lines that are new or differ, all of a key together; broken ones are quarantined."""
        return self._lines.batches(self._places, self.rejecting(job))

    def rejecting(self, job: Job) -> Reject:
        """Where broken lines go: to the run, and out of the count of rows."""

        def reject(line: RejectedLine) -> None:
            self._rejected.append(line.line)
            job.reject(line)

        return reject

    def add(self, keys: pl.Series, frame: pl.DataFrame) -> None:
        """Sum up lines that have been read; `frame` has their numbers as `line`."""
        high, low = row_digests(frame, self._semantic)
        self._digests.add(keys, high, low, self._lines.raw.gather(frame["line"] - 2))

    def plan(self, merge: Merge) -> Plan:
        digests = self._digests.per_key()
        self._digests = Digests()
        return merge.plan(self.source, digests, self.considered)

    def tell(self, job: Job) -> None:
        """Note in the job what the file was."""
        self._lines.check_unmoved()
        rows = self._lines.number - len(self._rejected)
        job.rows[self.extract.layout.name] = rows
        job.sources.append(self.extract.source(rows, self._lines.duplicates(self._rejected)))

    def again(self, keys: pl.Series, job: Job) -> Iterator[Batch]:
        """The lines of these keys, to stage them."""
        member = self.extract.member
        job.stage(f"staging {member.name}")
        return self._lines.batches(self._lines.of_keys(keys), _nowhere)

    def at(self, numbers: pl.Series) -> Iterator[Batch]:
        """The lines of these numbers, which have been read before."""
        return self._lines.batches(numbers - 2, _nowhere)

    def close(self) -> None:
        if hasattr(self, "_lines"):
            self._lines.close()


def _others(frame: pl.DataFrame, rows: pl.Series) -> pl.DataFrame:
    """The rows of a frame but these."""
    kept = np.ones(frame.height, dtype=bool)
    kept[rows.to_numpy()] = False
    return frame.filter(pl.Series(kept))


def _nowhere(_: RejectedLine) -> None:
    """For lines that were rejected when they were read first."""
