"""Sets of documents in their static order, the same on every node, built or followed.

Ids of a build are handed out in that order. Those handed out since are `late`: each stands before some document of the
build, which is found once and remembered for as long as the build is served. A cut answer reads the order of the few
late documents it shows, however many there are.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final

from pyroaring import BitMap

from directory.index.layout import KIND_NUMBER

if TYPE_CHECKING:
    from directory.index.reader import Snapshot

_NOWHERE: Final = 2**32  # behind all documents
_SPARSE: Final = 16
"""Few of the late documents are sorted by themselves; many are met soon enough while going through all in order. The
balance lies where the square of their number is this many times the number of all."""


def ordered(snapshot: Snapshot, ids: BitMap) -> Iterator[int]:
    """Some documents in static order, as lazily as may be."""
    late = _late(snapshot)
    if not ids.intersect(late):
        return iter(ids)
    found = ids & late
    return _merged(ids - found, found, Lateness.of(snapshot))


def first(snapshot: Snapshot, ids: BitMap, limit: int) -> list[int]:
    """The first `limit` of some documents in static order."""
    limit = max(0, limit)
    if len(ids) <= limit and not ids.intersect(_late(snapshot)):
        return list(ids)
    return list(islice(ordered(snapshot, ids), limit))


def following(snapshot: Snapshot, ids: BitMap, last: int) -> Iterator[int]:
    """Those of some documents that stand after a document in static order, as lazily as may be."""
    all_late = _late(snapshot)
    late = ids & all_late
    if not late and last not in all_late:
        return iter(ids.iter_equal_or_larger(last + 1))
    lateness = Lateness.of(snapshot)
    place = lateness.place(last) if last in all_late else last + 1
    early = (ids - late).iter_equal_or_larger(place) if place < _NOWHERE else iter(())
    return _interleaved(early, lateness.following(late, last), lateness)


def _merged(early: BitMap, late: BitMap, lateness: Lateness) -> Iterator[int]:
    return _interleaved(iter(early), lateness.ordered(late), lateness)


def _interleaved(early: Iterator[int], coming: Iterator[int], lateness: Lateness) -> Iterator[int]:
    waiting = next(coming, None)
    place = lateness.place(waiting) if waiting is not None else _NOWHERE
    for number in early:
        while waiting is not None and place <= number:
            yield waiting
            waiting = next(coming, None)
            place = lateness.place(waiting) if waiting is not None else _NOWHERE
        yield number
    if waiting is not None:
        yield waiting
        yield from coming


class Lateness:
    """Where the late documents of one revision stand. A document that moves gets a new id: what is known of an id's
    place stays true, and is kept from one revision to the next."""

    def __init__(self, snapshot: Snapshot, keys: dict[int, bytes], places: dict[int, int]) -> None:
        self._snapshot = snapshot
        self._late = _late(snapshot)
        self._keys = keys
        self._places = places

    @classmethod
    def of(cls, snapshot: Snapshot) -> Lateness:
        keys, places = snapshot.memory.setdefault("lateness", ({}, {}))
        return cls(snapshot, keys, places)

    def ordered(self, late: BitMap) -> Iterator[int]:
        """Some late documents in static order."""
        if len(late) ** 2 < _SPARSE * len(self._late):
            return iter(sorted(late, key=self._key))
        return (number for number in self._all() if number in late)

    def following(self, late: BitMap, last: int) -> Iterator[int]:
        """Some late documents in static order, those that stand after a document."""
        every = self._all()
        start = bisect.bisect_right(every, self._snapshot.order(last), key=self._key)
        return (every[at] for at in range(start, len(every)) if every[at] in late)

    def place(self, number: int) -> int:
        """The document of the build that a late one stands before."""
        place = self._places.get(number)
        if place is None:
            place = self._places[number] = self._found(self._key(number))
        return place

    def _key(self, number: int) -> bytes:
        key = self._keys.get(number)
        if key is None:
            key = self._keys[number] = self._snapshot.order(number)
        return key

    def _all(self) -> list[int]:
        """Every late document in order; sorted once per revision."""
        kept = self._snapshot.kept
        if "late in order" not in kept:
            for gone in [number for number in self._keys if number not in self._late]:
                del self._keys[gone]
                self._places.pop(gone, None)
            kept["late in order"] = sorted(self._late, key=self._key)
        found: list[int] = kept["late in order"]
        return found

    def _found(self, key: bytes) -> int:
        built = _built(self._snapshot)
        if not built:
            return _NOWHERE
        order, next_one = self._snapshot.order, built.next_set_bit
        return bisect.bisect_left(range(built.max() + 1), key, key=lambda number: order(next_one(number)))


def _late(snapshot: Snapshot) -> BitMap:
    kept = snapshot.kept
    found: BitMap | None = kept.get("late")
    if found is None:
        found = kept["late"] = snapshot.late()
    return found


def _built(snapshot: Snapshot) -> BitMap:
    """The documents that are left of the build."""
    kept = snapshot.kept
    found: BitMap | None = kept.get("built")
    if found is None:
        kinds = [snapshot.posting("kinds", bytes([number])) for number in KIND_NUMBER.values()]
        found = kept["built"] = BitMap.union(*kinds) - _late(snapshot)
    return found
