"""The national extract files: found, recognised by their header, and read in batches of checked lines.

Format (DOMAIN section 6): UTF-8, `|` between fields, no quoting and no escaping, LF, one header line; columns may be
appended without notice and are therefore matched by name. What is wrong with a line quarantines the line; what is
wrong with the file refuses the file.
"""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import polars as pl
import xxhash

from directory.errors import ImportRefused
from directory.registry.runs import RejectedLine

BLOCK_BYTES: Final = 8 * 2**20
LINE_BYTES: Final = 65536
_DATE: Final = re.compile(r"(?<!\d)(20\d{10})(?!\d)")
_BOM: Final = b"\xef\xbb\xbf"
_LINE_SEPARATORS: Final = (b"\xe2\x80\xa8", b"\xe2\x80\xa9")  # U+2028, U+2029
_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_CONTROL_BYTES: Final = bytes(code for code in range(256) if _CONTROLS.match(bytes([code])))
# U+0080–U+009F are cp1252 read as Latin-1 somewhere upstream (anomaly 5); five codes have no meaning there and stay.
_CP1252: Final = {
    chr(code).encode(): char.encode()
    for code in range(0x80, 0xA0)
    if (char := bytes([code]).decode("cp1252", errors="ignore"))
}
_C1: Final = re.compile(rb"\xc2[\x80-\x9f]")

Reject = Callable[[RejectedLine], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A file type: its name, and for each of our fields the column it comes from. `optional` are our names of columns
    that older files lack."""

    name: str
    columns: Mapping[str, str]
    optional: frozenset[str] = frozenset()


class RawLines:
    """The bytes of lines by their number."""

    def __init__(self, numbers: Sequence[int], lines: Sequence[bytes]) -> None:
        self._numbers, self._lines = numbers, lines
        self._found: dict[int, bytes] | None = None

    def __getitem__(self, number: int) -> bytes:
        # Hardly a batch has a line that anybody asks for.
        if self._found is None:
            self._found = dict(zip(self._numbers, self._lines, strict=True))
        return self._found[number]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some checked lines: `frame` has our columns as texts ('' when absent) and `line`, the line number from 1 with the
    header; `raw` gives a line's bytes by its number."""

    frame: pl.DataFrame
    file: str
    raw: RawLines

    def without(self, bad: pl.Expr, reason: str, reject: Reject, *, column: str) -> Batch:
        """Quarantine the lines for which `bad` holds, because of a column of the file, and go on with the others."""
        lines = self.frame.filter(bad)["line"]
        if not lines.len():
            return self
        for line in lines:
            reject(RejectedLine(file=self.file, line=line, reason=reason, raw=self.raw[line], column=column))
        return Batch(frame=self.frame.filter(~bad), file=self.file, raw=self.raw)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One text file, on its own or inside a zip."""

    path: Path
    name: str
    size: int
    zipped: bool = False

    def open(self) -> IO[bytes]:
        if not self.zipped:
            return self.path.open("rb")
        with zipfile.ZipFile(self.path) as archive:
            return archive.open(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """A recognised file, its header checked. `fields` are the positions of our columns, in file order."""

    member: Member
    layout: Layout
    as_of: dt.datetime
    header: Sequence[str]
    fields: Mapping[str, int]
    header_bytes: int
    warnings: Sequence[str] = ()

    def source(self, rows: int, duplicates: int) -> dict[str, object]:
        """What a run remembers of the file."""
        return {
            "path": str(self.member.path.absolute()),
            "member": self.member.name,
            "layout": self.layout.name,
            "bytes": self.member.size,
            "digest": digest_of(self.member.path),
            "as_of": self.as_of.isoformat(),
            "rows": rows,
            "duplicates": duplicates,
        }


class LineReader:
    """Checks the lines of one file and cuts them into columns."""

    def __init__(self, extract: Extract, reject: Reject) -> None:
        self._file = extract.member.name
        self._reject = reject
        self._header = extract.header
        self._names = [f"#{place}" for place in range(len(extract.header))]
        self._fields = extract.fields
        self._width = len(extract.header)
        self._absent = [name for name in extract.layout.columns if name not in extract.fields]

    def complete(self, line: bytes) -> bool:
        return self._problem(line.rstrip(b"\r")) is None

    def batch(self, lines: Sequence[bytes], numbers: Sequence[int], *, known: bool = False) -> Batch:
        """Lines without their ends, and their numbers in the file; broken ones go to `reject`. Where all are `known`
        to be sound, only their width is looked at: some may have the empty field at their end."""
        block = b"\n".join(lines) + b"\n"
        if b"\r" in block:
            block = block.replace(b"\r\n", b"\n")
            lines = block.split(b"\n")[:-1]
        if not (known and block.count(b"|") == (self._width - 1) * len(lines)) and not self._clean(block, lines):
            kept: list[int] = []
            for place, line in enumerate(lines):
                problem = self._problem(line)
                if problem is None:
                    kept.append(place)
                else:
                    self._reject(
                        RejectedLine(
                            file=self._file,
                            line=numbers[place],
                            reason=problem,
                            raw=line[:4096],
                            column=self._at_fault(line),
                        )
                    )
            numbers = [numbers[place] for place in kept]
            lines = [self._trimmed(lines[place]) for place in kept]
            block = b"\n".join(lines) + b"\n" if lines else b""
        return Batch(frame=self._frame(block, numbers), file=self._file, raw=RawLines(numbers, lines))

    def _clean(self, block: bytes, lines: Sequence[bytes]) -> bool:
        """Whether nothing needs a closer look: the quick answer for nearly every block."""
        bars = self._width - 1
        return (
            len(block.translate(None, _CONTROL_BYTES)) == len(block)
            and not any(separator in block for separator in _LINE_SEPARATORS)
            and all(line.count(b"|") == bars for line in lines)
            and _is_utf8(block)
            and max(map(len, lines)) <= LINE_BYTES
        )

    def _problem(self, line: bytes) -> str | None:
        if not _is_utf8(line):
            return "not UTF-8"
        if not _is_clean(line):
            return "control character"
        if len(line) > LINE_BYTES:
            return "line too long"
        fields = self._trimmed(line).count(b"|") + 1
        if fields != self._width:
            return "too few fields" if fields < self._width else "too many fields"
        return None

    def _at_fault(self, line: bytes) -> str:
        """The column that makes a broken line broken; '' where none does on its own."""
        fields = self._trimmed(line).split(b"|")
        if len(fields) != self._width:
            return ""
        return next((name for name, value in zip(self._header, fields, strict=True) if not _is_clean(value)), "")

    def _trimmed(self, line: bytes) -> bytes:
        """Without the one empty field that older files have at the end of each row."""
        return line[:-1] if line.count(b"|") == self._width and line.endswith(b"|") else line

    def _frame(self, block: bytes, numbers: Sequence[int]) -> pl.DataFrame:
        block = mended(block)
        schema = dict.fromkeys(self._names, pl.String())
        if not block:
            frame = pl.DataFrame(schema=schema)
        else:
            frame = pl.read_csv(
                io.BytesIO(block),
                has_header=False,
                separator="|",
                quote_char=None,
                schema=schema,
                empty_string_is_null=False,
            )
        columns = [pl.col(f"#{place}").alias(name) for name, place in self._fields.items()]
        absent = [pl.lit("").alias(name) for name in self._absent]
        return frame.select(*columns, *absent, pl.Series("line", numbers, dtype=pl.Int64))


def _is_clean(text: bytes) -> bool:
    return (
        _is_utf8(text) and not _CONTROLS.search(text) and not any(separator in text for separator in _LINE_SEPARATORS)
    )


def mended(text: bytes) -> bytes:
    """With the apostrophes and dashes that control characters were before somebody mistook their encoding."""
    return _C1.sub(lambda found: _CP1252.get(found[0], found[0]), text)


def find(paths: Sequence[Path], layouts: Sequence[Layout]) -> list[Extract]:
    """The extracts of these layouts in files, zips and folders, at most one of each.

    A file given by name must be one of them; in a folder others are passed over.

    Raises:
        ImportRefused: nothing found, a file that is none of them, a needed column missing, two files of one layout.
    """
    found: dict[str, Extract] = {}
    for path in paths:
        for member, named in _members(path):
            extract = _recognise(member, layouts, named=named)
            if extract is None:
                continue
            other = found.setdefault(extract.layout.name, extract)
            if other is not extract:
                message = (
                    f"two {extract.layout.name} files: {other.member.name} and {member.name}; name the one to import"
                )
                raise ImportRefused(message, reason="wrong-file")
    if not found:
        wanted = ", ".join(layout.name for layout in layouts)
        names = ", ".join(path.name for path in paths)
        raise ImportRefused(f"{names}: no file of the expected kind ({wanted})", reason="not-found")
    return [found[layout.name] for layout in layouts if layout.name in found]


def digest_of(path: Path) -> str:
    """A digest that tells whether a file is still the one that was read."""
    state = xxhash.xxh3_128()
    with path.open("rb") as file:
        while chunk := file.read(BLOCK_BYTES):
            state.update(chunk)
    return state.hexdigest()


def _members(path: Path) -> Iterator[tuple[Member, bool]]:
    """The text files at a path, and whether each was asked for by name (itself or its zip)."""
    if path.is_dir():
        for file in sorted(path.iterdir()):
            if file.suffix.lower() in (".txt", ".zip"):
                for member, _ in _members(file):
                    yield member, False
    elif not path.exists():
        raise ImportRefused(f"{path}: no such file", reason="not-found")
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
            if broken is not None:
                raise ImportRefused(f"{path.name}: {broken} is damaged", reason="truncated")
            for info in archive.infolist():
                if not info.is_dir():
                    yield Member(path=path, name=info.filename, size=info.file_size, zipped=True), True
    elif path.suffix.lower() == ".zip":
        raise ImportRefused(f"{path.name}: not a zip file, or cut short", reason="truncated")
    else:
        yield Member(path=path, name=path.name, size=path.stat().st_size), True


def _recognise(member: Member, layouts: Sequence[Layout], *, named: bool) -> Extract | None:
    with member.open() as file:
        line = file.readline(LINE_BYTES)
    if not line:
        if not named:
            return None
        raise ImportRefused(f"{member.name}: the file is empty", reason="empty")
    warnings: list[str] = []
    text = line
    if text.startswith(_BOM):
        text = text[len(_BOM) :]
        warnings.append(f"{member.name}: begins with a byte order mark")
    if text.endswith(b"\r\n"):
        warnings.append(f"{member.name}: lines end in CR LF")
    try:
        header = text.rstrip(b"\r\n").decode().split("|")
    except UnicodeDecodeError as error:
        if not named:
            return None
        message = f"{member.name}: line 1, byte {error.start + 1}: not UTF-8"
        raise ImportRefused(message, reason="encoding") from error
    # One empty column at the end of the header is the older files' trailing bar.
    if header[-1] == "":
        header.pop()
    layout = max(layouts, key=lambda candidate: _likeness(candidate, header))
    if _likeness(layout, header) < 0.5:
        if named:
            raise ImportRefused(_unrecognised(member, header, layouts), reason="wrong-file")
        return None
    fields = _fields(member, layout, header, warnings)
    return Extract(
        member=member,
        layout=layout,
        as_of=_as_of(member, warnings),
        header=header,
        fields=fields,
        header_bytes=len(line),
        warnings=warnings,
    )


def _likeness(layout: Layout, header: Sequence[str]) -> float:
    ours, theirs = set(layout.columns.values()), set(header)
    return len(ours & theirs) / len(ours | theirs)


def _unrecognised(member: Member, header: Sequence[str], layouts: Sequence[Layout]) -> str:
    if "monotable" in member.name.lower():
        return f"{member.name}: the single-table extract of before 2018 is not read; use the PS_LibreAcces files"
    wanted = ", ".join(layout.name for layout in layouts)
    return f"{member.name}: not one of the expected files ({wanted}); its first column is {header[0][:60]!r}"


def _fields(member: Member, layout: Layout, header: Sequence[str], warnings: list[str]) -> dict[str, int]:
    places = {name: place for place, name in enumerate(header)}
    missing = [
        source for name, source in layout.columns.items() if source not in places and name not in layout.optional
    ]
    if missing:
        message = f"{member.name}: line 1: the column {missing[0]!r} is missing"
        raise ImportRefused(message, reason="missing-column")
    extra = [name for name in header if name not in set(layout.columns.values())]
    if extra:
        warnings.append(f"{member.name}: unknown columns left aside: {', '.join(extra)}")
    return {name: places[source] for name, source in layout.columns.items() if source in places}


def _as_of(member: Member, warnings: list[str]) -> dt.datetime:
    """The generation time in the name (`…_AAAAMMJJhhmm.txt`, read as UTC), or else the file's own date."""
    for name in (member.name, member.path.name):
        match = _DATE.search(name)
        if match:
            try:
                return dt.datetime.strptime(match.group(1), "%Y%m%d%H%M").replace(tzinfo=dt.UTC)
            except ValueError:
                continue
    warnings.append(f"{member.name}: no date in the name; the file's own date is used")
    return dt.datetime.fromtimestamp(int(member.path.stat().st_mtime), dt.UTC)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
