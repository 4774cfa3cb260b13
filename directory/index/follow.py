"""Keeps the index up with the register: applies the change feed, and rebuilds beside when that is what it takes."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import lmdb
from pyroaring import BitMap

from directory.errors import Unavailable
from directory.index import accounts, ended, layout, measured, passages, store, trust, veil
from directory.index.build import build_locked
from directory.index.documents import Prepared, key_of, prepare, record_kind
from directory.index.layout import WORD_CLASSES
from directory.index.lexicon import lexicon_keys
from directory.index.postings import PostingKey, all_keys, changed_keys
from directory.index.preparing import BuildProgress
from directory.index.reader import Snapshot
from directory.index.spool import BODIES
from directory.index.store import Environment
from directory.index.veil import Veil
from directory.index.wear import worn
from directory.logs import pairs
from directory.model import Changes, Kind, RegisterState
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
    _measured: RegisterState | None = field(default=None, init=False)
    """Of which state it is noted what is covered."""

    def run(self, stop: threading.Event) -> None:
        """Follow until told to stop; a lost database is waited for, the index goes on answering meanwhile."""
        threading.Thread(target=self._hide_at_once, args=(stop,), name="withdrawals", daemon=True).start()
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

    def _hide_at_once(self, stop: threading.Event) -> None:
        """Beside following, which may be busy for minutes: tell readers of withdrawals as they are decided."""
        while not stop.is_set():
            try:
                with self.register.listen() as listener:
                    self._draw_veil()
                    while not stop.is_set():
                        if listener.wait(_LISTEN_S):
                            self._draw_veil()
            except Unavailable:  # `run` says so
                stop.wait(_RETRY_S[-1])

    def _draw_veil(self) -> None:
        with self.register.open() as source:
            drawn = Veil(source.state.epoch, tuple(source.withdrawals()))
        if drawn.records or veil.stamp(self.path) is not None:
            veil.write(self.path, drawn)
            store.remove_exports(self.path)

    def step(self) -> bool:
        """Apply what has changed since the index's revision; True when something had.

        Raises:
            Unavailable: the register cannot be reached, or another process writes this index.
        """
        with store.only_writer(self.path):
            try:
                changed = self._step()
                self._measure()
                return changed
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
                if not self._step():  # what comes one after the other is followed first
                    self._measure(listener.heard)

    def _step(self) -> bool:
        environment = self._open()
        if environment is None:
            self._rebuild("there is no sound one of this version")
            return True
        with self.register.open() as source:
            state = self._state(environment)
            changes = self._missing(environment, source.changes(state.epoch, state.revision))
            if changes.reset:
                changed = True
            else:
                changed = changes.state.revision != state.revision or changes.accounts or changes.white_list
                if changed:
                    self._apply(environment, source, changes)
                    passages.note(self.path, changes.state, len(changes.keys))
        if changes.reset:
            self._rebuild("the register asks for it")
        elif changed and worn(environment):
            self._rebuild("much of it has changed since it was built")
        else:
            store.write_seen(self.path, changes.state.revision)
        return changed

    def _measure(self, disturbed: Callable[[], bool] = measured.undisturbed) -> None:
        """Note what is covered, unless that is known of this revision. It gives way to what disturbs it: at national
        scale counting takes some tenths of a second."""
        environment = self._open()
        assert environment is not None
        with Snapshot(environment, environment.lmdb.begin(buffers=True), "", {}) as snapshot:
            if snapshot.state != self._measured and measured.note(self.path, snapshot, disturbed):
                self._measured = snapshot.state

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
        passages.note(self.path, state, None)
        log.info("index built %s", pairs(revision=state.revision))

    @staticmethod
    def _state(environment: Environment) -> Any:
        with environment.lmdb.begin() as txn:
            return store.read_state(txn.get(layout.META_STATE, db=environment.databases["meta"]))

    @staticmethod
    def _missing(environment: Environment, changes: Changes) -> Changes:
        """The changes, and the accounts and the white list where the index has never had any."""
        with environment.lmdb.begin() as txn:
            missing = [one for one in (accounts, trust) if not one.filled(txn, environment.databases[one.DATABASE])]
        return dataclasses.replace(
            changes,
            accounts=changes.accounts or accounts in missing,
            white_list=changes.white_list or trust in missing,
        )

    def _apply(self, environment: Environment, source: RecordSource, changes: Changes) -> None:
        """One write transaction: readers see all of a revision or nothing of it."""
        with store.translated(), environment.lmdb.begin(write=True, buffers=False) as txn:
            update, over = _Update(txn, environment.databases), environment.databases[ended.DATABASE]
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
                    if kind is Kind.PRACTITIONER:
                        ended.renew(txn, over, batch, source.ended(batch), changes.state)
            update.write()
            if changes.accounts:
                accounts.write(txn, environment.databases[accounts.DATABASE], source.accounts())
            if changes.white_list:
                trust.write(txn, environment.databases[trust.DATABASE], source.white_list())
            store.write_state(txn, environment, changes.state)
            store.write_left(txn, environment, source.left())
            ended.forget(txn, over, changes.state)
        store.remove_exports(self.path)
        log.info("followed %s", pairs(revision=changes.state.revision, documents=len(changes.keys)))


class _Update:
    """Gathers what changed documents add to and take from postings, so that each posting is written once."""

    def __init__(self, txn: Any, databases: Mapping[str, Any]) -> None:
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
        id_key = self._get("ids", record_key)
        if id_key is None:
            if prepared is not None:
                self._enlist(record_key, prepared)
            return
        record = self._get("values", id_key)
        assert record is not None
        if prepared is not None and prepared.order == layout.static_order(record):
            self._renew(id_key, record, prepared)
            return
        self._forget(kind, id_key, record)
        self._txn.delete(record_key, db=self._databases["ids"])
        if prepared is not None:
            self._enlist(record_key, prepared)

    def _renew(self, id_key: bytes, record: bytes, prepared: Prepared) -> None:
        """A document that stands where it stood keeps its id: only the sets that it enters or leaves are written."""
        if record != prepared.record:
            left, entered = changed_keys(prepared.kind, layout.decode_values(record), prepared.values)
            self._note(self._remove, left, layout.id_of(id_key))
            self._note(self._add, entered, layout.id_of(id_key))
        self._store(id_key, prepared)

    def _enlist(self, record_key: bytes, prepared: Prepared) -> None:
        """A new document, or one that stands somewhere else now: a new id, out of order."""
        number = self._next_id
        self._next_id += 1
        id_key = layout.id_key(number)
        self._store(id_key, prepared)
        self._put("ids", record_key, id_key)
        self._late.add(number)
        self._note(self._add, all_keys(prepared.kind, prepared.values), number)

    def _store(self, id_key: bytes, prepared: Prepared) -> None:
        bodies = zip(BODIES, (prepared.record, prepared.json, prepared.entry), strict=True)
        for database, body in bodies:
            if body and body != self._get(database, id_key):  # a dependant may show nothing of the change
                self._put(database, id_key, body)

    def _forget(self, kind: Kind, id_key: bytes, record: bytes) -> None:
        number = layout.id_of(id_key)
        self._note(self._remove, all_keys(kind, layout.decode_values(record)), number)
        for database in BODIES:
            self._txn.delete(id_key, db=self._databases[database])
        self._late.discard(number)

    @staticmethod
    def _note(changes: dict[PostingKey, list[int]], postings: Iterable[PostingKey], number: int) -> None:
        for posting in postings:
            changes[posting].append(number)

    def write(self) -> None:
        words: set[str] = set()  # that appeared or vanished in some class
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
            if database == "words" and bool(ids) != (before is not None) and not layout.is_cut(key):
                words.add(key[1:].decode())
        for word in sorted(words):
            self._enter(word)
        if self._late:
            self._put("meta", layout.META_LATE, layout.encode_posting(self._late))
        else:
            self._txn.delete(layout.META_LATE, db=self._databases["meta"])
        self._put("meta", layout.META_NEXT_ID, layout.id_key(self._next_id))

    def _enter(self, word: str) -> None:
        """Enter a word in the lexicon, or take one that no document has any more out."""
        borne = any(self._get("words", layout.word_key(word_class, word)) for word_class in WORD_CLASSES)
        for key in lexicon_keys(word):
            held = self._get("lexicon", key)
            words = set(held.decode().split()) if held is not None else set()
            words = words | {word} if borne else words - {word}
            if words:
                self._put("lexicon", key, " ".join(sorted(words)).encode())
            else:
                self._txn.delete(key, db=self._databases["lexicon"])

    def _get(self, database: str, key: bytes) -> bytes | None:
        found: bytes | None = self._txn.get(key, db=self._databases[database])
        return found

    def _put(self, database: str, key: bytes, value: bytes) -> None:
        self._txn.put(key, value, db=self._databases[database])
