"""How well a document answers a query: every typed word is laid on the word of the document that costs least.

The cost of a document is the sum of its parts, each of which has a name: what each typed word costs, as `meaning` says,
and the names of the document that were not asked for. The score is what is left of 1.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from directory.index import slips
from directory.index.layout import FIELD_NUMBER, KIND_NUMBER, VALUE, VALUES_AT
from directory.index.meaning import (
    AMISS_ELSEWHERE,
    BEGUN,
    BEGUN_AMISS,
    ELSEWHERE,
    GIVEN_UP,
    GUESSES,
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
_ONLY_GIVEN: Final = 0.3  # more, when all that was asked besides is a given name, a place or a trade: nobody does so
UNASKED_GIVEN: Final = 0.25
_UNASKED_PARTICLE: Final = 0.05
_UNASKED_LABEL: Final = 0.12  # a word of a structure's name
_UNASKED_LABELS: Final = 5  # of them count
_OUT_OF_ORDER: Final = 0.2  # initials of given names in another order, or of other names
_LABEL: Final = 0.4  # a structure that is named like a person
_BEGIN_OF_PLACE: Final = 0.2  # a town of which the first word was asked for, not all
_PART_OF_PLACE: Final = 0.75  # a town of which only a later word was asked for, or a part of a département's name
_LETTERS_AMISS: Final = 4  # letters of a word that may be another one
_PART_OF_ADDRESS: Final = 0.4  # more than its beginning

_ORGANIZATION_KIND: Final = str(KIND_NUMBER[Kind.ORGANIZATION])
_AT: Final = {on: VALUES_AT + number for on, number in FIELD_NUMBER.items()}
_FAMILY, _GIVEN, _LABEL_AT, _MAIL = (_AT[on] for on in (Field.SN, Field.GIVEN_NAME, Field.ORGANIZATION, Field.MAIL))
_PLACES: Final = tuple(_AT[on] for on in (Field.CITY, Field.POSTAL_CODE, Field.DEPARTMENT, Field.DEPARTMENT_CODE))
_DEPARTMENT_AT: Final = _AT[Field.DEPARTMENT]
_DEPARTMENT: Final = "département"
_TRADES: Final = tuple(_AT[on] for on in (Field.TITLE, Field.SPECIALTY))
_LABELS: Final = tuple(_AT[on] for on in (Field.ORGANIZATION, Field.SERVICE))
_NUMBERS: Final = tuple((on, _AT[on]) for on in IDENTIFIERS)


class Fit(NamedTuple):
    """What a typed word costs where it is laid, how it fits, and the words it is laid on."""

    cost: float
    how: str = GIVEN_UP
    where: str = ""
    on: tuple[str, ...] = ()


@dataclass(slots=True)
class Laid:
    """The words of a query laid on a document: what it costs in all, the words that fit nothing to the letter, what
    those cost that were taken for misspelt ones, and for which words, whether the query is the whole name, whether a
    word of it was taken for what says little (the beginning of a name, a département) and may be another one misspelt,
    whether one was taken for a misspelt name, whether each is there as typed, or begins so, or is another word for
    what is there, and, when asked for, each part of the cost."""

    cost: float = 0.0
    misfits: list[Asked] = field(default_factory=list)
    guessed: float = 0.0
    guess: list[str] = field(default_factory=list)
    whole: bool = False
    loose: bool = False
    misspelt: bool = False
    literal: bool = True
    why: dict[str, str | float] = field(default_factory=dict)


def lay(parts: list[str], asked: Sequence[Asked], *, explain: bool = False) -> Laid:
    """Lay a query on a document, given by the parts of its values record."""
    names, laid = Names(parts), Laid()
    others: list[Asked] = []
    for one in asked:
        if one.word in names.left:
            names.left.remove(one.word)
            if explain:
                laid.why[one.word] = _explained(Fit(0.0, "exact", "name", (one.word,)))
        else:
            others.append(one)
    for one in others:
        fit = _fit(parts, names, one, asked)
        laid.cost += fit.cost
        if fit.how in GUESSES:
            laid.guessed += fit.cost
            laid.guess += fit.on
            laid.misspelt |= fit.where == "name"
            laid.literal = False
        elif fit.how == GIVEN_UP:
            laid.literal = False
        laid.loose |= fit.where == _DEPARTMENT or (fit.how, fit.where) == ("begins", "name")
        if fit.cost > SYNONYM + ELSEWHERE["place"]:
            laid.misfits.append(one)
        if explain:
            laid.why[one.word] = _explained(fit)
    unasked = names.unasked(several=len(asked) > 1, misspelt=laid.misspelt)
    laid.cost += unasked
    laid.whole = not laid.misfits and not laid.loose and names.are_whole()
    if explain:
        laid.why["names not asked for"] = round(unasked, 2)
    return laid


def _explained(fit: Fit) -> str:
    return f"{' '.join((fit.how, fit.where, *fit.on)).strip()}, {fit.cost:.2f}"


def _fit(parts: list[str], names: Names, one: Asked, asked: Sequence[Asked]) -> Fit:
    """Where one typed word costs least; the name it is laid on answers no other."""
    best = _on_name(names, one, Fit(one.weight))
    if best.cost > ELSEWHERE["place"] and (one.word not in NOISE or one.word in EVERYDAY):
        best = _elsewhere(parts, one, asked, best)
    if best.where == "name":
        for word in best.on:
            if word in names.left:
                names.left.remove(word)
    return best


# -- names -------------------------------------------------------------------------------------------------------------


class Names:
    """The names of a document, each of which answers one typed word."""

    __slots__ = ("family", "given", "left", "structure")

    def __init__(self, parts: list[str]) -> None:
        self.structure = parts[1] == _ORGANIZATION_KIND
        if self.structure:
            self.family = [*dict.fromkeys(_words_of(parts[_LABEL_AT]))]
            self.given: list[str] = []
        else:
            self.family = [*_words_of(parts[_FAMILY])]
            self.given = [*_words_of(parts[_GIVEN])]
        self.left = self.family + self.given

    def are_whole(self) -> bool:
        """Whether the whole family name was asked for, and the whole given name or none of it."""
        left = self.left
        given = sum(word in left for word in self.given)
        return given in (0, len(self.given)) and all(word not in left for word in self.family)

    def next_given(self) -> list[str]:
        """The first of the given names that answers no typed word yet."""
        return [word for word in self.given if word in self.left][:1]

    def unasked(self, *, several: bool, misspelt: bool) -> float:
        """What the names cost that nobody asked for, by one word or several, one of them misspelt or not."""
        left = self.left
        if self.structure:
            return _LABEL + _UNASKED_LABEL * min(sum(word not in NOISE for word in left), _UNASKED_LABELS)
        if not left:
            return 0.0
        names = len(self.family) + len(self.given)
        if len(left) == names:
            return _UNASKED_NAMES
        cost = _unasked(self.family, left, UNASKED_FAMILY) + _unasked(self.given, left, UNASKED_GIVEN)
        only_given = several and all(word in left or word in PARTICLES for word in self.family)
        return cost + _ONLY_GIVEN * (1 + misspelt) if only_given else cost


def _unasked(names: list[str], left: list[str], cost: float) -> float:
    unasked = [word for word in names if word in left]
    if len(unasked) == len(names):
        return cost if names else 0.0
    return sum(_UNASKED_PARTICLE if word in PARTICLES else cost for word in unasked)


def _on_name(names: Names, one: Asked, best: Fit) -> Fit:
    """The name that a typed word costs least on, if it costs less than `best`."""
    meant, typed = one.meant, one.word
    for word in names.left:
        known = meant.words.get(word)
        if known is not None and known[0] < best.cost:
            best = Fit(*known, "name", (word,))
        if best.cost > BEGUN and word.startswith(typed):
            cost = _begun(names, one, word)
            if cost < best.cost:
                best = Fit(cost, "begins", "name", (word,))
    if best.cost > JOINED and meant.pieces:
        for pieces in meant.pieces:
            if all(piece in names.left for piece in pieces):
                best = Fit(JOINED, "split", "name", pieces)
    if best.cost > JOINED:
        for word in names.family + names.given:
            # The other half of what was typed as two words may have been laid on it already.
            if meant.words.get(word) == (JOINED, "joined"):
                best = Fit(JOINED if word in names.left else 0.0, "joined", "name", (word,))
    if best.cost > INITIAL and 2 <= len(typed) <= MOST_INITIALS:
        return _on_initials(names, typed, best)
    return _on_amiss(names, one, best) if best.cost > BEGUN + BEGUN_AMISS else best


def _begun(names: Names, one: Asked, word: str) -> float:
    """The cost of a name that begins with what was typed, or of one that is abbreviated."""
    if len(one.word) >= SHORTEST_BEGUN_ELSEWHERE:
        return cost_of_begun(one.typed, word, known=one.meant.known)
    return INITIAL if word in names.next_given() else INITIAL + _OUT_OF_ORDER


def _on_initials(names: Names, typed: str, best: Fit) -> Fit:
    """The first letters of a double given name: JP."""
    given = tuple(word for word in names.given if word in names.left)[: len(typed)]
    if "".join(word[0] for word in given) != typed:
        return best
    return Fit(INITIAL, "initials", "name", given)


def _on_amiss(names: Names, one: Asked, best: Fit) -> Fit:
    """A name with a letter or two amiss, that the word was not expanded to."""
    typed = one.word
    if len(typed) < _LETTERS_AMISS or not typed.isalpha():
        return best
    for word in names.left:
        if len(word) < _LETTERS_AMISS - 1:
            continue
        cost = slips.cost(typed, word) if len(typed) > _LETTERS_AMISS else None
        if cost is not None and cost < best.cost:
            best = Fit(cost, "misspelt", "name", (word,))
        if one.typed.last and len(word) >= len(typed) and not word.startswith(typed):
            cost = slips.cost_of_beginning(typed, word)
            if cost is not None and cost + BEGUN_AMISS < best.cost:
                best = Fit(cost + BEGUN_AMISS, "begins, misspelt,", "name", (word,))
    return best


# -- elsewhere ---------------------------------------------------------------------------------------------------------


def _elsewhere(parts: list[str], one: Asked, asked: Sequence[Asked], best: Fit) -> Fit:
    """The word in a place, a trade, a structure or an identifier, if that costs less than `best`. Only where the word
    may mean anything there is looked at."""
    where = one.where
    if "place" in where:
        best = _in_places(parts, one, asked, best)
    if "profession" in where and best.cost > ELSEWHERE["profession"]:
        best = _in_trades(parts, one, best)
    if "structure" in where and best.cost > ELSEWHERE["structure"]:
        best = _in_labels(parts, one, best)
    if "identifier" in where and best.cost > ELSEWHERE["identifier"]:
        best = _in_local_parts(parts, one, best)
    return best if where.isdisjoint(IDENTIFIERS) else _in_identifiers(parts, one, best)


def _in_places(parts: list[str], one: Asked, asked: Sequence[Asked], best: Fit) -> Fit:
    for at in _PLACES:
        for value in parts[at].split(VALUE) if parts[at] else ():
            words = split(value)
            fit = _in_words(words, one, "place")
            if fit is not None:
                department = at == _DEPARTMENT_AT
                cost = fit.cost + _part_of_place(words, asked, department=department)
                if cost < best.cost:
                    best = fit._replace(cost=cost, where=_DEPARTMENT if department else fit.where)
    return best


def _part_of_place(words: Sequence[str], asked: Sequence[Asked], *, department: bool) -> float:
    """What it costs that a town or a département was not named whole."""
    significant = [word for word in words if word not in NOISE and not word[0].isdigit()]
    if len(significant) < 2:
        return 0.0
    typed = {word for one in asked for word in (one.word, *EVERYDAY.get(one.word, ()))}
    left = sum(word not in typed for word in significant)
    if left == 0:
        return 0.0
    if department:
        return _PART_OF_PLACE
    begun = significant[0] in typed and significant[0] not in PARTICLES
    return _BEGIN_OF_PLACE if begun or left < len(significant) - 1 else _PART_OF_PLACE


def _in_trades(parts: list[str], one: Asked, best: Fit) -> Fit:
    typed, meant = one.word, one.meant.words
    more, trade = ELSEWHERE["profession"], is_trade(typed)
    words = [word for at in _TRADES for word in _words_of(parts[at])]
    for word in words:
        known = meant.get(word)
        if word == typed and trade:
            cost, how = 0.0, "exact"
        elif known is not None and (word != typed or typed in EVERYDAY):
            cost, how = _not_a_name(*known)
        elif trade and word.startswith(typed):
            cost, how = cost_of_begun_trade(one.typed), "begins"
        else:
            continue
        if cost + more < best.cost:
            best = Fit(cost + more, how, "profession", (word,))
    return _of_phrase(words, one, "profession", best)


def _in_labels(parts: list[str], one: Asked, best: Fit) -> Fit:
    words = [word for at in _LABELS for word in _words_of(parts[at])]
    fit = _in_words(words, one, "structure")
    return _of_phrase(words, one, "structure", fit if fit is not None and fit.cost < best.cost else best)


def _of_phrase(words: Collection[str], one: Asked, where: str, best: Fit) -> Fit:
    """A label that has every word of what the typed word is called in labels."""
    cost = SYNONYM + ELSEWHERE[where]
    for phrase in one.meant.phrases if best.cost > cost else ():
        if all(word in words for word in phrase):
            return Fit(cost, "synonym", where, phrase)
    return best


def _in_words(words: Iterable[str], one: Asked, where: str) -> Fit | None:
    """The word of a few that a typed word costs least on."""
    typed, meant = one.word, one.meant.words
    begun = one.typed.last and len(typed) >= SHORTEST_BEGUN_ELSEWHERE
    best: Fit | None = None
    for word in words:
        known = meant.get(word)
        if known is not None:
            cost, how = _not_a_name(*known)
        elif begun and word.startswith(typed):
            cost, how = cost_of_begun(one.typed, word, known=one.meant.known), "begins"
        else:
            continue
        if best is None or cost + ELSEWHERE[where] < best.cost:
            best = Fit(cost + ELSEWHERE[where], how, where, (word,))
    return best


def _not_a_name(cost: float, how: str) -> tuple[float, str]:
    """The cost of a word in another class than names."""
    return (cost if how in ("exact", "synonym") else cost + AMISS_ELSEWHERE), how


def _in_local_parts(parts: list[str], one: Asked, best: Fit) -> Fit:
    """The words of addresses before their at sign."""
    for address in parts[_MAIL].split(VALUE) if parts[_MAIL] else ():
        fit = _in_words(split(address.partition("@")[0]), one, "identifier")
        if fit is not None and fit.cost < best.cost:
            best = fit
    return best


def _in_identifiers(parts: list[str], one: Asked, best: Fit) -> Fit:
    """Identifiers and addresses, whole or in part."""
    typed, begun = one.word, BEGUN + ELSEWHERE["identifier"]
    for on, at in _NUMBERS:
        for value in parts[at].split(VALUE) if parts[at] else ():
            if value == typed:
                return Fit(0.0, "exact", on, (value,))
            if value.startswith(typed) and begun < best.cost:
                best = Fit(begun, "begins", on, (value,))
            elif one.typed.address and typed in value and begun + _PART_OF_ADDRESS < best.cost:
                best = Fit(begun + _PART_OF_ADDRESS, "part of", on, (value,))
    return best


def _words_of(part: str) -> Sequence[str]:
    """The words of a field's values."""
    if VALUE not in part:
        return split(part)
    return [word for value in part.split(VALUE) for word in split(value)]
