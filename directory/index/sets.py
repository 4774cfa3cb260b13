"""Sets of documents as the index keeps them: of a kind, with a field, by values, by pieces of values, by words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from pyroaring import BitMap

from directory.index import layout
from directory.index.decoded import NOBODY
from directory.index.layout import FIELD_NUMBER, KIND_NUMBER, LONGEST_GRAM
from directory.model import Kind
from directory.query import Field

if TYPE_CHECKING:
    from directory.index.reader import Snapshot

_LISTED: Final = 1000  # distinct values of a field that are looked through
_VALUES: Final = 3000  # distinct values that are looked up for one beginning
_WORDS: Final = 300  # distinct words that are
_LONGEST: Final = 100  # letters of a value or word that is looked up by its beginning
_FEW_KEYS: Final = 2  # that are read at once
_BLANK: Final = b" "
_PIECES: Final = 24  # pieces of an infix that are looked up: more of them tell hardly more


@dataclass(frozen=True, slots=True, init=False)
class Candidates:
    """Documents among which all matches are, and those of them that surely match: one and the same set where postings
    tell exactly."""

    ids: BitMap
    sure: BitMap

    def __init__(self, ids: BitMap, sure: BitMap) -> None:  # written out as in `directory.query`
        object.__setattr__(self, "ids", ids)
        object.__setattr__(self, "sure", sure)

    @staticmethod
    def exactly(ids: BitMap) -> Candidates:
        return Candidates(ids, ids)

    @property
    def exact(self) -> bool:
        return self.sure is self.ids


def of_kinds(snapshot: Snapshot, kinds: tuple[Kind, ...]) -> BitMap:
    """All documents of some kinds."""
    kept = snapshot.kept
    found: BitMap | None = kept.get(kinds)
    if found is None:
        found = kept[kinds] = union(snapshot.posting("kinds", bytes([KIND_NUMBER[kind]])) for kind in kinds)
    return found


def present(snapshot: Snapshot, field: Field) -> BitMap:
    """The documents with a value of a field."""
    return snapshot.posting("present", bytes([FIELD_NUMBER[field]]))


def term(snapshot: Snapshot, field: Field, value: str) -> BitMap:
    """The documents with a folded value."""
    return snapshot.posting("terms", layout.term_key(field, value))


def values(snapshot: Snapshot, field: Field) -> list[str] | None:
    """The distinct values of a field; None when they are many, or too long to be told from their keys."""
    kept = snapshot.kept
    key = ("values", field)
    if key not in kept:
        keys = [key for key, _ in islice(snapshot.scan("terms", layout.value_beginning(field, "")), _LISTED + 1)]
        told = len(keys) <= _LISTED and not any(map(layout.is_cut, keys))
        kept[key] = [key[1:].decode() for key in keys] if told else None
    found: list[str] | None = kept[key]
    return found


def begun(snapshot: Snapshot, field: Field, initial: str) -> BitMap | None:
    """The documents with a value that begins so; None when such values are too many to be looked up."""
    if len(initial) > _LONGEST:
        return None
    postings = list(islice(snapshot.scan("terms", layout.value_beginning(field, initial)), _VALUES + 1))
    return union(layout.decode_posting(value) for _, value in postings) if len(postings) <= _VALUES else None


def beginning(snapshot: Snapshot, word_class: str, word: str) -> Candidates:
    """The documents with a word of a class that begins so; when such words are too many, those with one that shares its
    first letters."""
    kept = layout.LONGEST_BEGINNING[word_class]
    if kept < len(word) <= _LONGEST:
        postings = list(islice(snapshot.scan("words", layout.word_key(word_class, word)), _WORDS + 1))
        if len(postings) <= _WORDS:
            return Candidates.exactly(union(layout.decode_posting(value) for _, value in postings))
    found = snapshot.posting("beginnings", layout.beginning_key(word_class, word[:kept]))
    return Candidates.exactly(found) if len(word) <= kept else Candidates(found, NOBODY)


def surname_begun(snapshot: Snapshot, letters: str) -> BitMap:
    """The documents with a family name that begins so, or, when such names are too many, that shares its first
    letters."""
    kept = layout.LONGEST_BEGINNING[layout.SURNAME]
    found = begun(snapshot, Field.SN, letters) if len(letters) > kept else None
    if found is None:
        return snapshot.posting("beginnings", layout.beginning_key(layout.SURNAME, letters[:kept]))
    return found


def holding_all(snapshot: Snapshot, keys: Iterable[bytes], enough: int = 0) -> BitMap:
    """The mailboxes under every one of some keys of `grams`: the rarest first, and no more are looked up once only
    `enough` mailboxes are left."""
    ids: BitMap | None = None
    keys = list(keys)
    # What stands where words meet is rare, and in addresses nowhere: it is worth a look before all the others.
    apart = next((key for key in keys if _BLANK in key[1:]), None) if len(keys) > _FEW_KEYS else None
    if apart is not None and not snapshot.posting("grams", apart):
        return NOBODY
    for found in snapshot.smallest_first("grams", keys):
        ids = found if ids is None else ids & found
        if len(ids) <= enough:
            break
    return NOBODY if ids is None else ids


def pieces(field: Field, part: str, step: int = 1) -> list[bytes]:
    """The keys of the longest pieces of an infix, of which every value that holds it holds each. Taken in steps of up
    to their length they still cover it, and tell nearly as much."""
    if len(part) <= LONGEST_GRAM:
        return [layout.gram_key(field, part)]
    starts = dict.fromkeys((*range(0, min(len(part), _PIECES) - LONGEST_GRAM, step), len(part) - LONGEST_GRAM))
    return [layout.gram_key(field, part[start : start + LONGEST_GRAM]) for start in starts]


def union(several: Iterable[BitMap]) -> BitMap:
    """Their union: a set that is shared, not to be changed."""
    found = [one for one in several if one]
    if len(found) == 1:
        return found[0]
    return BitMap.union(*found) if found else NOBODY
