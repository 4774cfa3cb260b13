"""All documents that satisfy a predicate, counted, and gone through in static order from any of them on.

A selection is exact: what postings cannot tell has been checked. It is kept for as long as the revision is the same, so
that the pages of one walk are found once, and a page costs the same wherever it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from pyroaring import BitMap

from directory.errors import QueryTooComplex
from directory.index import order
from directory.index.evaluate import Evaluation
from directory.model import Kind
from directory.query import Predicate, check_bounds

if TYPE_CHECKING:
    from directory.index.reader import Snapshot

_KEPT: Final = 64  # selections; large ones take a few hundred kilobytes
_READ: Final = 20_000  # documents whose JSON is looked at for one selection
_TOO_MANY: Final = "too many records are left to be read one by one: add a criterion"
_TOO_MANY_FR: Final = "il reste trop de fiches à lire une à une : ajoutez un critère"


@dataclass(frozen=True, slots=True)
class Written:
    """What only the JSON of a document tells, such as the accents of a name: `check` is asked of it. `key` says what is
    checked: the selection is kept under it."""

    key: Hashable
    check: Callable[[bytes], bool]


@dataclass(frozen=True, slots=True)
class Selection:
    """Some documents of one revision."""

    ids: BitMap

    def __len__(self) -> int:
        return len(self.ids)

    def after(self, snapshot: Snapshot, last: int | None, limit: int) -> list[int]:
        """The first `limit` of them, or those that follow a document (which need not be one of them)."""
        if last is None:
            return order.first(snapshot, self.ids, limit)
        return list(islice(order.following(snapshot, self.ids, last), limit))


def select(
    snapshot: Snapshot, predicate: Predicate, kind: Kind, deadline_s: float, written: tuple[Written, ...] = ()
) -> Selection:
    """All documents of a kind for which a predicate is true and whose JSON passes every check.

    Raises:
        QueryTooComplex: beyond the bounds on depth and width, or too many documents to be looked at one by one.
        TimeLimitExceeded: the deadline passed.
    """
    kept: dict[Hashable, Selection] = snapshot.kept.setdefault("selections", {})
    key = (predicate, kind, tuple(one.key for one in written))
    found = kept.pop(key, None)
    if found is None:
        found = Selection(_found(snapshot, predicate, kind, deadline_s, written))
        if len(kept) >= _KEPT:
            kept.pop(next(iter(kept)))
    kept[key] = found  # the newest is the last to go
    return found


def _found(
    snapshot: Snapshot, predicate: Predicate, kind: Kind, deadline_s: float, written: tuple[Written, ...]
) -> BitMap:
    check_bounds(predicate, max_depth=64, max_terms=8192)
    ids = Evaluation(snapshot, deadline_s, (kind,)).of_kinds(predicate, (kind,))
    if not written:
        return ids
    if len(ids) > _READ:
        raise QueryTooComplex(_TOO_MANY, fr=_TOO_MANY_FR)
    return BitMap([number for number in ids if _passes(snapshot.document(number).json, written)])


def _passes(json: bytes, written: tuple[Written, ...]) -> bool:
    return all(one.check(json) for one in written)
