"""A typed word to the words it may be a misspelling of."""

from __future__ import annotations

from collections import defaultdict
from itertools import islice
from typing import TYPE_CHECKING, Final

from pyroaring import BitMap

from directory.index import layout, lexicon, slips
from directory.index.layout import WORD_CLASSES, beginning_key
from directory.index.meaning import (
    AMISS_ELSEWHERE,
    BEGUN,
    BEGUN_AMISS,
    CLASS_OF,
    ELSEWHERE,
    PART_OF_NAME,
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
_STEPS: Final = (2.3, 1.6, 1.0, 0.6, 0.4)


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
    for other in lexicon.sounding_like(snapshot, word):
        if other != word:
            costs[other] = slips.same_sound(word, other)
    if typed.last:
        for other, cost in costs.items():
            if other.startswith(word):
                costs[other] = min(cost, cost_of_begun(typed, other, known=known))
    _add(snapshot, meant, costs, "alike", known)
    return meant


def begun_amiss(snapshot: Snapshot, typed: Typed, known: bool) -> Meant:
    """The names whose first letters are those typed so far, but one."""
    meant, word = Meant(), typed.word
    if not typed.last or len(word) < lexicon.SHORTEST_BEGUN or not _may_be_misspelt(typed):
        return meant
    longest = layout.LONGEST_BEGINNING["name"]
    keys = [beginning_key("name", letters) for letters in lexicon.beginnings_amiss(word, longest)]
    if len(word) < longest:
        begun = [documents for _, documents in snapshot.postings("beginnings", keys)]
        meant.tier(BEGUN_AMISS + 0.9, "begins, misspelt, name", *begun)
        return meant
    costs = {}
    for key, _ in snapshot.several("beginnings", keys):
        # Names are the first class of `words`, and of `beginnings`: their keys begin alike.
        for name, _ in islice(snapshot.scan("words", bytes(key)), _SCANNED):
            other = name[1:].decode(errors="ignore")
            cost = slips.cost_of_beginning(word, other)
            if cost is not None and not other.startswith(word):
                costs[other] = cost + BEGUN_AMISS
    _add(snapshot, meant, costs, "begins, misspelt,", known)
    return meant


def two_edits(snapshot: Snapshot, typed: Typed, known: bool) -> Meant:
    """The words that are two edits away."""
    meant, word = Meant(), typed.word
    if len(word) >= lexicon.SHORTEST_TWICE_WRONG and _may_be_misspelt(typed):
        costs = {other: slips.two_letters(word, other) for other in lexicon.two_edits_away(snapshot, word)}
        _add(snapshot, meant, costs, "two typos", known)
    return meant


def _may_be_misspelt(typed: Typed) -> bool:
    return len(typed.word) >= _SHORTEST and typed.word.isalpha() and typed.word not in CERTAIN and not typed.address


def _add(snapshot: Snapshot, meant: Meant, costs: dict[str, float], how: str, known: bool) -> None:
    """Add words at their costs: their documents, in a few tiers, each at its least cost."""
    keys = {}
    # What is somebody's name is seldom a misspelt trade.
    classes = _CLASSES[:2] if known else _CLASSES
    for word, cost in costs.items():
        meant.word(word, cost, how)
        encoded = word.encode()
        for word_class in classes:
            keys[word_class + encoded] = cost
    tiers: dict[tuple[str, float], list[BitMap]] = defaultdict(list)
    for key, documents in snapshot.postings("words", keys):
        tiers[CLASS_OF[key[0]], _step(keys[key])].append(documents)
    for (name, cost), several in tiers.items():
        more = ELSEWHERE[name] + AMISS_ELSEWHERE if name != "name" else PART_OF_NAME
        meant.tier(cost + more, f"{how} {name}", *several)


def _step(cost: float) -> float:
    for step in _STEPS:
        if cost >= step:
            return step
    return BEGUN
