"""The open index of one process: snapshots to answer from, each of one revision."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self
from zlib import crc32

import lmdb
import orjson
from pyroaring import BitMap

from directory.errors import Unavailable
from directory.index import compression, layout, measured, passages, store, veil
from directory.index.accounts import AccountCopy
from directory.index.decoded import NOBODY, Decoded
from directory.index.ended import EndedCopy
from directory.index.measured import Measure
from directory.index.passages import Passage
from directory.index.store import Environment, Seen
from directory.index.trust import WhiteListCopy
from directory.index.veil import Veil
from directory.model import Kind, RegisterState
from directory.query import Field

if TYPE_CHECKING:
    from directory.index.answers import Page
    from directory.query import Query, TextQuery

_LOOK_S: Final = 0.1  # how often the link to the served build is looked at


class StoredDocument:
    """A document, each part read from the memory map only when asked for. Valid while its snapshot is open."""

    __slots__ = ("_parts", "_snapshot", "number")

    def __init__(self, snapshot: Snapshot, number: int) -> None:
        self._snapshot = snapshot
        self.number = number
        self._parts: list[str] | None = None

    @property
    def _values(self) -> list[str]:
        if self._parts is None:
            self._parts = layout.values_parts(self._snapshot.raw_values(self.number))
        return self._parts

    @property
    def kind(self) -> Kind:
        return layout.KIND_OF[int(self._values[1])]

    @property
    def key(self) -> str:
        return self._values[layout.KEY_AT]

    @property
    def reachable(self) -> bool:
        """Whether it is a mailbox, or the record of somebody who has one."""
        return self.number in self._snapshot.posting("present", bytes([layout.FIELD_NUMBER[Field.MAIL]]))

    @property
    def json(self) -> bytes:
        """The record as REST shows it."""
        return compression.decompress(self._snapshot.required("documents", layout.id_key(self.number)))

    @property
    def entry(self) -> memoryview:
        """The LDAP entry of a mailbox (`layout.encode_entry`)."""
        return self._snapshot.entry(self.number)

    def field(self, field: Field) -> list[str]:
        """The folded values of a field."""
        part = self._values[layout.VALUES_AT + layout.FIELD_NUMBER[field]]
        return part.split(layout.VALUE) if part else []

    def values(self, wanted: Iterable[Field] | None = None) -> dict[Field, list[str]]:
        """The folded values of the wanted fields that have any (of all of them when None)."""
        fields = layout.FIELDS if wanted is None else wanted
        return {field: found for field in fields if (found := self.field(field))}


class Snapshot:
    """One read transaction: everything read from it is of one revision. Valid inside its `with` block only."""

    __slots__ = ("_databases", "_decoded", "_hidden", "_txn", "build", "kept", "memory", "state", "veiled")

    def __init__(
        self, environment: Environment, txn: Any, build: str, memory: dict[str, Any], over: Veil = veil.NOTHING
    ) -> None:
        self._databases = environment.databases
        self._txn = txn
        self.build = build
        self.memory = memory
        """A place for what can be kept per build and process."""
        known = memory.get("revision")
        commit = txn.id()
        if known is None or known[0] != commit or known[4] is not over:
            # Another revision, or veil: what was kept of the last one is forgotten.
            state = self._read_state()
            veiled = frozenset(over.over(state))
            known = memory["revision"] = (commit, state, Decoded(), {}, over, self._numbers(veiled), veiled)
        self.state: RegisterState = known[1]
        self._decoded: Decoded = known[2]
        self._hidden: BitMap = known[5]
        self.kept: dict[Any, Any] = known[3]
        """A place for what can be kept per process for as long as the revision stays the same. A snapshot that outlives
        its revision, that of a search in several turns, keeps what was kept with it."""
        self.veiled: frozenset[tuple[Kind, str]] = known[6]
        """The records that are hidden by now, though the index does not know yet."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._txn.abort()

    def _read_state(self) -> RegisterState:
        value = self._txn.get(layout.META_STATE, db=self._databases["meta"])
        if value is None:
            self._txn.abort()
            raise Unavailable("the index is not built yet", fr="l'index n'est pas encore construit")
        return store.read_state(bytes(value))

    def _numbers(self, records: Iterable[tuple[Kind, str]]) -> BitMap:
        found = (self._txn.get(layout.record_key(kind, key), db=self._databases["ids"]) for kind, key in records)
        return BitMap([layout.id_of(number) for number in found if number is not None])

    def posting(self, database: str, key: bytes) -> BitMap:
        """The documents under a key of `kinds`, `present`, `terms`, `grams`, `words` or `beginnings`; empty when it is
        not there. Not to be changed: large ones are kept for the next question."""
        kept = self._decoded.get(database, key)
        if kept is not None:
            return kept.ids
        value = self._txn.get(key, None, self._databases[database])
        return NOBODY if value is None else self._decode(database, key, value)

    def postings(self, database: str, keys: Iterable[bytes]) -> list[tuple[bytes, BitMap]]:
        """Those of some keys that are there, with their documents: `posting` for many at once."""
        found = [(bytes(key), value) for key, value in self.several(database, keys)]
        return [(key, self.decoded(database, key, value)) for key, value in found]

    def decoded(self, database: str, key: bytes, value: memoryview) -> BitMap:
        """The same, for a key whose value has been read."""
        kept = self._decoded.get(database, key)
        return self._decode(database, key, value) if kept is None else kept.ids

    def smallest_first(self, database: str, keys: Iterable[bytes]) -> Iterator[BitMap]:
        """The documents under each of some distinct keys, as `posting`, the smallest sets first: those that are not
        asked for are not decoded. Nothing at all unless every key is there."""
        found: list[tuple[int, bytes, BitMap | memoryview]] = []
        unknown = []
        for key in keys:
            kept = self._decoded.get(database, key)
            if kept is None:
                unknown.append(key)
            else:
                found.append((kept.size, key, kept.ids))
        if unknown:
            stored = self.several(database, unknown)
            if len(stored) < len(unknown):
                return
            found += [(len(value), bytes(key), value) for key, value in stored]
        found.sort(key=_size)
        for _, known, one in found:
            yield one if isinstance(one, BitMap) else self._decode(database, known, one)

    def _decode(self, database: str, key: bytes, value: memoryview) -> BitMap:
        ids = layout.decode_posting(value)
        if self._hidden and database == "kinds":
            ids -= self._hidden  # all that is found is of some kind: what is hidden is of none
        self._decoded.put(database, key, len(value), ids)
        return ids

    @property
    def shown(self) -> str:
        """What is shown, in a word that is another one for every revision and every veil."""
        state = self.state
        return f"{state.epoch[:8]}-{state.revision}" + (
            f"-{crc32(self._hidden.serialize()):08x}" if self._hidden else ""
        )

    def holds(self, database: str) -> bool:
        """Whether the index has a database at all (`accounts` and `trust` came later than the others)."""
        return database in self._databases

    @property
    def accounts(self) -> AccountCopy:
        return AccountCopy(self)

    @property
    def white_list(self) -> WhiteListCopy:
        return WhiteListCopy(self)

    def value(self, database: str, key: bytes) -> bytes | None:
        found = self._txn.get(key, db=self._databases[database])
        return None if found is None else bytes(found)

    def several(self, database: str, keys: Iterable[bytes]) -> list[tuple[memoryview, memoryview]]:
        """Those of some keys that are there, with their values."""
        with self._txn.cursor(db=self._databases[database]) as cursor:
            found: list[tuple[memoryview, memoryview]] = cursor.getmulti(keys)
        return found

    def required(self, database: str, key: bytes) -> memoryview:
        """A value that is there as long as its document is."""
        found: memoryview | None = self._txn.get(key, db=self._databases[database])
        if found is None:
            raise KeyError(f"{database} {key!r}")
        return found

    def document(self, number: int) -> StoredDocument:
        return StoredDocument(self, number)

    def raw_values(self, number: int) -> bytes:
        """The values record of a document (`layout.encode_values`)."""
        return bytes(self.required("values", layout.id_key(number)))

    def entry(self, number: int) -> memoryview:
        """The LDAP entry of a mailbox (`layout.encode_entry`)."""
        return self.required("entries", layout.id_key(number))

    def entries(self, numbers: Sequence[int]) -> list[memoryview]:
        """The LDAP entries of some mailboxes, in the same order."""
        return self._all_required("entries", numbers)

    def values_of(self, numbers: Sequence[int]) -> list[memoryview]:
        """The values records of some documents, in the same order."""
        return self._all_required("values", numbers)

    def _all_required(self, database: str, numbers: Sequence[int]) -> list[memoryview]:
        if len(numbers) <= 1:
            return [self.required(database, layout.id_key(number)) for number in numbers]
        found: list[memoryview] = []
        runs = _runs(numbers)
        if 2 * len(runs) > len(numbers):
            found += [value for _, value in self.several(database, map(layout.id_key, numbers))]
        else:
            with self._txn.cursor(db=self._databases[database]) as cursor:
                for first, count in runs:
                    if cursor.set_key(layout.id_key(first)):
                        found += islice(cursor.iternext(keys=False, values=True), count)
                    if cursor.key() != layout.id_key(first + count - 1):
                        raise KeyError(f"{database} of {numbers}")  # what follows stands in the place of one
        if len(found) != len(numbers):
            raise KeyError(f"{database} of {numbers}")
        return found

    def order(self, number: int) -> bytes:
        """The key of a document in the static order."""
        return layout.static_order(self.raw_values(number))

    def late(self) -> BitMap:
        """Ids handed out after the build: their number says nothing about their place in the static order."""
        return layout.decode_posting(self._txn.get(layout.META_LATE, db=self._databases["meta"]))

    def scan(self, database: str, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, memoryview]]:
        """The keys that begin with a prefix, in byte order, with their values; those behind one of them."""
        with self._txn.cursor(db=self._databases[database]) as cursor:
            if not cursor.set_range(after + b"\x00" if after else prefix):
                return
            for key, value in cursor:
                name = bytes(key)
                if not name.startswith(prefix):
                    return
                yield name, value

    def get(self, kind: Kind, key: str) -> StoredDocument | None:
        """The document of a record by its key (address in lower case, national identifier, structure key)."""
        found = self._txn.get(layout.record_key(kind, key), db=self._databases["ids"])
        if found is None or layout.id_of(found) in self._hidden:
            return None
        return self.document(layout.id_of(found))

    def left(self, kind: Kind) -> dict[str, str]:
        """The records of a kind that have left lately: their keys in order, and when, as a GeneralizedTime."""
        known: dict[Kind, dict[str, str]] | None = self.kept.get("left")
        if known is None:
            known = self.kept["left"] = {one: {} for one in Kind}
            for named, key, at in orjson.loads(self.value("meta", layout.META_LEFT) or b"[]"):
                if (Kind(named), key) not in self.veiled:
                    known[Kind(named)][key] = at
        return known[kind]

    @property
    def ended(self) -> EndedCopy:
        return EndedCopy(self)

    def counts(self) -> dict[Kind, int]:
        """Documents per kind."""
        return {kind: len(self.posting("kinds", bytes([number]))) for kind, number in layout.KIND_NUMBER.items()}

    def find(self, query: Query) -> Page:
        """The documents that satisfy a predicate, best first (see `choice`, `evaluate` and `ranking`)."""
        from directory.index import choice

        return choice.find(self, query)

    def search(self, query: TextQuery) -> Page:
        """The documents that people may mean by some words (see `search`)."""
        from directory.index import search

        return search.search(self, query)


def _runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Numbers as runs of consecutive ones: the first of each and how many. Whoever is named alike is numbered in a row,
    as the static order has it: what is read in its order is found without being looked for."""
    runs: list[tuple[int, int]] = []
    first, count = numbers[0], 0
    for number in numbers:
        if number != first + count:
            runs.append((first, count))
            first, count = number, 0
        count += 1
    runs.append((first, count))
    return runs


def _size(found: tuple[int, bytes, BitMap | memoryview]) -> int:
    return found[0]


class Index:
    """The index that this process answers from; follows the swap to a new build by itself.

    Threads may share it.
    """

    def __init__(self, path: Path, map_bytes: int) -> None:
        self._path = path
        self._map_bytes = map_bytes
        self._lock = threading.Lock()
        self._build: Path | None = None
        self._name = ""  # of the build
        self._environment: Environment | None = None
        self._memory: dict[str, Any] = {}
        self._looked_at = 0.0
        self._veil = veil.NOTHING
        self._veil_stamp: tuple[int, int] | None = None

    @classmethod
    def open(cls, path: Path, *, map_bytes: int) -> Self:
        """An index by its folder; that nothing is built yet shows at the first read."""
        return cls(path, map_bytes)

    def read(self) -> Snapshot:
        """A snapshot of the present revision, to be used in a `with` block.

        Raises:
            Unavailable: no index is built yet, or it is of another version of the program.
        """
        environment, build, memory, over = self._present()
        return Snapshot(environment, environment.lmdb.begin(buffers=True), build, memory, over)

    def seen(self) -> Seen | None:
        """The follower's last contact with the register."""
        return store.read_seen(self._path)

    def passages(self) -> Sequence[Passage]:
        """The revisions that this node has come to lately, the latest last."""
        return passages.read(self._path)

    def measured(self, profession: str, department: str) -> Sequence[Measure]:
        """What coverage was on the days before, of a profession and a département, or of `coverage.ALL` of them."""
        return measured.read(self._path, profession, department)

    def close(self) -> None:
        with self._lock:
            if self._environment is not None:
                self._environment.close()
                self._environment = None
                self._build = None

    def _present(self) -> tuple[Environment, str, dict[str, Any], Veil]:
        now = time.monotonic()
        with self._lock:
            if self._environment is None or now - self._looked_at > _LOOK_S:
                self._looked_at = now
                self._look_at_veil()
                self._look()
            assert self._environment is not None
            assert self._build is not None
            return self._environment, self._name, self._memory, self._veil

    def _look_at_veil(self) -> None:
        stamp = veil.stamp(self._path)
        if stamp != self._veil_stamp:
            self._veil, self._veil_stamp = veil.read(self._path), stamp

    def _look(self) -> None:
        build = store.current_build(self._path)
        if build == self._build and self._environment is not None:
            self._environment = self._environment.looked_through()
            return
        if build is None:
            if self._environment is not None:
                return
            raise Unavailable("the index is not built yet", fr="l'index n'est pas encore construit")
        try:
            environment = store.open_environment(build, self._map_bytes)
        except (lmdb.Error, OSError) as error:
            if self._environment is not None:
                return  # the link has moved on between reading it and opening: the next look finds it
            raise Unavailable("the index cannot be opened", fr="l'index ne peut pas être ouvert") from error
        if not store.of_this_version(environment):
            environment.close()
            if self._environment is not None:
                return
            raise Unavailable(
                "the index is of another version and is being rebuilt",
                fr="l'index est d'une autre version et sera reconstruit",
            )
        # The old environment stays open for answers under way; it is released with its last reference.
        self._environment, self._build, self._memory = environment, build, {}
        self._name = build.name
