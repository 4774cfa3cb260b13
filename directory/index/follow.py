"""Keeps the index up with the register: applies the change feed, and rebuilds beside when that is what it takes."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import lmdb
from pyroaring import BitMap

from directory.errors import Unavailable
from directory.index import layout, store
from directory.index.build import BuildProgress, build_locked, sound_key
from directory.index.documents import Prepared, key_of, prepare, record_kind, words_of
from directory.index.postings import PostingKey, all_keys, stored_keys
from directory.index.store import Environment
from directory.logs import pairs
from directory.model import Changes, Kind
from directory.source import RecordSource, Register

log = logging.getLogger("annuaire.follower")

_READ_BATCH: Final = 5_000  # records read and prepared together
_LISTEN_S: Final = 2.0  # silence after which the register is asked again
_RETRY_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0)


@dataclass(slots=True)
class Follower:
    """The one writer of an index."""

    register: Register
    path: Path
    map_bytes: int
    progress: BuildProgress | None = None
    _environment: Environment | None = field(default=None, init=False)
    _build: Path | None = field(default=None, init=False)
    _failures: int = field(default=0, init=False)  # in a row

    def run(self, stop: threading.Event) -> None:
        """Follow until told to stop; a lost database is waited for, the index goes on answering meanwhile."""
        while not stop.is_set():
            try:
                with store.only_writer(self.path):
                    self._follow(stop)
            except Unavailable as error:
                if self._failures == 0:
                    log.warning("cannot follow the register, going on from the index: %s", error.message)
                stop.wait(_RETRY_S[min(self._failures, len(_RETRY_S) - 1)])
                self._failures += 1
            finally:
                self._close()

    def step(self) -> bool:
        """Apply what has changed since the index's revision; True when something had.

        Raises:
            Unavailable: the register cannot be reached, or another process writes this index.
        """
        with store.only_writer(self.path):
            try:
                return self._step()
            finally:
                self._close()

    def _follow(self, stop: threading.Event) -> None:
        self._step()
        with self.register.listen() as listener:
            self._step()  # what was committed before we listened
            if self._failures:
                log.info("following the register again")
            self._failures = 0
            while not stop.is_set():
                listener.wait(_LISTEN_S)
                self._step()

    def _step(self) -> bool:
        environment = self._open()
        if environment is None:
            self._rebuild("there is no sound one of this version")
            return True
        with self.register.open() as source:
            state = self._state(environment)
            changes = source.changes(state.epoch, state.revision)
            if changes.reset:
                changed = True
            else:
                changed = changes.state.revision != state.revision
                if changed:
                    self._apply(environment, source, changes)
        if changes.reset:
            self._rebuild("the register asks for it")
        else:
            store.write_seen(self.path, changes.state.revision)
        return changed

    def _open(self) -> Environment | None:
        """The served build, open for writing; None when there is none of this version."""
        build = store.current_build(self.path)
        if build is not None and build == self._build and self._environment is not None:
            return self._environment
        self._close()
        if build is None or not build.is_dir():
            return None
        try:
            environment = store.open_environment(build, self.map_bytes, write=True)
        except (lmdb.InvalidError, lmdb.CorruptedError, lmdb.VersionMismatchError) as error:
            log.error("the index is damaged: %s", error)
            return None
        if not store.of_this_version(environment):
            environment.close()
            return None
        self._environment, self._build = environment, build
        return environment

    def _close(self) -> None:
        if self._environment is not None:
            self._environment.close()
        self._environment, self._build = None, None

    def _rebuild(self, why: str) -> None:
        log.info("building the index: %s", why)
        self._close()
        state = build_locked(self.register, self.path, map_bytes=self.map_bytes, progress=self.progress)
        log.info("index built %s", pairs(revision=state.revision))

    @staticmethod
    def _state(environment: Environment) -> Any:
        with environment.lmdb.begin() as txn:
            return store.read_state(txn.get(layout.META_STATE, db=environment.databases["meta"]))

    def _apply(self, environment: Environment, source: RecordSource, changes: Changes) -> None:
        """One write transaction: readers see all of a revision or nothing of it."""
        with store.translated(), environment.lmdb.begin(write=True, buffers=False) as txn:
            update = _Update(txn, environment.databases)
            for kind in Kind:
                keys = sorted(key for found, key in changes.keys if found is kind)
                for start in range(0, len(keys), _READ_BATCH):
                    batch = keys[start : start + _READ_BATCH]
                    present: dict[str, Prepared] = {}
                    for record in source.read(kind, batch):
                        assert record_kind(record) is kind
                        present[key_of(record)] = prepare(record)
                    for key in batch:
                        update.replace(kind, key, present.get(key))
            update.write()
            store.write_state(txn, environment, changes.state)
        log.info("followed %s", pairs(revision=changes.state.revision, documents=len(changes.keys)))


class _Update:
    """Gathers what changed documents add to and take from postings, so that each posting is written once."""

    def __init__(self, txn: Any, databases: dict[str, Any]) -> None:
        self._txn = txn
        self._databases = databases
        self._add: dict[PostingKey, list[int]] = defaultdict(list)
        self._remove: dict[PostingKey, list[int]] = defaultdict(list)
        self._late = layout.decode_posting(self._get("meta", layout.META_LATE))
        next_id = self._get("meta", layout.META_NEXT_ID)
        self._next_id = layout.id_of(next_id) if next_id is not None else 0

    def replace(self, kind: Kind, key: str, prepared: Prepared | None) -> None:
        """Store a record's new document, or drop the document of one that is gone."""
        record_key = layout.record_key(kind, key)
        found = self._get("ids", record_key)
        body = layout.encode_document(prepared.document) if prepared is not None else None
        if found is not None:
            if body == self._get("documents", found) and prepared is not None:
                return  # a dependant that shows nothing of the change
            self._forget(kind, layout.id_of(found))
            self._txn.delete(record_key, db=self._databases["ids"])
        if prepared is None or body is None:
            return
        number = self._next_id
        self._next_id += 1
        self._put("documents", layout.id_key(number), body)
        self._put("orders", layout.id_key(number), prepared.order)
        self._put("ids", record_key, layout.id_key(number))
        self._late.add(number)
        for posting in all_keys(prepared):
            self._add[posting].append(number)

    def write(self) -> None:
        for posting in sorted({*self._add, *self._remove}):
            database, key = posting
            before = self._get(database, key)
            ids = layout.decode_posting(before)
            ids -= BitMap(self._remove.get(posting, ()))
            ids |= BitMap(self._add.get(posting, ()))
            if ids:
                self._put(database, key, layout.encode_posting(ids))
            else:
                self._txn.delete(key, db=self._databases[database])
            if database == "words" and bool(ids) != (before is not None):
                self._sound(key, known=bool(ids))
        if self._late:
            self._put("meta", layout.META_LATE, layout.encode_posting(self._late))
        else:
            self._txn.delete(layout.META_LATE, db=self._databases["meta"])
        self._put("meta", layout.META_NEXT_ID, layout.id_key(self._next_id))

    def _forget(self, kind: Kind, number: int) -> None:
        key = layout.id_key(number)
        stored = layout.StoredDocument(self._get("documents", key))  # type: ignore[arg-type]
        values = stored.values()
        for posting in stored_keys(kind, values, words_of(kind, values)):
            self._remove[posting].append(number)
        self._txn.delete(key, db=self._databases["documents"])
        self._txn.delete(key, db=self._databases["orders"])
        self._late.discard(number)

    def _sound(self, word_key: bytes, *, known: bool) -> None:
        """Enter a new word under its sound, or take a word that nobody bears any more out."""
        word = word_key[1:].decode(errors="ignore")
        key = sound_key(word_key[0], word)
        if key is None:
            return
        held = self._get("sounds", key)
        words = set(held.decode().split()) if held is not None else set()
        words = words | {word} if known else words - {word}
        if words:
            self._put("sounds", key, " ".join(sorted(words)).encode())
        else:
            self._txn.delete(key, db=self._databases["sounds"])

    def _get(self, database: str, key: bytes) -> bytes | None:
        found: bytes | None = self._txn.get(key, db=self._databases[database])
        return found

    def _put(self, database: str, key: bytes, value: bytes) -> None:
        self._txn.put(key, value, db=self._databases[database])
