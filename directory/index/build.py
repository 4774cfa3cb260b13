"""A full build: worker processes prepare documents in chunks and merge what they are found by; one process writes.

Memory does not grow with the register: chunks are spooled to disk (`spool`), ids are handed out in static order over
all of them, columns are merged one at a time (`merge`), and LMDB only ever appends. The result is made beside the index
being served and swapped in at the end.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np

from directory.accounts import AccountList
from directory.index import accounts, ended, layout, merge, store, trust
from directory.index.merge import Pair, Spooled
from directory.index.preparing import BuildProgress, Silent, Team, prepare_all, team, without_garbage_collection
from directory.index.spool import BODIES, Chunk, Numbers, Places, bodies, byte_order, read_texts
from directory.index.store import Environment
from directory.index.wear import pages_in_use
from directory.model import Kind, RegisterState
from directory.source import Register
from directory.trust import WhiteList

_TRANSACTION_BYTES: Final = 64 * 2**20  # written before LMDB commits: what it holds in memory meanwhile


def build_index(
    register: Register,
    path: Path,
    *,
    map_bytes: int,
    workers: int | None = None,
    progress: BuildProgress | None = None,
) -> RegisterState:
    """Build the index of the register's present state and serve it from now on; returns that state.

    Raises:
        Unavailable: the register cannot be reached, or another process writes this index.
    """
    with store.only_writer(path):
        return build_locked(register, path, map_bytes=map_bytes, workers=workers, progress=progress)


def build_locked(
    register: Register,
    path: Path,
    *,
    map_bytes: int,
    workers: int | None = None,
    progress: BuildProgress | None = None,
) -> RegisterState:
    """As `build_index`, for who already is the only writer."""
    store.remove_leftovers(path)
    build = store.new_build(path)
    watch = progress or Silent()
    with tempfile.TemporaryDirectory(prefix="build-spool-", dir=path) as name:
        spool = Path(name)
        # One team after the other: what was kept to prepare documents is not held while they are merged.
        with register.open() as source, team(workers) as members:
            state, held, listed, left = source.state, source.accounts(), source.white_list(), source.left()
            over = list(ended.pairs(source.ended(), state))
            chunks = prepare_all(register, source, spool, members, watch)
        with team(workers) as members:
            _write(build, map_bytes, chunks, spool, state, held, listed, left, over, members, watch)
    store.swap_in(path, build)
    store.write_seen(path, state.revision)
    return state


# -- writing -----------------------------------------------------------------------------------------------------------


def _write(
    build: Path,
    map_bytes: int,
    chunks: list[Chunk],
    spool: Path,
    state: RegisterState,
    held: AccountList,
    listed: WhiteList,
    left: Sequence[tuple[Kind, str, dt.datetime]],
    over: Sequence[Pair],
    members: Team,
    watch: BuildProgress,
) -> None:
    watch.stage("handing out ids")
    ids, ranked = _hand_out_ids(chunks)
    spooled = Spooled(spool, tuple(chunks), tuple(ids), np.arange(len(ranked)) < _mailboxes(chunks))
    # The workers go on merging while this process writes the documents.
    words = members.map(merge.run, [(one, spooled) for one in merge.WORDS])
    environment = store.open_environment(build, map_bytes, write=True, fresh=True)
    try:
        with store.translated(), without_garbage_collection(), ThreadPoolExecutor(1) as disk:
            put = _Appender(environment)
            first, *others = BODIES
            _write_bodies(put, first, chunks, ranked, watch)
            by_class = dict(zip(merge.WORDS, words, strict=True))
            rest = members.map(merge.run, [(one, spooled) for one in merge.OTHERS])  # the lexicon needs all words
            for database in others:
                _write_bodies(put, database, chunks, ranked, watch)
            disk.submit(environment.lmdb.sync, True)  # while the workers are busy still
            watch.stage("writing postings", len(merge.WORDS) + len(merge.OTHERS))
            for files in chain((by_class[one] for one in merge.IN_KEY_ORDER), rest):
                for database, file in files.items():
                    put(database, merge.load(file))
                watch.advance()
            watch.stage("writing to disk")
            with environment.lmdb.begin(write=True) as txn:
                txn.put(layout.META_NEXT_ID, layout.id_key(len(ranked)), db=environment.databases["meta"])
                accounts.write(txn, environment.databases[accounts.DATABASE], held)
                trust.write(txn, environment.databases[trust.DATABASE], listed)
                store.write_state(txn, environment, state)
                store.write_left(txn, environment, left)
                ended.write(txn, environment.databases[ended.DATABASE], over)
                built = str(pages_in_use(environment, txn)).encode()
                txn.put(layout.META_BUILT_PAGES, built, db=environment.databases["meta"])
            environment.lmdb.sync(True)
    finally:
        environment.close()


def _hand_out_ids(chunks: list[Chunk]) -> tuple[list[Numbers], Places]:
    """Per chunk, the id of each of its documents: its rank in the static order of all. And the other way round: which
    document, counted over all chunks, has each id."""
    orders = list(chain.from_iterable(read_texts(chunk.path("orders")) for chunk in chunks))
    ranked = byte_order(orders)
    ids = np.empty(len(ranked), np.uint32)
    ids[ranked] = np.arange(len(ranked), dtype=np.uint32)
    bounds = np.cumsum([chunk.size for chunk in chunks])
    return [np.ascontiguousarray(part) for part in np.split(ids, bounds[:-1])] if chunks else [], ranked


def _mailboxes(chunks: list[Chunk]) -> int:
    return sum(chunk.size for chunk in chunks if "entries" in chunk.columns)


class _Appender:
    """Appends to LMDB databases in key order, in transactions of bounded size: nobody reads the build before it is
    whole, so memory is all that they are for."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def __call__(self, database: str, blocks: Iterable[list[Pair]]) -> None:
        db = self._environment.databases[database]
        for transaction in _transactions(blocks, _TRANSACTION_BYTES):
            with self._environment.lmdb.begin(write=True) as txn, txn.cursor(db=db) as cursor:
                for block in transaction:
                    cursor.putmulti(block, append=True)


def _transactions(blocks: Iterable[list[Pair]], size: int) -> Iterator[Iterator[list[Pair]]]:
    """Blocks, divided into runs of about some size; each run is to be used up before the next one is asked for."""
    left = iter(blocks)

    def run(block: list[Pair]) -> Iterator[list[Pair]]:
        held = 0
        while True:
            yield block
            held += sum([len(value) for _, value in block]) + 32 * len(block)
            following = None if held >= size else next(left, None)
            if following is None:
                return
            block = following

    while (first := next(left, None)) is not None:
        yield run(first)


def _write_bodies(put: _Appender, database: str, chunks: list[Chunk], ranked: Places, watch: BuildProgress) -> None:
    """Write one of the databases of documents, in id order."""
    # Mailboxes are the first documents and have the first ids, so that entries are numbered as all bodies are.
    holding = [chunk for chunk in chunks if database in chunk.columns]
    count = sum(chunk.size for chunk in holding)
    watch.stage(f"writing {database}", count)
    if holding:
        put(database, _watched(bodies(database, holding, ranked[:count], np.arange(count)), watch))


def _watched(blocks: Iterator[list[Pair]], watch: BuildProgress) -> Iterator[list[Pair]]:
    for block in blocks:
        yield block
        watch.advance(len(block))
