"""A file's lines looked at once without being parsed: where each stands, the key it bears, and a digest of its bytes.

Most lines of a night are yesterday's to the letter. A key whose lines add up to the digest that is kept of them was
read, checked and normalised when that digest was made, and need not be again; only the lines of the others are parsed,
and then all lines of a key together. The digest is a 64-bit xxh3 (a fixed algorithm, the same on every machine) of the
bytes, seeded by the header and by the rules' version: when either changes, every line is read anew.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import numpy as np
import numpy.typing as npt
import polars as pl
import xxhash

from directory.errors import ImportRefused
from importers import digests
from importers.extract import BLOCK_BYTES, Batch, Extract, LineReader, Reject, mended

_NEAR: Final = 64 * 1024  # chosen lines with less than this between them are read in one piece
_C1: Final = "[\\x{80}-\\x{9f}]"

Places = npt.NDArray[np.int64]
Advance = Callable[[int], None]


def _nothing(_: int) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """The lines after the header, counted from 0. `starts` has one more place, the end; `keys` is null where a line is
    too broken to have one."""

    extract: Extract
    file: IO[bytes]
    starts: Places
    keys: pl.Series
    raw: pl.Series
    opened: tuple[int, ...]

    @property
    def number(self) -> int:
        return self.keys.len()

    def per_key(self) -> pl.DataFrame:
        """key and raw: the sum of the digests of a key's lines."""
        begins = self.keys.ne_missing(self.keys.shift()).to_numpy().copy()
        begins[:1] = True
        at = np.flatnonzero(begins)
        keys = self.keys.gather(at)
        if keys.n_unique() < keys.len():
            return digests.summed(pl.DataFrame({"key": self.keys, "raw": self.raw}).drop_nulls("key"))
        # As extracts are written, lines of a key follow one another: nothing has to be grouped.
        sums = np.add.reduceat(self.raw.to_numpy(), at) if len(at) else np.empty(0, np.uint64)
        return pl.DataFrame({"key": keys, "raw": sums.view(np.int64)}).drop_nulls("key")

    def of_keys(self, keys: pl.Series) -> pl.Series:
        """Where the lines of these keys stand."""
        return self._places().join(pl.DataFrame({"key": keys}), on="key", how="semi", maintain_order="left")["place"]

    def without_key(self) -> pl.Series:
        """Where the lines stand that are too broken to have a key."""
        return self._places().filter(pl.col("key").is_null())["place"]

    def batches(
        self, places: pl.Series, reject: Reject, advance: Advance = _nothing, *, known: bool = False
    ) -> Iterator[Batch]:
        """The lines at these places, checked and cut into columns; broken ones go to `reject`. The lines of one key
        are never in different batches, wherever in the file they stand. Those that are `known` were checked on an
        earlier night."""
        reader = LineReader(self.extract, reject)
        for chosen in self._grouped(places):
            numbers = chosen.tolist()
            lines = list(self._read(chosen))
            yield reader.batch(lines, [number + 2 for number in numbers], known=known)
            advance(sum(map(len, lines)) + len(lines))

    def duplicates(self, rejected: Sequence[int]) -> int:
        """How many lines repeat another one to the letter; the rejected ones, by line number, do not count."""
        good = np.ones(self.number, dtype=bool)
        good[np.array(rejected, dtype=np.int64) - 2] = False
        kept = self.raw.filter(pl.Series(good))
        return kept.len() - kept.n_unique()

    def check_unmoved(self) -> None:
        """Make sure that the file at this path is still the one that was opened, as long as it was then.

        Raises:
            ImportRefused: it has been replaced or written to meanwhile.
        """
        member = self.extract.member
        if not member.zipped and (self.opened != _seen(self.file) or self.opened != _seen(member.path)):
            raise ImportRefused(f"{member.name}: the file has changed while it was read", reason="plan-changed")

    def close(self) -> None:
        self.file.close()

    def _places(self) -> pl.DataFrame:
        return pl.DataFrame({"key": self.keys}).with_row_index("place")

    def _grouped(self, places: pl.Series) -> Iterator[Places]:
        """The places cut into batches of about a block, none of them within a key."""
        if not places.len():
            return
        order, begins = self._ordered(places.sort().cast(pl.Int64))
        sizes = np.cumsum(self.starts[order + 1] - self.starts[order])
        begin = 0
        while begin < len(order):
            done = sizes[begin - 1] if begin else 0
            wanted = int(np.searchsorted(sizes, done + BLOCK_BYTES, side="right"))
            after = begins[np.searchsorted(begins, max(wanted, begin + 1)) :]
            end = int(after[0]) if len(after) and wanted < len(order) else len(order)
            yield order[begin:end]
            begin = end

    def _ordered(self, places: pl.Series) -> tuple[Places, Places]:
        """The places with lines of one key moved up to the first of them, and where in that order a key begins."""
        keys = self.keys.gather(places)
        begins = keys.is_null() | keys.ne_missing(keys.shift())
        keyed = int((begins & keys.is_not_null()).sum())
        if keyed == keys.drop_nulls().n_unique():  # as extracts are written: nothing to move
            return places.to_numpy(), np.flatnonzero(begins.to_numpy())
        first = pl.when(pl.col("key").is_null()).then("place").otherwise(pl.col("place").min().over("key"))
        frame = pl.DataFrame({"place": places, "key": keys}).with_columns(first.alias("first")).sort("first", "place")
        return frame["place"].to_numpy(), np.flatnonzero(np.diff(frame["first"].to_numpy(), prepend=-1))

    def _read(self, places: Places) -> Iterator[bytes]:
        """The bytes of lines, neighbours read together."""
        descriptor = self.file.fileno()
        begins, ends = self.starts[places], self.starts[places + 1]
        apart = (begins[1:] < ends[:-1]) | (begins[1:] - ends[:-1] > _NEAR)
        for run in np.split(np.arange(len(places)), np.flatnonzero(apart) + 1):
            offset = int(begins[run[0]])
            piece = os.pread(descriptor, int(ends[run[-1]]) - offset, offset)
            for begin, end in zip((begins[run] - offset).tolist(), (ends[run] - offset).tolist(), strict=True):
                yield piece[begin:end].removesuffix(b"\n")


def scan(extract: Extract, field: str, *, lower: bool = False, advance: Advance = _nothing) -> Lines:
    """Look at every line of a file; `field` bears the key, `lower` says that keys compare without case.

    Raises:
        ImportRefused: the last line is cut (`truncated`), or there is no line after the header (`empty`).
    """
    file = _opened(extract)
    try:
        return _Scan(extract, field, lower=lower).run(file, advance)
    except BaseException:
        file.close()
        raise


def _opened(extract: Extract) -> IO[bytes]:
    """The file, where any line can be read at any time: what is in a zip is unpacked beside, nameless."""
    member = extract.member
    if not member.zipped:
        return member.path.open("rb")
    unpacked = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the lines
    with zipfile.ZipFile(member.path) as archive, archive.open(member.name) as packed:
        shutil.copyfileobj(packed, unpacked, BLOCK_BYTES)
    unpacked.flush()
    return unpacked


class _Scan:
    """One pass over a file."""

    def __init__(self, extract: Extract, field: str, *, lower: bool) -> None:
        self._extract = extract
        self._place = extract.fields[field]
        self._lower = lower
        self._seed = xxhash.xxh3_64_intdigest(f"{digests.VERSION}|{'|'.join(extract.header)}".encode())
        self._opened: tuple[int, ...] = ()
        self._sizes: list[Places] = []
        self._keys: list[pl.Series] = []
        self._raw: list[pl.Series] = []

    def run(self, file: IO[bytes], advance: Advance) -> Lines:
        self._opened = _seen(file)
        file.seek(self._extract.header_bytes)
        rest = b""
        while chunk := file.read(BLOCK_BYTES):
            advance(len(chunk))
            rest += chunk
            end = rest.rfind(b"\n") + 1
            if end:
                self._look_at(rest[: end - 1].split(b"\n"))
                rest = rest[end:]
            elif len(rest) > BLOCK_BYTES:
                message = f"{self._extract.member.name}: line {self._next_line()} never ends"
                raise ImportRefused(message, reason="wrong-file")
        self._end(rest)
        return self._lines(file)

    def _end(self, rest: bytes) -> None:
        name = self._extract.member.name
        if rest:
            if not LineReader(self._extract, lambda _: None).complete(rest):
                message = f"{name}: line {self._next_line()}, the last one, is cut: the file is truncated"
                raise ImportRefused(message, reason="truncated")
            self._look_at([rest])
        elif not self._sizes:
            raise ImportRefused(f"{name}: no line after the header", reason="empty")

    def _next_line(self) -> int:
        return 2 + sum(map(len, self._sizes))

    def _look_at(self, lines: Sequence[bytes]) -> None:
        digest, seed = xxhash.xxh3_64_intdigest, self._seed
        self._sizes.append(np.fromiter(map(len, lines), np.int64, len(lines)))
        self._raw.append(pl.Series("raw", [digest(line, seed) for line in lines], dtype=pl.UInt64))
        self._keys.append(self._fields(lines))

    def _fields(self, lines: Sequence[bytes]) -> pl.Series:
        place = self._place
        try:
            found: list[bytes | None] = [line.split(b"|", place + 1)[place] for line in lines]
        except IndexError:
            cut = (line.split(b"|", place + 1) for line in lines)
            found = [fields[place] if len(fields) > place else None for fields in cut]
        keys = _texts(found)
        # A key is compared as the line's reader will have it.
        if place == len(self._extract.header) - 1:
            keys = keys.str.strip_suffix("\r")
        if keys.str.contains(_C1).any():
            keys = _texts([mended(key.encode()) if key is not None else None for key in keys])
        return keys.str.to_lowercase() if self._lower else keys

    def _lines(self, file: IO[bytes]) -> Lines:
        sizes = np.concatenate(self._sizes) + 1
        starts = np.concatenate([[0], np.cumsum(sizes)]) + self._extract.header_bytes
        keys, raw = pl.concat(self._keys, rechunk=True), pl.concat(self._raw, rechunk=True)
        return Lines(extract=self._extract, file=file, starts=starts, keys=keys, raw=raw, opened=self._opened)


def _seen(file: IO[bytes] | Path) -> tuple[int, ...]:
    """What tells a file from another one, and from itself when it has been written to."""
    found = file.stat() if isinstance(file, Path) else os.fstat(file.fileno())
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _texts(keys: Sequence[bytes | None]) -> pl.Series:
    """Keys as texts; null where they are none."""
    try:
        return pl.Series("key", keys, dtype=pl.Binary).cast(pl.String)
    except pl.exceptions.ComputeError:
        return pl.Series("key", [_text(key) for key in keys], dtype=pl.String)


def _text(key: bytes | None) -> str | None:
    try:
        return key.decode() if key is not None else None
    except UnicodeDecodeError:
        return None
