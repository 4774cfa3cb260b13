"""A typed word to what it may stand for: tiers of documents by cost, and the words that put them there.

The costs say how unlikely it is that who meant the one typed the other; they add up over the words of a query. A
document's lowest tier is a lower bound of what `scoring` makes of it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from pyroaring import BitMap

from directory.index import layout, lexicon, slips
from directory.index.layout import WORD_CLASSES, beginning_key, term_key, word_key
from directory.index.synonyms import CERTAIN, EVERYDAY, NOISE, PARTICLES, trade_words
from directory.index.typed import Typed
from directory.query import Field

if TYPE_CHECKING:
    from directory.index.reader import Snapshot

Meaning = tuple[float, str]  # cost, how

ELSEWHERE: Final = {"name": 0.0, "place": 0.1, "profession": 0.1, "structure": 0.6, "identifier": 0.4}
"""What it costs that a word is found in another class than names."""
PART_OF_NAME: Final = 0.2  # at least, when the name has more words than one
_GIVEN_AFTER: Final = 0.01
SYNONYM: Final = 0.1
JOINED: Final = 0.3  # two words typed as one, or one as two
INITIAL: Final = 0.5
BEGUN: Final = 0.35  # the last word is still being typed
BEGUN_EARLY: Final = 1.0  # a word that others follow was not typed to its end
ABBREVIATED: Final = 0.4
SHORTEST_BEGUN_ELSEWHERE: Final = 3  # letters
KNOWN_BEGUN: Final = 0.3  # more, when somebody has exactly the word: it may have been typed to its end
_MISSING: Final = 0.06  # per letter that is still to be typed
_MISSING_LETTERS: Final = 8
BEGUN_AMISS: Final = 0.5  # being typed and misspelt
IDENTIFIERS: Final = (
    Field.MAIL,
    Field.IDENTIFIER,
    Field.NATIONAL_ID,
    Field.FINESS,
    Field.SIRET,
    Field.ORGANIZATION_IDENTIFIER,
    Field.KEY,
)
_IDENTIFIER_DIGITS: Final = 4  # identifiers are looked for from here on
_SCANNED: Final = 400  # words or identifiers taken for one beginning
_KEPT: Final = 512  # beginnings whose documents are kept for the next question
_HEAVIEST: Final = 9.0
_LIGHTEST: Final = 0.3
_LEAST_OF_NAMES: Final = 2.5  # names are what people are looked for by, however common
_OF_NOBODY: Final = 6.0  # a word that nobody has, but something like it
LIGHT: Final = 1.0  # a word that fits nobody at all, or a letter
_SHORTEST_SPLIT: Final = 5  # letters of a word that may be two
_SHORTEST_PIECE: Final = 3  # letters of a part of one, if it is no particle
_SHORTEST_IN_THREE: Final = 9  # letters of a word that may be three
_SPLITS: Final = 40  # ways to split a word that are tried
_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz")
_MISSPELT: Final = ("name", "place", "profession", "structure")


class Tier(NamedTuple):
    """Documents that a typed word may mean, at one cost."""

    cost: float
    how: str
    documents: BitMap


@dataclass(slots=True)
class Asked:
    """A typed word, what it may stand for, and what it costs to give it up."""

    typed: Typed
    tiers: list[Tier] = field(default_factory=list)
    meanings: dict[str, Meaning] = field(default_factory=dict)
    phrases: list[tuple[str, ...]] = field(default_factory=list)  # everyday word: several words of a label
    pieces: list[tuple[str, ...]] = field(default_factory=list)  # typed as one word
    weight: float = _OF_NOBODY
    known: bool = False  # somebody has exactly this name
    searched: bool = False  # for words like it, too

    @property
    def word(self) -> str:
        return self.typed.word

    def mean(self, word: str, cost: float, how: str) -> None:
        known = self.meanings.get(word)
        if known is None or cost < known[0]:
            self.meanings[word] = (cost, how)

    def add(self, cost: float, how: str, documents: BitMap) -> None:
        if documents:
            self.tiers.append(Tier(cost, how, documents))

    def add_all(self, cost: float, how: str, several: Sequence[BitMap]) -> None:
        if several:
            self.add(cost, how, several[0] if len(several) == 1 else BitMap.union(*several))


def expand(snapshot: Snapshot, typed: Sequence[Typed], total: int) -> list[Asked]:
    """What each typed word may stand for, in a register of so many documents."""
    asked = [Asked(one) for one in typed]
    for one in asked:
        if one.typed.address:
            _address(snapshot, one)
        else:
            _word(snapshot, one)
    for left, right in pairwise(asked):
        _joined(snapshot, left, right)
    for one in asked:
        weigh(one, total)
    return asked


def add_alike(snapshot: Snapshot, asked: Asked) -> None:
    """The words that sound so, or are one edit away."""
    word = asked.word
    if not _may_be_misspelt(asked):
        return
    costs = {
        other: slips.one_letter(word, other)
        for other in lexicon.one_edit_away(snapshot, word)
        if other != word and other not in NOISE
    }
    for other in lexicon.sounding_like(snapshot, word):
        if other != word:
            costs[other] = slips.SOUND if other not in costs else min(slips.SOUND_AND_LETTER, costs[other])
    if asked.typed.last:
        for other, cost in costs.items():
            if other.startswith(word):
                costs[other] = min(cost, cost_of_begun(asked, other))
    _misspelt(snapshot, asked, costs, "alike")


def add_begun_amiss(snapshot: Snapshot, asked: Asked) -> None:
    """The names whose first letters are those typed so far, but one."""
    if not asked.typed.last or len(asked.word) < lexicon.SHORTEST_BEGUN or not _may_be_misspelt(asked):
        return
    word, longest = asked.word, layout.LONGEST_BEGINNING["name"]
    keys = [beginning_key("name", letters) for letters in lexicon.beginnings_amiss(word, longest)]
    begun = snapshot.postings("beginnings", keys)
    if len(word) < longest:
        asked.add_all(BEGUN_AMISS, "begins name amiss", [found for _, found in begun])
        return
    costs = {}
    for key, _ in begun:
        for other in islice(snapshot.scan("words", bytes(key)), _SCANNED):
            found = other[0][1:].decode(errors="ignore")
            cost = slips.cost_of_beginning(word, found)
            if cost is not None and found not in asked.meanings:
                costs[found] = cost + BEGUN_AMISS
    _misspelt(snapshot, asked, costs, "begins, misspelt,")


def add_two_edits(snapshot: Snapshot, asked: Asked) -> None:
    """The words that are two edits away."""
    word = asked.word
    asked.searched = True
    if len(word) >= lexicon.SHORTEST_TWICE_WRONG and _may_be_misspelt(asked):
        found = (one for one in lexicon.two_edits_away(snapshot, word) if one not in asked.meanings)
        _misspelt(snapshot, asked, {one: slips.two_letters(word, one) for one in found}, "two typos")


def _may_be_misspelt(asked: Asked) -> bool:
    word = asked.word
    return word.isalpha() and len(word) >= 3 and word not in CERTAIN and not asked.typed.address


def weigh(asked: Asked, total: int) -> None:
    """Bring the tiers in order, and set what it costs to give the word up."""
    asked.tiers.sort(key=_by_cost)
    asked.weight = _weight(asked, total)


def cost_of_begun(asked: Asked, word: str) -> float:
    """The cost of a word that begins with what was typed."""
    typed = asked.typed
    missing = min(len(word) - len(typed.word), _MISSING_LETTERS)
    begun = BEGUN if typed.last else ABBREVIATED if len(typed.word) < 3 else BEGUN_EARLY
    return begun + _MISSING * missing + (KNOWN_BEGUN if asked.known and len(typed.word) > 3 else 0.0)


def cost_of_begun_trade(typed: Typed) -> float:
    """The cost of a profession that begins with what was typed: they are abbreviated at any place."""
    return BEGUN if typed.last else SYNONYM


def is_trade(word: str) -> bool:
    """Whether a word may be a part of a profession's label, and not just a "par" or "de" in it."""
    return len(word) >= 4 and word not in EVERYDAY


def _by_cost(tier: Tier) -> float:
    return tier.cost


def _weight(asked: Asked, total: int) -> float:
    """The rarer a word, the more it costs to give it up."""
    word = asked.word
    if word in NOISE or word in PARTICLES or len(word) == 1:
        if asked.typed.last:
            return _LEAST_OF_NAMES  # it may be the beginning of one
        if asked.typed.article or word in NOISE - _LETTERS:
            return _LIGHTEST
        return LIGHT if len(word) == 1 else 2 * _LIGHTEST
    if not asked.tiers and asked.searched:
        return LIGHT
    exact = [len(tier.documents) for tier in asked.tiers if tier.cost < BEGUN]
    if not exact:
        return _OF_NOBODY
    heavy = min(math.log(total / (1 + max(exact))), _HEAVIEST)
    return max(heavy, _LEAST_OF_NAMES if asked.known else LIGHT)


# -- words -------------------------------------------------------------------------------------------------------------


def _word(snapshot: Snapshot, asked: Asked) -> None:
    word = asked.word
    asked.mean(word, 0.0, "exact")
    if len(word) == 1 and not word.isdigit():
        _initial(snapshot, asked)
    _same(snapshot, asked)
    _everyday(snapshot, asked)
    if asked.typed.last or len(word) >= 3:
        _begun(snapshot, asked)
    elif len(word) == 2 and word.isalpha() and word not in NOISE:
        _abbreviated(snapshot, asked)
    if word in CERTAIN:
        return
    if word.isalpha():
        _split(snapshot, asked)
    elif any(letter.isdigit() for letter in word):
        _number(snapshot, asked)


def _initial(snapshot: Snapshot, asked: Asked) -> None:
    if not asked.typed.article:
        asked.add(INITIAL, "initial", snapshot.posting("beginnings", beginning_key("name", asked.word)))


def _same(snapshot: Snapshot, asked: Asked) -> None:
    """The documents with this very word; those with no other word in the name first, family names before others."""
    word = asked.word
    asked.add(0.0, "exact surname", snapshot.posting("terms", term_key(Field.SN, word)))
    asked.add(_GIVEN_AFTER, "exact given name", snapshot.posting("terms", term_key(Field.GIVEN_NAME, word)))
    found = _of_words(snapshot, [word], tuple(WORD_CLASSES))
    asked.known = "name" in found
    for word_class, several in found.items():
        asked.add_all(ELSEWHERE[word_class] or PART_OF_NAME, f"exact {word_class}", several)


def _of_words(snapshot: Snapshot, words: Iterable[str], classes: Sequence[str]) -> dict[str, list[BitMap]]:
    """The documents of some words per class."""
    keys = [word_key(word_class, word) for word in words for word_class in classes]
    found: dict[str, list[BitMap]] = {}
    for key, documents in snapshot.postings("words", keys):
        found.setdefault(_CLASS_OF[key[0]], []).append(documents)
    return found


_CLASS_OF: Final = {number: name for name, number in WORD_CLASSES.items()}


def _everyday(snapshot: Snapshot, asked: Asked) -> None:
    """What the word is called in labels."""
    for phrase in EVERYDAY.get(asked.word, ()):
        words = tuple(phrase.split())
        classes = ("profession", "structure", "place", "name") if len(words) == 1 else ("profession", "structure")
        for word_class in classes:
            found = _holding_all(snapshot, word_class, words)
            asked.add(SYNONYM + ELSEWHERE[word_class], f"synonym {word_class}", found)
        if len(words) == 1:
            asked.mean(phrase, SYNONYM, "synonym")
        else:
            asked.phrases.append(words)
    trades = trade_words(asked.word)
    for word_class, several in _of_words(snapshot, trades, ("profession",)).items():
        asked.add_all(SYNONYM + ELSEWHERE[word_class], "synonym profession", several)
        for trade in trades:
            asked.mean(trade, SYNONYM, "synonym")


def _holding_all(snapshot: Snapshot, word_class: str, words: Sequence[str]) -> BitMap:
    sets = snapshot.postings("words", [word_key(word_class, word) for word in words])
    if len(sets) < len(words):
        return BitMap()
    found = sets[0][1]
    return BitMap.intersection(*(documents for _, documents in sets)) if len(sets) > 1 else found


def _begun(snapshot: Snapshot, asked: Asked) -> None:
    """The documents with a word that begins so."""
    word, last = asked.word, asked.typed.last
    cost = BEGUN if last else BEGUN_EARLY
    for word_class in (layout.SURNAME, "name") if not word.isdigit() else ():
        documents = _beginning(snapshot, word_class, word)
        asked.add(cost + (0.0 if word_class == layout.SURNAME else PART_OF_NAME), f"begins {word_class}", documents)
    if len(word) >= SHORTEST_BEGUN_ELSEWHERE:
        if is_trade(word):
            documents = _beginning(snapshot, "profession", word)
            asked.add(cost_of_begun_trade(asked.typed) + ELSEWHERE["profession"], "begins profession", documents)
        for word_class in ("place", "structure", "identifier") if last else ():
            documents = _beginning(snapshot, word_class, word)
            asked.add(cost + ELSEWHERE[word_class], f"begins {word_class}", documents)


def _beginning(snapshot: Snapshot, word_class: str, letters: str) -> BitMap:
    longest = layout.LONGEST_BEGINNING[word_class]
    if len(letters) <= longest:
        return snapshot.posting("beginnings", beginning_key(word_class, letters))
    if word_class == layout.SURNAME:
        return BitMap()
    key = word_key(word_class, letters)
    kept: dict[bytes, BitMap] = snapshot.kept.setdefault("beginnings", {})
    known = kept.get(key)
    if known is None:
        words = islice(snapshot.scan("words", key), _SCANNED)
        known = BitMap.union(BitMap(), *(layout.decode_posting(posting) for _, posting in words))
        if len(kept) >= _KEPT:
            del kept[next(iter(kept))]
        kept[key] = known
    return known


def _abbreviated(snapshot: Snapshot, asked: Asked) -> None:
    """Two letters: the beginning of a name (Ph), or the initials of a double one (JP)."""
    word = asked.word
    asked.add(ABBREVIATED + PART_OF_NAME, "begins name", _beginning(snapshot, "name", word))
    both = [snapshot.posting("beginnings", beginning_key("name", letter)) for letter in word]
    asked.add(INITIAL + PART_OF_NAME, "initials", both[0] & both[1])


# -- misspelt ----------------------------------------------------------------------------------------------------------


def _misspelt(snapshot: Snapshot, asked: Asked, costs: dict[str, float], how: str) -> None:
    for other, cost in costs.items():
        asked.mean(other, cost, how)
    # What is somebody's name is seldom a misspelt trade.
    classes = _MISSPELT[:2] if asked.known else _MISSPELT
    keys = {word_key(word_class, other): cost for other, cost in costs.items() for word_class in classes}
    tiers: dict[tuple[str, float], list[BitMap]] = defaultdict(list)
    for key, documents in snapshot.postings("words", keys):
        tiers[_CLASS_OF[key[0]], _step(keys[key])].append(documents)
    for (word_class, cost), several in tiers.items():
        asked.add_all(cost + (ELSEWHERE[word_class] or PART_OF_NAME), f"{how} {word_class}", several)


_STEPS: Final = (2.4, 1.6, 1.1, 0.8, 0.4)


def _step(cost: float) -> float:
    """Costs are taken together in a few tiers, each at its least."""
    return next((step for step in _STEPS if cost >= step), BEGUN)


# -- joined and split --------------------------------------------------------------------------------------------------


def _joined(snapshot: Snapshot, left: Asked, right: Asked) -> None:
    """Two words typed for one name: "le febvre"."""
    word = left.word + right.word
    if not word.isalpha() or len(word) > layout.LONGEST_TEXT:
        return
    documents = snapshot.posting("words", word_key("name", word))
    for one in (left, right):
        one.add(JOINED, "joined", documents)
        if documents:
            one.mean(word, JOINED, "joined")


def _split(snapshot: Snapshot, asked: Asked) -> None:
    """One word typed for the words of a double name: "dupontdurand", "delafontaine"."""
    word = asked.word
    if len(word) < _SHORTEST_SPLIT:
        return
    spans = _halves(len(word)) if asked.known or len(word) < _SHORTEST_IN_THREE else _spans(len(word))
    keys = {word_key("name", word[at:end]): word[at:end] for at, end in spans}
    borne = {keys[key]: documents for key, documents in snapshot.postings("words", keys)}
    for pieces in islice(_pieces(word, borne, 2 if asked.known else 3), _SPLITS):
        documents = BitMap.intersection(*(borne[piece] for piece in pieces))
        if documents:
            asked.add(JOINED, "split", documents)
            asked.pieces.append(pieces)


def _halves(size: int) -> Iterator[tuple[int, int]]:
    return (span for at in range(1, size) for span in ((0, at), (at, size)))


def _spans(size: int) -> Iterator[tuple[int, int]]:
    return ((at, end) for at in range(size) for end in range(at + 1, size + 1) if end - at < size)


def _pieces(word: str, borne: Collection[str], most: int) -> Iterator[tuple[str, ...]]:
    """The ways to read a word as at most so many names, particles apart."""
    for size in range(1, len(word)):
        piece, left = word[:size], word[size:]
        particle = piece in PARTICLES
        if piece not in borne or (size < _SHORTEST_PIECE and not particle):
            continue
        if left in borne and len(left) >= _SHORTEST_PIECE:
            yield piece, left
        if most > 2 or particle:
            for pieces in _pieces(left, borne, most - (not particle)):
                yield (piece, *pieces)


# -- numbers and addresses ---------------------------------------------------------------------------------------------


def _number(snapshot: Snapshot, asked: Asked) -> None:
    """An arrondissement, a département, or an identifier, whole or in part."""
    word = asked.word
    if word.isdigit() and len(word) <= 2:
        ordinals = ("1er",) if int(word) == 1 else (f"{int(word)}e",)
        for other in (*ordinals, f"{int(word):02d}"):
            found = _of_words(snapshot, [other], ("place",))
            asked.add_all(ELSEWHERE["place"], "exact place", found.get("place", []))
            asked.mean(other, 0.0, "exact")
    if len(word) >= _IDENTIFIER_DIGITS:
        for on in IDENTIFIERS:
            _identifier(snapshot, asked, on)


def _identifier(snapshot: Snapshot, asked: Asked, on: Field) -> None:
    whole = snapshot.posting("terms", term_key(on, asked.word))
    asked.add(0.0, f"exact {on}", whole)
    values = islice(snapshot.scan("terms", layout.value_beginning(on, asked.word)), _SCANNED)
    begun = [layout.decode_posting(posting) for _, posting in values]
    asked.add_all(BEGUN + ELSEWHERE["identifier"], f"begins {on}", begun)


def _address(snapshot: Snapshot, asked: Asked) -> None:
    """An address, its beginning, or the end of one."""
    _identifier(snapshot, asked, Field.MAIL)
    if not asked.tiers:
        asked.add(BEGUN + ELSEWHERE["identifier"], "part of mail", _holders_of_infix(snapshot, asked.word))


def _holders_of_infix(snapshot: Snapshot, infix: str) -> BitMap:
    """The documents with an address that contains something: the mailboxes by their grams, then whoever shows them."""
    size = layout.LONGEST_GRAM
    grams = sorted({infix[at : at + size] for at in range(len(infix) - size + 1)})
    if not grams:
        return BitMap()
    found: BitMap | None = None
    for gram in grams:
        documents = snapshot.posting("grams", layout.gram_key(Field.MAIL, gram))
        found = documents if found is None else found & documents
    holders: list[BitMap] = []
    for number in islice(found or (), _SCANNED):
        addresses = [address for address in snapshot.document(number).field(Field.MAIL) if infix in address]
        holders += [snapshot.posting("terms", term_key(Field.MAIL, address)) for address in addresses]
    return BitMap.union(*holders) if holders else BitMap()
