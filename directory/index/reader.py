"""The open index of one process: snapshots to answer from, each of one revision."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import lmdb
from pyroaring import BitMap

from directory.errors import Unavailable
from directory.index import layout, store
from directory.index.layout import StoredDocument
from directory.index.store import Environment, Seen
from directory.model import Kind, RegisterState

if TYPE_CHECKING:
    from directory.index.answers import Page
    from directory.query import Query, TextQuery

_LOOK_S: Final = 0.1  # how often the link to the served build is looked at


class Snapshot:
    """One read transaction: everything read from it is of one revision. Valid inside its `with` block only."""

    __slots__ = ("_databases", "_txn", "build", "memory", "state")

    def __init__(self, environment: Environment, txn: Any, build: str, memory: dict[str, Any]) -> None:
        self._databases = environment.databases
        self._txn = txn
        self.build = build
        self.memory = memory
        """A place for what can be kept per build and process, such as the dictionary of words."""
        value = txn.get(layout.META_STATE, db=self._databases["meta"])
        if value is None:
            raise Unavailable("the index is not built yet", fr="l'index n'est pas encore construit")
        self.state: RegisterState = store.read_state(bytes(value))

    def posting(self, database: str, key: bytes) -> BitMap:
        """The documents under a key of `kinds`, `present`, `terms`, `grams` or `words`; empty when it is not there."""
        return layout.decode_posting(self._txn.get(key, db=self._databases[database]))

    def value(self, database: str, key: bytes) -> bytes | None:
        found = self._txn.get(key, db=self._databases[database])
        return None if found is None else bytes(found)

    def document(self, document_id: int) -> StoredDocument:
        return StoredDocument(self._txn.get(layout.id_key(document_id), db=self._databases["documents"]))

    def order(self, document_id: int) -> bytes:
        return bytes(self._txn.get(layout.id_key(document_id), db=self._databases["orders"]))

    def late(self) -> BitMap:
        """Ids handed out after the build: their number says nothing about their place in the static order."""
        return layout.decode_posting(self._txn.get(layout.META_LATE, db=self._databases["meta"]))

    def scan(self, database: str, prefix: bytes) -> Iterator[tuple[bytes, memoryview]]:
        """The keys that begin with a prefix, in byte order, with their values."""
        with self._txn.cursor(db=self._databases[database]) as cursor:
            if not cursor.set_range(prefix):
                return
            for key, value in cursor:
                if bytes(key[: len(prefix)]) != prefix:
                    return
                yield bytes(key), value

    def get(self, kind: Kind, key: str) -> StoredDocument | None:
        """The document of a record by its key (address in lower case, national identifier, structure key)."""
        found = self._txn.get(layout.record_key(kind, key), db=self._databases["ids"])
        return None if found is None else self.document(layout.id_of(found))

    def counts(self) -> dict[Kind, int]:
        """Documents per kind."""
        return {kind: len(self.posting("kinds", bytes([number]))) for kind, number in layout.KIND_NUMBER.items()}

    def find(self, query: Query) -> Page:
        """The documents that satisfy a predicate, best first (see `evaluate` and `ranking`)."""
        from directory.index import evaluate

        return evaluate.find(self, query)

    def search(self, query: TextQuery) -> Page:
        """The documents that people may mean by some words (see `search`)."""
        from directory.index import search

        return search.search(self, query)


class Index:
    """The index that this process answers from; follows the swap to a new build by itself.

    Threads may share it.
    """

    def __init__(self, path: Path, map_bytes: int) -> None:
        self._path = path
        self._map_bytes = map_bytes
        self._lock = threading.Lock()
        self._build: Path | None = None
        self._environment: Environment | None = None
        self._memory: dict[str, Any] = {}
        self._looked_at = 0.0

    @classmethod
    def open(cls, path: Path, *, map_bytes: int) -> Self:
        """An index by its folder; that nothing is built yet shows at the first read."""
        return cls(path, map_bytes)

    @contextlib.contextmanager
    def read(self) -> Iterator[Snapshot]:
        """A snapshot of the present revision.

        Raises:
            Unavailable: no index is built yet, or it is of another version of the program.
        """
        environment, build, memory = self._present()
        with environment.lmdb.begin(buffers=True) as txn:
            yield Snapshot(environment, txn, build, memory)

    def seen(self) -> Seen | None:
        """The follower's last contact with the register."""
        return store.read_seen(self._path)

    def close(self) -> None:
        with self._lock:
            if self._environment is not None:
                self._environment.close()
                self._environment = None
                self._build = None

    def _present(self) -> tuple[Environment, str, dict[str, Any]]:
        now = time.monotonic()
        with self._lock:
            if self._environment is None or now - self._looked_at > _LOOK_S:
                self._looked_at = now
                self._look()
            assert self._environment is not None
            assert self._build is not None
            return self._environment, self._build.name, self._memory

    def _look(self) -> None:
        build = store.current_build(self._path)
        if build == self._build and self._environment is not None:
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
