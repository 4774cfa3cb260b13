"""Walks: the pages of a search that are still to be sent, kept in files that all workers of a node share.

A walk's entries are fixed with its first page, as they were at that revision; whichever worker is asked for a later
page reads them from the file. Walks are bounded in number, for one client and in all, in bytes and in age; the oldest
make room for new ones, and their cookies are refused (RFC 2696 section 3). What has been withdrawn since is not sent,
and is wiped from the files as soon as the index knows.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from directory.errors import Unavailable

_HEAD: Final = struct.Struct(">16s?I")  # of which search it is, whether nothing was left out, number of entries
_OFFSET: Final = struct.Struct(">I")
_COOKIE: Final = struct.Struct(">16sI")  # the walk's name and the place of the next entry
_OWNER_BYTES: Final = 8
_LOOK_S: Final = 60.0  # how often files that are too old are looked for
_AT_ONCE: Final = 100  # entries of a walk that are looked up together


class Kept(NamedTuple):
    """An entry of a walk: the key of its record, and the stored entry as it was."""

    key: str
    entry: bytes


class PageOf(NamedTuple):
    """A page of a walk: its entries, the cookie of the next one (empty on the last page), and whether the walk leaves
    nothing out."""

    entries: Sequence[Kept]
    cookie: bytes
    complete: bool


class Bounds(NamedTuple):
    """What all walks of a node may take."""

    walks: int
    walks_per_client: int
    size_bytes: int
    age_s: float


class Walks:
    """The walks of a node, in a folder of their own."""

    def __init__(self, folder: Path, bounds: Bounds) -> None:
        self._folder = folder
        self._bounds = bounds
        self._looked_at = 0.0

    def begin(self, owner: str, stamp: bytes, entries: Sequence[Kept], *, complete: bool) -> bytes:
        """Keep what follows the first page: the cookie of the next one.

        Raises:
            Unavailable: it cannot be written.
        """
        body = _encoded(stamp, entries, complete=complete)
        token = secrets.token_bytes(16)
        try:
            self._make_room(_owned(owner), len(body))
            self._path(owner, token).write_bytes(body)
        except OSError as error:
            raise Unavailable("the following pages cannot be kept at present") from error
        return _COOKIE.pack(token, 0)

    def page(self, owner: str, stamp: bytes, cookie: bytes, size: int) -> PageOf | None:
        """The page that a cookie stands for; None when it is none of this client and search, or its walk is gone."""
        if len(cookie) != _COOKIE.size:
            return None
        token, start = _COOKIE.unpack(cookie)
        path = self._path(owner, token)
        try:
            body = path.read_bytes() if self._fresh(path) else b""
        except FileNotFoundError:
            return None
        if not body or _HEAD.unpack_from(body)[0] != stamp:
            return None
        _, complete, total = _HEAD.unpack_from(body)
        if start >= total:
            return None
        end = min(total, start + size)
        entries = [_entry(body, at) for at in range(start, end)]
        if end == total:
            path.unlink(missing_ok=True)
        return PageOf(entries, _COOKIE.pack(token, end) if end < total else b"", complete)

    def give_up(self, owner: str, cookie: bytes) -> None:
        """The client wants no more of it."""
        if len(cookie) == _COOKIE.size:
            self._path(owner, _COOKIE.unpack(cookie)[0]).unlink(missing_ok=True)

    def purge(self, is_there: Callable[[str], bool]) -> Iterator[None]:
        """Wipe what is kept of records that are not there any more, in steps of some entries."""
        for file in self._files():
            try:
                with file.path.open("r+b") as opened:
                    yield from _wiped(opened, is_there)
                os.utime(file.path, (file.made_at, file.made_at))  # its age is that of its first page
            except FileNotFoundError:  # the walk has ended meanwhile
                continue

    def sweep(self, now: float) -> None:
        """Now and then, remove what is too old; `now` is a monotonic time."""
        if now - self._looked_at >= _LOOK_S:
            self._looked_at = now
            self._remove_old(self._files())

    def _path(self, owner: str, token: bytes) -> Path:
        return self._folder / f"{_owned(owner)}-{token.hex()}"

    def _fresh(self, path: Path) -> bool:
        return time.time() - path.stat().st_mtime <= self._bounds.age_s

    def _make_room(self, owned: str, size: int) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        bounds, files = self._bounds, self._remove_old(self._files())
        theirs = [file for file in files if file.path.name.startswith(owned)]
        doomed = theirs[: max(0, len(theirs) + 1 - bounds.walks_per_client)]
        left = [file for file in files if file not in doomed]
        taken = sum(file.size for file in left) + size
        while left and (len(left) >= bounds.walks or taken > bounds.size_bytes):
            taken -= left[0].size
            doomed.append(left.pop(0))
        for file in doomed:
            file.path.unlink(missing_ok=True)

    def _remove_old(self, files: list[_File]) -> list[_File]:
        oldest = time.time() - self._bounds.age_s
        for file in files:
            if file.made_at < oldest:
                file.path.unlink(missing_ok=True)
        return [file for file in files if file.made_at >= oldest]

    def _files(self) -> list[_File]:
        """What there is, the oldest first."""
        return sorted(_files_in(self._folder))


class _File(NamedTuple):
    made_at: float
    path: Path
    size: int


def _files_in(folder: Path) -> Iterator[_File]:
    try:
        with os.scandir(folder) as found:
            for file in found:
                try:
                    status = file.stat()
                except FileNotFoundError:  # another worker was faster
                    continue
                yield _File(status.st_mtime, Path(file.path), status.st_size)
    except FileNotFoundError:
        return


def _wiped(file: BinaryIO, is_there: Callable[[str], bool]) -> Iterator[None]:
    body = file.read()
    for number in range(_HEAD.unpack_from(body)[2] if body else 0):
        key, entry = _entry(body, number)
        if not is_there(key):
            start = _OFFSET.unpack_from(body, _HEAD.size + _OFFSET.size * number)[0] + _OFFSET.size
            file.seek(start)
            file.write(bytes(len(key.encode()) + len(entry)))
        if number % _AT_ONCE == _AT_ONCE - 1:
            yield


def _owned(owner: str) -> str:
    return hashlib.blake2b(owner.encode(), digest_size=_OWNER_BYTES).hexdigest()


def _encoded(stamp: bytes, entries: Sequence[Kept], *, complete: bool) -> bytes:
    """A file: its head, where each entry begins and the last one ends, then for each its key's size, key and entry."""
    parts, offsets = [], []
    at = _HEAD.size + _OFFSET.size * (len(entries) + 1)
    for key, entry in entries:
        encoded = key.encode()
        part = b"".join((_OFFSET.pack(len(encoded)), encoded, entry))
        offsets.append(_OFFSET.pack(at))
        parts.append(part)
        at += len(part)
    head = _HEAD.pack(stamp, complete, len(entries))
    return b"".join((head, *offsets, _OFFSET.pack(at), *parts))


def _entry(body: bytes, number: int) -> Kept:
    start, end = (_OFFSET.unpack_from(body, _HEAD.size + _OFFSET.size * at)[0] for at in (number, number + 1))
    key_at = start + _OFFSET.size
    key_end = key_at + _OFFSET.unpack_from(body, start)[0]
    return Kept(body[key_at:key_end].decode(), body[key_end:end])
