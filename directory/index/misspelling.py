"""A typed word to the words it may be a misspelling of."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final

from pyroaring import BitMap

from directory.index import layout, lexicon, slips
from directory.index.layout import WORD_CLASSES, beginning_key, word_key
from directory.index.meaning import (
    AMISS_ELSEWHERE,
    BEGUN,
    BEGUN_AMISS,
    CLASS_OF,
    ELSEWHERE,
    Meant,
    cost_of_begun,
)
from directory.index.synonyms import CERTAIN, NOISE
from directory.index.typed import Typed

if TYPE_CHECKING:
    from directory.index.reader import Snapshot

_SHORTEST: Final = 3  # letters of a word that may be misspelt
_SCANNED: Final = 400  # words taken for one beginning
_CLASSES: Final = tuple(bytes([WORD_CLASSES[name]]) for name in ("name", "place", "profession", "structure"))
_STEPS: Final[Sequence[float]] = (2.2, 1.9, 1.6, 1.3, 1.0, 0.7, 0.4)
_LEAST: Final = 0.35  # what taking a word for another one costs at least
_RARE: Final = 0.25
_PER_BEARERS: Final = 0.05


def heard(snapshot: Snapshot, typed: Typed, known: bool) -> Meant:
    """The words that sound so."""
    meant = Meant()
    if _may_be_misspelt(typed):
        _add(snapshot, meant, _sounding(snapshot, typed.word), "alike", typed, known)
    return meant


def alike(snapshot: Snapshot, typed: Typed, known: bool) -> Meant:
    """The words that sound so, or are one edit away."""
    meant, word = Meant(), typed.word
    if not _may_be_misspelt(typed):
        return meant
    costs = {
        other: slips.one_letter(word, other)
        for other in lexicon.one_edit_away(snapshot, word)
        if other != word and other not in NOISE
    }
    costs |= _sounding(snapshot, word)
    if typed.last:
        for other, cost in costs.items():
            if other.startswith(word):
                costs[other] = min(cost, cost_of_begun(typed, other, known=known))
    _add(snapshot, meant, costs, "alike", typed, known)
    return meant


def _sounding(snapshot: Snapshot, word: str) -> dict[str, float]:
    found = lexicon.sounding_like(snapshot, word)
    found.discard(word)
    return {other: slips.same_sound(word, other) for other in found}


def begun_amiss(snapshot: Snapshot, typed: Typed, known: bool) -> Meant:
    """The names whose first letters are those typed so far, but one."""
    meant, word = Meant(), typed.word
    if not typed.last or len(word) < lexicon.SHORTEST_BEGUN or not _may_be_misspelt(typed):
        return meant
    longest = layout.LONGEST_BEGINNING["name"]
    beginnings = lexicon.amiss(word)
    keys = {beginning_key("name", letters[:longest]) for letters in beginnings}
    if len(word) < longest:
        begun = [documents for _, documents in snapshot.postings("beginnings", keys)]
        meant.tier(BEGUN_AMISS + 0.9, "begins, misspelt,", "name", *begun)
        return meant
    costs = {}
    there = {bytes(key) for key, _ in snapshot.several("beginnings", keys)}
    for letters in beginnings:
        if beginning_key("name", letters[:longest]) not in there:
            continue
        for name, _ in islice(snapshot.scan("words", word_key("name", letters)), _SCANNED):
            other = name[1:].decode(errors="ignore")
            cost = slips.cost_of_beginning(word, other)
            if cost is not None and not other.startswith(word):
                costs[other] = cost + BEGUN_AMISS
    _add(snapshot, meant, costs, "begins, misspelt,", typed, known)
    return meant


def two_edits(snapshot: Snapshot, typed: Typed, known: bool) -> Meant:
    """The words that are two edits away."""
    meant, word = Meant(), typed.word
    if len(word) >= lexicon.SHORTEST_TWICE_WRONG and _may_be_misspelt(typed):
        costs = {other: slips.two_letters(word, other) for other in lexicon.two_edits_away(snapshot, word)}
        _add(snapshot, meant, costs, "two typos", typed, known)
    return meant


def _may_be_misspelt(typed: Typed) -> bool:
    return len(typed.word) >= _SHORTEST and typed.word.isalpha() and typed.word not in CERTAIN and not typed.address


def _add(snapshot: Snapshot, meant: Meant, costs: dict[str, float], how: str, typed: Typed, known: bool) -> None:
    """Add words at their costs: their documents, in a few tiers, each at its least cost; or each word on its own,
    where there is no other that tells which one is meant."""
    alone = typed.last and not typed.follows
    # What is somebody's name is seldom a misspelt trade.
    classes = _CLASSES[:2] if known else _CLASSES
    keys = {word_class + word.encode(): word for word in costs for word_class in classes}
    found = [(key[0], keys[key], documents) for key, documents in snapshot.postings("words", keys)]
    bearers: dict[str, int] = {}
    for _, word, documents in found:
        bearers[word] = max(bearers.get(word, 0), len(documents))
    weighed = {word: max(costs[word] + _rarity(count), _LEAST) for word, count in bearers.items()}
    for word, cost in weighed.items():
        meant.word(word, cost, how)
    tiers: dict[tuple[int, float], list[BitMap]] = defaultdict(list)
    for word_class, word, documents in found:
        tiers[word_class, weighed[word] if alone else _step(weighed[word])].append(documents)
    for (word_class, cost), several in tiers.items():
        name = CLASS_OF[word_class]
        more = ELSEWHERE[name] + AMISS_ELSEWHERE if name != "name" else 0.0
        meant.tier(cost + more, how, name, *several)


def _rarity(bearers: int) -> float:
    """What it costs more, or less, to take a word for a rare one, or a common one: whoever mistypes a name is looking
    for a MARTIN more often than for a MATRIN."""
    return _RARE - _PER_BEARERS * math.log(1 + bearers)


def _step(cost: float) -> float:
    for step in _STEPS:
        if cost >= step:
            return step
    return BEGUN
