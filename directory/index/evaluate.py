"""Predicates to sets of documents, three-valued (RFC 4511 section 4.5.1.7).

A predicate is evaluated *within* a set of candidates, and its truth is right for those: a conjunction hands each part
only the documents that earlier parts left open, cheap parts first, so that costly verification sees few documents.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from pyroaring import BitMap

from directory import text
from directory.errors import TimeLimitExceeded
from directory.index import layout, ranking
from directory.index.answers import Match, Page
from directory.index.layout import FIELD_NUMBER, GRAM_FIELDS, KIND_NUMBER
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
    Query,
    Resolves,
    Undefined,
    check_bounds,
)

if TYPE_CHECKING:
    from directory.index.reader import Snapshot

_MAILBOXES: Final = bytes([KIND_NUMBER[Kind.MAILBOX]])
_CHECK_EVERY: Final = 256  # documents verified between two looks at the clock


@dataclass(frozen=True, slots=True)
class Truth:
    """For which candidates a predicate is true, and for which it is undefined; it is false for the others."""

    true: BitMap
    undefined: BitMap


def find(snapshot: Snapshot, query: Query) -> Page:
    """The best `limit` documents that satisfy the predicate, after the first `offset`.

    Raises:
        QueryTooComplex: beyond the bounds on depth and width.
        TimeLimitExceeded: the deadline passed.
    """
    check_bounds(query.predicate, max_depth=64, max_terms=4096)
    matches = Evaluation(snapshot, query.deadline_s).of_kinds(query.predicate, query.kinds)
    ids = ranking.best(snapshot, query.predicate, matches, query.offset + query.limit)[query.offset :]
    return Page(
        matches=tuple(Match(document=snapshot.document(number)) for number in ids),
        complete=len(matches) <= query.offset + query.limit,
        state=snapshot.state,
    )


class Evaluation:
    """One evaluation with its deadline."""

    def __init__(self, snapshot: Snapshot, deadline_s: float) -> None:
        self._snapshot = snapshot
        self._until = time.monotonic() + deadline_s

    def of_kinds(self, predicate: Predicate, kinds: tuple[Kind, ...]) -> BitMap:
        """The documents of some kinds for which the predicate is true."""
        universe = BitMap()
        for kind in kinds:
            universe |= self._snapshot.posting("kinds", bytes([KIND_NUMBER[kind]]))
        return self.truth(predicate, universe).true

    def truth(self, predicate: Predicate, within: BitMap) -> Truth:
        self._check_time()
        match predicate:
            case Is(field, value):
                return self._is(field, value, within)
            case Has(field):
                return Truth(within & self._snapshot.posting("present", bytes([FIELD_NUMBER[field]])), BitMap())
            case Like():
                return self._like(predicate, within)
            case And(parts):
                return self._and(parts, within)
            case Or(parts):
                return self._or(parts, within)
            case Not(part):
                found = self.truth(part, within)
                return Truth(within - found.true - found.undefined, found.undefined)
            case Near(field, value):
                return Truth(within & self._near(field, value), BitMap())
            case Resolves(value):
                return Truth(self._resolves(value, within), BitMap())
            case AtLeast(field, value):
                return self._ordered(field, value, within, lambda found, asked: found >= asked)
            case AtMost(field, value):
                return self._ordered(field, value, within, lambda found, asked: found <= asked)
            case Anything():
                return Truth(within, BitMap())
            case Undefined():
                return Truth(BitMap(), within)

    def _and(self, parts: tuple[Predicate, ...], within: BitMap) -> Truth:
        open_, true = within, within
        for part in sorted(parts, key=_cost):
            found = self.truth(part, open_)
            true = true & found.true
            open_ = found.true | found.undefined
            if not open_:
                break
        return Truth(true & open_, open_ - true)

    def _or(self, parts: tuple[Predicate, ...], within: BitMap) -> Truth:
        true, undefined = BitMap(), BitMap()
        for part in sorted(parts, key=_cost):
            found = self.truth(part, within - true)
            true |= found.true
            undefined |= found.undefined
        return Truth(true, undefined - true)

    def _is(self, field: Field, value: str, within: BitMap) -> Truth:
        if field in ORDERED:
            return self._ordered(field, value, within, lambda found, asked: found == asked)
        return Truth(within & self._snapshot.posting("terms", layout.term_key(field, text.fold(value))), BitMap())

    # -- substrings ----------------------------------------------------------------------------------------------------

    def _like(self, like: Like, within: BitMap) -> Truth:
        initial, middle, final = folded_parts(like)
        parts = [part for part in (initial, *middle, final) if part]
        if not parts:
            # RFC 4511 wants at least one; what real clients send without one matches nothing and is no error.
            return Truth(BitMap(), within)
        candidates = within & self._snapshot.posting("kinds", _MAILBOXES)
        if like.field not in GRAM_FIELDS or len(candidates) < len(within):
            return Truth(within & self._scan(like.field, initial, middle, final), BitMap())
        for gram in sorted({gram for part in parts for gram in _grams(part)}, key=len, reverse=True):
            candidates = candidates & self._snapshot.posting("grams", layout.term_key(like.field, gram))
            if not candidates:
                return Truth(candidates, BitMap())
        if not initial and not final and len(middle) == 1 and len(middle[0]) <= 3:
            return Truth(candidates, BitMap())  # one gram says it all
        return Truth(self._verified(like.field, candidates, initial, middle, final), BitMap())

    def _verified(self, field: Field, candidates: BitMap, initial: str, middle: tuple[str, ...], final: str) -> BitMap:
        kept = BitMap()
        for count, number in enumerate(candidates):
            if count % _CHECK_EVERY == 0:
                self._check_time()
            values = self._snapshot.document(number).values((field,)).get(field, ())
            if any(matches_parts(value, initial, middle, final) for value in values):
                kept.add(number)
        return kept

    def _scan(self, field: Field, initial: str, middle: tuple[str, ...], final: str) -> BitMap:
        found = BitMap()
        for value, posting in self._terms(field, initial):
            if value is None:
                found |= self._verified(field, layout.decode_posting(posting), initial, middle, final)
            elif matches_parts(value, initial, middle, final):
                found |= layout.decode_posting(posting)
        return found

    def _terms(self, field: Field, prefix: str = "") -> Iterator[tuple[str | None, memoryview]]:
        """The field's values that begin with a prefix, with their documents; None for a value too long for its key,
        which may begin otherwise and has to be read from the documents."""
        beginning = layout.value_beginning(field, prefix)
        for count, (key, posting) in enumerate(self._snapshot.scan("terms", beginning)):
            if count % _CHECK_EVERY == 0:
                self._check_time()
            yield None if layout.is_cut(key) else key[1:].decode(), posting

    # -- the rest ------------------------------------------------------------------------------------------------------

    def _near(self, field: Field, value: str) -> BitMap:
        """Equal, or, where the field is made of words, every word alike to the ear or within a typo or two."""
        from directory.index.search import near_documents

        exact = self._snapshot.posting("terms", layout.term_key(field, text.fold(value)))
        return exact | near_documents(self._snapshot, field, value)

    def _resolves(self, value: str, within: BitMap) -> BitMap:
        """Ambiguous name resolution: every word begins a word of the name or of the address, or an identifier."""
        words = text.words(value)
        found = within if words else BitMap()
        for word in words:
            begins = BitMap()
            for word_class in ("name", "identifier"):
                begins |= self._beginning("words", layout.word_key(word_class, word))
            if any(letter.isdigit() for letter in word):
                begins |= self._beginning("terms", layout.value_beginning(Field.IDENTIFIER, word))
            found = found & begins
        return found

    def _beginning(self, database: str, prefix: bytes) -> BitMap:
        begins = BitMap()
        for count, (_, posting) in enumerate(self._snapshot.scan(database, prefix)):
            if count % _CHECK_EVERY == 0:
                self._check_time()
            begins |= layout.decode_posting(posting)
        return begins

    def _ordered(self, field: Field, value: str, within: BitMap, holds: Callable[[datetime, datetime], bool]) -> Truth:
        asked = generalized_time(value) if field in ORDERED else None
        if asked is None:
            return Truth(BitMap(), within)
        found = BitMap()
        for stored, posting in self._terms(field):
            moment = generalized_time(stored) if stored is not None else None
            if moment is not None and holds(moment, asked):
                found |= layout.decode_posting(posting)
        return Truth(within & found, BitMap())

    def _check_time(self) -> None:
        if time.monotonic() > self._until:
            raise TimeLimitExceeded(
                "the search took longer than its time limit", fr="la recherche a dépassé sa limite de temps"
            )


def folded_parts(like: Like) -> tuple[str, tuple[str, ...], str]:
    """The parts of a substring assertion as they compare: folded, edge spaces kept inside only (RFC 4518)."""
    initial = text.fold_part(like.initial or "").lstrip(" ")
    final = text.fold_part(like.final or "").rstrip(" ")
    return initial, tuple(part for part in map(text.fold_part, like.middle) if part), final


def matches_parts(value: str, initial: str, middle: tuple[str, ...], final: str) -> bool:
    """Whether a folded value is initial*middle*…*final, the parts in order and without overlap."""
    if not value.startswith(initial):
        return False
    at, end = len(initial), len(value) - len(final)
    if end < at or not value.endswith(final):
        return False
    for part in middle:
        found = value.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def generalized_time(value: str) -> datetime | None:
    """A GeneralizedTime (RFC 4517 section 3.3.13) as a moment; None for what is none."""
    digits = value.strip().upper()
    body, zone = digits, "Z"
    for sign in "Z+-":
        place = digits.find(sign)
        if place > 0:
            body, zone = digits[:place], digits[place:]
            break
    else:
        return None  # the zone is mandatory
    body = body.replace(",", ".")
    whole, _, fraction = body.partition(".")
    formats = {10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
    written = whole + fraction
    if len(whole) not in formats or not (written.isascii() and written.isdigit()):
        return None
    offset = "+0000" if zone == "Z" else zone + ("00" if len(zone) == 3 else "")
    unit = {10: 3600.0, 12: 60.0, 14: 1.0}[len(whole)]
    try:
        moment = datetime.strptime(whole + offset, formats[len(whole)] + "%z").astimezone(UTC)
        return moment + timedelta(seconds=unit * float(f"0.{fraction}"))
    except (ValueError, OverflowError):
        return None


def _grams(part: str) -> list[str]:
    """Grams that a value with this infix must contain: its longest ones."""
    return [part] if len(part) <= 3 else [part[at : at + 3] for at in range(len(part) - 2)]


def _cost(predicate: Predicate) -> int:
    """Rough cost, for the order of evaluation: reads, then intersections, then scans and verification."""
    match predicate:
        case Is() | Has() | Anything() | Undefined():
            return 1
        case Like(field=field):
            return 4 if field in GRAM_FIELDS else 6
        case And(parts) | Or(parts):
            return 1 + max((_cost(part) for part in parts), default=0)
        case Not(part):
            return 1 + _cost(part)
        case _:
            return 8
