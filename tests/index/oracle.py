"""What a predicate means, in plain Python over one document's values: written apart from the index, to judge it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from directory.query import (
    And,
    Anything,
    AtLeast,
    AtMost,
    Field,
    Has,
    Is,
    Like,
    Not,
    Or,
    Predicate,
    Resolves,
    Undefined,
)

Values = Mapping[Field, Sequence[str]]
TIMED = (Field.CREATED, Field.MODIFIED)


def plain(text: str) -> str:
    """Letters without accents, ligatures or case; typographic apostrophes and hyphens straight."""
    text = text.replace("œ", "oe").replace("Œ", "oe").replace("’", "'").replace("‐", "-")
    decomposed = unicodedata.normalize("NFD", text.lower())
    return "".join(char for char in decomposed if unicodedata.category(char) != "Mn")


def single(text: str) -> str:
    return re.sub(r" +", " ", plain(text)).strip(" ")


def truth(predicate: Predicate, values: Values) -> bool | None:
    """True, False, or None for undefined (RFC 4511 section 4.5.1.7)."""
    if isinstance(predicate, And):
        parts = [truth(part, values) for part in predicate.parts]
        return False if any(one is False for one in parts) else (None if None in parts else True)
    if isinstance(predicate, Or):
        parts = [truth(part, values) for part in predicate.parts]
        return True if any(one is True for one in parts) else (None if None in parts else False)
    if isinstance(predicate, Not):
        inner = truth(predicate.part, values)
        return None if inner is None else not inner
    if isinstance(predicate, Anything):
        return True
    if isinstance(predicate, Undefined):
        return None
    if isinstance(predicate, Resolves):
        return resolves(predicate, values)
    held = values.get(predicate.field, ())
    if isinstance(predicate, Has):
        return bool(held)
    if isinstance(predicate, Is):
        return any(single(value) == single(predicate.value) for value in held)
    if isinstance(predicate, Like):
        return like(predicate, held)
    if isinstance(predicate, AtLeast | AtMost):
        asked = moment(predicate.value) if predicate.field in TIMED else None
        if asked is None:
            return None
        moments = [found for value in held if (found := moment(value)) is not None]
        if isinstance(predicate, AtLeast):
            return any(found >= asked for found in moments)
        return any(found <= asked for found in moments)
    raise AssertionError(predicate)


def like(predicate: Like, held: Sequence[str]) -> bool | None:
    """A regular expression of the parts: an independent way to say substrings."""
    initial = re.sub(r" +", " ", plain(predicate.initial or "")).lstrip(" ")
    final = re.sub(r" +", " ", plain(predicate.final or "")).rstrip(" ")
    middle = [re.sub(r" +", " ", plain(part)) for part in predicate.middle]
    if not (initial or final or any(middle)):
        return None
    pattern = ".*".join([re.escape(initial), *map(re.escape, middle), re.escape(final)])
    return any(re.fullmatch(pattern, single(value), re.DOTALL) for value in held)


def resolves(predicate: Resolves, values: Values) -> bool:
    """Every typed word begins a word of a name or of an address, or a number."""
    person = Field.IDENTIFIER in values or not values.get(Field.ORGANIZATION)
    named = (Field.SN, Field.GIVEN_NAME) if person else (Field.SN, Field.ORGANIZATION)
    texts = [value for field in named for value in values.get(field, ())]
    texts += [value.partition("@")[0] for value in values.get(Field.MAIL, ())]
    begun = [word for value in texts for word in re.findall(r"[^\W_]+", plain(value))]
    begun += values.get(Field.IDENTIFIER, ())
    typed = re.findall(r"[^\W_]+", plain(predicate.text))
    return bool(typed) and all(any(word.startswith(one) for word in begun) for one in typed)


def moment(text: str) -> datetime | None:
    """The GeneralizedTime values that these tests use."""
    for form in ("%Y%m%d%H%M%S%z", "%Y%m%d%H%z"):
        try:
            return datetime.strptime(text.upper().replace("Z", "+0000"), form).astimezone(UTC)
        except ValueError:
            continue
    return None


# -- who comes first ---------------------------------------------------------------------------------------------------

NAMED = (Field.SN, Field.GIVEN_NAME, Field.CN, Field.DISPLAY_NAME, Field.MAIL, Field.ORGANIZATION)


def asked_for(predicate: Predicate) -> tuple[list[str], list[str]]:
    """The first four distinct words that are asked for in names, and the pieces of several words."""
    pieces = list(dict.fromkeys(single(piece) for piece in _pieces(predicate)))
    words = dict.fromkeys(word for piece in pieces for word in split(piece))
    return list(words)[:4], [piece for piece in pieces if len(split(piece)) > 1][:4]


def _pieces(predicate: Predicate) -> list[str]:
    if isinstance(predicate, And | Or):
        return [piece for part in predicate.parts for piece in _pieces(part)]
    if isinstance(predicate, Resolves):
        return [predicate.text]
    if isinstance(predicate, Is) and predicate.field in NAMED:
        return [predicate.value]
    if isinstance(predicate, Like) and predicate.field in NAMED:
        return [piece for piece in (predicate.initial, *predicate.middle, predicate.final) if piece]
    return []


def split(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", plain(text))


def standing(words: list[str], phrases: list[str], values: Values) -> tuple[int, int]:
    """The sentences of `ranking`, for a mailbox: which one is the first that fits, and for which word."""
    if not words:
        return (99, 0)
    person = "per" in values[Field.MAILBOX_TYPE] or "cab" in values[Field.MAILBOX_TYPE]
    surnames, givens = values.get(Field.SN, ()), values.get(Field.GIVEN_NAME, ())
    labels = () if person else values.get(Field.ORGANIZATION, ())
    names = [word for value in (*surnames, *givens, *labels) for word in split(value)]

    def bears(word: str) -> bool:
        return word in names

    def begun(word: str) -> bool:
        return any(name.startswith(word) for name in names)

    def holds(field: Field, word: str) -> bool:
        grams = [word[at : at + 3] for at in (*range(0, len(word) - 3, 3), max(0, len(word) - 3))]
        # They may come from several values.
        return all(any(gram in value for value in values.get(field, ())) for gram in grams)

    def addressed(word: str) -> bool:
        return any(address.startswith(word) for address in values[Field.MAIL])

    several = len(words) > 1
    sentences = [
        [person and several and phrase in surnames for phrase in phrases],
        [person and several and all(map(bears, words))],
        [person and several and all(map(begun, words))],
        [person and word in surnames for word in words],
        [person and bears(word) and holds(Field.SN, word) for word in words],
        [person and bears(word) for word in words],
        [person and any(name.startswith(word) for name in surnames) for word in words],
        [person and begun(word) and holds(Field.SN, word) for word in words],
        [person and begun(word) for word in words],
        [person and addressed(word) for word in words],
        [several and all(map(bears, words))],
        [bears(word) for word in words],
        [begun(word) for word in words],
        [person and holds(Field.SN, word) for word in words],
        [person and holds(Field.GIVEN_NAME, word) for word in words],
    ]
    return next(
        ((place, fits.index(True)) for place, fits in enumerate(sentences) if True in fits),
        (99, 0),
    )
