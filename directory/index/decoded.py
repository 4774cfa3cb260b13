"""Decoded postings: the large ones that a process keeps, those asked for last, bounded in memory."""

from __future__ import annotations

from typing import Final, NamedTuple

from pyroaring import BitMap

NOBODY: Final = BitMap()
"""The documents under a key that is not there. Not to be changed, as all sets that are shared."""
BOUND: Final = 64 * 2**20  # bytes of all that are kept, as they are stored: about what they take up decoded
WORTH_KEEPING: Final = 1024  # bytes from which on decoding takes longer than remembering


class Sized(NamedTuple):
    """A decoded posting, not to be changed, and its size as it is stored."""

    size: int
    ids: BitMap


class Decoded:
    """Postings of one revision by database and key, in two generations: when the younger one is full it becomes the
    older one, which is forgotten, but for what has been asked for again."""

    __slots__ = ("_bound", "_filled", "_older", "_younger")

    def __init__(self, bound: int = BOUND) -> None:
        self._bound = bound // 2
        self._filled = 0
        self._younger: dict[tuple[str, bytes], Sized] = {}
        self._older: dict[tuple[str, bytes], Sized] = {}

    def get(self, database: str, key: bytes) -> Sized | None:
        place = database, key
        found = self._younger.get(place)
        if found is None and self._older:
            found = self._older.pop(place, None)
            if found is not None:
                self._keep(place, found)
        return found

    def put(self, database: str, key: bytes, size: int, ids: BitMap) -> None:
        """Keep a posting; a small one is sooner decoded again."""
        if size >= WORTH_KEEPING:
            self._keep((database, key), Sized(size, ids))

    def _keep(self, place: tuple[str, bytes], sized: Sized) -> None:
        if place in self._younger:
            return
        if self._filled + sized.size > self._bound:
            self._older, self._younger, self._filled = self._younger, {}, 0
        self._younger[place] = sized
        self._filled += sized.size
