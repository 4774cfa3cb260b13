"""Free text to matches: collect the documents that each word may mean, score a small bucket, cut.

1. *Collect.* Each typed word is expanded, per word class (name, structure, place, profession, identifier), to the
   dictionary's words it may stand for: itself, what begins so, what sounds so, what is a typo away, synonyms.
2. *Intersect.* Documents must hold every word; those in which all are exact come first, then those with one inexact
   word, then the rest; when none holds them all, the word that fits fewest documents is given up, one at a time.
3. *Score.* Words weigh by rarity; each counts with the quality of its best match. Names that the query does not
   mention cost a little, being reachable is worth a little.
4. *Cut.* What scores below half of a full match is left out.
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

from pyroaring import BitMap

from directory import text
from directory.errors import TimeLimitExceeded
from directory.index import layout, ranking
from directory.index.answers import Match, Page
from directory.index.dictionary import dictionary
from directory.index.values import words_of
from directory.index.evaluate import Evaluation
from directory.index.layout import WORD_CLASSES
from directory.index.synonyms import NOISE, SYNONYMS
from directory.model import Kind
from directory.query import Field, TextQuery

if TYPE_CHECKING:
    from directory.index.reader import Snapshot, StoredDocument

_BUCKET: Final = 300  # documents scored
_BEGINNINGS: Final = 400  # words taken for one prefix and class
_GIVEN_UP: Final = 0.3  # what is left of the weight of a word that fits nobody who fits the others
_THRESHOLD: Final = 0.5
IDENTIFIERS: Final = (
    Field.MAIL,
    Field.IDENTIFIER,
    Field.NATIONAL_ID,
    Field.FINESS,
    Field.SIRET,
    Field.ORGANIZATION_IDENTIFIER,
    Field.KEY,
)
_IDENTIFIER_LETTERS: Final = 4  # identifiers are looked for from here on
_WORDS: Final = 12  # words of a query that are looked at
_QUALITY: Final = {"exact": 1.0, "synonym": 0.95, "prefix": 0.9, "sound": 0.82, "typo": 0.85, "two typos": 0.7}
_CLASS_OF: Final[Mapping[Field, str]] = {
    Field.SN: "name",
    Field.GIVEN_NAME: "name",
    Field.CN: "name",
    Field.DISPLAY_NAME: "name",
    Field.ORGANIZATION: "structure",
    Field.SERVICE: "structure",
    Field.CITY: "place",
    Field.DEPARTMENT: "place",
    Field.TITLE: "profession",
    Field.SPECIALTY: "profession",
}


@dataclass(frozen=True, slots=True)
class Meaning:
    """A dictionary word, or an identifier, that a typed word may stand for; `word_class` is then the identifier's
    field."""

    word_class: str | Field
    word: str
    how: str

    @property
    def quality(self) -> float:
        return _QUALITY[self.how]

    def documents(self, snapshot: Snapshot) -> BitMap:
        if isinstance(self.word_class, Field):
            return snapshot.posting("terms", layout.term_key(self.word_class, self.word))
        return snapshot.posting("words", layout.word_key(self.word_class, self.word))


@dataclass(slots=True)
class Asked:
    """One typed word: what it may mean, and the documents that hold any of that."""

    word: str
    meanings: dict[tuple[str | Field, str], Meaning] = field(default_factory=dict)
    exact: BitMap = field(default_factory=BitMap)
    any: BitMap = field(default_factory=BitMap)
    weight: float = 1.0

    @property
    def optional(self) -> bool:
        return len(self.word) == 1 or self.word in NOISE


def search(snapshot: Snapshot, query: TextQuery) -> Page:
    """The documents people may mean by the words of `query.text`, best first, scores in [0, 1].

    Raises:
        TimeLimitExceeded: the deadline passed.
    """
    until = time.monotonic() + query.deadline_s
    allowed = Evaluation(snapshot, query.deadline_s).of_kinds(query.where, query.kinds)
    asked = [_expand(snapshot, word, last=last) for word, last in _typed(query.text)]
    steps = [_described(one) for one in asked] if query.explain else []
    total = len(allowed) or 1
    for one in asked:
        one.weight = math.log(1 + total / (1 + len(one.any & allowed)))
    bucket, given_up = _collect(snapshot, asked, allowed)
    for one in asked:
        if one.word in given_up:
            one.weight *= _GIVEN_UP
    if query.explain:
        steps.append({"step": "intersect", "documents": len(bucket), "given up": " ".join(given_up)})
    matches = _scored(snapshot, asked, bucket, query.explain, until)
    kept = _without_doubles([match for match in matches if match.score >= _THRESHOLD])
    return Page(
        matches=tuple(kept[: query.limit]),
        complete=len(kept) <= query.limit and len(bucket) < _BUCKET,
        state=snapshot.state,
        steps=tuple(steps),
    )


def near_documents(snapshot: Snapshot, on: Field, value: str) -> BitMap:
    """The documents in which every word of `value` is near a word of the field's class (LDAP `~=`)."""
    word_class = _CLASS_OF.get(on)
    words = text.words(value)
    if word_class is None or not words:
        return BitMap()
    found: BitMap | None = None
    for word in words:
        documents = BitMap()
        for meaning in (*_same(snapshot, word, (word_class,)), *_misspelt(snapshot, word, (word_class,))):
            documents |= snapshot.posting("words", layout.word_key(word_class, meaning.word))
        found = documents if found is None else found & documents
    return found or BitMap()


# -- collect -----------------------------------------------------------------------------------------------------------


def _typed(query: str) -> Iterator[tuple[str, bool]]:
    """The words to look for, and whether each is the last one, which may still be being typed."""
    if "@" in query:
        # An address is one word, and so is what surrounds it.
        pieces = query.split()
        words = [piece for part in pieces for piece in ((text.fold(part),) if "@" in part else text.words(part))]
    else:
        words = list(text.words(query))
    words = words[:_WORDS]
    for place, word in enumerate(words):
        yield word, place == len(words) - 1


def _expand(snapshot: Snapshot, word: str, *, last: bool) -> Asked:
    asked = Asked(word)
    classes = tuple(WORD_CLASSES)
    found = list(_same(snapshot, word, classes))
    found += _beginning(snapshot, word, classes, last=last)
    found += _misspelt(snapshot, word, classes)
    for meaning in found:
        key = (meaning.word_class, meaning.word)
        known = asked.meanings.get(key)
        if known is None or known.quality < meaning.quality:
            asked.meanings[key] = meaning
    for meaning in asked.meanings.values():
        documents = meaning.documents(snapshot)
        asked.any |= documents
        if meaning.how in ("exact", "synonym"):
            asked.exact |= documents
    return asked


def _same(snapshot: Snapshot, word: str, classes: Sequence[str]) -> Iterator[Meaning]:
    for name in classes:
        if snapshot.value("words", layout.word_key(name, word)) is not None:
            yield Meaning(name, word, "exact")
        for other in SYNONYMS.get(word, ()):
            if other != word and snapshot.value("words", layout.word_key(name, other)) is not None:
                yield Meaning(name, other, "synonym")


def _beginning(snapshot: Snapshot, word: str, classes: Sequence[str], *, last: bool) -> Iterator[Meaning]:
    if len(word) < 3 and not last:
        return
    if len(word) >= _IDENTIFIER_LETTERS:
        for on in IDENTIFIERS:
            for count, (key, _) in enumerate(snapshot.scan("terms", layout.term_key(on, word))):
                if count >= _BEGINNINGS:
                    break
                found = key[1:].decode(errors="ignore")
                yield Meaning(on, found, "exact" if found == word else "prefix")
    for name in classes:
        for count, (key, _) in enumerate(snapshot.scan("words", layout.word_key(name, word))):
            if count >= _BEGINNINGS:
                break
            yield Meaning(name, key[1:].decode(errors="ignore"), "prefix")


def _misspelt(snapshot: Snapshot, word: str, classes: Sequence[str]) -> Iterator[Meaning]:
    if len(word) < 3 or not word.isalpha():
        return
    sound = text.phonetic(word)
    edits = 1 if len(word) < 8 else 2
    known = dictionary(snapshot)
    for name in classes:
        if name == "identifier":
            continue
        heard = snapshot.value("lexicon", b"s" + sound.encode()) if sound else None
        for other in heard.decode().split() if heard else ():
            yield Meaning(name, other, "sound")
        if edits:
            for other, distance in known.within(name, word, edits):
                # Three letters are too few to change one; but a letter may be missing.
                if distance and (len(word) > 3 or len(other) > 3):
                    yield Meaning(name, other, "typo" if distance == 1 else "two typos")


def _collect(snapshot: Snapshot, asked: Sequence[Asked], allowed: BitMap) -> tuple[list[int], list[str]]:
    """At most `_BUCKET` documents, the likelier ones first, and the words that had to be given up."""
    wanted = [one for one in asked if not one.optional] or list(asked)
    given_up: list[str] = []
    while wanted:
        everything = reduce(lambda found, one: found & one.any, wanted, allowed)
        if everything:
            return _likelier(snapshot, wanted, everything), given_up
        fewest = min(wanted, key=lambda one: len(one.any & allowed))
        wanted.remove(fewest)
        given_up.append(fewest.word)
    return [], given_up


def _likelier(snapshot: Snapshot, wanted: Sequence[Asked], everything: BitMap) -> list[int]:
    chosen: list[int] = []
    left = everything
    tiers = [reduce(lambda found, one: found & one.exact, wanted, everything)]
    if len(wanted) > 1:
        for inexact in wanted:
            others = [one for one in wanted if one is not inexact]
            tiers.append(reduce(lambda found, one: found & one.exact, others, everything))
    for tier in (*tiers, everything):
        found = left & tier
        chosen += ranking.first(snapshot, found, _BUCKET - len(chosen))
        left = left - found
    return chosen


# -- score -------------------------------------------------------------------------------------------------------------


def _scored(
    snapshot: Snapshot, asked: Sequence[Asked], bucket: Sequence[int], explain: bool, until: float
) -> list[Match]:
    found: list[tuple[float, bytes, Match]] = []
    for number in bucket:
        if time.monotonic() > until:
            raise TimeLimitExceeded("the search took longer than its time limit")
        document = snapshot.document(number)
        score, why = _score(document, asked)
        match = Match(document=document, score=score, why=why if explain else None)
        found.append((-round(score, 6), snapshot.order(number), match))
    found.sort(key=lambda one: one[:2])
    return [match for _, _, match in found]


def _score(document: StoredDocument, asked: Sequence[Asked]) -> tuple[float, dict[str, float | str]]:
    values = document.values()
    words: dict[str | Field, Collection[str]] = dict(words_of(document.kind, values))
    words.update((on, values[on]) for on in IDENTIFIERS if on in values)
    why: dict[str, float | str] = {}
    reached = full = 0.0
    used: set[str] = set()
    for one in asked:
        weight = one.weight * (0.2 if one.optional else 1.0)
        full += weight
        # By the document's few words, not by the hundreds that a beginning may mean.
        meant = (one.meanings.get((held_as, held)) for held_as, several in words.items() for held in several)
        best = max(filter(None, meant), key=_preferred, default=None)
        if best is not None:
            quality = best.quality
            if best.how == "prefix":
                # "mart" is nearer to "marty" than to "martinazzoli".
                quality -= 0.1 * (1 - len(one.word) / len(best.word))
            reached += weight * quality
            why[one.word] = f"{best.how} {best.word_class} {best.word} ×{quality:.2f}, weight {weight:.2f}"
            if best.word_class == "name":
                used.add(best.word)
        else:
            why[one.word] = f"absent, weight {weight:.2f}"
    names = words.get("name", ())
    unasked = 0.02 * min(3, len(set(names) - used)) if used else 0.05
    reachable = 0.01 if values.get(Field.MAIL) else 0.0
    score = max(0.0, min(1.0, reached / full * 0.99 - unasked + reachable)) if full else 0.0
    why["names not asked for"] = -unasked
    why["reachable"] = reachable
    return score, why


def _preferred(meaning: Meaning) -> tuple[float, bool, int, str, str]:
    """The better explanation of a typed word: by quality, names first, shorter words first, then the alphabet."""
    return meaning.quality, meaning.word_class == "name", -len(meaning.word), meaning.word, meaning.word_class


def _without_doubles(matches: Sequence[Match]) -> list[Match]:
    """Without the mailboxes that a person or structure found alike already shows."""
    shown: set[str] = set()
    for match in matches:
        if match.document.kind is not Kind.MAILBOX:
            shown.update(match.document.values((Field.MAIL,)).get(Field.MAIL, ()))
    return [
        match
        for match in matches
        if match.document.kind is not Kind.MAILBOX
        or not shown.issuperset(match.document.values((Field.MAIL,))[Field.MAIL])
    ]


def _described(asked: Asked) -> dict[str, Any]:
    hows: dict[str, int] = {}
    for meaning in asked.meanings.values():
        hows[meaning.how] = hows.get(meaning.how, 0) + 1
    return {"step": "collect", "word": asked.word, "documents": len(asked.any), **hows}
