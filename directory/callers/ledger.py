"""What each caller has had today, in one file of a fixed size that all processes of the node map into memory.

The file is a table of accounts in buckets of eight. A caller's bucket follows from a hash under a key of the file's
own, so that nobody can aim at another's. When a bucket is full, the account of another day goes first, then the one
that has had least: to get rid of one's own account one would have to have more than it from seven other networks. The
file holds hashes, no addresses and no names.

Processes write without locks: two that mark things in the same byte at the same instant may lose one mark, and the
count is an estimate anyway. Only giving an account's place to somebody else is done under a lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import mmap
import os
import secrets
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

from directory.errors import Unavailable

ENTRY_BITS: Final = 13
PATTERN_BITS: Final = 10

_MAGIC: Final = b"annuaire callers 1\n"
_HEAD: Final = struct.Struct("<32sI16s")  # magic, number of accounts, key of the hash
_HEAD_BYTES: Final = 4096
_WHOSE: Final = struct.Struct("<QI")  # hash of the caller, day
_PATTERNS_AT: Final = 16
_PATTERNS_BYTES: Final = (1 << PATTERN_BITS) // 8
_ENTRIES_AT: Final = _PATTERNS_AT + _PATTERNS_BYTES
_ENTRIES_BYTES: Final = (1 << ENTRY_BITS) // 8
_ACCOUNT_BYTES: Final = _ENTRIES_AT + _ENTRIES_BYTES
_WAYS: Final = 8


class Account:
    """One caller's place in the ledger, for a day."""

    __slots__ = ("_at", "_memory", "_whose")

    def __init__(self, memory: mmap.mmap, at: int, whose: bytes) -> None:
        self._memory = memory
        self._at = at
        self._whose = whose

    @property
    def current(self) -> bool:
        """Whether the place is still this caller's, and of this day."""
        return self._memory[self._at : self._at + _WHOSE.size] == self._whose

    @property
    def entries(self) -> bytes:
        return self._memory[self._at + _ENTRIES_AT : self._at + _ACCOUNT_BYTES]

    @property
    def patterns(self) -> bytes:
        return self._memory[self._at + _PATTERNS_AT : self._at + _ENTRIES_AT]

    @property
    def marked(self) -> int:
        """How many places of entries are marked."""
        return int.from_bytes(self.entries, "little").bit_count()

    def mark_next(self) -> None:
        """Mark one more, for what is counted one by one."""
        self.mark_entries([min(self.marked, (1 << ENTRY_BITS) - 1)])

    def mark_entries(self, places: list[int]) -> None:
        self._mark(self._at + _ENTRIES_AT, _ENTRIES_BYTES, places)

    def mark_patterns(self, places: list[int]) -> None:
        self._mark(self._at + _PATTERNS_AT, _PATTERNS_BYTES, places)

    def _mark(self, start: int, bytes_held: int, places: list[int]) -> None:
        memory = self._memory
        held = memory[start : start + bytes_held]  # looked at as a whole: most places are marked already
        for place in places:
            at, bit = place >> 3, 1 << (place & 7)
            if not held[at] & bit:
                memory[start + at] |= bit


class Ledger:
    """The open file. `close` it, or leave it to the end of the process."""

    def __init__(self, file: int, memory: mmap.mmap, key: bytes, accounts: int) -> None:
        self._file = file
        self._memory = memory
        self._key = key
        self._buckets = accounts // _WAYS

    @classmethod
    def open(cls, path: Path, accounts: int) -> Self:
        """Open the file, made anew where there is none, or one of another size or kind.

        Raises:
            Unavailable: it cannot be made.
        """
        accounts = max(_WAYS, accounts // _WAYS * _WAYS)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with _locked(path.with_name(path.name + ".lock")):
                if _accounts_in(path) != accounts:
                    _create(path, accounts)
                file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            memory = mmap.mmap(file, 0)
        except OSError as error:
            raise Unavailable(f"the counters of callers cannot be kept: {error.strerror}") from error
        return cls(file, memory, _HEAD.unpack_from(memory)[2], accounts)

    def close(self) -> None:
        self._memory.close()
        os.close(self._file)

    def account(self, caller: str, day: int) -> Account:
        """The account of a caller for a day; an empty one when there was none."""
        hashed = int.from_bytes(hashlib.blake2b(caller.encode(), digest_size=8, key=self._key).digest(), "little") or 1
        whose = _WHOSE.pack(hashed, day)
        places = self._places(hashed)
        at = self._found(places, whose)
        if at is None:
            with _flocked(self._file):
                at = self._found(places, whose)  # another process may have been quicker
                if at is None:
                    at = self._vacated(places, hashed, day)
                    self._memory[at : at + _WHOSE.size] = whose
        return Account(self._memory, at, whose)

    def _places(self, hashed: int) -> range:
        first = _HEAD_BYTES + hashed % self._buckets * _WAYS * _ACCOUNT_BYTES
        return range(first, first + _WAYS * _ACCOUNT_BYTES, _ACCOUNT_BYTES)

    def _found(self, places: range, whose: bytes) -> int | None:
        return next((at for at in places if self._memory[at : at + _WHOSE.size] == whose), None)

    def _vacated(self, places: range, hashed: int, day: int) -> int:
        """A place of the bucket, emptied: the caller's own of another day, else the one that is missed least."""

        def missed(at: int) -> tuple[bool, bool, int]:
            whose, of_day = _WHOSE.unpack_from(self._memory, at)
            entries = self._memory[at + _ENTRIES_AT : at + _ACCOUNT_BYTES]
            return whose != hashed, of_day == day, int.from_bytes(entries, "little").bit_count()

        at = min(places, key=missed)
        self._memory[at : at + _ACCOUNT_BYTES] = bytes(_ACCOUNT_BYTES)
        return at


def _accounts_in(path: Path) -> int | None:
    """The number of accounts of an existing file; None when it is not one of ours, or cut."""
    try:
        with path.open("rb") as file:
            magic, accounts, _ = _HEAD.unpack(file.read(_HEAD.size))
            whole = os.fstat(file.fileno()).st_size == _HEAD_BYTES + accounts * _ACCOUNT_BYTES
    except (FileNotFoundError, struct.error):
        return None
    return int(accounts) if whole and magic.rstrip(b"\0") == _MAGIC else None


def _create(path: Path, accounts: int) -> None:
    """An empty file, all of it allocated: a disk that fills up later must not end the processes that map it."""
    made = path.with_name(path.name + ".new")
    with made.open("wb") as file:
        file.write(_HEAD.pack(_MAGIC, accounts, secrets.token_bytes(16)))
        file.flush()
        os.posix_fallocate(file.fileno(), 0, _HEAD_BYTES + accounts * _ACCOUNT_BYTES)
    made.chmod(0o600)
    made.replace(path)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file, _flocked(file.fileno()):
        yield


@contextlib.contextmanager
def _flocked(file: int) -> Iterator[None]:
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)
