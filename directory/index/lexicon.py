"""Ways to a word of the index other than its spelling: how it sounds, and itself with a letter less.

The lexicon holds each distinct word of all documents under a handful of keys that depend on the word alone.
"""

from __future__ import annotations

from directory.text import phonetic

_SHORTEST = 3  # letters of a word that has other ways to it than its spelling
_LONGEST = 40


def lexicon_keys(word: str) -> set[bytes]:
    """The keys a word is found under: `s` and its sound, `d` and each spelling with at most one letter less."""
    if not (_SHORTEST <= len(word) <= _LONGEST and word.isalpha()):
        return set()
    keys = {b"d" + (word[:at] + word[at + 1 :]).encode() for at in range(len(word))}
    keys.add(b"d" + word.encode())
    sound = phonetic(word)
    if sound:
        keys.add(b"s" + sound.encode())
    return keys
