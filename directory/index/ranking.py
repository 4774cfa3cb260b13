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
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from pyroaring import BitMap

from directory import text
from directory.index import layout, order, sets
from directory.index.layout import LONGEST_ANCHORED, LONGEST_GRAM
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
    """A set of documents that stand alike, and why they stand where they do: for which of the words, if any."""

    why: str
    word: str
    ids: BitMap

    def __str__(self) -> str:
        return f"{self.why} “{self.word}”" if self.word else self.why


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
    return next(str(standing) for standing in standings(snapshot, predicate, BitMap([number])))


def standings(snapshot: Snapshot, predicate: Predicate, matches: BitMap) -> Iterator[Standing]:
    """The matches, the better ones first; each counts in the first standing that it fits."""
    taken = BitMap()
    for better in _better(snapshot, asked_for(predicate), matches):
        found = better.ids - taken if taken else better.ids
        if found:
            yield better._replace(ids=found)
            taken = taken | found
            if len(taken) == len(matches):
                return
    left = matches - taken if taken else matches
    if left:
        yield Standing(_REST, "", left)


def asked_for(predicate: Predicate) -> Asked:
    """What a predicate asks for in names; what stands under a negation is not asked for."""
    typed: list[str] = []
    _gather(predicate, typed)
    words: dict[str, None] = {}
    phrases: dict[str, None] = {}
    for value in dict.fromkeys(typed):
        several = text.words(value)
        words.update(dict.fromkeys(several))
        if len(several) > 1:
            phrases[text.fold(value)] = None
    return Asked(tuple(words)[:_WORDS], tuple(phrases)[:_WORDS])


def _gather(predicate: Predicate, typed: list[str]) -> None:
    """Gather the values that are asked for in names, as typed."""
    if isinstance(predicate, And | Or):
        for part in predicate.parts:
            _gather(part, typed)
    elif isinstance(predicate, Like):
        if predicate.field in _NAMED:
            typed += filter(None, (predicate.initial, *predicate.middle, predicate.final))
    elif isinstance(predicate, Is | Near):
        if predicate.field in _NAMED:
            typed.append(predicate.value)
    elif isinstance(predicate, Resolves):
        typed.append(predicate.text)


# -- standings ---------------------------------------------------------------------------------------------------------


def _better(snapshot: Snapshot, asked: Asked, matches: BitMap) -> Iterator[Standing]:
    """Subsets of the matches that stand better than the rest, in order; they may overlap."""
    if not asked.words:
        return
    named = _Named(snapshot, matches)
    if len(asked.words) > 1:
        yield from _bearing_all(named, asked, matches)
    for why, find in _PEOPLE:
        for word in asked.words:
            yield Standing(why, word, named.people(find(named, word)))
    # Whoever is left under a name is no person.
    if len(asked.words) > 1:
        together = named.all_of(named.bearing, asked.words, matches)
        yield Standing("a structure whose name has every word", "", together)
    for why, find in _OTHERS:
        for word in asked.words:
            yield Standing(why, word, find(named, word))


def _bearing_all(named: _Named, asked: Asked, matches: BitMap) -> Iterator[Standing]:
    for phrase in asked.phrases:
        yield Standing("the surname is", phrase, named.people(named.surnamed(phrase)))
    bearing = named.all_of(named.bearing, asked.words, matches)
    yield Standing("bears every word as a name", "", named.people(bearing))
    begun = named.all_of(named.begun, asked.words, matches - bearing)
    yield Standing("has names that begin with every word", "", named.people(begun))


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

    @staticmethod
    def all_of(find: Callable[[str], BitMap], words: Iterable[str], among: BitMap) -> BitMap:
        for word in sorted(words, key=len, reverse=True):  # long words are rare
            if not among:
                break
            among = among & find(word)
        return among

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
        """Whoever holds the word, by its pieces, in a field."""
        if (field, word) not in self._holding:
            found = sets.holding_all(self._snapshot, sets.pieces(field, word, step=LONGEST_GRAM))
            self._holding[field, word] = self._matches & found if found else found
        return self._holding[field, word]

    def containing_in_surname(self, word: str) -> BitMap:
        return self.people(self.holding(Field.SN, word))

    def containing_in_given_name(self, word: str) -> BitMap:
        return self.people(self.holding(Field.GIVEN_NAME, word))

    def _in_surname(self, ids: BitMap, word: str) -> BitMap:
        if (Field.SN, word) in self._holding:
            return ids & self._holding[Field.SN, word]
        for key in sets.pieces(Field.SN, word, step=LONGEST_GRAM):
            if not ids:
                break
            ids = ids & self._snapshot.posting("grams", key)
        return ids


_PEOPLE: Final = (
    ("the surname is", _Named.surnamed),
    ("the surname has the word", _Named.bearing_in_surname),
    ("a given name is, or has the word,", _Named.bearing),
    ("the surname begins with", _Named.surname_begun),
    ("a word of the surname begins with", _Named.begun_in_surname),
    ("a given name begins with", _Named.begun),
    ("the address begins with", _Named.address_begun),
)
_OTHERS: Final = (
    ("a structure whose name has the word", _Named.bearing),
    ("a structure whose name has a word that begins with", _Named.begun),
    ("the surname contains", _Named.containing_in_surname),
    ("a given name contains", _Named.containing_in_given_name),
)


def _people(snapshot: Snapshot) -> BitMap:
    """Persons and their mailboxes: the surname of any other mailbox is the label of its structure."""
    kept = snapshot.kept
    found: BitMap | None = kept.get("people")
    if found is None:
        personal = sets.union(sets.term(snapshot, Field.MAILBOX_TYPE, kind) for kind in ("per", "cab"))
        mailboxes = sets.of_kinds(snapshot, (Kind.MAILBOX,))
        found = kept["people"] = sets.of_kinds(snapshot, (Kind.PRACTITIONER,)) | (mailboxes & personal)
    return found
