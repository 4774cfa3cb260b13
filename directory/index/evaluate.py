"""Predicates to candidates: the documents among which all matches are, told from postings alone.

Logic is three-valued (RFC 4511 section 4.5.1.7): a predicate is asked for the documents for which it is true, or for
which it is false; what is undefined is neither, and a negation asks its part for the other outcome. Which candidates
are matches is known exactly for most predicates, and for some documents at least of the others; the rest is checked on
the documents' values (`matching`), as far as needed (`choice`).

An evaluation is a generator of steps, each of a few milliseconds at most, so that whoever shares a thread with others
can let them have their turns in between.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pyroaring import BitMap

from directory import text
from directory.errors import TimeLimitExceeded
from directory.index import layout, matching, nearness, sets
from directory.index.decoded import NOBODY
from directory.index.layout import GRAM_FIELDS, LONGEST_ANCHORED, LONGEST_GRAM
from directory.index.sets import Candidates
from directory.index.vocabulary import Places, Vocabulary, matches_parts
from directory.model import Kind
from directory.query import (
    ORDERED,
    And,
    Anything,
    AtLeast,
    AtMost,
    Field,
    Has,
    Is,
    Like,
    Near,
    Not,
    Or,
    Predicate,
    Resolves,
    Starts,
    Undefined,
)

if TYPE_CHECKING:
    from directory.index.reader import Snapshot

LISTED: Final = frozenset(
    {Field.SN, Field.GIVEN_NAME, Field.CITY, Field.DEPARTMENT, Field.POSTAL_CODE, Field.FACET, Field.BORNE}
)
"""Fields whose distinct values are looked through at once in other documents than mailboxes, which have no grams."""
_FEW: Final = 24  # documents that are sooner checked than narrowed down further
CHECK_EVERY: Final = 64  # documents checked between two looks at the clock, at most
_IN_A_STEP: Final = 4  # assertions that a few reads tell of, a fraction of a millisecond each
_PIECES: Final = 24  # pieces that are looked up: more of them tell hardly more

TOO_LONG: Final = "the search took longer than its time limit"
TOO_LONG_FR: Final = "la recherche a dépassé sa limite de temps"

_UNDEFINED: Final = Candidates.exactly(NOBODY)

T = TypeVar("T")
Steps = Generator[None, None, Candidates]
"""Candidates, after some steps."""


class Evaluation:
    """One evaluation, with its deadline, among the documents of some kinds."""

    def __init__(self, snapshot: Snapshot, deadline_s: float, kinds: tuple[Kind, ...] = tuple(Kind)) -> None:
        self._snapshot = snapshot
        self._until = time.monotonic() + deadline_s
        self._kinds = kinds
        self._everything = sets.of_kinds(snapshot, kinds)
        self._near: dict[Near, BitMap] = {}
        self.unproven: Predicate = And(())
        """What is left to be checked of the candidates that are not sure to match."""

    def of_kinds(self, predicate: Predicate, kinds: tuple[Kind, ...]) -> BitMap:
        """All documents of some kinds for which the predicate is true."""
        if kinds != self._kinds:
            left_s = self._until - time.monotonic()
            return Evaluation(self._snapshot, left_s, kinds).of_kinds(predicate, kinds)
        candidates = self._at_once(self.candidates(predicate))
        if candidates.exact:
            return candidates.ids
        self._at_once(self.prepare(predicate))
        check, read = matching.check(predicate, self.nearby), self._snapshot.raw_values
        unsure = self._timed(candidates.ids - candidates.sure)
        checked = [number for number in unsure if check(number, matching.split(read(number)))]
        return BitMap(checked) | (candidates.sure & candidates.ids)

    def candidates(self, predicate: Predicate) -> Steps:
        """Documents among which are all those for which the predicate is true."""
        if isinstance(predicate, And):
            found, unproven = yield from self._narrowed(predicate.parts, wanted=True)
            self.unproven = unproven[0] if len(unproven) == 1 else And(tuple(unproven))
        else:
            found = yield from self._holding(predicate, wanted=True)
            self.unproven = predicate
        if found.ids is self._everything or found.ids.issubset(self._everything):
            return found
        ids = found.ids & self._everything
        return Candidates(ids, ids if found.exact else found.sure)

    def prepare(self, predicate: Predicate) -> Generator[None, None, None]:
        """Look up what checks on values cannot do without: the approximate matches of a predicate."""
        match predicate:
            case Not(part):
                yield from self.prepare(part)
            case And(parts) | Or(parts):
                for part in parts:
                    yield from self.prepare(part)
            case Near():
                yield from self._near_by(predicate)

    def nearby(self, near: Near) -> BitMap:
        """The documents of an approximate match that has been looked up: equal, or, where the field is made of words,
        every word alike to the ear or within a typo or two."""
        return self._near[near]

    def _at_once(self, steps: Generator[None, None, T]) -> T:
        """All the steps, one after the other."""
        while True:
            try:
                next(steps)
            except StopIteration as end:
                found: T = end.value
                return found
            self._check_time()

    # -- logic -------------------------------------------------------------------------------------------------------

    def _holding(self, predicate: Predicate, *, wanted: bool) -> Steps:
        """Candidates for a predicate being true, or being false: what is undefined is neither, and a negation asks its
        part for the other outcome. They may lie outside of the kinds asked for."""
        match predicate:
            case Not(part):
                return (yield from self._holding(part, wanted=not wanted))
            case And(parts):
                return (yield from (self._all if wanted else self._any)(parts, wanted=wanted))
            case Or(parts):
                return (yield from (self._any if wanted else self._all)(parts, wanted=wanted))
            case Near():
                return self._outcome((yield from self._near_by(predicate)), wanted)
            case Resolves():
                return self._outcome((yield from self._resolves(predicate)), wanted)
            case _:
                return self._outcome(_ASSERTIONS[type(predicate)](self, predicate), wanted)

    def _outcome(self, asserted: Candidates | None, wanted: bool) -> Candidates:
        """Candidates for an assertion, undefined or not, being true or being false."""
        if asserted is None:
            return _UNDEFINED
        if wanted:
            return asserted
        others = self._everything - asserted.sure if asserted.sure else self._everything
        return Candidates(others, others if asserted.exact else self._everything - asserted.ids)

    def _all(self, parts: Iterable[Predicate], *, wanted: bool) -> Steps:
        """Candidates for every part."""
        found, _ = yield from self._narrowed(parts, wanted=wanted)
        return found

    def _narrowed(
        self, parts: Iterable[Predicate], *, wanted: bool
    ) -> Generator[None, None, tuple[Candidates, list[Predicate]]]:
        """Candidates for every part: the cheap parts first, and once few documents are left only those that narrow them
        down for one read; and the parts that not all of them are known to satisfy."""
        ids = sure = self._everything
        unproven: list[Predicate] = []
        in_turn = _cheapest_first(parts)
        for place, part in enumerate(in_turn):
            if not ids:
                return Candidates(ids, NOBODY), unproven + in_turn[place:]
            if len(ids) <= _FEW and not _narrows_for_one_read(part):
                unproven.append(part)
                sure = NOBODY
                continue
            told = _ASSERTIONS.get(type(part))
            # What is told at once, as nearly all is, is not worth steps of its own.
            found = self._outcome(told(self, part), wanted) if told else (yield from self._holding(part, wanted=wanted))
            exact = found.exact and sure is ids
            if not found.exact:
                unproven.append(part)
            ids = self._both(ids, found.ids)
            sure = ids if exact else self._both(sure, found.sure)
            if place % _IN_A_STEP == _IN_A_STEP - 1 or _cost(part) > _A_FEW_READS:
                yield
        return Candidates(ids, sure), unproven

    def _any(self, parts: Iterable[Predicate], *, wanted: bool) -> Steps:
        """Candidates for some part."""
        found = []
        # Alternatives within alternatives, as Outlook nests them, are all alternatives.
        alternatives = list(parts)
        same = Or if wanted else And
        for part in alternatives:
            if isinstance(part, same):
                alternatives += part.parts
                continue
            told = _ASSERTIONS.get(type(part))
            found.append(
                self._outcome(told(self, part), wanted) if told else (yield from self._holding(part, wanted=wanted))
            )
            if len(found) % _IN_A_STEP == 0 or _cost(part) > _A_FEW_READS:
                yield
        ids = self._some(one.ids for one in found)
        exact = all(one.exact for one in found)
        return Candidates(ids, ids if exact else self._some(one.sure for one in found))

    def _both(self, one: BitMap, other: BitMap) -> BitMap:
        if one is self._everything:
            return other
        return one if other is self._everything else one & other

    def _some(self, several: Iterable[BitMap]) -> BitMap:
        found = list(several)
        return self._everything if any(one is self._everything for one in found) else sets.union(found)

    # -- assertions --------------------------------------------------------------------------------------------------

    def _anything(self, _anything: Anything) -> Candidates:
        return Candidates.exactly(self._everything)

    def _undefined(self, _undefined: Undefined) -> None:
        return None

    def _has(self, has: Has) -> Candidates:
        return Candidates.exactly(self._present(has.field))

    def _is(self, equal: Is) -> Candidates | None:
        if equal.field in ORDERED:
            return self._ordered(equal)
        return Candidates.exactly(self._whole(sets.term(self._snapshot, equal.field, text.fold(equal.value))))

    def _near_by(self, near: Near) -> Steps:
        if near not in self._near:
            equal = sets.term(self._snapshot, near.field, text.fold(near.value))
            self._near[near] = equal | (yield from nearness.near_documents(self._snapshot, near.field, near.value))
        return Candidates.exactly(self._near[near])

    def _like(self, like: Like) -> Candidates | None:
        initial, middle, final = matching.folded_parts(like)
        if not (initial or middle or final):
            return None
        if like.field in LISTED and Kind.MAILBOX not in self._kinds:
            return self._told(like.field, initial, middle, final)
        if like.field is Field.ORGANIZATION and self._kinds == (Kind.ORGANIZATION,):
            return self._labelled(initial, middle, final)
        if like.field not in GRAM_FIELDS and like.field is not Field.DISPLAY_NAME:
            parts = initial.encode(), [part.encode() for part in middle], final.encode()
            return self._listed(like.field, initial, lambda value: matches_parts(value.encode(), *parts))
        if self._kinds == (Kind.MAILBOX,):
            return self._grams(like.field, initial, middle, final)
        # Only mailboxes have grams.
        others = self._everything - sets.of_kinds(self._snapshot, (Kind.MAILBOX,))
        others &= self._begun(like.field, initial)
        found = self._grams(like.field, initial, middle, final)
        return Candidates(found.ids | others, found.sure)

    def _told(self, field: Field, initial: str, middle: tuple[str, ...], final: str) -> Candidates:
        """The documents with a value that holds all the pieces, told from the distinct values of the field."""
        listed = Vocabulary.of_field(self._snapshot, field)
        found = listed.holding(initial.encode(), [part.encode() for part in middle], final.encode())
        return Candidates.exactly(listed.documents(found))

    def _starts(self, starts: Starts) -> Candidates:
        folded = text.fold(starts.value)
        if not folded:
            return Candidates.exactly(NOBODY)
        if starts.field is Field.ORGANIZATION:
            return self._named(folded)
        listed = Vocabulary.of_field(self._snapshot, starts.field)
        return Candidates.exactly(listed.documents(listed.starting(folded.encode())))

    def _named(self, folded: str) -> Candidates:
        """Structures in whose names the words stand: their names are too many to be listed, their words are not."""
        words = text.words_of_folded(folded)
        if not words:
            return Candidates(self._present(Field.ORGANIZATION), NOBODY)
        *whole, last = words
        ids = self._both(self._worded(whole), self._words(last, Vocabulary.beginning))
        return Candidates.exactly(ids) if words == (folded,) else Candidates(ids, NOBODY)

    def _labelled(self, initial: str, middle: tuple[str, ...], final: str) -> Candidates:
        """Structures whose names hold all the pieces: a piece without blanks or signs lies within a word."""
        ids = self._present(Field.ORGANIZATION)
        for part in (initial, *middle, final):
            words = text.words_of_folded(part)
            for word in words[:1] + words[1:][-1:]:
                ids = self._both(ids, self._words(word, Vocabulary.containing))
            ids = self._both(ids, self._worded(words[1:-1]))
        exact = not (initial or final) and len(middle) == 1 and text.words_of_folded(middle[0]) == middle
        return Candidates.exactly(ids) if exact else Candidates(ids, NOBODY)

    def _worded(self, words: Iterable[str]) -> BitMap:
        """The documents with every one of some words in their name."""
        ids = self._everything
        for word in words:
            ids = self._both(ids, self._snapshot.posting("words", layout.word_key("name", word)))
        return ids

    def _words(self, part: str, find: Callable[[Vocabulary, bytes], Places]) -> BitMap:
        """The documents with one of the words, in their name, that a part finds."""
        listed = Vocabulary.of_words(self._snapshot, "name")
        return listed.documents(find(listed, part.encode()))

    def _grams(self, field: Field, initial: str, middle: tuple[str, ...], final: str) -> Candidates:
        """The mailboxes with a value that holds all the pieces."""
        only = _only_piece(field, initial, middle, final)
        if only is not None:
            return Candidates.exactly(self._snapshot.posting("grams", only))
        # A displayed name is always among the names (`layout.GRAM_FIELDS`).
        keys = _pieces_of(Field.CN if field is Field.DISPLAY_NAME else field, initial, middle, final)
        ids = sets.holding_all(self._snapshot, keys, enough=_FEW)
        return Candidates(ids, self._surely(field, initial, middle, final))

    def _surely(self, field: Field, initial: str, middle: tuple[str, ...], final: str) -> BitMap:
        """Some whose value certainly contains an infix: those that begin with it, or are it. They are the most, and the
        first to be sent."""
        if initial or final or len(middle) > 1:
            return NOBODY
        if len(middle[0]) <= LONGEST_ANCHORED and field is not Field.DISPLAY_NAME:
            return self._snapshot.posting("grams", layout.anchored_key(field, middle[0]))
        return sets.term(self._snapshot, field, middle[0])

    def _ordered(self, asserted: Is | AtLeast | AtMost) -> Candidates | None:
        holds = matching.ordering(asserted, asserted.value) if asserted.field in ORDERED else None
        return None if holds is None else self._listed(asserted.field, "", holds)

    def _listed(self, field: Field, initial: str, holds: Callable[[str], bool]) -> Candidates:
        """By the distinct values of the field, when they are few; or among all documents with one that begins so."""
        values = sets.values(self._snapshot, field)
        if values is None:
            return Candidates(self._begun(field, initial), NOBODY)
        found = (sets.term(self._snapshot, field, value) for value in values if holds(value))
        return Candidates.exactly(sets.union(found))

    def _resolves(self, resolves: Resolves) -> Steps:
        """Every word begins a word of the name or of the address, or an identifier."""
        words = text.words(resolves.text)
        ids = sure = self._everything if words else NOBODY
        for word in words:
            found = [sets.beginning(self._snapshot, word_class, word) for word_class in ("name", "identifier")]
            if any(letter.isdigit() for letter in word):
                found.append(self._numbered(word))
            ids = ids & sets.union(one.ids for one in found)
            sure = sure & sets.union(one.sure for one in found)
            yield
        return Candidates(ids, ids if len(sure) == len(ids) else sure)

    def _numbered(self, word: str) -> Candidates:
        found = sets.begun(self._snapshot, Field.IDENTIFIER, word)
        return Candidates(self._present(Field.IDENTIFIER), NOBODY) if found is None else Candidates.exactly(found)

    def _begun(self, field: Field, initial: str) -> BitMap:
        """Documents among which are all with a value that begins so."""
        found = sets.begun(self._snapshot, field, initial) if initial else None
        return self._present(field) if found is None else found

    def _present(self, field: Field) -> BitMap:
        """The documents with a value of a field; the very set of all documents when all have one."""
        kept = self._snapshot.kept
        key = ("present", field, self._kinds)
        if key not in kept:
            found = sets.present(self._snapshot, field) & self._everything
            kept[key] = self._whole(found)
        present: BitMap = kept[key]
        return present

    def _whole(self, found: BitMap) -> BitMap:
        """The very set of all documents for a set that holds them all: nothing is narrowed down by it."""
        everything = self._everything
        return everything if len(found) >= len(everything) and everything.issubset(found) else found

    def _timed(self, ids: BitMap) -> Iterator[int]:
        for count, number in enumerate(ids):
            if not count % CHECK_EVERY:
                self._check_time()
            yield number

    def _check_time(self) -> None:
        if time.monotonic() > self._until:
            raise TimeLimitExceeded(TOO_LONG, fr=TOO_LONG_FR)


_ASSERTIONS: Final[Mapping[type[Predicate], Callable[[Evaluation, Any], Candidates | None]]] = {
    Is: Evaluation._is,
    Has: Evaluation._has,
    Like: Evaluation._like,
    Starts: Evaluation._starts,
    AtLeast: Evaluation._ordered,
    AtMost: Evaluation._ordered,
    Anything: Evaluation._anything,
    Undefined: Evaluation._undefined,
}


def _pieces_of(field: Field, initial: str, middle: Iterable[str], final: str) -> list[bytes]:
    """The keys of what a value must hold for a substring assertion."""
    keys: list[bytes] = []
    if initial:
        keys.append(layout.anchored_key(field, initial[:LONGEST_ANCHORED]))
        if len(initial) > LONGEST_ANCHORED:
            keys += sets.pieces(field, initial[LONGEST_ANCHORED - LONGEST_GRAM + 1 :])
    for part in (*middle, final):
        if part:
            # Of long infixes every other piece tells enough.
            keys += sets.pieces(field, part, step=1 if len(part) <= 2 * LONGEST_GRAM else 2)
    return list(dict.fromkeys(keys[:_PIECES]))


def _only_piece(field: Field, initial: str, middle: tuple[str, ...], final: str) -> bytes | None:
    """The key of the one piece that says it all, if there is one."""
    if final or field is Field.DISPLAY_NAME:
        return None
    if initial:
        return None if middle or len(initial) > LONGEST_ANCHORED else layout.anchored_key(field, initial)
    return layout.gram_key(field, middle[0]) if len(middle) == 1 and len(middle[0]) <= LONGEST_GRAM else None


def _cheapest_first(parts: Iterable[Predicate]) -> list[Predicate]:
    in_turn, last = list(parts), 0
    for part in in_turn:
        cost = _cost(part)
        if cost < last:
            return sorted(in_turn, key=_cost)
        last = cost
    return in_turn  # as nearly all clients write them


_ONE_READ: Final = 1
_A_FEW_READS: Final = 2
_SCAN: Final = 6


def _narrows_for_one_read(part: Predicate) -> bool:
    """Whether a part is worth a look-up for a few documents: not one that nearly all documents satisfy."""
    broad = isinstance(part, Has) or (isinstance(part, Is) and part.field is Field.OBJECT_CLASS)
    return not broad and _cost(part) <= _ONE_READ


def _cost(predicate: Predicate) -> int:
    """Rough cost, for the order of evaluation: reads, then intersections, then scans."""
    match predicate:
        case Is(field):
            return _SCAN if field in ORDERED else _ONE_READ
        case Like(field, initial, middle, final):
            if field not in GRAM_FIELDS:
                return _SCAN
            if not initial:
                return 4
            return 2 if middle or final or len(initial) > LONGEST_ANCHORED else _ONE_READ
        case Has() | Anything() | Undefined():
            return _ONE_READ
        case Starts():
            return 4
        case And(parts) | Or(parts):
            return 1 + max((_cost(part) for part in parts), default=0)
        case Not(part):
            return 1 + _cost(part)
        case _:
            return 8
