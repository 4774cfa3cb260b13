"""What criteria mean in the algebra of the directory: the building blocks of search parameters.

A meaning is asked about a bearer: a person ("p"), a structure ("g"), or an activity by its place in its person's record
("0", "1" …), so that one parameter serves all types of resource (`directory.index.facets`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from api.fhir.criteria import Criterion, Token, token
from api.fhir.systems import canonical
from directory.errors import InvalidInput
from directory.index.facets import tag
from directory.index.reader import Snapshot
from directory.index.selection import Written
from directory.query import And, Anything, Field, Is, Like, Not, Or, Predicate, Starts
from directory.text import fold

About = Callable[[str], Predicate]
"""A predicate about a bearer."""

NOTHING = Or(())


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a criterion means; `written`: what only the JSON of those that satisfy the predicate can tell."""

    about: About
    written: Written | None = None


@dataclass(frozen=True, slots=True)
class Parameter:
    """A search parameter, as the CapabilityStatement lists it and as it is understood."""

    name: str
    type: str
    documentation: str
    meaning: Callable[[Snapshot, Criterion], Meaning]
    modifiers: tuple[str, ...] = ()


def always(predicate: Predicate) -> Meaning:
    return Meaning(lambda _bearer: predicate)


def any_of(parts: Iterable[Predicate]) -> Predicate:
    found = tuple(dict.fromkeys(parts))
    return found[0] if len(found) == 1 else Or(found)


# -- strings -----------------------------------------------------------------------------------------------------------

TEXTUAL = ("exact", "contains", "text")


def text_in(criterion: Criterion, fields: Sequence[Field], *, words: bool = True) -> Predicate:
    """Some value begins so, or contains it. By default, and with `:contains`, accents and case do not count. `words`:
    a value also begins where one of its words does."""
    return any_of(_text(criterion.modifier, field, value, words=words) for value in criterion.texts for field in fields)


def _text(modifier: str, field: Field, value: str, *, words: bool) -> Predicate:
    if not fold(value):
        return NOTHING
    if modifier == "contains":
        return Like(field, middle=(value,))
    if modifier == "exact":
        return Is(field, value)
    return Starts(field, value) if words else Like(field, initial=value)


def written(criterion: Criterion, values_of: Callable[[dict[str, Any]], Iterable[str | None]]) -> Written | None:
    """With `:exact`, case and accents count: what the index has folded is compared as it was written."""
    if criterion.modifier != "exact":
        return None
    asked = frozenset(criterion.texts)

    def check(json: bytes) -> bool:
        return not asked.isdisjoint(value for value in values_of(orjson.loads(json)) if value)

    return Written((criterion.name, asked), check)


# -- tokens ------------------------------------------------------------------------------------------------------------


def tokens(criterion: Criterion, meaning_of: Callable[[Token], About]) -> Meaning:
    """Any of some tokens; or, with `:not`, none of them."""
    abouts = [meaning_of(_canonical(token(value))) for value in criterion.values]
    negated = criterion.modifier == "not"

    def about(bearer: str) -> Predicate:
        found = any_of(one(bearer) for one in abouts)
        return Not(found) if negated else found

    return Meaning(about)


def _canonical(found: Token) -> Token:
    return Token(canonical(found.system), found.code) if found.system else found


def facet(*parts: str) -> About:
    """The bearer has a facet."""
    return lambda bearer: Is(Field.FACET, tag(bearer, *parts))


def facet_beginning(*parts: str) -> About:
    """The bearer has a facet that goes on from here: any code of a list."""
    return lambda bearer: Like(Field.FACET, initial=tag(bearer, *parts) + ":")


def nothing(_bearer: str) -> Predicate:
    return NOTHING


def everything(_bearer: str) -> Predicate:
    return Anything()


def plain(predicate: Predicate) -> About:
    return lambda _bearer: predicate


def both(*parts: Predicate) -> Predicate:
    return And(parts)


# -- references --------------------------------------------------------------------------------------------------------


def referenced(value: str, kind: str) -> str:
    """The id in a reference: an id, `Type/id`, or an absolute URL.

    Raises:
        InvalidInput: it refers to a resource of another type.
    """
    before, _, id_ = value.rstrip("/").rpartition("/")
    if before and before.rpartition("/")[2] != kind:
        shown = value[:80]
        raise InvalidInput(f"{shown!r} does not refer to a {kind}", fr=f"{shown!r} ne désigne pas une ressource {kind}")
    return id_
