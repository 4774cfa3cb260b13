"""Whether one document satisfies a predicate, told from its values alone.

A predicate is made into a check once and then asked of many documents. Three-valued logic (RFC 4511 section 4.5.1.7)
needs no third value here: a check is made for one outcome, true or false, and what is undefined has neither. A negation
asks its part for the other outcome.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pyroaring import BitMap

from directory import text
from directory.index.layout import FIELD_NUMBER, KEY_AT, KIND_NUMBER, PART, VALUE, VALUES_AT
from directory.index.vocabulary import begins_word, matches_parts
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

Parts = Sequence[bytes]
"""A values record, split."""

Check = Callable[[int, Parts], bool]
"""Asked of a document by its id and its values."""

Nearby = Callable[[Near], BitMap]
"""The documents of an approximate match, which depends on the words of others: it is looked up."""

_PART: Final = PART.encode()
_VALUE: Final = VALUE.encode()
_KIND_AT: Final = 1
_MAILBOX: Final = str(KIND_NUMBER[Kind.MAILBOX]).encode()
_PRACTITIONER: Final = str(KIND_NUMBER[Kind.PRACTITIONER]).encode()


def split(record: bytes, last: int = KEY_AT) -> Parts:
    """The parts of a values record, for checks; whole up to the `last` one that is looked at."""
    return record.split(_PART, last + 1 if last < KEY_AT else KEY_AT)


def last_part(predicate: Predicate) -> int:
    """The last part of a values record that the check of a predicate looks at."""
    match predicate:
        case Not(part):
            return last_part(part)
        case And(parts) | Or(parts):
            return max(map(last_part, parts), default=0)
        case Is(field) | Like(field) | Starts(field) | Has(field) | AtLeast(field) | AtMost(field):
            return _place(field)
        case Anything() | Undefined() | Near():
            return 0
    return KEY_AT


def check(predicate: Predicate, nearby: Nearby, wanted: bool = True) -> Check:
    """The check that a predicate has an outcome."""
    match predicate:
        case Not(part):
            return check(part, nearby, not wanted)
        case And(parts):
            checks = [check(part, nearby, wanted) for part in parts]
            return _every(checks) if wanted else _some(checks)
        case Or(parts):
            checks = [check(part, nearby, wanted) for part in parts]
            return _some(checks) if wanted else _every(checks)
        case Near():
            near = nearby(predicate)
            return lambda number, _parts: (number in near) is wanted
    asserted = _assertion(predicate)
    if asserted is None:
        return _never
    return asserted if wanted else lambda number, parts: not asserted(number, parts)


def needle(predicate: Predicate) -> bytes:
    """Letters that stand somewhere in the values of every document for which a predicate is true: a document without
    them need not be looked at closely. None at all where nothing can be told."""
    return _needle(predicate) or b""


def _needle(predicate: Predicate) -> bytes | None:
    """None for what is true of no document."""
    match predicate:
        case Is(field, value) if field not in ORDERED:
            return text.fold(value).encode()
        case Like():
            initial, middle, final = folded_parts(predicate)
            return max((part.encode() for part in (initial, *middle, final)), key=len)
        case And(parts):
            needles = [_needle(part) for part in parts]
            return None if None in needles else max(filter(None, needles), key=len, default=b"")
        case Or(parts):
            alternatives = {found for part in parts if (found := _needle(part)) is not None}
            if not alternatives:
                return None
            return alternatives.pop() if len(alternatives) == 1 else b""
        case Undefined():
            return None
        case _:
            return b""


def _every(checks: Sequence[Check]) -> Check:
    def every(number: int, parts: Parts) -> bool:
        for one in checks:  # noqa: SIM110 - a generator costs more than what it asks
            if not one(number, parts):
                return False
        return True

    return checks[0] if len(checks) == 1 else every


def _some(checks: Sequence[Check]) -> Check:
    def some(number: int, parts: Parts) -> bool:
        for one in checks:  # noqa: SIM110 - as above
            if one(number, parts):
                return True
        return False

    return checks[0] if len(checks) == 1 else some


def _never(_number: int, _parts: Parts) -> bool:
    return False


def _always(_number: int, _parts: Parts) -> bool:
    return True


def _assertion(predicate: Predicate) -> Check | None:
    """The check of a single assertion; None for one that is undefined of every document."""
    match predicate:
        case Is(field, value) if field not in ORDERED:
            return _is(_place(field), text.fold(value).encode())
        case Like(field):
            return _like(_place(field), predicate)
        case Starts(field, value):
            return _starts(_place(field), text.fold(value).encode())
        case Has(field):
            at = _place(field)
            return lambda _number, parts: bool(parts[at])
        case Is(field, value) | AtLeast(field, value) | AtMost(field, value):
            return _ordered(predicate, field, value)
        case Resolves(value):
            return _resolves(text.words(value))
        case Anything():
            return _always
        case Undefined():
            return None
    raise TypeError(f"{type(predicate).__name__} cannot be told from a document")


def _place(field: Field) -> int:
    return VALUES_AT + FIELD_NUMBER[field]


def _is(at: int, asked: bytes) -> Check:
    def is_(_number: int, parts: Parts) -> bool:
        held = parts[at]
        return held == asked or (asked in held and asked in held.split(_VALUE))

    return is_ if asked else _never


def _starts(at: int, asked: bytes) -> Check:
    def starts(_number: int, parts: Parts) -> bool:
        return any(begins_word(value, asked) for value in parts[at].split(_VALUE))

    return starts if asked else _never


# -- substrings --------------------------------------------------------------------------------------------------------


def folded_parts(like: Like) -> tuple[str, tuple[str, ...], str]:
    """The parts of a substring assertion as they compare: folded, edge spaces kept inside only (RFC 4518)."""
    initial = _fold_part(like.initial).lstrip(" ") if like.initial else ""
    if like.final is None and not like.middle:
        return initial, (), ""
    final = _fold_part(like.final).rstrip(" ") if like.final else ""
    return initial, tuple(part for part in map(_fold_part, like.middle) if part), final


_fold_part = functools.lru_cache(maxsize=128)(text.fold_part)  # a filter asks for the same in several fields


def _like(at: int, like: Like) -> Check | None:
    initial, middle, final = folded_parts(like)
    if not (initial or middle or final):
        # RFC 4511 wants at least one; what real clients send without one matches nothing and is no error.
        return None
    encoded = initial.encode(), tuple(part.encode() for part in middle), final.encode()
    if len(middle) == 1 and not (initial or final):
        # Values hold no separator: a part of several values has the infix where one of them has.
        infix = encoded[1][0]
        return lambda _number, parts: infix in parts[at]

    def like_(_number: int, parts: Parts) -> bool:
        held = parts[at]
        if held:
            for value in held.split(_VALUE):
                if matches_parts(value, *encoded):
                    return True
        return False

    return like_


# -- moments -----------------------------------------------------------------------------------------------------------


def _ordered(predicate: Is | AtLeast | AtMost, field: Field, value: str) -> Check | None:
    holds = ordering(predicate, value) if field in ORDERED else None
    if holds is None:
        return None
    at = _place(field)
    return lambda _number, parts: any(holds(held.decode()) for held in parts[at].split(_VALUE))


def ordering(predicate: Is | AtLeast | AtMost, value: str) -> Callable[[str], bool] | None:
    """How a stored moment compares with the asked one; None when that is no moment."""
    asked = generalized_time(value)
    if asked is None:
        return None
    compare: Callable[[Any, Any], bool]
    match predicate:
        case AtLeast():
            compare = datetime.__ge__
        case AtMost():
            compare = datetime.__le__
        case Is():
            compare = datetime.__eq__

    def holds(stored: str) -> bool:
        moment = generalized_time(stored)
        return moment is not None and compare(moment, asked)

    return holds


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


# -- names -------------------------------------------------------------------------------------------------------------


def _resolves(typed: Sequence[str]) -> Check:
    """Ambiguous name resolution: every typed word begins a word of the name or of the address, or an identifier."""
    wanted = [word.encode() for word in typed]
    numbered = [word for word in typed if any(letter.isdigit() for letter in word)]

    def resolves(_number: int, parts: Parts) -> bool:
        begun = [word.encode() for word in _named(parts)]
        if numbered:
            begun += parts[_place(Field.IDENTIFIER)].split(_VALUE)
        return all(any(word.startswith(asked) for word in begun) for asked in wanted)

    return resolves if wanted else _never


def _named(parts: Parts) -> list[str]:
    """The words that a document is found by as a name, and those of its addresses."""
    addresses = [address.partition(b"@")[0] for address in parts[_place(Field.MAIL)].split(_VALUE)]
    return [*name_words(parts), *(word for address in addresses for word in text.words_of_folded(address.decode()))]


def name_words(parts: Parts) -> list[str]:
    """The words that a document is found by as a name."""
    fields = (Field.SN, Field.GIVEN_NAME) if is_person(parts) else (Field.SN, Field.GIVEN_NAME, Field.ORGANIZATION)
    return [word for field in fields for word in text.words_of_folded(parts[_place(field)].decode())]


def is_person(parts: Parts) -> bool:
    """Whether a document is a practitioner or a person's mailbox."""
    if parts[_KIND_AT] == _MAILBOX:
        return parts[_place(Field.MAILBOX_TYPE)] in (b"per", b"cab")
    return parts[_KIND_AT] == _PRACTITIONER
