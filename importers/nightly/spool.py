"""The spool: files fetched whole, going on where an earlier try ended, and kept for a number of nights."""

from __future__ import annotations

import datetime as dt
import fcntl
import hashlib
import json
import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from directory.errors import ImportRefused, Unavailable
from directory.files import put_in_place
from directory.logs import pairs
from importers.nightly.files import PublishedFile, date_in
from importers.progress import Progress

log = logging.getLogger("annuaire.nightly")

_TRIES: Final = 6
_WAIT_S: Final = 2.0  # before the second try; twice as long before each one after it


@dataclass(frozen=True, slots=True)
class Spool:
    """A folder of files as they were published, by kind of import."""

    folder: Path
    wait_s: float = _WAIT_S

    @contextmanager
    def night(self) -> Iterator[None]:
        """Be the one nightly run. A mark stays where one was cut short, for whoever starts the next one.

        Raises:
            ImportRefused: another one is under way (`already-running`).
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ImportRefused("another nightly run is under way", reason="already-running") from None
            self._mark.touch()
            yield
            self._mark.unlink(missing_ok=True)

    @property
    def cut_short(self) -> bool:
        """Whether the last run did not come to its end."""
        return self._mark.exists()

    @property
    def _mark(self) -> Path:
        return self.folder / "running"

    def fetch(self, kind: str, file: PublishedFile, progress: Progress) -> Path:
        """A published file, here: whole, and the same as it is there.

        Raises:
            Unavailable: the source fails again and again; what has come is kept for the next try.
            ImportRefused: the disk is full (`disk`), or it is not what its source says it is (`digest`).
        """
        path = self.folder / kind / file.kept_name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and _noted(_beside(path)).get("stamp") == file.stamp:
            return path
        part = path.with_name(path.name + ".part")
        progress.stage(f"fetching {file.name}", file.size)
        for tried in range(1, _TRIES + 1):
            try:
                self._go_on(part, file, progress)
                break
            except Unavailable as error:
                if tried == _TRIES:
                    raise
                wait_s = self.wait_s * 2 ** (tried - 1)
                log.warning("fetching goes on %s", pairs(file=file.name, wait_s=wait_s, because=error.message))
                time.sleep(wait_s)
        self._take_in(part, path, file)
        return path

    def _go_on(self, part: Path, file: PublishedFile, progress: Progress) -> None:
        """Fetch what is missing of a file."""
        held = part.stat().st_size if part.exists() and _noted(_beside(part)).get("stamp") == file.stamp else 0
        if file.size is not None and held == file.size:
            return
        _note(_beside(part), {"stamp": file.stamp})
        try:
            with file.open(held) as blocks, part.open("r+b" if held else "wb") as written:
                written.seek(blocks.start)
                written.truncate()
                for block in blocks:
                    written.write(block)
                    progress.advance(len(block))
                _sync(written)
        except OSError as error:
            # Waiting does not help: a full disk, a folder that may not be written.
            raise ImportRefused(f"{file.name} cannot be kept: {error.strerror}", reason="disk") from error
        size = part.stat().st_size
        if file.size is not None and size != file.size:
            raise Unavailable(f"{file.name}: {size} bytes came, {file.size} were announced")

    def _take_in(self, part: Path, path: Path, file: PublishedFile) -> None:
        digest = sha256_of(part)
        if file.sha256 is not None and digest != file.sha256:
            part.unlink()
            message = f"{file.name}: its digest {digest[:12]}… is not the one published beside it: it is fetched anew"
            raise ImportRefused(message, reason="digest")
        os.utime(part, (file.as_of.timestamp(),) * 2)  # what an undated name is dated by
        _note(_beside(path), {"stamp": file.stamp, "sha256": digest, "name": file.name})
        part.replace(path)
        _beside(part).unlink(missing_ok=True)

    def prune(self, kind: str, keep: int, needed: Sequence[Path]) -> list[Path]:
        """Remove the files of all but the last deliveries; those that are still needed stay."""
        files = [path for path in (self.folder / kind).glob("*") if path.suffix not in (".json", ".part")]
        days = sorted({_as_of(path) for path in files}, reverse=True)[keep:]
        gone = [path for path in files if _as_of(path) in days and path not in needed]
        for path in gone:
            path.unlink()
            _beside(path).unlink(missing_ok=True)
        return gone


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _as_of(path: Path) -> dt.datetime:
    return date_in(path.name) or dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC)


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _noted(path: Path) -> dict[str, str]:
    with suppress(OSError, ValueError):
        found: dict[str, str] = json.loads(path.read_text("utf-8"))
        return found
    return {}


def _note(path: Path, what: dict[str, str]) -> None:
    put_in_place(path, json.dumps(what).encode())


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
