"""Approximate matches (LDAP `~=`): the documents with words that are near to those asked for."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Final

from pyroaring import BitMap

from directory import text
from directory.errors import QueryTooComplex
from directory.index import layout, lexicon, sets
from directory.index.decoded import NOBODY
from directory.query import Field

if TYPE_CHECKING:
    from directory.index.reader import Snapshot

_CLASS_OF: Final = {
    Field.SN: "name",
    Field.GIVEN_NAME: "name",
    Field.CN: "name",
    Field.DISPLAY_NAME: "name",
    Field.ORGANIZATION: "structure",
    Field.SERVICE: "structure",
    Field.CITY: "place",
    Field.DEPARTMENT: "place",
    Field.TITLE: "profession",
    Field.SPECIALTY: "profession",
}
_LONG: Final = 8  # letters of a word that two edits may be away from
_MOST_NEAR: Final = 32


def near_documents(snapshot: Snapshot, on: Field, value: str) -> Generator[None, None, BitMap]:
    """The documents in which every word of `value` is near a word of the field's class: equal, alike to the ear, or
    within a typo or two. A step for each word, until none is left.

    Raises:
        QueryTooComplex: more words than any value has: each costs as much as a search of its own.
    """
    word_class = _CLASS_OF.get(on)
    words = text.words(value)
    if word_class is None or not words:
        return NOBODY
    if len(words) > _MOST_NEAR:
        raise QueryTooComplex(f"more than {_MOST_NEAR} words to be near to")
    found: BitMap | None = None
    for word in words:
        near = _near(snapshot, word_class, word)
        found = near if found is None else found & near
        if not found:
            break
        yield
    return NOBODY if found is None else found


def _near(snapshot: Snapshot, word_class: str, word: str) -> BitMap:
    keys = {layout.word_key(word_class, other) for other in _alike(snapshot, word)}
    return sets.union(documents for _, documents in snapshot.postings("words", keys))


def _alike(snapshot: Snapshot, word: str) -> Iterator[str]:
    yield word
    if len(word) >= 3 and word.isalpha():
        yield from lexicon.sounding_like(snapshot, word)
        yield from lexicon.one_edit_away(snapshot, word)
        if len(word) >= _LONG:
            yield from lexicon.two_edits_away(snapshot, word)
