"""Which of the matches come first when not all fit.

A doctor who types "martin" sees first those whose surname is Martin, then those with Martin as one word of a compound
surname, then those whose given name it is. Next come surnames that begin so (Martineau), surnames with a second half
that does (Saint-Martinez), given names that do (Martine), and people whose address begins so: an address tells less
than a name. A structure called Martin is no surname: it comes after the people named so, before what merely contains
the letters: in a surname (Demartin), in a given name, and last in an address or elsewhere.

Of two words, "sophie martin", those who bear both come before all others, then names that begin so ("soph mart");
a surname of two words, "le gall", is known as one, before those who merely bear both.

Among equals, who can be reached comes before who cannot, persons before structures, then the alphabet; the record's key
decides at last (`order`), so that repeats, pages and nodes agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from pyroaring import BitMap

from directory import text
from directory.index import layout, order, sets
from directory.index.layout import LONGEST_ANCHORED
from directory.model import Kind
from directory.query import And, Field, Is, Like, Near, Or, Predicate, Resolves

if TYPE_CHECKING:
    from directory.index.reader import Snapshot

first = order.first

_NAMED: Final = frozenset({Field.SN, Field.GIVEN_NAME, Field.CN, Field.DISPLAY_NAME, Field.MAIL, Field.ORGANIZATION})
_WORDS: Final = 4  # words of a filter that count
_REST: Final = "contains what was asked for elsewhere"


class Asked(NamedTuple):
    """What a filter asks for in names: its distinct words, and what was typed as several of them together."""

    words: tuple[str, ...]
    phrases: tuple[str, ...]


class Standing(NamedTuple):
    """A set of documents that stand alike, and why they stand where they do."""

    why: str
    ids: BitMap


def best(snapshot: Snapshot, predicate: Predicate, matches: BitMap, limit: int) -> list[int]:
    """The first `limit` of the matches, in the order described above."""
    if len(matches) == 1:
        return list(matches)[:limit]  # nothing to put in order
    return list(islice(ordered(snapshot, predicate, matches), limit))


def ordered(snapshot: Snapshot, predicate: Predicate, matches: BitMap) -> Iterator[int]:
    """The matches in that order, found as they are asked for."""
    for standing in standings(snapshot, predicate, matches):
        yield from order.ordered(snapshot, standing.ids)


def explained(snapshot: Snapshot, predicate: Predicate, number: int) -> str:
    """Why a document stands where it does among the matches of a predicate."""
    return next(standing.why for standing in standings(snapshot, predicate, BitMap([number])))


def standings(snapshot: Snapshot, predicate: Predicate, matches: BitMap) -> Iterator[Standing]:
    """The matches, the better ones first; each counts in the first standing that it fits."""
    taken = BitMap()
    for why, better in _better(snapshot, asked_for(predicate), matches):
        found = better - taken if taken else better
        if found:
            yield Standing(why, found)
            taken = taken | found
            if len(taken) == len(matches):
                return
    left = matches - taken if taken else matches
    if left:
        yield Standing(_REST, left)


def asked_for(predicate: Predicate) -> Asked:
    """What a predicate asks for in names; what stands under a negation is not asked for."""
    pieces = {piece: text.words_of_folded(piece) for piece in _pieces(predicate)}
    words = dict.fromkeys(word for several in pieces.values() for word in several)
    phrases = (piece for piece, several in pieces.items() if len(several) > 1)
    return Asked(tuple(islice(words, _WORDS)), tuple(islice(phrases, _WORDS)))


def _pieces(predicate: Predicate) -> Iterator[str]:
    match predicate:
        case And(parts) | Or(parts):
            for part in parts:
                yield from _pieces(part)
        case Is(field, value) | Near(field, value) if field in _NAMED:
            yield text.fold(value)
        case Like(field, initial, middle, final) if field in _NAMED:
            for piece in (initial, *middle, final):
                if piece:
                    yield text.fold(piece)
        case Resolves(value):
            yield text.fold(value)


# -- standings ---------------------------------------------------------------------------------------------------------


def _better(snapshot: Snapshot, asked: Asked, matches: BitMap) -> Iterator[tuple[str, BitMap]]:
    """Subsets of the matches that stand better than the rest, in order; they may overlap."""
    words = asked.words
    if not words:
        return
    named = _Named(snapshot, matches)
    people = named.people
    if len(words) > 1:
        for piece in asked.phrases:
            yield f"the surname is “{piece}”", people(named.surnamed(piece))
        yield "bears every word as a name", people(named.all_of(named.bearing, words))
        yield "has names that begin with every word", people(named.all_of(named.begun, words))
    for word in words:
        yield f"the surname is “{word}”", people(named.surnamed(word))
    for why, find in (
        ("the surname has the word", named.bearing_in_surname),
        ("a given name is, or has the word,", named.bearing),
        ("the surname begins with", named.surname_begun),
        ("a word of the surname begins with", named.begun_in_surname),
        ("a given name begins with", named.begun),
        ("the address begins with", named.address_begun),
    ):
        for word in words:
            yield f"{why} “{word}”", people(find(word))
    # Whoever is left under these is no person.
    if len(words) > 1:
        yield "a structure whose name has every word", named.all_of(named.bearing, words)
    for why, find in (
        ("a structure whose name has the word", named.bearing),
        ("a structure whose name has a word that begins with", named.begun),
        ("the surname contains", lambda word: people(named.holding(Field.SN, word))),
        ("a given name contains", lambda word: people(named.holding(Field.GIVEN_NAME, word))),
    ):
        for word in words:
            yield f"{why} “{word}”", find(word)


class _Named:
    """Who, among some matches, is named how. What is asked for again is remembered."""

    def __init__(self, snapshot: Snapshot, matches: BitMap) -> None:
        self._snapshot = snapshot
        self._matches = matches
        self._people = _people(snapshot)
        self._bearing: dict[str, BitMap] = {}
        self._begun: dict[str, BitMap] = {}
        self._holding: dict[tuple[Field, str], BitMap] = {}

    def people(self, ids: BitMap) -> BitMap:
        return ids & self._people if ids else ids

    def all_of(self, find: Callable[[str], BitMap], words: Iterable[str]) -> BitMap:
        return reduce(lambda found, word: found & find(word) if found else found, words, self._matches)

    def bearing(self, word: str) -> BitMap:
        if word not in self._bearing:
            self._bearing[word] = self._matches & self._snapshot.posting("words", layout.word_key("name", word))
        return self._bearing[word]

    def bearing_in_surname(self, word: str) -> BitMap:
        return self._in_surname(self.bearing(word), word)

    def begun(self, word: str) -> BitMap:
        if word not in self._begun:
            self._begun[word] = self._matches & sets.beginning(self._snapshot, "name", word).ids
        return self._begun[word]

    def begun_in_surname(self, word: str) -> BitMap:
        return self._in_surname(self.begun(word), word)

    def surnamed(self, piece: str) -> BitMap:
        return self._matches & sets.term(self._snapshot, Field.SN, piece)

    def surname_begun(self, word: str) -> BitMap:
        return self._matches & sets.surname_begun(self._snapshot, word)

    def address_begun(self, word: str) -> BitMap:
        anchored = layout.anchored_key(Field.MAIL, word[:LONGEST_ANCHORED])
        found = self._matches & self._snapshot.posting("grams", anchored)
        return found & self.holding(Field.MAIL, word) if found and len(word) > LONGEST_ANCHORED else found

    def holding(self, field: Field, word: str) -> BitMap:
        """Whoever holds every piece of the word in a field."""
        if (field, word) not in self._holding:
            found = sets.holding_all(self._snapshot, sets.pieces(field, word))
            self._holding[field, word] = self._matches & found if found else found
        return self._holding[field, word]

    def _in_surname(self, ids: BitMap, word: str) -> BitMap:
        return ids & self.holding(Field.SN, word) if ids else ids


def _people(snapshot: Snapshot) -> BitMap:
    """Persons and their mailboxes: the surname of any other mailbox is the label of its structure."""
    kept = snapshot.kept
    found: BitMap | None = kept.get("people")
    if found is None:
        personal = sets.union(sets.term(snapshot, Field.MAILBOX_TYPE, kind) for kind in ("per", "cab"))
        mailboxes = sets.of_kinds(snapshot, (Kind.MAILBOX,))
        found = kept["people"] = sets.of_kinds(snapshot, (Kind.PRACTITIONER,)) | (mailboxes & personal)
    return found
