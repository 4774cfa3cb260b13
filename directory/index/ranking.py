"""Which of the matches come first when not all fit.

A doctor who types "martin" sees first those whose surname is Martin, then those who bear Martin as one word of a
compound name or as a given name, then surnames that begin so (Martineau), then given names that do (Martine), and last
those that merely contain it somewhere, as in an address. A structure called Martin is no surname: it comes after the
people named so, before what merely contains it. Among equals, who can be reached comes before who cannot,
persons before structures, then the alphabet; the record's key decides at last, so that repeats, pages and nodes agree.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from functools import reduce
from typing import TYPE_CHECKING, Final

from pyroaring import BitMap

from directory import text
from directory.index import layout
from directory.index.layout import KIND_NUMBER
from directory.model import Kind
from directory.query import And, Field, Is, Like, Near, Or, Predicate, Resolves

if TYPE_CHECKING:
    from directory.index.reader import Snapshot

_NAMED: Final = frozenset({Field.SN, Field.GIVEN_NAME, Field.CN, Field.DISPLAY_NAME, Field.MAIL, Field.ORGANIZATION})
_SCANNED: Final = 3000  # distinct names looked at for one prefix


def best(snapshot: Snapshot, predicate: Predicate, matches: BitMap, limit: int) -> list[int]:
    """The first `limit` of the matches, in the order described above."""
    chosen: list[int] = []
    left = matches
    if len(matches) > 1:
        for better in _classes(snapshot, predicate):
            found = left & better
            chosen += first(snapshot, found, limit - len(chosen))
            left = left - found
            if len(chosen) >= limit or not left:
                return chosen[:limit]
    return (chosen + first(snapshot, left, limit - len(chosen)))[:limit]


def first(snapshot: Snapshot, ids: BitMap, limit: int) -> list[int]:
    """The first `limit` of some documents in static order.

    Ids of a build are in that order; those handed out since (`late`) are merged in by their order key.
    """
    if limit <= 0 or not ids:
        return []
    late = ids & snapshot.late()
    early = list(_take(ids - late if late else ids, limit))
    if not late:
        return early
    keyed = [(snapshot.order(number), number) for number in (*early, *late)]
    return [number for _, number in sorted(keyed)[:limit]]


def _take(ids: BitMap, limit: int) -> Iterator[int]:
    for count, number in enumerate(ids):
        if count == limit:
            return
        yield number


def _classes(snapshot: Snapshot, predicate: Predicate) -> Iterator[BitMap]:
    """Sets of documents, the better ones first; a document counts in the first that holds it."""
    asked = list(dict.fromkeys(_asserted(predicate)))
    if not asked:
        return
    people = _people(snapshot)
    named = [snapshot.posting("words", layout.word_key("name", word)) for word in asked]
    if len(asked) > 1:
        yield people & reduce(operator.and_, named)
    for word in asked:
        yield people & snapshot.posting("terms", layout.term_key(Field.SN, word))
    for found in named:
        yield people & found
    for field in (Field.SN, Field.GIVEN_NAME):
        for word in asked:
            yield people & _beginning(snapshot, "terms", layout.value_beginning(field, word))
    for word in asked:
        # One half of a compound name begins so.
        yield people & _beginning(snapshot, "words", layout.word_key("name", word))
    for found in named:
        yield found


def _people(snapshot: Snapshot) -> BitMap:
    """Persons and their mailboxes: the surname of any other mailbox is the label of its structure."""
    people = snapshot.posting("kinds", bytes([KIND_NUMBER[Kind.PRACTITIONER]]))
    mailboxes = snapshot.posting("kinds", bytes([KIND_NUMBER[Kind.MAILBOX]]))
    for mailbox_type in ("per", "cab"):
        people |= mailboxes & snapshot.posting("terms", layout.term_key(Field.MAILBOX_TYPE, mailbox_type))
    return people


def _beginning(snapshot: Snapshot, database: str, prefix: bytes) -> BitMap:
    found = BitMap()
    for count, (_, posting) in enumerate(snapshot.scan(database, prefix)):
        if count >= _SCANNED:
            break
        found |= layout.decode_posting(posting)
    return found


def _asserted(predicate: Predicate) -> Iterator[str]:
    """The words a filter asks for in names; what stands under a negation is not asked for."""
    match predicate:
        case And(parts) | Or(parts):
            for part in parts:
                yield from _asserted(part)
        case Is(field, value) | Near(field, value) if field in _NAMED:
            yield from text.words(value)[:4]
        case Like(field, initial, middle, final) if field in _NAMED:
            for piece in (initial, *middle, final):
                if piece:
                    yield from text.words(piece)[:4]
        case Resolves(value):
            yield from text.words(value)[:4]
        case _:
            return
