"""The one text pipeline, used alike when loading and when asking: fold, fold_part, words.

Folding makes two spellings equal when a French reader would call them the same letters: case, accents, ligatures and
typographic variants of apostrophe, hyphen and space do not count. U+0080–U+009F are read as cp1252, which is how they
get into the national extracts (an apostrophe mis-transcoded to U+0092) and into what Latin-1 clients send (DOMAIN
section 9 line 5, section 11.2 point 6). Space follows the insignificant space handling of RFC 4518 section 2.6.1.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import Final

FOLD_VERSION: Final = 1
"""Stored in every index; a change here makes every index rebuild itself."""


def _table() -> dict[int, str | None]:
    table: dict[int, str | None] = dict.fromkeys(range(32))
    table.update(dict.fromkeys((9, 10, 11, 12, 13), " "))
    table[0x7F] = None
    for code in range(0x80, 0xA0):
        table[code] = bytes([code]).decode("cp1252", errors="ignore") or None
    # Letters that Unicode does not decompose, as French readers type them.
    pairs = {"œ": "oe", "Œ": "oe", "æ": "ae", "Æ": "ae", "ø": "o", "Ø": "o", "đ": "d", "Đ": "d", "ł": "l", "Ł": "l"}
    table.update({ord(letter): plain for letter, plain in pairs.items()})
    table.update({ord(sign): "'" for sign in "’‘‛ʼ′´`"})
    table.update({ord(sign): "-" for sign in "‐‑‒–—―−"})
    table.update({ord(sign): None for sign in "\u00ad\u200b\u200c\u200d\u2060\ufeff"})
    # cp1252 of a C1 code may itself be a sign or a ligature of this table.
    for code in range(0x80, 0xA0):
        sign = table[code]
        if sign is not None and ord(sign) in table:
            table[code] = table[ord(sign)]
    return table


_TABLE: Final = _table()
_WORD: Final = re.compile(r"[^\W_]+")
_EDGE_SPACE: Final = re.compile(r"\s+")


def _letters(value: str) -> str:
    """Lower-case letters without accents or ligatures; white space is left as it is."""
    if value.isascii() and value.isprintable():
        return value.replace("`", "'").lower()
    # Twice: decomposition exposes signs of the table (ŉ, ǽ, ″), and case folding exposes combining marks (İ).
    return _plain(_plain(value))


def _plain(value: str) -> str:
    decomposed = unicodedata.normalize("NFKD", value.translate(_TABLE))
    return "".join(char for char in decomposed if not unicodedata.combining(char)).casefold()


def fold(value: str) -> str:
    """The form in which values compare equal: folded letters, white space trimmed and single.

    `fold(fold(v)) == fold(v)` for every string.
    """
    return " ".join(_letters(value).split())


def fold_part(value: str) -> str:
    """The folded form of one part of a substring assertion: like `fold`, but an edge space is kept as one space,
    because `(cn=jean *)` asks for a space after "jean" (RFC 4518 section 2.6.1)."""
    return _EDGE_SPACE.sub(" ", _letters(value))


def words(value: str) -> tuple[str, ...]:
    """The folded words of a value, in order: "DE SAINT-AMARANTHE" gives ("de", "saint", "amaranthe")."""
    return tuple(_WORD.findall(_letters(value)))


_SILENT_END: Final = re.compile(r"(?:[sxtdz]+|e|es|ent|er)$")
_SOUNDS: Final = (
    # In order: longer spellings first. Right sides are single sounds; capitals and digits have no letter of their own.
    (re.compile(r"^(?:h|gn(?=[aeiouy]))"), ""),
    (re.compile(r"ph"), "f"),
    (re.compile(r"sch|sh|ch(?=[aeiouy])"), "X"),
    (re.compile(r"ch|ck|cqu?|qu?|k"), "k"),
    (re.compile(r"c(?=[eiy])|sc(?=[eiy])|[tc]ion"), lambda found: "sion" if found.group().endswith("ion") else "s"),
    (re.compile(r"c"), "k"),
    (re.compile(r"gu(?=[eiy])"), "G"),
    (re.compile(r"g(?=[eiy])|j"), "j"),
    (re.compile(r"g"), "G"),
    (re.compile(r"ault|aud(?![aeiouy])|aut(?![aeiouy])|e?aux?|ot$|os$|od$|op$"), "o"),
    (re.compile(r"oeu|eu|oe"), "E"),
    (re.compile(r"ou"), "U"),
    (re.compile(r"[ae]in|[ae]im|yn|ym|in(?![aeiouyn])|im(?![aeiouym])|un(?![aeiouyn])"), "1"),
    (re.compile(r"[ae][nm](?![aeiouynm])"), "2"),
    (re.compile(r"o[nm](?![aeiouynm])"), "3"),
    (re.compile(r"ai|ei|ay|ey|er$|ez$|et$|ee"), "e"),
    (re.compile(r"ill|ll?i(?=[aeou])"), "i"),
    (re.compile(r"[yi]+"), "i"),
    (re.compile(r"[szx]"), "s"),
    (re.compile(r"[wv]"), "v"),
    (re.compile(r"h"), ""),
)


@functools.lru_cache(maxsize=200_000)
def phonetic(word: str) -> str:
    """How a folded word sounds to a French ear, as a short key: words that sound alike share it.

    "lefebvre" and "lefevre", "philippe" and "filip", "thibault" and "tibo" are the same. '' for what has no letters.
    """
    sound = word.replace("bv", "v").replace("th", "t")
    sound = re.sub(r"(.)\1+", r"\1", sound)
    for pattern, by in _SOUNDS:
        sound = pattern.sub(by, sound)
    sound = re.sub(r"(.)\1+", r"\1", sound)
    ended = _SILENT_END.sub("", sound)
    return ended if len(ended) > 1 else sound
