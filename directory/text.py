"""The one text pipeline, used alike when loading and when asking: fold, fold_part, words.

Folding makes two spellings equal when a French reader would call them the same letters: case, accents, ligatures and
typographic variants of apostrophe, hyphen and space do not count. U+0080–U+009F are read as cp1252, which is how they
get into the national extracts (an apostrophe mis-transcoded to U+0092) and into what Latin-1 clients send (DOMAIN
section 9 line 5, section 11.2 point 6). Space follows the insignificant space handling of RFC 4518 section 2.6.1.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

FOLD_VERSION: Final = 2
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


def words_of_folded(value: str) -> tuple[str, ...]:
    """The words of a value that is folded already: `words(v) == words_of_folded(fold(v))`."""
    return tuple(_WORD.findall(value))


# Letters and the sound they stand for, longer spellings first. A sound is a letter of its own or one that spells no
# other: X for "ch", E for "eu", U for "ou", 1 2 3 for the nasals of "in", "an" and "on". h, s, z and doubled letters
# never decide; nor do most letters at the end.
_SPELLINGS: Final = (
    (r"(?<=..)(?:e[sz]?|t?z|[sx]|(?<=[aeiouynrl])[td][ts]?|(?<=n)cs?|(?<=er)cq?s?|(?<=m)[pb]s?)$", ""),
    (r"(?:er|ets?|ed|[ae]ye?s?|ai(?:e?s?|ts?|x)?)$", "e"),
    (r"e?au(?:l?[tdsx]+)?$|o[tdsxp]s?$|aul(?=[tdncsm])|e?au", "o"),
    (r"oul[tdsx]+$|ou(?![aei])", "U"),
    (r"(?<=[aeioy])s(?=[nmlbdgvrj])", ""),  # DUFRESNE, LEMESLE, DESBOIS
    (r"xc?(?=[eiy])|x|[ckg][sz]|sc(?=[eiy])|c(?=[eiy])|(?<=an)c(?=oi)|t(?=ion|ia$)|t?z|t(?=s)(?!s$)", "s"),
    (r"t?ch(?=[rl]|ae)", "k"),
    (r"sch|sh|t?ch|tsch", "X"),
    (r"c(?:k|qu?)|qu?|c", "k"),
    (r"ph", "f"),
    (r"gu(?=[eiy])|gw", "g"),
    (r"ge(?=[aou])|[dt]?j(?:e(?=a))?|g(?=[eiy])", "j"),
    (r"gn(?=[aeiouy])", "ni"),
    (r"b(?=v)|(?<=a)p(?=tis)|h", ""),
    (r"oing?(?![aeiouyh])", "w1"),
    (r"(?:[ae]?[iy]|u)n(?![aeiouyh])|(?:[ae]?[iy]|u)mp?(?=[bps])|aim$", "1"),
    (r"[ae]n(?![aeiouyh])|[ae]mp?(?=[bps])", "2"),
    (r"on(?![aeiouyh])|omp(?=t)|om(?=[bpt])", "3"),
    (r"^ou(?=[aei])|w", "v"),
    (r"oeu|eu", "E"),
    (r"ou", "U"),
    (r"o[iy](?=[aeiou])", "wai"),
    (r"o[iy]", "wa"),
    (r"[ae][iy](?=[aeiou])", "ei"),
    (r"[ae][iy]|ae(?=[tv])", "e"),
    (r"y", "i"),
)
_SPELLING: Final = re.compile("|".join(f"({letters})" for letters, _ in _SPELLINGS))
_SOUNDS: Final = ("", *(sound for _, sound in _SPELLINGS))
_DOUBLE: Final = re.compile(r"(.)\1+")
_YOD: Final = re.compile(r"(?<=[ae])ill(?=[aeou])")  # MAILLER, as in MAYER


def phonetic(word: str) -> str:
    """How a folded word sounds to a French ear, as a short key: words that sound alike share it.

    "lefebvre" and "lefevre", "philippe" and "filip", "thibault" and "tibo" are the same. '' for what has no letters.
    """
    if not word.isalpha():
        return ""
    single = _DOUBLE.sub(r"\1", _YOD.sub("i", word))
    return _DOUBLE.sub(r"\1", _SPELLING.sub(_sound, single)) or single


def _sound(spelling: re.Match[str]) -> str:
    return _SOUNDS[spelling.lastindex or 0]
