"""Entries as they are sent: which attributes a client asked for, cut out of the prepared ones (RFC 4511 4.5.1.8)."""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Self

from directory.index.encoding import length, partial_attribute
from directory.index.layout import ENTRY, ENTRY_ATTRIBUTES, USER_ATTRIBUTES
from ldap_server.schema import SUBSCHEMA_DN, attribute_type, class_attributes

_COMPUTED: Final = ("entryDN", "structuralObjectClass", "subschemaSubentry", "hasSubordinates")
"""What depends on this server's tree and is therefore not stored."""


class _Heads:
    """The tag and length of an element by the size of its content; those of the usual sizes are made once."""

    __slots__ = ("_tag", "_usual")

    def __init__(self, tag: int) -> None:
        self._tag = bytes((tag,))
        self._usual = [self._tag + length(size) for size in range(_USUAL)]

    def of(self, size: int) -> bytes:
        return self._usual[size] if size < _USUAL else self._tag + length(size)


_USUAL: Final = 4096  # bytes that nearly all entries stay below
_SEQUENCE: Final = _Heads(0x30)
_OCTETS: Final = _Heads(0x04)
_ENTRY: Final = _Heads(0x64)


def framed(message_id: bytes, rdn: bytes | memoryview, base: bytes, attributes: bytes | memoryview) -> bytes:
    """A SearchResultEntry; `base` is what stands behind the relative name in the entry's name."""
    dn, listed = _OCTETS.of(len(rdn) + len(base)), _SEQUENCE.of(len(attributes))
    size = len(dn) + len(rdn) + len(base) + len(listed) + len(attributes)
    entry = _ENTRY.of(size)
    whole = _SEQUENCE.of(len(message_id) + len(entry) + size)
    return b"".join((whole, message_id, entry, dn, rdn, base, listed, attributes))


@dataclass(frozen=True, slots=True)
class Selection:
    """What a client asked for. `names` are attribute names as the schema spells them."""

    user: bool
    operational: bool
    names: frozenset[str]
    types_only: bool = False

    @classmethod
    def of(cls, asked: Iterable[str], *, types_only: bool = False) -> Self:
        """Nothing asked: all user attributes; `*` these, `+` the operational ones, `1.1` none, `@` and a class what
        that allows (RFC 4529); unknown names and names with options are passed over."""
        asked = list(asked)
        if not asked:
            return cls(True, False, frozenset(), types_only)
        names = {known.name for name in asked if (known := attribute_type(name)) is not None}
        names.update(*(class_attributes(name[1:]) for name in asked if name.startswith("@")))
        return cls("*" in asked, "+" in asked, frozenset(names), types_only)

    def wants(self, name: str, *, operational: bool) -> bool:
        return (self.operational if operational else self.user) or name in self.names

    def encode(self, attributes: Iterable[tuple[str, list[str]]], operational: frozenset[str]) -> bytes:
        """The wanted ones of some attributes given as values."""
        return b"".join(
            partial_attribute(name, [] if self.types_only else values)
            for name, values in attributes
            if self.wants(name, operational=name in operational)
        )


class Cutter:
    """Cuts what one selection wants out of the entries of mailboxes."""

    __slots__ = ("_bounds", "_cut", "_places", "_selection", "_skipped")

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._places = [
            place
            for place, name in enumerate(ENTRY_ATTRIBUTES)
            if selection.wants(name, operational=place >= USER_ATTRIBUTES)
        ]
        bounds = [bound for first, last in _runs(self._places) for bound in (first, last + 1)]
        # Where the first attribute begins is where the relative name ends: needed in any case, and read first.
        self._skipped = 0 if bounds[:1] == [0] else 1
        self._bounds = _reader_of([*([0] if self._skipped else []), *bounds])
        computed = any(selection.wants(name, operational=True) for name in _COMPUTED)
        self._cut = self._each_built if selection.types_only or computed or len(bounds) != 2 else self._sliced

    def framed(self, message_id: bytes, base: bytes, entry: memoryview) -> bytes:
        """The entry as a message."""
        return self._cut(message_id, base, [entry])

    def all_framed(self, message_id: bytes, base: bytes, entries: Iterable[memoryview]) -> bytes:
        """Some entries, each as a message, one after the other."""
        return self._cut(message_id, base, entries)

    def _sliced(self, message_id: bytes, base: bytes, entries: Iterable[memoryview]) -> bytes:
        """The usual case: the wanted attributes stand together. Mail clients ask for a hundred entries at a time: all
        that can be is looked up once, sizes are those of the slices, and what they hold is copied once."""
        bounds, skipped = self._bounds.unpack_from, self._skipped
        first: int = ENTRY.size
        base_size, id_size = len(base), len(message_id)
        pieces: list[bytes | memoryview] = []
        for entry in entries:
            found = bounds(entry)
            rdn_end: int = found[0]
            start: int = found[skipped]
            end: int = found[skipped + 1]
            dn_size, size = rdn_end - first + base_size, end - start
            dn, listed = _OCTETS.of(dn_size), _SEQUENCE.of(size)
            inner_size = len(dn) + dn_size + len(listed) + size
            inner = _ENTRY.of(inner_size)
            whole = _SEQUENCE.of(id_size + len(inner) + inner_size)
            pieces += (whole, message_id, inner, dn, entry[first:rdn_end], base, listed, entry[start:end])
        return b"".join(pieces)

    def _each_built(self, message_id: bytes, base: bytes, entries: Iterable[memoryview]) -> bytes:
        return b"".join([self._built(message_id, base, entry) for entry in entries])

    def _built(self, message_id: bytes, base: bytes, entry: memoryview) -> bytes:
        """Attributes that stand apart, that this server computes, or without their values."""
        offsets = ENTRY.unpack_from(entry)
        rdn = bytes(entry[ENTRY.size : offsets[0]])
        parts: Sequence[bytes | memoryview]
        if self._selection.types_only:
            held = [place for place in self._places if offsets[place] < offsets[place + 1]]
            parts = [partial_attribute(ENTRY_ATTRIBUTES[place], []) for place in held]
        else:
            bounds = self._bounds.unpack_from(entry)[self._skipped :]
            parts = [entry[start:end] for start, end in zip(bounds[::2], bounds[1::2], strict=True)]
        computed = self._selection.encode(_computed((rdn + base).decode()), frozenset(_COMPUTED))
        return framed(message_id, rdn, base, b"".join((*parts, computed)))


def _runs(places: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Ascending places as runs: the first and last of each."""
    first = last = -2
    for place in places:
        if place != last + 1:
            if last >= 0:
                yield first, last
            first = place
        last = place
    if last >= 0:
        yield first, last


def _reader_of(places: list[int]) -> struct.Struct:
    """Reads some of an entry's offsets, given in ascending order."""
    gaps = [after - before - 1 for before, after in zip([-1, *places], places, strict=False)]
    return struct.Struct("<" + "".join(f"{4 * gap}xI" for gap in gaps))


@functools.lru_cache(maxsize=256)
def cutter(attributes: tuple[str, ...], types_only: bool) -> Cutter:
    """The cutter for what a search asks for; kept, as each program always asks for the same."""
    return Cutter(Selection.of(attributes, types_only=types_only))


def _computed(dn: str) -> list[tuple[str, list[str]]]:
    return [
        ("entryDN", [dn]),
        ("structuralObjectClass", ["mssanteMailbox"]),
        ("subschemaSubentry", [SUBSCHEMA_DN]),
        ("hasSubordinates", ["FALSE"]),
    ]
