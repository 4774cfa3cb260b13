"""Who is meant by what somebody gives of a recipient: one person, several who may be, or nobody.

Sending a letter to the wrong person is worse than asking again. So a name resolves only when exactly one person fits it
best among those who fit everything else that is given; people without a mailbox count too, because it may be them who
are meant. Whatever is less certain comes back as candidates.

A name fits *whole* when its words are all the words of family and given names; *in part* when the family name is whole
and the rest are given names or their initials; *loosely* when the words are there. Names that nobody has are looked for
as `search` does, and resolve only when one person is clearly nearer than all others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyroaring import BitMap
from rapidfuzz.fuzz import token_sort_ratio

from directory import text
from directory.index import layout, order, sets
from directory.index.expansion import expand
from directory.index.layout import beginning_key, word_key
from directory.index.meaning import ELSEWHERE, SYNONYM
from directory.index.synonyms import NOISE, PARTICLES
from directory.index.typed import typed_words
from directory.model import Kind
from directory.query import Field, TextQuery

if TYPE_CHECKING:
    from directory.index.reader import Snapshot

Documents = Callable[["Snapshot", str], BitMap]
"""Finds the documents that fit what is given."""

_CANDIDATES: Final = 5
_READ: Final = 60  # persons whose names are looked at; more of them cannot be told apart anyway
_TITLES: Final = frozenset({"dr", "docteur", "pr", "professeur", "mme", "mlle", "mr"})
_WRITTEN_OUT: Final = {"st": "saint", "ste": "sainte"}
_DISTRICT: Final = frozenset({"arrondissement", "cedex"})
_ALIKE: Final = 0.85  # how like the name has to be of somebody who is meant although it is misspelt …
_AHEAD: Final = 0.08  # … and how much less like that of the next one
_LITERAL: Final = SYNONYM + 0.05  # more than a word of its class: the very word, or another one for it
_KEPT: Final = 2048  # places, professions, structures of which the documents are kept
_WHOLE, _IN_PART, _LOOSELY = 0, 1, 2
_HOW: Final = ("name", "part-of-name", "words-of-name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """What is given of somebody: a name, and what may tell them from others of the same name."""

    name: str
    place: str | None = None
    profession: str | None = None
    structure: str | None = None


@dataclass(frozen=True, slots=True)
class Resolution:
    """Who is meant: one document when it is resolved, several candidates when it is not clear, none when nobody fits;
    and by what they were told, or what does not fit."""

    documents: Sequence[int]
    why: Sequence[str]
    resolved: bool = False


def resolve(snapshot: Snapshot, recipient: Recipient) -> Resolution:
    """Find out who is meant."""
    words = _words(recipient.name)
    if not words:
        return Resolution((), ("no-name",))
    named = _named(snapshot, words)
    if not named:
        return _misspelt(snapshot, recipient)
    told: list[str] = []
    fitting = named
    for what, given, documents in _given(recipient):
        fitting = fitting & documents(snapshot, given)
        told.append(what)
    if not fitting and recipient.place and not _at_place(snapshot, recipient.place):
        return _at_misspelt_place(snapshot, recipient, named)
    if not fitting:
        return Resolution(order.first(snapshot, named, _CANDIDATES), _unfit(snapshot, recipient, named))
    return _told_apart(snapshot, recipient, words, fitting, told)


def _told_apart(
    snapshot: Snapshot, recipient: Recipient, words: Sequence[str], fitting: BitMap, told: Sequence[str]
) -> Resolution:
    if len(fitting) > _READ and len(words) == 1:
        fitting = fitting & sets.term(snapshot, Field.SN, words[0]) or fitting
    if len(fitting) > _READ:
        return Resolution(order.first(snapshot, fitting, _CANDIDATES), ("too-many", *told))
    fits: dict[int, list[int]] = {}
    for number in order.ordered(snapshot, fitting):
        fits.setdefault(_fit(snapshot, number, words), []).append(number)
    level = min(fits)
    best = fits[level]
    if len(best) > 1 and recipient.place:
        best = [number for number in best if _is_in_town(snapshot, number, recipient.place)] or best
    alone = len(best) == 1 and (level == _WHOLE or (level == _IN_PART and bool(told)))
    return Resolution(best[:_CANDIDATES], (_HOW[level], *told), resolved=alone)


def _fit(snapshot: Snapshot, number: int, words: Sequence[str]) -> int:
    document = snapshot.document(number)
    family = [word for name in document.field(Field.SN) for word in text.words_of_folded(name)]
    given = [word for name in document.field(Field.GIVEN_NAME) for word in text.words_of_folded(name)]
    if sorted(words) == sorted([*family, *given]):
        return _WHOLE
    left = list(words)
    for word in family:
        if word not in left:
            return _LOOSELY
        left.remove(word)
    begun = all(any(name == word or (len(word) == 1 and name[0] == word) for name in given) for word in left)
    return _IN_PART if begun else _LOOSELY


def _words(name: str) -> list[str]:
    words = list(text.words(name))
    while len(words) > 1 and words[0] in _TITLES:
        words.pop(0)
    return words


def _named(snapshot: Snapshot, words: Sequence[str]) -> BitMap:
    """The persons with all these words in their names; a single letter may be an initial of a given name as well."""
    whole = dict.fromkeys(word for word in words if len(word) > 1)
    if not whole:
        return BitMap()
    several = list(snapshot.smallest_first("words", [word_key("name", word) for word in whole]))
    if len(several) < len(whole):
        return BitMap()
    found = sets.of_kinds(snapshot, (Kind.PRACTITIONER,))
    for documents in several:
        found = documents & found
    for letter in words:
        if len(letter) == 1:
            begun = snapshot.posting("beginnings", beginning_key(layout.GIVEN, letter))
            found = found & (begun | snapshot.posting("words", word_key("name", letter)))
    return found


# -- what tells persons of one name apart ------------------------------------------------------------------------------


def _given(recipient: Recipient) -> Iterable[tuple[str, str, Documents]]:
    """What is given beside the name, and how to find who fits it."""
    several = (
        ("place", recipient.place, _at_place),
        ("profession", recipient.profession, _of_profession),
        ("structure", recipient.structure, _of_structure),
    )
    return [(what, given, documents) for what, given, documents in several if given and given.strip()]


def _unfit(snapshot: Snapshot, recipient: Recipient, named: BitMap) -> list[str]:
    """What is given that none of the persons of the name fits."""
    wrong = [
        f"{what}-does-not-fit" for what, given, documents in _given(recipient) if not named & documents(snapshot, given)
    ]
    return wrong or ["together-they-do-not-fit"]


def _at_place(snapshot: Snapshot, place: str) -> BitMap:
    return _kept(snapshot, "place", place)


def _is_in_town(snapshot: Snapshot, number: int, place: str) -> bool:
    """Whether somebody works in the very town, and not just where its name is a part of another one's: who writes
    Calais does not mean the Pas-de-Calais. Districts of a town are in it."""
    town = _town(text.words(place))
    towns = snapshot.document(number).field(Field.CITY)
    return any(_town(text.words_of_folded(other)) == town for other in towns)


def _town(words: Sequence[str]) -> list[str]:
    """The words of a town's name, as it is written out, without the number of a district."""
    return [_WRITTEN_OUT.get(word, word) for word in words if word not in _DISTRICT and not word[0].isdigit()]


def _of_profession(snapshot: Snapshot, profession: str) -> BitMap:
    code = text.fold(profession)
    by_code = [sets.term(snapshot, field, code) for field in (Field.PROFESSION, Field.EXPERTISE)]
    return sets.union(by_code) or _kept(snapshot, "profession", profession)


def _of_structure(snapshot: Snapshot, structure: str) -> BitMap:
    identifier = text.fold(structure).replace(" ", "")
    fields = (Field.KEY, Field.FINESS, Field.SIRET, Field.ORGANIZATION_IDENTIFIER)
    by_identifier = sets.union(sets.term(snapshot, field, identifier) for field in fields)
    return by_identifier or _kept(snapshot, "structure", structure)


def _kept(snapshot: Snapshot, word_class: str, given: str) -> BitMap:
    """The documents in which all words of a text are found among those of a class; the same few places and trades are
    given again and again."""
    kept: dict[tuple[str, str], BitMap] = snapshot.kept.setdefault("resolve", {})
    found = kept.get((word_class, given))
    if found is None:
        if len(kept) >= _KEPT:
            kept.clear()
        found = kept[word_class, given] = _in_class(snapshot, word_class, given)
    return found


def _in_class(snapshot: Snapshot, word_class: str, given: str) -> BitMap:
    found = None
    # The blank says that the last word is whole.
    for asked in expand(snapshot, typed_words(given + " ")):
        if asked.word in NOISE or asked.word in PARTICLES:
            continue
        tiers = [
            tier
            for tier in asked.meant.tiers
            if tier.where == word_class and tier.cost <= ELSEWHERE[word_class] + _LITERAL
        ]
        documents = sets.union(tier.documents for tier in tiers)
        found = documents if found is None else found & documents
    return BitMap() if found is None else found


# -- misspelt names and places -----------------------------------------------------------------------------------------


def _misspelt(snapshot: Snapshot, recipient: Recipient) -> Resolution:
    """Nobody has the name as it is written. A family name alone never resolves then: it may well be another one's."""
    found = _searched(snapshot, recipient)
    if not found:
        return Resolution((), ("nobody-of-this-name",))
    given = [documents(snapshot, value) for _, value, documents in _given(recipient)]
    fitting = [number for number in found if all(number in documents for documents in given)]
    sure = bool(given) and len(_words(recipient.name)) > 1 and _clearly(snapshot, recipient, fitting)
    candidates = fitting or found
    return Resolution(candidates[:1] if sure else candidates, ("like-the-name",), resolved=sure)


def _at_misspelt_place(snapshot: Snapshot, recipient: Recipient, named: BitMap) -> Resolution:
    """The name is somebody's, and there is no such place."""
    others = [documents(snapshot, value) for what, value, documents in _given(recipient) if what != "place"]
    found = [number for number in _searched(snapshot, recipient) if number in named]
    fitting = [number for number in found if all(number in documents for documents in others)]
    whole = [number for number in fitting if _fit(snapshot, number, _words(recipient.name)) == _WHOLE]
    if len(whole) == 1 and len(named) <= _CANDIDATES:
        return Resolution(whole, ("name", "like-the-place"), resolved=True)
    return Resolution(fitting or order.first(snapshot, named, _CANDIDATES), ("place-does-not-fit",))


def _searched(snapshot: Snapshot, recipient: Recipient) -> list[int]:
    """Who the search takes for the likeliest."""
    parts = (recipient.name, recipient.place, recipient.profession)
    words = " ".join(part for part in parts if part)
    page = snapshot.search(TextQuery(text=words + " ", kinds=(Kind.PRACTITIONER,), limit=_CANDIDATES))
    return [match.document.number for match in page.matches]


def _clearly(snapshot: Snapshot, recipient: Recipient, numbers: Sequence[int]) -> bool:
    """Whether the name of the first one is like the one that is given, and those of the others much less."""
    name = " ".join(_words(recipient.name))
    likeness = [token_sort_ratio(name, _name(snapshot, number)) / 100 for number in numbers]
    return bool(likeness) and likeness[0] >= _ALIKE and likeness[0] - max(likeness[1:], default=0.0) >= _AHEAD


def _name(snapshot: Snapshot, number: int) -> str:
    document = snapshot.document(number)
    return " ".join(word for field in _NAMES for name in document.field(field) for word in text.words_of_folded(name))


_NAMES: Final = (Field.SN, Field.GIVEN_NAME)
