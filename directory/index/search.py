"""Free text to matches: expand each word, collect the likeliest documents, score them, cut.

1. *Expand* (`expansion`). Each typed word becomes tiers of documents: those with the very word, with an everyday name
   of it, or with a word that begins so; and a cost at which it may be given up, the rarer the dearer.
2. *Collect* (`collect`). Tiers are intersected by increasing total cost, until there are enough documents.
3. *Score* (`scoring`). Some dozens of documents are read and each typed word is laid on the word that costs least.
4. *Widen.* Unless the page is full of documents that fit to the letter, words are expanded to what sounds alike or is a
   letter amiss; while nothing good is found, further, until words are given up.
5. *Cut.* What keeps too little of a full score, or is much dearer than the best, is left out.

A mailbox is shown by who holds it: where both are searched, it stands for its holder, or alone where that is no record.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pyroaring import BitMap

from directory.errors import TimeLimitExceeded
from directory.index import layout, ranking
from directory.index.answers import Match, Page
from directory.index.collect import Likely, likely
from directory.index.evaluate import Evaluation
from directory.index.expansion import expand
from directory.index.layout import FIELD_NUMBER, KIND_NUMBER, VALUES_AT
from directory.index.meaning import Asked, Step
from directory.index.misspelling import alike, begun_amiss, heard, two_edits
from directory.index.scoring import UNASKED_GIVEN, Laid, lay
from directory.index.typed import typed_words
from directory.model import Kind
from directory.query import Anything, Field, TextQuery

if TYPE_CHECKING:
    from directory.index.reader import Snapshot

_MOST: Final = 50  # documents scored for one stage, or three times what was asked for
_MOST_TYPING: Final = 24  # the same where it is asked again at each letter
_MOST_GUESSES: Final = 40  # of those, with names taken for misspelt ones; more of them are looked at
_MORE: Final = 4  # documents of one set that are scored beyond what was asked for
_MORE_TYPING: Final = 1  # the same where it is asked again at each letter
_DOUBLES: Final = 12  # mailboxes of one set whose holders are looked for
_THRESHOLD: Final = 0.4  # what is left of a full score at least
_WORSE: Final = 1.7  # how much dearer than the best a match may be
_PAGE: Final = 10  # good matches that are enough for anybody
_CLEAN: Final = 0.5  # no misspelt word comes before documents that cost no more
_LIKELY: Final = 0.8  # a document that costs no more may well be meant
_GUESS: Final = 0.3  # what costs more does not fit to the letter
_ALIKE: Final = 2  # matches of one name among guesses, until others have their turn
_GUESSED: Final = 5  # the same of one guess, whatever else the names are
_NEXT_GUESS: Final = 0.45  # how much dearer than the best a guess may be that is waited for
_AGAIN: Final = 0.12  # what each further one costs more
_PLACES_OF_GUESSES: Final = 3  # of the first ten, where the others only begin so
_SHORT: Final = 3  # letters of words that are not taken for misspelt ones while others begin so


@dataclass(frozen=True, slots=True)
class Stage:
    """A way to look further for words that fit nothing to the letter, unless there is a document that costs no more
    than so much, or less where that one is a guess itself."""

    step: Step
    unless: float
    unless_guessed: float = math.inf
    all_words: bool = True

    def is_needless(self, best: _Found) -> bool:
        return best.cost <= self.unless and best.laid.guessed <= self.unless_guessed


_STAGES: Final = (Stage(begun_amiss, 1.0, unless_guessed=0.6), Stage(two_edits, 2.1, all_words=False))


def search(snapshot: Snapshot, query: TextQuery) -> Page:
    """The documents people may mean by the words of `query.text`, best first, scores in [0, 1].

    Raises:
        TimeLimitExceeded: the deadline passed.
    """
    return _Search(snapshot, query).page()


@dataclass(frozen=True, slots=True)
class _Found:
    number: int
    laid: Laid
    name: str

    @property
    def cost(self) -> float:
        return self.laid.cost


class _Search:
    """One search under way: what is asked, and what is found of it so far."""

    def __init__(self, snapshot: Snapshot, query: TextQuery) -> None:
        self._snapshot = snapshot
        self._query = query
        self._until = time.monotonic() + query.deadline_s
        self._allowed = _allowed(snapshot, query)
        self._held = _held_mailboxes(snapshot, query.kinds)
        self._total = max(len(self._allowed), 1000)
        self._asked = expand(snapshot, typed_words(query.text))
        self._found: dict[int, _Found] = {}
        self._read: dict[int, list[str]] = {}  # documents come again whenever words are widened
        self._sets: list[dict[str, Any]] = []

    def page(self) -> Page:
        if self._asked and self._allowed:
            self._collect()
            if not self._is_full():
                self._widen()
        return self._cut()

    # -- collect and score ---------------------------------------------------------------------------------------------

    def _widen(self) -> None:
        wrong = self._maybe_wrong()
        self._expand([(one, alike if one in wrong else heard) for one in self._asked])
        others = [one for one in self._asked if one not in wrong]
        if others and not self._is_begun() and self._is_short_of_guesses():
            self._expand([(one, alike) for one in others])
        for stage in _STAGES:
            best = self._best()
            if best and (self._is_begun() or stage.is_needless(best)):
                return
            words = best.laid.misfits if best else self._asked
            self._expand([(one, stage.step) for one in words], all_words=stage.all_words)

    def _maybe_wrong(self) -> Sequence[Asked]:
        """The words that may be mistyped; the others may still be heard of and never seen in writing."""
        best = self._best()
        if self._is_begun():
            return ()  # the next letters will tell
        if best is None or best.cost > _LIKELY:
            return self._asked
        if best.laid.whole:
            return ()  # somebody has the very name that was typed
        return best.laid.misfits or self._asked

    def _is_begun(self) -> bool:
        """Whether more is still to be typed of what fits to the letter so far."""
        best = self._best()
        return self._query.typing and best is not None and best.laid.literal

    def _expand(self, words: Sequence[tuple[Asked, Step]], *, all_words: bool = True) -> None:
        more = [one.take(self._snapshot, step) for one, step in words]
        if any(more) or not all_words:
            self._collect(all_words=all_words)

    def _best(self) -> _Found | None:
        return min(self._found.values(), key=_cost, default=None)

    def _is_full(self) -> bool:
        """Whether the page is full of documents that no misspelt word comes before."""
        short = all(len(one.word) <= _SHORT for one in self._asked)
        good = sum(short or self._is_good(found) for found in self._found.values())
        return good >= min(self._query.limit, _PAGE)

    def _is_settled(self, found: _Found) -> bool:
        return found.cost <= _CLEAN or (self._query.typing and found.laid.literal)

    def _is_good(self, found: _Found) -> bool:
        if self._query.typing:
            return found.laid.literal
        return found.cost <= _CLEAN and not found.laid.loose

    def _is_short_of_guesses(self) -> bool:
        """Whether nothing fits to the letter, and there are few enough guesses to look at more of them."""
        best = self._best()
        return best is not None and best.cost > _GUESS and len(self._found) < min(self._query.limit, _PAGE)

    def _collect(self, *, all_words: bool = True) -> None:
        """Score the likeliest documents, until there are enough or the next ones are too dear."""
        for one in self._asked:
            one.weigh(self._total, searched=not all_words)
        # What was found at a higher cost may cost less by now.
        self._found = {number: found for number, found in self._found.items() if self._is_settled(found)}
        most = _MOST_TYPING if self._query.typing else _MOST
        left, guesses_left = max(most, 3 * self._query.limit), _MOST_GUESSES
        ceiling = self._full() * (1 - _THRESHOLD)
        for lot in likely(self._asked, self._allowed, ceiling, self._check_time, all_words=all_words):
            best = self._best()
            if best and lot.cost > best.cost + _WORSE:
                return
            if left <= 0 or self._are_enough(lot.cost):
                if guesses_left <= 0 or self._are_enough_guesses():
                    return
                if not lot.guessed:
                    continue
            scored = self._score(lot.documents, self._most_of(lot))
            left -= scored
            guesses_left -= lot.guessed * scored
            if self._query.explain and scored:
                self._sets.append(
                    _step("collect", cost=round(lot.cost, 2), documents=len(lot.documents), scored=scored)
                )

    def _most_of(self, lot: Likely) -> int:
        """How many documents of one set are scored."""
        alone = len(self._asked) == 1 and lot.cost > _CLEAN
        more = _MORE_TYPING if self._query.typing else _MORE
        return _ALIKE + 1 if alone else self._query.limit + more

    def _are_enough(self, cost: float) -> bool:
        """Whether there are as many documents as asked for, and one more, that cost no more than so much: what is
        still to come costs at least as much, and comes later among equals."""
        if len(self._asked) == 1:
            cost += UNASKED_GIVEN  # a single word leaves some name unasked for
        cheaper = [found for found in self._found.values() if found.cost <= cost]
        if len(cheaper) <= self._query.limit:
            return False
        best = self._best()
        if best is None or best.cost <= _GUESS or cost > best.cost + _NEXT_GUESS:
            return True
        return sum(turn <= cost for turn, _ in _in_turn(cheaper)) > self._query.limit

    def _are_enough_guesses(self) -> bool:
        """Whether somebody has the very name that was typed, or some misspelt ones are found as well."""
        best = self._best()
        if self._query.typing or best is None or best.laid.whole:
            return True
        return sum(map(_is_guess, self._found.values())) >= _PLACES_OF_GUESSES

    def _score(self, documents: BitMap, most: int) -> int:
        """Score the first of some documents, unless they are found; says how many."""
        held = documents & self._held
        own = ranking.first(self._snapshot, documents - held if held else documents, most)
        count = 0
        for number in own:
            if number not in self._found:
                count += 1
                self._keep(number, self._parts(number))
        for mailbox in ranking.first(self._snapshot, held, min(_DOUBLES, most - len(own))):
            count += 1
            parts = self._parts(mailbox)
            self._keep(self._holder(mailbox, parts), parts)
        return count

    def _parts(self, number: int) -> list[str]:
        parts = self._read.get(number)
        if parts is None:
            parts = self._read[number] = layout.values_parts(self._snapshot.raw_values(number))
        return parts

    def _keep(self, number: int, parts: list[str]) -> None:
        laid = lay(parts, self._asked, explain=self._query.explain)
        known = self._found.get(number)
        if known is None or laid.cost < known.cost:
            self._found[number] = _Found(number, laid, parts[_FAMILY_AT] + parts[_GIVEN_AT] * (len(self._asked) > 1))

    def _holder(self, mailbox: int, parts: list[str]) -> int:
        """The document that shows a mailbox: who holds it, or itself."""
        for at, on, kind in _HOLDERS:
            if parts[at]:
                keys = parts[at].split(layout.VALUE)
                postings = self._snapshot.postings("terms", [layout.term_key(on, key) for key in keys])
                holders = [documents & self._snapshot.posting("kinds", _kind(kind)) for _, documents in postings]
                found = BitMap.union(*holders) & self._allowed if holders else BitMap()
                return found.min() if found else mailbox
        return mailbox

    def _check_time(self) -> None:
        if time.monotonic() > self._until:
            raise TimeLimitExceeded(
                "the search took longer than its time limit", fr="la recherche a dépassé sa limite de temps"
            )

    # -- cut -----------------------------------------------------------------------------------------------------------

    def _full(self) -> float:
        """What it would cost to give up every word."""
        return sum(one.weight for one in self._asked)

    def _cut(self) -> Page:
        full, best = self._full(), self._best()
        dearest = min(full * (1 - _THRESHOLD), best.cost + _WORSE if best else math.inf)
        kept = [found for found in self._found.values() if found.cost <= dearest]
        kept.sort(key=self._order(kept))
        return Page(
            matches=tuple(self._match(found, full) for _, found in self._in_turn(kept)[: self._query.limit]),
            complete=len(kept) <= self._query.limit,
            state=self._snapshot.state,
            steps=(*map(_described, self._asked), *self._sets) if self._query.explain else (),
        )

    def _in_turn(self, kept: Sequence[_Found]) -> list[tuple[float, _Found]]:
        turns = _in_turn(kept)
        return turns if self._query.typing else _guesses_too(turns)

    def _order(self, kept: Sequence[_Found]) -> Callable[[_Found], tuple[float, bytes, int]]:
        """By cost, then in static order, which is that of the ids where none was handed out late."""
        late = self._snapshot.late()
        if late and any(found.number in late for found in kept):
            return lambda found: (round(found.cost, 6), self._snapshot.order(found.number), 0)
        return lambda found: (round(found.cost, 6), b"", found.number)

    def _match(self, found: _Found, full: float) -> Match:
        return Match(
            document=self._snapshot.document(found.number),
            score=max(0.0, 1 - found.cost / full),
            why=found.laid.why if self._query.explain else None,
        )


def _cost(found: _Found) -> float:
    return found.laid.cost


def _in_turn(kept: Sequence[_Found]) -> list[tuple[float, _Found]]:
    """Matches with what they cost, in their order; but where names are guessed, those that many bear cost more and more
    and leave room for others."""
    names: Counter[str] = Counter()
    guesses: Counter[tuple[str, ...]] = Counter()
    turns: list[tuple[float, _Found]] = []
    for found in kept:
        cost, guess = round(found.cost, 6), tuple(found.laid.guess)
        if cost > _GUESS:
            names[found.name] += 1
            guesses[guess] += bool(guess)
            cost += _AGAIN * max(names[found.name] - _ALIKE, guesses[guess] - _GUESSED, 0)
        turns.append((cost, found))
    turns.sort(key=_turn)
    return turns


def _is_guess(found: _Found) -> bool:
    return found.laid.misspelt and not found.laid.loose


def _guesses_too(turns: list[tuple[float, _Found]]) -> list[tuple[float, _Found]]:
    """Matches in their order; but unless the best has the very name that was typed, the last of the first ten are left
    to misspelt names."""
    first, rest = turns[:_PAGE], turns[_PAGE:]
    if not rest or first[0][1].laid.whole:
        return turns
    others = [turn for turn in first if not _is_guess(turn[1])]
    wanted = _PLACES_OF_GUESSES - (len(first) - len(others))
    guesses = [turn for turn in rest if _is_guess(turn[1])][: max(wanted, 0)]
    late = others[len(others) - len(guesses) :] + [turn for turn in rest if turn not in guesses]
    return [*(turn for turn in first if turn not in late), *guesses, *late]


def _turn(turn: tuple[float, _Found]) -> float:
    return turn[0]


_FAMILY_AT: Final = VALUES_AT + FIELD_NUMBER[Field.SN]
_GIVEN_AT: Final = VALUES_AT + FIELD_NUMBER[Field.GIVEN_NAME]
_HOLDERS: Final = (
    (VALUES_AT + FIELD_NUMBER[Field.NATIONAL_ID], Field.NATIONAL_ID, Kind.PRACTITIONER),
    (VALUES_AT + FIELD_NUMBER[Field.KEY], Field.KEY, Kind.ORGANIZATION),
)


def _allowed(snapshot: Snapshot, query: TextQuery) -> BitMap:
    """The documents that the filters let through."""
    if not isinstance(query.where, Anything):
        return Evaluation(snapshot, query.deadline_s).of_kinds(query.where, query.kinds)
    place = f"documents of {query.kinds}"
    known: BitMap | None = snapshot.kept.get(place)
    if known is None:
        sets = [snapshot.posting("kinds", _kind(kind)) for kind in query.kinds]
        known = snapshot.kept[place] = BitMap.union(*sets) if sets else BitMap()
    return known


def _held_mailboxes(snapshot: Snapshot, kinds: tuple[Kind, ...]) -> BitMap:
    """The mailboxes that name a holder who is searched for as well."""
    named = [on for _, on, kind in _HOLDERS if kind in kinds]
    if Kind.MAILBOX not in kinds or not named:
        return BitMap()
    place = f"held mailboxes of {kinds}"
    known: BitMap | None = snapshot.kept.get(place)
    if known is None:
        sets = [snapshot.posting("present", bytes([FIELD_NUMBER[on]])) for on in named]
        known = snapshot.kept[place] = BitMap.union(*sets) & snapshot.posting("kinds", _kind(Kind.MAILBOX))
    return known


def _kind(kind: Kind) -> bytes:
    return bytes([KIND_NUMBER[kind]])


def _described(asked: Asked) -> dict[str, Any]:
    tiers = [
        {"cost": round(tier.cost, 2), "how": f"{tier.how} {tier.where}", "documents": len(tier.documents)}
        for tier in asked.meant.tiers
    ]
    return _step("expand", word=asked.word, weight=round(asked.weight, 2), tiers=tiers)


def _step(name: str, **what: Any) -> dict[str, Any]:
    return {"step": name, **what}
