"""Queries by class, drawn by a seed: what people type when they look for somebody, and what they get wrong.

Everything is drawn from the extracts and from lists of this package; nothing comes from the programs measured. A query
is mostly "given family" or "family given" in plain small letters; each class then changes what its name says. Persons
are drawn one like the other, so that MARTIN is asked for as often as there are MARTINs.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random
from typing import Final

from bench.retrieval import everyday
from bench.retrieval.judge import Asked, Half, Initials, Part, Reading, SameName, SameWords
from bench.retrieval.letters import plain, words
from bench.retrieval.people import People, Person
from bench.retrieval.typos import TYPOS, two_typos, typo

PAIRS: Final = Path(__file__).with_name("phonetic_pairs.csv")
PARTICLES: Final = frozenset(
    {"de", "du", "des", "d", "le", "la", "les", "l", "van", "von", "der", "den", "ben", "el", "al", "da", "dos", "das"}
    | {"di", "della", "dell", "del", "ould", "ait"}
)
NAME_CITY: Final = "name + city"
FAMILY_CITY: Final = "family name + city"
NAME_PROFESSION: Final = "name + profession"
FAMILY_PROFESSION: Final = "family name + profession"
_ACCENTED: Final = {"e": "éèêë", "a": "àâ", "i": "îï", "o": "ôö", "u": "ùûü", "c": "ç"}
_SEPARATORS: Final = ("", "", " ", "-", "'", "’", "‑")
_ABBREVIATED: Final = ((".-", "."), ("-", "."), ("-", ""), (". ", "."), (" ", ""), ("", ""))  # J.-P. to JP
_TRIES: Final = 2000  # persons looked at for one query, before a class is given up

Draw = Callable[[Random, Person], Asked | None]


@dataclass(frozen=True, slots=True)
class Typed:
    """A name as it is being typed, in two parts."""

    given: str
    family: str

    @classmethod
    def of(cls, person: Person) -> Typed:
        """In plain small letters; hyphens and apostrophes as the register has them."""
        return cls(plain(person.given), plain(person.family))

    def with_word(self, word: str, by: str) -> Typed:
        """One word typed otherwise."""
        pattern = re.compile(rf"(?<![^\W_]){re.escape(word)}(?![^\W_])")
        family, found = pattern.subn(by, self.family, count=1)
        return replace(self, family=family) if found else replace(self, given=pattern.sub(by, self.given, count=1))

    def text(self, dice: Random) -> str:
        return " ".join(_either_way(dice, self.given, self.family))


def _either_way(dice: Random, one: str, other: str) -> tuple[str, str]:
    return (one, other) if dice.random() < 0.5 else (other, one)


def _meant(person: Person) -> Reading:
    return SameName(person.family_words, person.given_words)


def _asked(kind: str, person: Person, text: str) -> Asked:
    """A whole name, rightly or wrongly typed."""
    return Asked(kind, text, person, (_meant(person), SameWords(words(text))))


def _long_words(person: Person, least: int) -> list[str]:
    return [word for word in person.name_words if len(word) >= least and word.isalpha()]


# -- the same letters otherwise ----------------------------------------------------------------------------------------


def accents(dice: Random, person: Person) -> Asked | None:
    """Accents that the register does not have, or without those it has; now and then decomposed, as macOS does."""
    typed = Typed.of(person).text(dice)
    has_some = plain(person.given + person.family) != (person.given + person.family).lower()
    if not has_some or dice.random() < 0.5:
        places = [at for at, letter in enumerate(typed) if letter in _ACCENTED]
        if not places:
            return None
        for at in dice.sample(places, k=min(len(places), dice.choice((1, 2)))):
            typed = typed[:at] + dice.choice(_ACCENTED[typed[at]]) + typed[at + 1 :]
    return _asked("accents", person, unicodedata.normalize("NFD", typed) if dice.random() < 0.1 else typed)


def case(dice: Random, person: Person) -> Asked:
    """Capitals, first letters large, the shift lock on, or no system at all."""
    text = Typed.of(person).text(dice)
    mixed = "".join(dice.choice((letter, letter.upper())) for letter in text)
    return _asked("case", person, dice.choice((text.upper(), text.title(), text.title().swapcase(), mixed)))


def order(dice: Random, person: Person) -> Asked:
    """Family name first, or last, or after a comma; the words of double names in any order."""
    typed = Typed.of(person)
    shuffled = list(person.name_words)
    dice.shuffle(shuffled)
    if len(shuffled) > 2 and dice.random() < 0.5:
        return _asked("order", person, " ".join(shuffled))
    return _asked("order", person, dice.choice((", ", " ", " ")).join(_either_way(dice, typed.family, typed.given)))


def separators(dice: Random, person: Person) -> Asked | None:
    """Double names with another separator than the register's, or none."""
    if len(person.family_words) < 2 and len(person.given_words) < 2:
        return None
    before = Typed.of(person)
    typed = Typed(*(_separated(dice, name) for name in (person.given_words, person.family_words)))
    return None if typed == before else _asked("separators", person, typed.text(dice))


def _separated(dice: Random, name: Sequence[str]) -> str:
    return name[0] + "".join(dice.choice(_SEPARATORS) + word for word in name[1:])


# -- parts of names ----------------------------------------------------------------------------------------------------


def compound_half(dice: Random, person: Person) -> Asked | None:
    """One half of a double family name, or of a double given name, with the other name whole."""
    family, given = _halves(person.family_words), _halves(person.given_words)
    doubles = [one for one in (family, family, family, given) if one]
    if not doubles:
        return None
    if dice.choice(doubles) is family:
        typed = Typed(plain(person.given), dice.choice(family))
    else:
        typed = Typed(dice.choice(given), plain(person.family))
    text = typed.text(dice)
    half = Half(family=words(typed.family), given=words(typed.given))
    return Asked("compound half", text, person, (half, SameWords(words(text))))


def _halves(name: Sequence[str]) -> list[str]:
    found = [word for word in name if len(word) >= 3 and word not in PARTICLES]
    return found if len(found) > 1 else []


def particle(dice: Random, person: Person) -> Asked | None:
    """Without the particle that the register has, or with one that it has not."""
    family = list(person.family_words)
    begins_with = next((at for at, word in enumerate(family) if word not in PARTICLES), 0)
    if begins_with:
        typed = " ".join(family[begins_with:])
    elif dice.random() < 0.01:  # as many as bear one, or fewer
        article = "d'" if family[0][0] in "aeiouyh" else "de "
        typed = dice.choice((article, article, "le ", "du ")) + plain(person.family)
    else:
        return None
    return _asked("particle", person, Typed(plain(person.given), typed).text(dice))


def prefix(dice: Random, person: Person, letters: int) -> Asked | None:
    """A name typed so far: the beginning alone, or after the other name."""
    alone = dice.random() < 1 / 3
    drawn = _begun(dice, person, letters, alone=alone)
    if drawn is None:
        return None
    whole, begun = drawn
    return Asked(f"prefix {letters}", f"{whole} {begun}".strip(), person, (Part(words(whole), (begun,)),))


def prefix_typo(dice: Random, person: Person) -> Asked | None:
    """A name typed so far, with an error in it; alone only from six letters on, as fewer could be anybody's."""
    alone = dice.random() < 1 / 4
    drawn = _begun(dice, person, dice.choice((6, 7) if alone else (5, 6, 7)), alone=alone)
    wrong = typo(dice, drawn[1]) if drawn else None
    if drawn is None or wrong is None:
        return None
    whole = drawn[0]
    reading = Part(words(whole), (wrong,), errors=1)
    return Asked("prefix + typo", f"{whole} {wrong}".strip(), person, (reading,))


def _begun(dice: Random, person: Person, letters: int, *, alone: bool) -> tuple[str, str] | None:
    """What is typed whole, and the beginning of the word that is being typed."""
    first, second = _either_way(dice, plain(person.family), plain(person.given))
    word = words(second)[0]
    if len(word) <= letters or word in PARTICLES or not word.isalpha():
        return None
    return "" if alone else first, word[:letters]


def initials(dice: Random, person: Person) -> Asked | None:
    """The given name as J., J-P, JP or Ph."""
    given = person.given_words
    if not all(word[0].isalpha() and len(word) > 2 for word in given):
        return None
    begun = tuple(_abbreviation(dice, word) for word in given)
    between, end = dice.choice(_ABBREVIATED if all(len(one) == 1 for one in begun) else _ABBREVIATED[:4])
    text = Typed(between.join(begun) + end, plain(person.family)).text(dice)
    readings: tuple[Reading, ...] = (Initials(person.family_words, begun),)
    if "." not in text:
        readings += (Part(person.family_words, begun),)
    if not between + end:
        readings += (Part(person.family_words, ("".join(begun),)),)  # MA, of Marie-Anne or of Martine
    return Asked("initials", text, person, readings)


def _abbreviation(dice: Random, word: str) -> str:
    return word[:2] if word[:2] in ("ph", "ch", "th") and dice.random() < 0.3 else word[0]


# -- errors ------------------------------------------------------------------------------------------------------------


def one_typo(dice: Random, person: Person, kind: str) -> Asked | None:
    """One error of a kind, in a word of at least four letters."""
    typed = _with_error(dice, person, 4, partial(typo, dice, kind=kind))
    return _asked(kind, person, typed.text(dice)) if typed else None


def two_errors(dice: Random, person: Person) -> Asked | None:
    """Two errors in a word of at least six letters, or one in each of two words."""
    if dice.random() < 0.5:
        typed = _with_error(dice, person, 6, partial(two_typos, dice))
    else:
        typed = _with_error_in_two(dice, person)
    return _asked("two typos", person, typed.text(dice)) if typed else None


def _with_error(dice: Random, person: Person, least: int, error: Callable[[str], str | None]) -> Typed | None:
    several = _long_words(person, least)
    if not several:
        return None
    word = dice.choice(several)
    wrong = error(word)
    return Typed.of(person).with_word(word, wrong) if wrong else None


def _with_error_in_two(dice: Random, person: Person) -> Typed | None:
    several = list(dict.fromkeys(_long_words(person, 4)))
    if len(several) < 2:
        return None
    typed = Typed.of(person)
    for word in dice.sample(several, k=2):
        typed = typed.with_word(word, typo(dice, word) or word)
    return typed


class Phonetic:
    """Names spelt otherwise that sound the same, from the list of pairs, in both directions.

    Each spelling that somebody bears is as likely as any other, so that rare names count.
    """

    def __init__(self, people: People) -> None:
        others: dict[str, list[str]] = defaultdict(list)
        for one, other in pairs():
            others[one].append(other)
            others[other].append(one)
        self._bearers = _bearers(people, frozenset(others))
        self._spelt = [(name, other) for name in sorted(self._bearers) for other in others[name]]

    def __call__(self, dice: Random, _: Person) -> Asked | None:
        if not self._spelt:
            return None
        name, other = dice.choice(self._spelt)
        person = dice.choice(self._bearers[name])
        return _asked("phonetic", person, Typed.of(person).with_word(name, other).text(dice))


def pairs() -> list[tuple[str, str]]:
    """The checked-in pairs of names that sound alike, in plain letters."""
    with PAIRS.open(encoding="utf-8", newline="") as file:
        return [(plain(row["one"]), plain(row["other"])) for row in csv.DictReader(file)]


def _bearers(people: People, names: frozenset[str]) -> dict[str, list[Person]]:
    found: dict[str, list[Person]] = defaultdict(list)
    for person in people.everybody:
        if person.given:
            for word in names.intersection(person.name_words):
                found[word].append(person)
    return found


# -- names with a place or a trade -------------------------------------------------------------------------------------


def name_and_city(dice: Random, person: Person, *, family_only: bool) -> tuple[str, str, Asked] | None:
    """A name, where the person works, and the query that both make: the town, one time in ten its postal code."""
    place = _place(dice, person)
    if place is None:
        return None
    name, reading = _family(person) if family_only else _whole(dice, person)
    town = everyday.town(dice, place)
    kind = FAMILY_CITY if family_only else NAME_CITY
    return name, town, Asked(kind, _beside(dice, name, town), person, (reading,), places=frozenset({place}))


def name_city(dice: Random, person: Person, *, family_only: bool = False) -> Asked | None:
    """A name and where the person works."""
    drawn = name_and_city(dice, person, family_only=family_only)
    return None if drawn is None else drawn[2]


def name_misspelt_city(dice: Random, person: Person) -> Asked | None:
    """A name and the town with an error in it."""
    place = dice.choice(person.towns) if person.towns else ""
    several = [at for at, word in enumerate(place.split()) if len(word) >= 5]
    if not several:
        return None
    typed = place.split()
    at = dice.choice(several)
    typed[at] = typo(dice, typed[at]) or typed[at]
    wrong = " ".join(typed)
    name, reading = _name(dice, person)
    text = _beside(dice, name, everyday.town(dice, wrong))
    return Asked("name + misspelt city", text, person, (reading,), places=frozenset({place, wrong}))


def misspelt_name_city(dice: Random, person: Person) -> Asked | None:
    """A name with an error in it, and where the person works."""
    place = _place(dice, person)
    typed = _with_error(dice, person, 4, partial(typo, dice))
    if place is None or typed is None:
        return None
    if typed.family != plain(person.family) and dice.random() < 0.5:
        name, family = typed.family, words(typed.family)
        readings: tuple[Reading, ...] = (SameName(person.family_words), SameName(family))
    else:
        name = typed.text(dice)
        readings = (_meant(person), SameWords(words(name)))
    text = _beside(dice, name, everyday.town(dice, place))
    return Asked("misspelt name + city", text, person, readings, places=frozenset({place}))


def name_profession(dice: Random, person: Person, *, family_only: bool = False) -> Asked | None:
    """A name and a trade, in everyday words or in the register's."""
    drawn = everyday.trade(dice, person)
    if drawn is None:
        return None
    word, trade = drawn
    name, reading = _family(person) if family_only else _whole(dice, person)
    kind = FAMILY_PROFESSION if family_only else NAME_PROFESSION
    return Asked(kind, _beside(dice, name, word), person, (reading,), trade=trade)


def _name(dice: Random, person: Person) -> tuple[str, Reading]:
    """The family name alone, or the whole name."""
    return _family(person) if dice.random() < 0.5 else _whole(dice, person)


def _family(person: Person) -> tuple[str, Reading]:
    return plain(person.family), SameName(person.family_words)


def _whole(dice: Random, person: Person) -> tuple[str, Reading]:
    return Typed.of(person).text(dice), _meant(person)


def _place(dice: Random, person: Person) -> str | None:
    if not person.towns:
        return None
    codes = [code for code in person.postal_codes if code.isdigit()]
    return dice.choice(codes) if codes and dice.random() < 0.1 else dice.choice(person.towns)


def _beside(dice: Random, name: str, word: str) -> str:
    return f"{name} {word}" if dice.random() < 0.8 else f"{word} {name}"


# -- all of them -------------------------------------------------------------------------------------------------------

_DRAWS: Final[Mapping[str, Draw]] = {
    "accents": accents,
    "case": case,
    "order": order,
    "separators": separators,
    "compound half": compound_half,
    "particle": particle,
    "prefix 3": partial(prefix, letters=3),
    "prefix 4": partial(prefix, letters=4),
    "prefix 5": partial(prefix, letters=5),
    "prefix + typo": prefix_typo,
    **{kind: partial(one_typo, kind=kind) for kind in TYPOS},
    "two typos": two_errors,
    "initials": initials,
    NAME_CITY: name_city,
    FAMILY_CITY: partial(name_city, family_only=True),
    NAME_PROFESSION: name_profession,
    FAMILY_PROFESSION: partial(name_profession, family_only=True),
    "name + misspelt city": name_misspelt_city,
    "misspelt name + city": misspelt_name_city,
}
CLASSES: Final = (*_DRAWS, "phonetic")


def queries(people: People, seed: int, per_class: int, classes: Sequence[str] = CLASSES) -> list[Asked]:
    """At most so many queries of each class: the same for the same people and seed, whatever else is drawn."""
    draws = dict(_DRAWS)
    if "phonetic" in classes:
        draws["phonetic"] = Phonetic(people)
    return [asked for name in classes for asked in _drawn(people, draws[name], Random(f"{seed}/{name}"), per_class)]


def _drawn(people: People, draw: Draw, dice: Random, wanted: int) -> Iterator[Asked]:
    persons = (dice.choice(people.everybody) for _ in range(wanted * _TRIES))
    named = (person for person in persons if person.family_words and person.given_words)
    asked = (draw(dice, person) for person in named)
    return islice((one for one in asked if one is not None), wanted)
