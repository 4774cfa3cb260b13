"""What was typed, as the words to look for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from directory import text

_WORDS: Final = 12  # words of a query that are looked at
_LETTERS: Final = 60  # letters of a word that are looked at
_WORD: Final = re.compile(r"[^\W_]+")
_ADDRESS: Final = re.compile(r".*@.*|.+\.(?:fr|com|net|org|eu)")
_ARTICLE: Final = re.compile(r"\b([dl])'(?=\w)")
_GROUPS: Final = re.compile(r"(?<!\d)\d{2,5}(?: \d{2,5}){2,}(?!\d)")
_NUMBERED: Final = 9  # digits of the identifiers that are printed in groups


@dataclass(frozen=True, slots=True)
class Typed:
    """A folded word. The last one may still be being typed, alone or following others; an article (d', l') is no
    initial; an address, or a part of one, is looked for as it stands."""

    word: str
    last: bool = False
    follows: bool = False
    article: bool = False
    address: bool = False


def typed_words(query: str) -> list[Typed]:
    """The words of a query, in order."""
    found = list(islice(_pieces(text.fold(query)), _WORDS))
    if found and not query[-1:].isspace():
        found[-1] = replace(found[-1], last=True, follows=len(found) > 1)
    return found


def _pieces(folded: str) -> Iterator[Typed]:
    for piece in _GROUPS.sub(_together, folded).split():
        if _ADDRESS.fullmatch(piece):
            yield Typed(piece[: 2 * _LETTERS], address=True)
            continue
        articles = {found.start(1) for found in _ARTICLE.finditer(piece)}
        for found in _WORD.finditer(piece):
            yield Typed(found.group()[:_LETTERS], article=found.start() in articles)


def _together(groups: re.Match[str]) -> str:
    """The digits of an identifier that was typed as it is printed, in groups: 123 456 789 00012."""
    digits = groups.group().replace(" ", "")
    return digits if len(digits) >= _NUMBERED else groups.group()
