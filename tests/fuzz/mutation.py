"""Mutations of messages: of bytes, where they lie, and of elements, where every length stays right and deeper decoders
are reached."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from bench.ldap.encoding import elements, tlv

_CONSTRUCTED: Final = 0x20
_BYTES: Final = b"\x00\x01\x02\x04\x0a\x30\x7f\x80\x81\x82\x84\x85\x87\xa0\xa1\xa2\xa3\xa4\xa9\xff"
_CONTENTS: Final = (
    b"", b"\0", b"\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\x01\0\0\0\0\0\0\0\0", b"*", b"\\", b"=,+\"\\#0", b"\xc3",
    b"1.2.840.113556.1.4.319", b"\x30\x80", b"A" * 300, "é\u0153\u202e\U0001f600".encode(), b"objectClass", b",",
)  # fmt: skip
_TAGS: Final = (1, 2, 4, 10, 0x30, 0x31, 0x63, 0x80, 0x81, 0x82, 0x83, 0x84, 0x87, *range(0xA0, 0xAA))


@dataclass(slots=True)
class Element:
    """A tag, and a content of bytes or of elements."""

    tag: int
    content: bytes | list[Element]

    def encoded(self) -> bytes:
        content = self.content
        return tlv(self.tag, content if isinstance(content, bytes) else b"".join(one.encoded() for one in content))

    def inside(self) -> list[Element]:
        """The element and all that it holds."""
        if isinstance(self.content, bytes):
            return [self]
        return [self, *(deeper for one in self.content for deeper in one.inside())]


def parsed(data: bytes, depth: int = 40) -> list[Element] | None:
    """The elements that bytes are made of, down to a depth; None when they are not made of elements."""
    try:
        found = []
        for tag, start, end in elements(data, 0, len(data)):
            content: bytes | list[Element] = data[start:end]
            if tag & _CONSTRUCTED and depth:
                content = parsed(data[start:end], depth - 1) or data[start:end]
            found.append(Element(tag, content))
        return found
    except IndexError:
        return None


def mutated(data: bytes, others: Sequence[bytes], dice: random.Random) -> bytes:
    """A message that is one to four mutations away from this one."""
    for _ in range(dice.randint(1, 4)):
        change = dice.choice((_elements_changed, _elements_changed, _bytes_changed))
        data = change(data, others, dice)[:60_000]
    return data


def _bytes_changed(data: bytes, others: Sequence[bytes], dice: random.Random) -> bytes:
    at = dice.randrange(len(data)) if data else 0
    other = dice.choice(others)
    return dice.choice((
        data[:at] + bytes((data[at] ^ 1 << dice.randrange(8) if data else 0,)) + data[at + 1 :],  # a bit flipped
        data[:at] + bytes((dice.choice(_BYTES),)) + data[at + 1 :],  # often a length that lies
        data[:at] + bytes((dice.choice(_BYTES),)) + data[at:],  # one octet more
        data[:at] + data[at + 1 :],  # one octet less
        data[:at],  # cut
        data[:at] + other[dice.randrange(len(other) + 1) :],  # spliced
        data + other,  # two in a row
        data[:at] + dice.randbytes(dice.randint(1, 8)) + data[at:],  # noise
    ))  # fmt: skip


def _elements_changed(data: bytes, others: Sequence[bytes], dice: random.Random) -> bytes:
    roots = parsed(data)
    if not roots:
        return _bytes_changed(data, others, dice)
    holders = [one for root in roots for one in root.inside() if isinstance(one.content, list) and one.content]
    if holders:
        holder = dice.choice(holders)
        assert isinstance(holder.content, list)
        _CHANGES[dice.randrange(len(_CHANGES))](holder.content, dice.randrange(len(holder.content)), others, dice)
    return b"".join(root.encoded() for root in roots)


Change = Callable[[list[Element], int, Sequence[bytes], random.Random], None]


def _dropped(among: list[Element], at: int, _others: Sequence[bytes], _dice: random.Random) -> None:
    del among[at]


def _repeated(among: list[Element], at: int, _others: Sequence[bytes], dice: random.Random) -> None:
    among[at:at] = [among[at]] * dice.choice((1, 2, 12, 300))


def _refilled(among: list[Element], at: int, _others: Sequence[bytes], dice: random.Random) -> None:
    among[at] = Element(among[at].tag, dice.choice(_CONTENTS))


def _retagged(among: list[Element], at: int, _others: Sequence[bytes], dice: random.Random) -> None:
    among[at] = Element(dice.choice(_TAGS), among[at].content)


def _wrapped(among: list[Element], at: int, _others: Sequence[bytes], dice: random.Random) -> None:
    for _ in range(dice.choice((1, 2, 25))):
        among[at] = Element(dice.choice((0x30, 0xA0, 0xA1, 0xA2)), [among[at]])


def _exchanged(among: list[Element], at: int, others: Sequence[bytes], dice: random.Random) -> None:
    """An element of another message in this one's place."""
    roots = parsed(dice.choice(others)) or []
    found = [one for root in roots for one in root.inside()]
    if found:
        among[at] = dice.choice(found)


_CHANGES: Final[tuple[Change, ...]] = (_dropped, _repeated, _refilled, _retagged, _wrapped, _exchanged)
