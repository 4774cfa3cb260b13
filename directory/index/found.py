"""All that a search finds, not just the first of it: how many there are, any stretch of them, counts by value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from pyroaring import BitMap

from directory.index import layout, order, sets
from directory.index.evaluate import Evaluation
from directory.index.expansion import expand
from directory.index.typed import typed_words
from directory.model import Kind
from directory.query import Field, Predicate, TextQuery, check_bounds

if TYPE_CHECKING:
    from directory.index.reader import Snapshot

_READ: Final = 200  # documents whose values are sooner read than all sets of a field are gone through


class Count(NamedTuple):
    """How many documents have a value, folded as it is."""

    value: str
    documents: int


class Found:
    """A set of documents of one snapshot. Valid while that is open."""

    def __init__(self, snapshot: Snapshot, ids: BitMap) -> None:
        self._snapshot = snapshot
        self.ids = ids

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[int]:
        """All documents in static order."""
        return order.ordered(self._snapshot, self.ids)

    def stretch(self, offset: int, limit: int) -> list[int]:
        """The documents from a place on, in static order."""
        return list(islice(self, offset, offset + limit))

    def kinds(self) -> list[Count]:
        """How many documents there are of each kind."""
        counted = ((kind, self.ids & sets.of_kinds(self._snapshot, (kind,))) for kind in Kind)
        return _most_first({str(kind): len(of) for kind, of in counted})

    def counts(self, field: Field) -> list[Count]:
        """How many documents have each value of a field, the most frequent first."""
        return _most_first(self._read(field) if len(self.ids) <= _READ else self._intersected(field))

    def having(self, field: Field) -> int:
        """How many documents have any value of a field."""
        return int(self.ids.intersection_cardinality(sets.present(self._snapshot, field)))

    def _read(self, field: Field) -> Counter[str]:
        return Counter(value for number in self.ids for value in self._snapshot.document(number).field(field))

    def _intersected(self, field: Field) -> dict[str, int]:
        snapshot = self._snapshot
        return {
            key[1:].decode(): snapshot.decoded("terms", key, value).intersection_cardinality(self.ids)
            for key, value in snapshot.scan("terms", layout.value_beginning(field, ""))
        }


def matching(snapshot: Snapshot, predicate: Predicate, kinds: tuple[Kind, ...], deadline_s: float) -> Found:
    """All documents of some kinds for which a predicate is true.

    Raises:
        QueryTooComplex: beyond the bounds on depth and width.
        TimeLimitExceeded: the deadline passed.
    """
    check_bounds(predicate)
    return Found(snapshot, Evaluation(snapshot, deadline_s, kinds).of_kinds(predicate, kinds))


def these(snapshot: Snapshot, numbers: Iterable[int]) -> Found:
    """Documents that are known already."""
    return Found(snapshot, BitMap(numbers))


def meant(snapshot: Snapshot, query: TextQuery, known: Iterable[int] = ()) -> Found:
    """The documents with every word of a text, written so or beginning so, misspellings apart; those that are `known`
    to be found where there are none. A mailbox counts as its holder where holders are looked for."""
    ids = Evaluation(snapshot, query.deadline_s, query.kinds).of_kinds(query.where, query.kinds)
    ids = ids - _held(snapshot, query.kinds)
    for asked in expand(snapshot, typed_words(query.text)):
        ids = ids & sets.union(tier.documents for tier in asked.meant.tiers)
    return Found(snapshot, ids or BitMap(known))


def _held(snapshot: Snapshot, kinds: Sequence[Kind]) -> BitMap:
    """The mailboxes that name a holder of one of the kinds."""
    holders = ((Kind.PRACTITIONER, Field.NATIONAL_ID), (Kind.ORGANIZATION, Field.KEY))
    held = sets.union(sets.present(snapshot, field) for kind, field in holders if kind in kinds)
    return held & sets.of_kinds(snapshot, (Kind.MAILBOX,))


def _most_first(counted: dict[str, int]) -> list[Count]:
    pairs = sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))
    return [Count(value, documents) for value, documents in pairs if documents]
