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

from collections.abc import Iterable, Iterator, Sequence
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
_NAMES: Final = frozenset({Field.SN, Field.GIVEN_NAME})  # whose words are those of the document's name
_WORDS: Final = 4  # words of a filter that count
_FIRST_LETTERS: Final = layout.LONGEST_BEGINNING["name"]
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
        return [matches.min()][:limit]  # nothing to put in order
    found: list[int] = []
    for standing in standings(snapshot, predicate, matches):
        found += order.first(snapshot, standing.ids, limit - len(found))
        if len(found) >= limit:
            break
    return found


def ordered(snapshot: Snapshot, predicate: Predicate, matches: BitMap) -> Iterator[int]:
    """The matches in that order, found as they are asked for."""
    for standing in standings(snapshot, predicate, matches):
        yield from order.ordered(snapshot, standing.ids)


def explained(snapshot: Snapshot, predicate: Predicate, number: int) -> str:
    """Why a document stands where it does among the matches of a predicate."""
    return next(str(standing) for standing in standings(snapshot, predicate, BitMap([number])))


def standings(snapshot: Snapshot, predicate: Predicate, matches: BitMap) -> Iterator[Standing]:
    """The matches, the better ones first; each counts in the first standing that it fits."""
    left = _Left(snapshot, matches, said_by(predicate))
    for why, word, ids in _better(left, asked_for(predicate)):
        if ids:
            yield Standing(why, word, ids)
            if len(ids) == len(left.ids):
                return
            left.take(ids)
    if left.ids:
        yield Standing(_REST, "", left.ids)


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
            if predicate.initial:
                typed.append(predicate.initial)
            typed += predicate.middle
            if predicate.final:
                typed.append(predicate.final)
    elif isinstance(predicate, Is | Near):
        if predicate.field in _NAMED:
            typed.append(predicate.value)
    elif isinstance(predicate, Resolves):
        typed.append(predicate.text)


class Said(NamedTuple):
    """What a filter says itself of every match, which need not be looked up: a family name, words that names have,
    words that words of names begin with."""

    surnames: frozenset[str] = frozenset()
    borne: frozenset[str] = frozenset()
    begun: frozenset[str] = frozenset()


def said_by(predicate: Predicate) -> Said:
    """What a filter says of every match in the parts that all have to be true."""
    surnames: set[str] = set()
    borne: set[str] = set()
    begun: set[str] = set()
    for part in predicate.parts if isinstance(predicate, And) else (predicate,):
        if isinstance(part, Is) and part.field in _NAMES:
            folded = text.fold(part.value)
            borne.update(text.words_of_folded(folded))
            if part.field is Field.SN:
                surnames.add(folded)
        elif isinstance(part, Like) and part.field in _NAMES and part.initial:
            folded = text.fold_part(part.initial).lstrip(" ")
            if text.words_of_folded(folded) == (folded,):
                begun.add(folded)
    return Said(frozenset(surnames), frozenset(borne), frozenset(begun | borne))


# -- standings ---------------------------------------------------------------------------------------------------------


def _better(left: _Left, asked: Asked) -> Iterator[tuple[str, str, BitMap]]:
    """Those of the matches left that stand better than the rest, in order, while the ones before are taken away."""
    if not asked.words:
        return
    several = len(asked.words) > 1
    if several:
        for phrase in asked.phrases:
            yield "the surname is", phrase, left.surnamed(left.people, phrase)
        yield "bears every word as a name", "", left.bearing_all(left.people, asked.words)
        yield "has names that begin with every word", "", left.begun_by_all(left.people, asked.words)
    for why, find in _PEOPLE:
        for word in asked.words:
            if left.people:
                yield why, word, find(left, left.people, word)
    # Whoever is left under a name is no person.
    if several:
        yield "a structure whose name has every word", "", left.bearing_all(left.ids, asked.words)
    for why, find in _OTHERS:
        for word in asked.words:
            yield why, word, find(left, left.ids, word)


class _Left:
    """The matches that have no place yet, and those of some documents who are named how. Nothing is read twice."""

    def __init__(self, snapshot: Snapshot, matches: BitMap, said: Said) -> None:
        self._snapshot = snapshot
        self._said = said
        self._read: dict[tuple[str, bytes], BitMap] = {}
        self._longer: dict[str, BitMap] = {}
        self.ids = matches
        people = _people(snapshot)
        self.people = matches if matches.issubset(people) else matches & people

    def take(self, ids: BitMap) -> None:
        self.ids = self.ids - ids
        self.people = self.people - ids

    def bearing(self, ids: BitMap, word: str) -> BitMap:
        return ids if word in self._said.borne else self._under(ids, "words", layout.word_key("name", word))

    def bearing_all(self, ids: BitMap, words: Iterable[str]) -> BitMap:
        asked = [word for word in words if word not in self._said.borne]
        return self._under_all(ids, "words", [layout.word_key("name", word) for word in asked])

    def bearing_in_surname(self, ids: BitMap, word: str) -> BitMap:
        return self.containing_in_surname(self.bearing(ids, word), word)

    def begun(self, ids: BitMap, word: str) -> BitMap:
        return ids if word in self._said.begun else self._going_on(self._under(ids, "beginnings", _begun(word)), word)

    def begun_by_all(self, ids: BitMap, words: Iterable[str]) -> BitMap:
        """By the first letters of every word; by the others, which are gone through, if anybody is left."""
        asked = [word for word in words if word not in self._said.begun]
        ids = self._under_all(ids, "beginnings", [_begun(word) for word in asked])
        for word in asked:
            ids = self._going_on(ids, word)
        return ids

    def _going_on(self, ids: BitMap, word: str) -> BitMap:
        """Those of some that have names beginning with the first letters of a word which go on as it does."""
        if not ids or len(word) <= _FIRST_LETTERS:
            return ids
        if word not in self._longer:
            self._longer[word] = sets.beginning(self._snapshot, "name", word).ids
        return ids & self._longer[word]

    def begun_in_surname(self, ids: BitMap, word: str) -> BitMap:
        return self.containing_in_surname(self.begun(ids, word), word)

    def surnamed(self, ids: BitMap, piece: str) -> BitMap:
        return ids if piece in self._said.surnames else self._under(ids, "terms", layout.term_key(Field.SN, piece))

    def surname_begun(self, ids: BitMap, word: str) -> BitMap:
        known = word[: layout.LONGEST_BEGINNING[layout.SURNAME]]
        found = self._under(ids, "beginnings", layout.beginning_key(layout.SURNAME, known))
        return found & sets.surname_begun(self._snapshot, word) if found and known != word else found

    def address_begun(self, ids: BitMap, word: str) -> BitMap:
        found = self._under(ids, "grams", layout.anchored_key(Field.MAIL, word[:LONGEST_ANCHORED]))
        return self._containing(found, Field.MAIL, word) if found and len(word) > LONGEST_ANCHORED else found

    def containing_in_surname(self, ids: BitMap, word: str) -> BitMap:
        return self._containing(ids, Field.SN, word)

    def containing_in_given_name(self, ids: BitMap, word: str) -> BitMap:
        return self._containing(ids, Field.GIVEN_NAME, word)

    def _containing(self, ids: BitMap, field: Field, word: str) -> BitMap:
        """Those with the word, by its pieces, in a field."""
        for key in sets.pieces(field, word, step=LONGEST_GRAM):
            if not ids:
                break
            ids = self._under(ids, "grams", key)
        return ids

    def _under(self, ids: BitMap, database: str, key: bytes) -> BitMap:
        if not ids:
            return ids
        found = self._known(database, key)
        return ids & found if found else found

    def _under_all(self, ids: BitMap, database: str, keys: Sequence[bytes]) -> BitMap:
        """Under all of some keys: the few that are under the rarest are soon found under the others."""
        if not ids:
            return ids
        for found in sorted([self._known(database, key) for key in keys], key=len):
            ids = ids & found
        return ids

    def _known(self, database: str, key: bytes) -> BitMap:
        found = self._read.get((database, key))
        if found is None:
            found = self._read[database, key] = self._snapshot.posting(database, key)
        return found


_PEOPLE: Final = (
    ("the surname is", _Left.surnamed),
    ("the surname has the word", _Left.bearing_in_surname),
    ("a given name is, or has the word,", _Left.bearing),
    ("the surname begins with", _Left.surname_begun),
    ("a word of the surname begins with", _Left.begun_in_surname),
    ("a given name begins with", _Left.begun),
    ("the address begins with", _Left.address_begun),
)
_OTHERS: Final = (
    ("a structure whose name has the word", _Left.bearing),
    ("a structure whose name has a word that begins with", _Left.begun),
    ("the surname contains", lambda left, ids, word: left.containing_in_surname(ids & left.people, word)),
    ("a given name contains", lambda left, ids, word: left.containing_in_given_name(ids & left.people, word)),
)


def _begun(word: str) -> bytes:
    return layout.beginning_key("name", word[:_FIRST_LETTERS])


def _people(snapshot: Snapshot) -> BitMap:
    """Persons and their mailboxes: the surname of any other mailbox is the label of its structure."""
    kept = snapshot.kept
    found: BitMap | None = kept.get("people")
    if found is None:
        personal = sets.union(sets.term(snapshot, Field.MAILBOX_TYPE, kind) for kind in ("per", "cab"))
        mailboxes = sets.of_kinds(snapshot, (Kind.MAILBOX,))
        found = kept["people"] = sets.of_kinds(snapshot, (Kind.PRACTITIONER,)) | (mailboxes & personal)
    return found
