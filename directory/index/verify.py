"""Compares an index with the register it should mirror, record by record, and names every difference."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from pyroaring import BitMap

from directory.index import accounts, compression, layout, trust
from directory.index.documents import Prepared, prepare
from directory.index.lexicon import lexicon_keys
from directory.index.postings import POSTINGS, all_keys
from directory.index.reader import Index, Snapshot
from directory.index.spool import BODIES
from directory.model import Kind, RegisterState
from directory.source import Register

_EVERYTHING: Final = b""
_KEPT: Final = 50_000  # decoded postings: the common ones are asked for with every document


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it would be in an index built now; `kind` is a kind of record or of difference."""

    kind: str
    key: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind} {self.key}: {self.what}"


def verify(register: Register, path: Path, *, map_bytes: int) -> list[Difference]:
    """Every difference between index and register; empty when the index is right.

    Checked: the revision; that each record has its document, with the very bytes and the place in the static order it
    would get today, in exactly the postings it belongs to; that no document is left of a record that is gone; that
    ids follow the static order; that each word is in the lexicon under its keys; the accounts; and the white list.

    Raises:
        Unavailable: the register cannot be reached, or there is no index.
    """
    index = Index.open(path, map_bytes=map_bytes)
    try:
        with register.open() as source, index.read() as snapshot:
            verification = _Verification(snapshot)
            differences = list(verification.state(source.state))
            for kind in Kind:
                for record in source.read_range(kind, "", None):
                    differences += verification.record(prepare(record))
            differences += verification.leftovers()
            differences += verification.postings()
            differences += verification.order()
            differences += verification.lexicon()
            held = ((accounts, accounts.pairs(source.accounts())), (trust, trust.pairs(source.white_list())))
            for of, pairs in held:
                differences += verification.copied(of.DATABASE, of.name_of, pairs)
            return differences
    finally:
        index.close()


class _Verification:
    """One pass over the register, then one over the index. Memory: one bit per document, and the dictionary."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._posting = functools.lru_cache(maxsize=_KEPT)(snapshot.posting)
        self._found = BitMap()  # ids of documents that a record has
        self._memberships: Counter[str] = Counter()  # per database, what its postings should hold in all

    def state(self, state: RegisterState) -> Iterator[Difference]:
        held = self._snapshot.state
        if (held.epoch, held.revision) != (state.epoch, state.revision):
            what = f"index at {held.revision} of {held.epoch}, register at {state.revision} of {state.epoch}"
            yield Difference("revision", str(held.revision), what)

    def record(self, prepared: Prepared) -> Iterator[Difference]:
        kind, key = prepared.kind, prepared.key
        found = self._snapshot.value("ids", layout.record_key(kind, key))
        if found is None:
            yield Difference(kind, key, "not in the index")
            return
        number = layout.id_of(found)
        self._found.add(number)
        yield from self._document(found, prepared)
        for database, posting in sorted(all_keys(kind, prepared.values)):
            self._memberships[database] += 1
            if number not in self._posting(database, posting):
                yield Difference(kind, key, f"missing in {database} {posting!r}")

    def _document(self, id_key: bytes, prepared: Prepared) -> Iterator[Difference]:
        value = self._snapshot.value
        json = value("documents", id_key)
        if value("values", id_key) != prepared.record:
            yield Difference(prepared.kind, prepared.key, "other values or another place in the static order")
        # What is compressed is compared, not how: another release of the library may compress otherwise.
        if json is None or compression.decompress(json) != compression.decompress(prepared.json):
            yield Difference(prepared.kind, prepared.key, "another document in the index")
        if (value("entries", id_key) or b"") != prepared.entry:
            yield Difference(prepared.kind, prepared.key, "another LDAP entry in the index")

    def leftovers(self) -> Iterator[Difference]:
        """Documents of records that are gone."""
        for name, value in self._snapshot.scan("ids", _EVERYTHING):
            if layout.id_of(value) not in self._found:
                key = name[1:].decode(errors="replace")
                yield Difference(layout.KIND_OF[name[0]], key, "in the index, not in the register")
        for database in BODIES:
            for name, _ in self._snapshot.scan(database, _EVERYTHING):
                if layout.id_of(name) not in self._found:
                    yield Difference(database, str(layout.id_of(name)), "no record of the register has this id")

    def postings(self) -> Iterator[Difference]:
        """Members that do not belong. Every document is known by now to be where it should be, or was named: where the
        sizes add up as well, nobody else is there."""
        for database in POSTINGS:
            held = sum(len(layout.decode_posting(value)) for _, value in self._snapshot.scan(database, _EVERYTHING))
            if held != self._memberships[database]:
                yield from self._strangers(database)

    def _strangers(self, database: str) -> Iterator[Difference]:
        for name, value in self._snapshot.scan(database, _EVERYTHING):
            for number in layout.decode_posting(value):
                if (database, name) not in self._keys_of(number):
                    yield Difference(database, repr(name), f"holds document {number}, which does not belong there")

    def _keys_of(self, number: int) -> set[tuple[str, bytes]]:
        if self._snapshot.value("values", layout.id_key(number)) is None:
            return set()
        document = self._snapshot.document(number)
        return all_keys(document.kind, document.values())

    def order(self) -> Iterator[Difference]:
        """Ids given at the build are ranks in the static order; what was added later is marked as late."""
        late = self._snapshot.late()
        early = ((layout.id_of(name), bytes(value)) for name, value in self._snapshot.scan("values", _EVERYTHING))
        orders = ((number, layout.static_order(record)) for number, record in early if number not in late)
        for (_, before), (number, after) in pairwise(orders):
            if after <= before:
                yield Difference("order", str(number), "its id is not its rank")
        for number in late - self._found:
            yield Difference("late", str(number), "marked as late, and no document")

    def lexicon(self) -> Iterator[Difference]:
        """Every distinct word under each of its keys, and no other."""
        words = (name[1:] for name, _ in self._snapshot.scan("words", _EVERYTHING) if not layout.is_cut(name))
        expected = {(key, word) for word in {word.decode() for word in words} for key in lexicon_keys(word)}
        for key, value in self._snapshot.scan("lexicon", _EVERYTHING):
            for word in bytes(value).decode().split():
                if (key, word) in expected:
                    expected.discard((key, word))
                else:
                    yield Difference("lexicon", word, f"under {key!r}, where no document has it from")
        for key, word in sorted(expected):
            yield Difference("lexicon", word, f"missing under {key!r}")

    def copied(
        self, database: str, name_of: Callable[[bytes], str], pairs: Iterable[tuple[bytes, bytes]]
    ) -> Iterator[Difference]:
        """All that a database holds a copy of, and nothing of what is gone."""
        expected = dict(pairs)
        found: dict[bytes, bytes] = {}
        if self._snapshot.holds(database):
            found = {key: bytes(value) for key, value in self._snapshot.scan(database, _EVERYTHING)}
        for key in sorted(expected.keys() | found.keys()):
            if expected.get(key) != found.get(key):
                yield Difference(database.removesuffix("s"), name_of(key), _told(expected.get(key), found.get(key)))


def _told(expected: bytes | None, found: bytes | None) -> str:
    if found is None:
        return "not in the index"
    return "in the index, not in the register" if expected is None else "otherwise in the register"
