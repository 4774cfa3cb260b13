"""What a typed word may stand for: tiers of documents by cost, and the words that put them there.

The costs say how unlikely it is that who meant the one typed the other; they add up over the words of a query. A
document's lowest tier is a lower bound of what `scoring` makes of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from pyroaring import BitMap

from directory.index.layout import WORD_CLASSES
from directory.index.synonyms import EVERYDAY, NOISE, PARTICLES
from directory.index.typed import Typed
from directory.query import Field

if TYPE_CHECKING:
    from directory.index.reader import Snapshot

ELSEWHERE: Final = {"name": 0.0, "place": 0.1, "profession": 0.1, "structure": 0.6, "identifier": 0.4}
"""What it costs that a word is found in another class than names."""
PART_OF_NAME: Final = 0.2  # at least, when the name has more words than one
SYNONYM: Final = 0.1
JOINED: Final = 0.3  # two words typed as one, or one as two
INITIAL: Final = 0.5
MOST_INITIALS: Final = 3  # typed together
BEGUN: Final = 0.3  # the last word is still being typed
BEGUN_EARLY: Final = 1.0  # a word that others follow was not typed to its end
ABBREVIATED: Final = 0.4
BEGUN_AMISS: Final = 0.5  # being typed and misspelt
AMISS_ELSEWHERE: Final = 0.5  # more, when what is misspelt is no name
_KNOWN_BEGUN: Final = 0.3  # more, when somebody has exactly the word: it may have been typed to its end
SHORTEST_BEGUN_ELSEWHERE: Final = 3  # letters
_MISSING: Final = 0.05  # per letter that is still to be typed
_MISSING_LETTERS: Final = 8
IDENTIFIERS: Final = (
    Field.MAIL,
    Field.IDENTIFIER,
    Field.NATIONAL_ID,
    Field.FINESS,
    Field.SIRET,
    Field.ORGANIZATION_IDENTIFIER,
    Field.KEY,
)
CLASS_OF: Final = {number: name for name, number in WORD_CLASSES.items()}
"""Word classes by the first byte of their keys."""

GIVEN_UP: Final = "given up"
GUESSES: Final = frozenset({"alike", "misspelt", "two typos", "begins, misspelt,"})
"""How a word is taken for another one."""
LIGHT: Final = 1.0  # a word that fits nobody at all, or a letter
_HEAVIEST: Final = 9.0
_LIGHTEST: Final = 0.3
_LEAST_OF_NAMES: Final = 2.5  # names are what people are looked for by, however common
_OF_NOBODY: Final = 6.0  # a word that nobody has, but something like it
_KEPT: Final = 512  # words that are kept with their meanings for the next question


class Tier(NamedTuple):
    """Documents that a typed word may mean, at one cost: how it is found, and where: a word class, or a field."""

    cost: float
    how: str
    where: str
    documents: BitMap


@dataclass(slots=True)
class Meant:
    """Tiers of documents, and by which of their words they are meant: dictionary words with their cost, labels that
    have several words, names typed as one word."""

    tiers: list[Tier] = field(default_factory=list)
    words: dict[str, tuple[float, str]] = field(default_factory=dict)
    phrases: list[tuple[str, ...]] = field(default_factory=list)
    pieces: list[tuple[str, ...]] = field(default_factory=list)
    known: bool = False  # somebody has exactly this name

    def word(self, word: str, cost: float, how: str) -> None:
        best = self.words.get(word)
        if best is None or cost < best[0]:
            self.words[word] = (cost, how)

    def tier(self, cost: float, how: str, where: str, *several: BitMap) -> None:
        documents = several[0] if len(several) == 1 else BitMap.union(BitMap(), *several)
        if documents:
            self.tiers.append(Tier(cost, how, where, documents))


Step = Callable[["Snapshot", Typed, bool], Meant]
"""One way to expand a typed word, that may be known as a name already."""


@dataclass(slots=True)
class Asked:
    """A typed word, what it may stand for, and what it costs to give it up."""

    typed: Typed
    meant: Meant = field(default_factory=Meant)
    where: frozenset[str] = frozenset()  # there is something that it may mean
    weight: float = LIGHT

    @property
    def word(self) -> str:
        return self.typed.word

    def take(self, snapshot: Snapshot, step: Step) -> bool:
        """Expand the word in one more way; says whether there are more documents that may be meant."""
        mine, more = self.meant, _kept(snapshot, step, self.typed, self.meant.known)
        mine.tiers += more.tiers
        for word, (cost, how) in more.words.items():
            mine.word(word, cost, how)
        mine.phrases += more.phrases
        mine.pieces += more.pieces
        mine.known |= more.known
        return bool(more.tiers)

    def weigh(self, total: int, *, searched: bool = False) -> None:
        """Bring the tiers in order and set what it costs to give the word up, in a register of so many documents;
        `searched`: for all words like it, too."""
        self.meant.tiers.sort(key=_by_cost)
        self.where = frozenset(tier.where for tier in self.meant.tiers)
        self.weight = _weight(self, total, searched)


def _kept(snapshot: Snapshot, step: Step, typed: Typed, known: bool) -> Meant:
    """What a step makes of a word, kept for as long as the revision is the same: people's names repeat."""
    kept: dict[tuple[Step, Typed], Meant] = snapshot.kept.setdefault("meanings", {})
    place = (step, typed)
    found = kept.pop(place, None)
    if found is None:
        found = step(snapshot, typed, known)
        if len(kept) >= _KEPT:
            kept.pop(next(iter(kept)), None)
    kept[place] = found  # the newest is the last to go
    return found


def _by_cost(tier: Tier) -> float:
    return tier.cost


def _weight(asked: Asked, total: int, searched: bool) -> float:
    """The rarer a word, the more it costs to give it up."""
    word, typed, tiers = asked.word, asked.typed, asked.meant.tiers
    if word in NOISE or word in PARTICLES or len(word) == 1:
        if typed.last:
            return _LEAST_OF_NAMES  # it may be the beginning of one
        if typed.article or (word in NOISE and len(word) > 1):
            return _LIGHTEST
        return LIGHT if len(word) == 1 else 2 * _LIGHTEST
    if not tiers and searched:
        return LIGHT
    exact = [len(tier.documents) for tier in tiers if tier.cost < BEGUN]
    if not exact:
        return _OF_NOBODY
    heavy = min(math.log(total / (1 + max(exact))), _HEAVIEST)
    return max(heavy, _LEAST_OF_NAMES if asked.meant.known else LIGHT)


def cost_of_begun(typed: Typed, word: str, *, known: bool) -> float:
    """The cost of a word that begins with what was typed."""
    missing = min(len(word) - len(typed.word), _MISSING_LETTERS)
    begun = BEGUN if typed.last else ABBREVIATED if len(typed.word) < 3 else BEGUN_EARLY
    return begun + _MISSING * missing + (_KNOWN_BEGUN if known and len(typed.word) > 3 else 0.0)


def least_of_begun(typed: Typed, *, known: bool) -> float:
    """The cost of a word that goes on for one letter more than what was typed."""
    return cost_of_begun(typed, typed.word + "e", known=known)


def cost_of_begun_trade(typed: Typed) -> float:
    """The cost of a profession that begins with what was typed: they are abbreviated at any place."""
    return BEGUN if typed.last else SYNONYM


def is_trade(word: str) -> bool:
    """Whether a word may be a part of a profession's label, and not just a "par" or "de" in it."""
    return len(word) >= 4 and word not in EVERYDAY
