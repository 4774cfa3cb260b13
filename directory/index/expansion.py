"""A typed word to the words that it is, or is the beginning, a part or another name of."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Final

from pyroaring import BitMap

from directory.index import layout
from directory.index.layout import WORD_CLASSES, beginning_key, term_key, word_key
from directory.index.meaning import (
    ABBREVIATED,
    BEGUN,
    CLASS_OF,
    ELSEWHERE,
    IDENTIFIERS,
    INITIAL,
    JOINED,
    MOST_INITIALS,
    PART_OF_NAME,
    SHORTEST_BEGUN_ELSEWHERE,
    SYNONYM,
    Asked,
    Meant,
    cost_of_begun_trade,
    is_trade,
    least_of_begun,
)
from directory.index.synonyms import CERTAIN, EVERYDAY, NOISE, PARTICLES, trade_words
from directory.index.typed import Typed
from directory.query import Field

if TYPE_CHECKING:
    from directory.index.reader import Snapshot

_AFTER: Final = 0.01  # what tells apart tiers that cost the same
_IDENTIFIER_DIGITS: Final = 4  # identifiers are looked for from here on
_SCANNED: Final = 400  # words or identifiers taken for one beginning
_SHORTEST_JOINED: Final = 4  # letters of two words that may be one
_SHORTEST_SPLIT: Final = 4  # letters of a word that may be two
_SHORTEST_PIECE: Final = 3  # letters of a part of three, if it is no particle
_SHORTEST_IN_THREE: Final = 9  # letters of a word that may be three
_SPLITS: Final = 40  # ways to split a word that are tried


def expand(snapshot: Snapshot, typed: Sequence[Typed]) -> list[Asked]:
    """What each typed word may stand for, misspellings apart."""
    asked = [Asked(one) for one in typed]
    for one in asked:
        one.take(snapshot, to_the_letter)
    for left, right in pairwise(asked):
        _join(snapshot, left, right)
        if left.word in PARTICLES:
            _lead(snapshot, left, right)
    return asked


def to_the_letter(snapshot: Snapshot, typed: Typed, _: bool) -> Meant:
    """The documents with the very word, with what it is called elsewhere, with a word that it begins or parts that it
    is made of."""
    meant = Meant()
    if typed.address:
        _add_address(snapshot, meant, typed.word)
    else:
        _add_word(snapshot, meant, typed)
    return meant


def _add_word(snapshot: Snapshot, meant: Meant, typed: Typed) -> None:
    word = typed.word
    meant.word(word, 0.0, "exact")
    _add_same(snapshot, meant, word)
    _add_everyday(snapshot, meant, word)
    if len(word) == 1 and not word.isdigit() and not typed.article:
        meant.tier(INITIAL, "initial", layout.GIVEN, _beginning(snapshot, layout.GIVEN, word))
    if 2 <= len(word) <= MOST_INITIALS and word.isalpha() and word not in NOISE:
        _add_initials(snapshot, meant, word)
    if typed.last or len(word) >= SHORTEST_BEGUN_ELSEWHERE:
        _add_begun(snapshot, meant, typed)
    if word.isalpha() and word not in CERTAIN and len(word) >= _SHORTEST_SPLIT:
        _add_split(snapshot, meant, word)
    if any(letter.isdigit() for letter in word):
        _add_number(snapshot, meant, word)


def _add_same(snapshot: Snapshot, meant: Meant, word: str) -> None:
    """The documents with this very word; those with no other word in the name first, family names before others."""
    meant.tier(0.0, "exact", layout.SURNAME, snapshot.posting("terms", term_key(Field.SN, word)))
    meant.tier(_AFTER, "exact", layout.GIVEN, snapshot.posting("terms", term_key(Field.GIVEN_NAME, word)))
    found = _of_words(snapshot, [word], tuple(WORD_CLASSES))
    meant.known = "name" in found
    if not is_trade(word) and word not in EVERYDAY:
        found.pop("profession", None)
    for word_class, several in found.items():
        meant.tier(ELSEWHERE[word_class] or PART_OF_NAME, "exact", word_class, *several)


def _of_words(snapshot: Snapshot, words: Iterable[str], classes: Sequence[str]) -> dict[str, list[BitMap]]:
    """The documents of some words per class."""
    keys = [word_key(word_class, word) for word in words for word_class in classes]
    found: dict[str, list[BitMap]] = {}
    for key, documents in snapshot.postings("words", keys):
        found.setdefault(CLASS_OF[key[0]], []).append(documents)
    return found


def _add_everyday(snapshot: Snapshot, meant: Meant, word: str) -> None:
    """What the word is called in labels."""
    for phrase in EVERYDAY.get(word, ()):
        words = tuple(phrase.split())
        classes = ("profession", "structure", "place", "name") if len(words) == 1 else ("profession", "structure")
        for word_class in classes:
            found = _holding_all(snapshot, word_class, words)
            meant.tier(SYNONYM + ELSEWHERE[word_class], "synonym", word_class, found)
        if len(words) == 1:
            meant.word(phrase, SYNONYM, "synonym")
        else:
            meant.phrases.append(words)
    trades = trade_words(word)
    for several in _of_words(snapshot, trades, ("profession",)).values():
        meant.tier(SYNONYM + ELSEWHERE["profession"], "synonym", "profession", *several)
        for trade in trades:
            meant.word(trade, SYNONYM, "synonym")


def _holding_all(snapshot: Snapshot, word_class: str, words: Sequence[str]) -> BitMap:
    sets = snapshot.postings("words", [word_key(word_class, word) for word in words])
    if len(sets) < len(words):
        return BitMap()
    return BitMap.intersection(*(documents for _, documents in sets)) if len(sets) > 1 else sets[0][1]


# -- beginnings --------------------------------------------------------------------------------------------------------


def _add_begun(snapshot: Snapshot, meant: Meant, typed: Typed) -> None:
    """The documents with a word that begins so."""
    word, last, cost = typed.word, typed.last, least_of_begun(typed, known=meant.known)
    if typed.follows and len(word) < SHORTEST_BEGUN_ELSEWHERE:
        cost = INITIAL + _AFTER  # rather an initial of the given name than the beginning of a family name
    if not word.isdigit():
        meant.tier(cost, "begins", layout.SURNAME, _beginning(snapshot, layout.SURNAME, word))
        meant.tier(cost + _AFTER, "begins", "name", _beginning(snapshot, "name", word))
    if len(word) < SHORTEST_BEGUN_ELSEWHERE:
        return
    if is_trade(word):
        trade = cost_of_begun_trade(typed) + ELSEWHERE["profession"]
        meant.tier(trade, "begins", "profession", _beginning(snapshot, "profession", word))
    if last:
        # Names begin with nearly everything; what else somebody's name may be the beginning of is far to look for.
        for word_class in ("place",) if meant.known else ("place", "structure", "identifier"):
            documents = _beginning(snapshot, word_class, word)
            meant.tier(cost + ELSEWHERE[word_class], "begins", word_class, documents)


def _beginning(snapshot: Snapshot, word_class: str, letters: str) -> BitMap:
    if len(letters) <= layout.LONGEST_BEGINNING[word_class]:
        return snapshot.posting("beginnings", beginning_key(word_class, letters))
    if word_class == layout.SURNAME:
        return BitMap()  # its words say as much
    words = islice(snapshot.scan("words", word_key(word_class, letters)), _SCANNED)
    return BitMap.union(BitMap(), *(layout.decode_posting(posting) for _, posting in words))


def _add_initials(snapshot: Snapshot, meant: Meant, word: str) -> None:
    """A few letters: the beginning of a name (Ph), or the initials of a double one (JP)."""
    if len(word) < SHORTEST_BEGUN_ELSEWHERE:
        meant.tier(ABBREVIATED, "begins", layout.GIVEN, _beginning(snapshot, layout.GIVEN, word))
    sets = [_beginning(snapshot, layout.GIVEN, letter) for letter in word]
    meant.tier(INITIAL, "initials", layout.GIVEN, BitMap.intersection(*sets))


# -- joined and split --------------------------------------------------------------------------------------------------


def _join(snapshot: Snapshot, left: Asked, right: Asked) -> None:
    """Two words typed for one name: "le febvre"."""
    word = left.word + right.word
    readable = word.isalpha() and len(word) >= _SHORTEST_JOINED
    documents = snapshot.posting("words", word_key("name", word)) if readable else BitMap()
    if documents:
        for one in (left, right):
            one.meant.tier(JOINED, "joined", "name", documents)
            one.meant.word(word, JOINED, "joined")


def _lead(snapshot: Snapshot, particle: Asked, right: Asked) -> None:
    """A particle and the name that it leads: together they cost no more than a name of one word."""
    spellings = [word_key("name", word) for word in (particle.word, *EVERYDAY.get(particle.word, ()))]
    led = snapshot.posting("words", word_key("name", right.word))
    leading = [documents & led for _, documents in snapshot.postings("words", spellings)]
    for one in (particle, right):
        one.meant.tier(_AFTER, "exact", "name", *leading)


def _add_split(snapshot: Snapshot, meant: Meant, word: str) -> None:
    """One word typed for the words of a double name: "dupontdurand", "delafontaine"."""
    in_two = meant.known or len(word) < _SHORTEST_IN_THREE
    spans = _halves(len(word)) if in_two else _spans(len(word))
    keys = {word_key("name", word[at:end]): word[at:end] for at, end in spans}
    borne = {keys[key]: documents for key, documents in snapshot.postings("words", keys)}
    for pieces in islice(_pieces(word, borne, 2 if in_two else 3), _SPLITS):
        documents = BitMap.intersection(*(borne[piece] for piece in pieces))
        if documents:
            meant.tier(JOINED, "split", "name", documents)
            meant.pieces.append(pieces)


def _halves(size: int) -> Iterator[tuple[int, int]]:
    return (span for at in range(1, size) for span in ((0, at), (at, size)))


def _spans(size: int) -> Iterator[tuple[int, int]]:
    return ((at, end) for at in range(size) for end in range(at + 1, size + 1) if end - at < size)


def _pieces(word: str, borne: Collection[str], most: int) -> Iterator[tuple[str, ...]]:
    """The ways to read a word as at most so many names, particles apart."""
    for size in range(1, len(word)):
        piece, left = word[:size], word[size:]
        particle = piece in PARTICLES
        if piece not in borne or (most > 2 and size < _SHORTEST_PIECE and not particle):
            continue
        if left in borne and (most == 2 or len(left) >= _SHORTEST_PIECE):
            yield piece, left
        if most > 2 or particle:
            for pieces in _pieces(left, borne, most - (not particle)):
                yield (piece, *pieces)


# -- numbers and addresses ---------------------------------------------------------------------------------------------


def _add_number(snapshot: Snapshot, meant: Meant, word: str) -> None:
    """An arrondissement, a département, or an identifier, whole or in part."""
    if word.isdigit() and len(word) <= 2:
        for other in ("1er" if int(word) == 1 else f"{int(word)}e", f"{int(word):02d}"):
            for several in _of_words(snapshot, [other], ("place",)).values():
                meant.tier(ELSEWHERE["place"], "exact", "place", *several)
            meant.word(other, 0.0, "exact")
    if len(word) >= _IDENTIFIER_DIGITS:
        for on in IDENTIFIERS:
            _add_identifier(snapshot, meant, on, word)


def _add_identifier(snapshot: Snapshot, meant: Meant, on: Field, value: str) -> None:
    meant.tier(0.0, "exact", on, snapshot.posting("terms", term_key(on, value)))
    values = islice(snapshot.scan("terms", layout.value_beginning(on, value)), _SCANNED)
    begun = [layout.decode_posting(posting) for _, posting in values]
    meant.tier(BEGUN + ELSEWHERE["identifier"], "begins", on, *begun)


def _add_address(snapshot: Snapshot, meant: Meant, address: str) -> None:
    """An address, its beginning, or another part of one."""
    _add_identifier(snapshot, meant, Field.MAIL, address)
    if not meant.tiers:
        meant.tier(BEGUN + ELSEWHERE["identifier"], "part", Field.MAIL, _showing_part(snapshot, address))


def _showing_part(snapshot: Snapshot, part: str) -> BitMap:
    """The documents with an address that contains something: the mailboxes by their grams, then whoever shows them."""
    size = layout.LONGEST_GRAM
    grams = {part[at : at + size] for at in range(len(part) - size + 1)}
    sets = [snapshot.posting("grams", layout.gram_key(Field.MAIL, gram)) for gram in grams]
    shown: list[BitMap] = []
    for number in islice(BitMap.intersection(*sets) if sets else (), _SCANNED):
        addresses = [address for address in snapshot.document(number).field(Field.MAIL) if part in address]
        shown += [snapshot.posting("terms", term_key(Field.MAIL, address)) for address in addresses]
    return BitMap.union(BitMap(), *shown)
