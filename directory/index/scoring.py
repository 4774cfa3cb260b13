"""How well a document answers a query: every typed word is laid on the word of the document that costs least.

The cost of a document is the sum of its parts, each of which has a name: what each typed word costs, as `expansion`
says, and the names of the document that were not asked for. The score is what is left of 1.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Final

from directory.index import slips
from directory.index.layout import FIELD_NUMBER, KIND_NUMBER, VALUE, VALUES_AT
from directory.index.meaning import (
    AMISS_ELSEWHERE,
    BEGUN_AMISS,
    ELSEWHERE,
    GIVEN_UP,
    IDENTIFIERS,
    INITIAL,
    JOINED,
    MOST_INITIALS,
    SHORTEST_BEGUN_ELSEWHERE,
    SYNONYM,
    Asked,
    cost_of_begun,
    cost_of_begun_trade,
    is_trade,
)
from directory.index.synonyms import EVERYDAY, NOISE, PARTICLES
from directory.index.values import split
from directory.model import Kind
from directory.query import Field

_UNASKED_NAMES: Final = 1.0  # all names: the query says only where or what
UNASKED_FAMILY: Final = 0.5  # a family name of which nothing was asked, or another word of it
_ONLY_GIVEN: Final = 0.3  # more, when several given names were asked for: nobody does so without the family name
UNASKED_GIVEN: Final = 0.25
_UNASKED_PARTICLE: Final = 0.05
_UNASKED_LABEL: Final = 0.12  # a word of a structure's name
_OUT_OF_ORDER: Final = 0.2  # initials of given names in another order, or of other names
_LABEL: Final = 0.25  # a structure that is named like a person
_BEGIN_OF_PLACE: Final = 0.2  # a town of which the first word was asked for, not all
_PART_OF_PLACE: Final = 0.75  # a town of which only a later word was asked for

_ORGANIZATION_KIND: Final = str(KIND_NUMBER[Kind.ORGANIZATION])
_AT: Final = {on: VALUES_AT + number for on, number in FIELD_NUMBER.items()}
_FAMILY, _GIVEN = _AT[Field.SN], _AT[Field.GIVEN_NAME]
_PLACES: Final = tuple(_AT[on] for on in (Field.CITY, Field.POSTAL_CODE, Field.DEPARTMENT, Field.DEPARTMENT_CODE))
_TRADES: Final = tuple(_AT[on] for on in (Field.TITLE, Field.SPECIALTY))
_LABELS: Final = tuple(_AT[on] for on in (Field.ORGANIZATION, Field.SERVICE))
_NUMBERS: Final = tuple(_AT[on] for on in IDENTIFIERS)
_CITY, _ORGANIZATION, _MAIL = _AT[Field.CITY], _AT[Field.ORGANIZATION], _AT[Field.MAIL]


@dataclass(slots=True)
class Laid:
    """The words of a query laid on a document: what it costs in all, the words that fit nothing to the letter, whether
    the query is the whole name, and, when asked for, each part of the cost."""

    cost: float = 0.0
    misfits: list[Asked] = field(default_factory=list)
    whole: bool = False
    why: dict[str, str | float] = field(default_factory=dict)


class Names:
    """The names of a document, each of which answers one typed word."""

    __slots__ = ("family", "given", "left", "structure")

    def __init__(self, parts: list[str]) -> None:
        self.structure = parts[1] == _ORGANIZATION_KIND
        if self.structure:
            self.family = [*dict.fromkeys(words_in(parts, (_ORGANIZATION,)))]
            self.given: list[str] = []
        else:
            self.family = [*words_in(parts, (_FAMILY,))]
            self.given = [*words_in(parts, (_GIVEN,))]
        self.left = self.family + self.given

    def whole(self) -> bool:
        """Whether the whole family name was asked for, and the whole given name or none of it."""
        given = sum(word in self.left for word in self.given)
        return given in (0, len(self.given)) and all(word not in self.left for word in self.family)

    def unasked(self) -> float:
        """What the names cost that nobody asked for."""
        if self.structure:
            left = sum(word not in NOISE for word in self.left)
            return _LABEL + _UNASKED_LABEL * min(left, 5)
        names = len(self.family) + len(self.given)
        if len(self.left) == names:
            return _UNASKED_NAMES
        cost = _unasked(self.family, self.left, UNASKED_FAMILY) + _unasked(self.given, self.left, UNASKED_GIVEN)
        only_given = len(self.left) < names - 1 and all(word in self.left for word in self.family)
        return cost + _ONLY_GIVEN if only_given else cost


def _unasked(names: list[str], left: list[str], cost: float) -> float:
    unasked = [word for word in names if word in left]
    if len(unasked) == len(names):
        return cost if names else 0.0
    return sum(_UNASKED_PARTICLE if word in PARTICLES else cost for word in unasked)


def words_in(parts: list[str], fields: Sequence[int]) -> Iterator[str]:
    """The words of some fields of a values record."""
    for at in fields:
        if part := parts[at]:
            for value in part.split(VALUE):
                yield from split(value)


def lay(parts: list[str], asked: Sequence[Asked], *, explain: bool = False) -> Laid:
    """Lay a query on a document, given by the parts of its values record."""
    names, laid = Names(parts), Laid()
    others: list[Asked] = []
    for one in asked:
        if one.word in names.left:
            names.left.remove(one.word)
            if explain:
                laid.why[one.word] = f"exact name {one.word}, 0.00"
        else:
            others.append(one)
    if others:
        typed = {word for one in asked for word in (one.word, *EVERYDAY.get(one.word, ()))}
        for one in others:
            cost, how = _lay_word(parts, names, one, typed)
            laid.cost += cost
            if cost > SYNONYM + ELSEWHERE["place"]:
                laid.misfits.append(one)
            if explain:
                laid.why[one.word] = f"{how}, {cost:.2f}"
    unasked = names.unasked()
    laid.cost += unasked
    laid.whole = not laid.misfits and names.whole()
    if explain:
        laid.why["names not asked for"] = round(unasked, 2)
    return laid


def _lay_word(parts: list[str], names: Names, one: Asked, typed: Collection[str]) -> tuple[float, str]:
    """The least cost of one typed word, and how; the name it was laid on answers no other."""
    cost, how, name = _on_name(names, one)
    if cost > ELSEWHERE["place"] and (one.word not in NOISE or one.word in EVERYDAY):
        elsewhere = _elsewhere(parts, one, cost, typed)
        if elsewhere is not None:
            cost, how, name = *elsewhere, ()
    if cost > one.weight:
        return one.weight, GIVEN_UP
    for word in name:
        if word in names.left:
            names.left.remove(word)
    return cost, how


def _on_name(names: Names, one: Asked) -> tuple[float, str, tuple[str, ...]]:
    """The name that costs least: cost, how, and the words of it that are answered."""
    best: tuple[float, str, tuple[str, ...]] = (one.weight, GIVEN_UP, ())
    meanings, typed = one.meant.words, one.word
    for word in names.left:
        meant = meanings.get(word)
        if meant is not None:
            cost, how = meant
        elif word.startswith(typed):
            cost, how = (
                (INITIAL, "initial")
                if len(typed) == 1
                else (cost_of_begun(one.typed, word, known=one.meant.known), "begins")
            )
            if len(typed) <= 2 and word not in names.given[:1]:
                cost += _OUT_OF_ORDER
        else:
            amiss = _amiss(one, word)
            if amiss is None:
                continue
            cost, how = amiss
        if cost < best[0]:
            best = (cost, f"{how} name {word}", (word,))
    for pieces in one.meant.pieces:
        if best[0] > JOINED and all(piece in names.left for piece in pieces):
            best = (JOINED, f"split {' '.join(pieces)}", pieces)
    if best[0] > JOINED:
        for word in names.family + names.given:
            # The other half of what was typed as two words may have been laid on it already.
            if meanings.get(word) == (JOINED, "joined"):
                best = (JOINED if word in names.left else 0.0, f"joined {word}", (word,))
    if best[0] > INITIAL and 2 <= len(typed) <= MOST_INITIALS:
        best = _initials(names, typed) or best
    return best


def _initials(names: Names, typed: str) -> tuple[float, str, tuple[str, ...]] | None:
    """The first letters of a double given name: JP."""
    given = [word for word in names.given if word in names.left][: len(typed)]
    if "".join(word[0] for word in given) != typed:
        return None
    return INITIAL, f"initials of {' '.join(given)}", tuple(given)


def _amiss(one: Asked, word: str) -> tuple[float, str] | None:
    """A name with a letter or two amiss, that the word was not expanded to."""
    typed = one.word
    if len(typed) < 4 or not typed.isalpha() or len(word) < 3:
        return None
    best: tuple[float, str] | None = None
    if abs(len(word) - len(typed)) <= 2 and len(typed) >= 5:
        cost = slips.cost(typed, word)
        if cost is not None:
            best = cost, "misspelt"
    if one.typed.last and len(word) >= len(typed):
        cost = slips.cost_of_beginning(typed, word)
        if cost is not None and (best is None or cost + BEGUN_AMISS < best[0]):
            best = cost + BEGUN_AMISS, "begins, misspelt,"
    return best


def _elsewhere(parts: list[str], one: Asked, most: float, typed: Collection[str]) -> tuple[float, str] | None:
    """The word in a place, a trade, a structure or an identifier, if that costs less."""
    best: tuple[float, str] | None = None
    for word_class, look in (("place", _in_places), ("profession", _in_trades), ("structure", _in_labels)):
        if most > ELSEWHERE[word_class]:
            found = look(parts, one, typed)
            if found is not None and found[0] + ELSEWHERE[word_class] < most:
                most = found[0] + ELSEWHERE[word_class]
                best = most, f"{found[1].partition(' ')[0]} {word_class} {found[1].partition(' ')[2]}"
    if most > ELSEWHERE["identifier"] or one.typed.address or one.word.isdigit():
        found = _in_identifiers(parts, one)
        if found is not None and found[0] < most:
            best = found
    return best


def _in_places(parts: list[str], one: Asked, typed: Collection[str]) -> tuple[float, str] | None:
    best: tuple[float, str] | None = None
    for at in _PLACES:
        for value in parts[at].split(VALUE) if parts[at] else ():
            words = split(value)
            found = _in_words(words, one)
            if found is not None:
                cost = found[0] + _part_of_place(words, typed)
                if best is None or cost < best[0]:
                    best = cost, found[1]
    return best


def _part_of_place(words: Sequence[str], typed: Collection[str]) -> float:
    """What it costs that a town was not named whole."""
    significant = [word for word in words if word not in NOISE and not word[0].isdigit()]
    left = sum(word not in typed for word in significant)
    if left == 0 or len(significant) == 1:
        return 0.0
    return _BEGIN_OF_PLACE if significant[0] in typed or left < len(significant) - 1 else _PART_OF_PLACE


def _in_trades(parts: list[str], one: Asked, _: Collection[str]) -> tuple[float, str] | None:
    words = {*words_in(parts, _TRADES)}
    if not words:
        return None
    trade = is_trade(one.word)
    if trade and one.word in words:
        return 0.0, f"exact {one.word}"
    best: tuple[float, str] | None = None
    for word in words:
        meant = one.meant.words.get(word)
        if meant is not None and (meant[0] > 0 or one.word in EVERYDAY):
            cost, how = _not_a_name(*meant)
        elif trade and word.startswith(one.word):
            cost, how = cost_of_begun_trade(one.typed), "begins"
        else:
            continue
        if best is None or cost < best[0]:
            best = cost, f"{how} {word}"
    return _of_phrase(words, one, best)


def _in_labels(parts: list[str], one: Asked, _: Collection[str]) -> tuple[float, str] | None:
    words = {*words_in(parts, _LABELS)}
    return _of_phrase(words, one, _in_words(words, one)) if words else None


def _of_phrase(words: Collection[str], one: Asked, best: tuple[float, str] | None) -> tuple[float, str] | None:
    if best is None or best[0] > SYNONYM:
        for phrase in one.meant.phrases:
            if all(word in words for word in phrase):
                return SYNONYM, f"synonym {' '.join(phrase)}"
    return best


def _in_words(words: Collection[str], one: Asked) -> tuple[float, str] | None:
    """The word of a few that costs least."""
    typed = one.word
    if typed in words:
        return 0.0, f"exact {typed}"
    begun = one.typed.last and len(typed) >= SHORTEST_BEGUN_ELSEWHERE
    best: tuple[float, str] | None = None
    for word in words:
        meant = one.meant.words.get(word)
        if meant is not None:
            cost, how = _not_a_name(*meant)
        elif begun and word.startswith(typed):
            cost, how = cost_of_begun(one.typed, word, known=one.meant.known), "begins"
        else:
            continue
        if best is None or cost < best[0]:
            best = cost, f"{how} {word}"
    return best


def _not_a_name(cost: float, how: str) -> tuple[float, str]:
    """The cost of a word in another class than names."""
    return (cost if how in ("exact", "synonym") else cost + AMISS_ELSEWHERE), how


def _in_identifiers(parts: list[str], one: Asked) -> tuple[float, str] | None:
    typed = one.word
    best: tuple[float, str] | None = None
    for on, at in zip(IDENTIFIERS, _NUMBERS, strict=True):
        for value in parts[at].split(VALUE) if parts[at] else ():
            if value == typed:
                return 0.0, f"exact {on}"
            if len(typed) >= 4 and value.startswith(typed):
                best = 0.45, f"begins {on}"
            elif one.typed.address and typed in value:
                best = best or (0.75, f"part of {on}")
    if best is None and not one.typed.address:
        begun = one.typed.last and len(typed) >= SHORTEST_BEGUN_ELSEWHERE
        locals_ = {word for value in parts[_MAIL].split(VALUE) for word in split(value.partition("@")[0])}
        if typed in locals_:
            best = ELSEWHERE["identifier"], "exact address"
        elif begun and any(map(str.startswith, locals_, repeat(typed))):
            best = 0.9, "begins address"
    return best
