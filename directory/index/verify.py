"""Compares an index with the register it should mirror and names every difference.

Verifying is building without writing: documents are prepared and merged as a build does it, under the ids that the
index has given them, and compared with what it holds in one pass over each database in key order. Memory is that of a
build.
"""

from __future__ import annotations

import functools
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count, pairwise
from pathlib import Path
from typing import Final

import numpy as np
import zstandard
from pyroaring import BitMap

from directory.index import accounts, compression, ended, layout, merge, trust
from directory.index.layout import WORD_CLASSES
from directory.index.merge import Pair, Spooled
from directory.index.postings import POSTINGS
from directory.index.preparing import BuildProgress, Silent, Team, prepare_all, team
from directory.index.reader import Index, Snapshot
from directory.index.spool import BODIES, Chunk, Numbers, Places, bodies, read_numbers, read_texts, write_texts
from directory.model import RegisterState
from directory.source import Register

_EVERYTHING: Final = b""
_OTHER_BODY: Final = {
    "values": "other values or another place in the static order",
    "documents": "another document in the index",
    "entries": "another LDAP entry in the index",
}

Held = tuple[bytes, memoryview]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it would be in an index built now; `kind` is a kind of record or of difference."""

    kind: str
    key: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind} {self.key}: {self.what}"


def verify(
    register: Register,
    path: Path,
    *,
    map_bytes: int,
    workers: int | None = 1,
    progress: BuildProgress | None = None,
) -> list[Difference]:
    """Every difference between index and register; empty when the index is right.

    Checked: the revision; that each record has its document, with the very bytes and the place in the static order it
    would get today, in exactly the postings it belongs to; that no document is left of a record that is gone; that
    ids follow the static order; that each word is in the lexicon under its keys; the accounts; the white list; and the
    activities that have ended.

    `workers` are processes that share the work, one per processor when None. As long as it lasts, pages of the index
    that the follower frees are not used again.

    Raises:
        Unavailable: the register cannot be reached, or there is no index.
    """
    index, watch = Index.open(path, map_bytes=map_bytes), progress or Silent()
    try:
        with index.read() as snapshot, tempfile.TemporaryDirectory(prefix="verify-spool-", dir=path) as name:
            with register.open() as source, team(workers) as members:
                state = source.state
                copies = (
                    (accounts.DATABASE, accounts.name_of, accounts.pairs(source.accounts())),
                    (trust.DATABASE, trust.name_of, trust.pairs(source.white_list())),
                    (ended.DATABASE, ended.name_of, list(ended.pairs(source.ended(), state))),
                )
                chunks = prepare_all(register, source, Path(name), members, watch)
            verification = _Verification(snapshot, Path(name), chunks, watch)
            with team(workers) as members:
                differences = [*verification.state(state), *verification.documents(members)]
            differences += verification.order()
            for database, name_of, pairs in copies:
                differences += verification.copied(database, name_of, pairs)
            return differences
    finally:
        index.close()


class _Verification:
    """What the index should hold, in chunks, and what it holds."""

    def __init__(self, snapshot: Snapshot, spool: Path, chunks: Sequence[Chunk], watch: BuildProgress) -> None:
        self._snapshot = snapshot
        self._spool = spool
        self._chunks = chunks
        self._watch = watch
        self._handed_out = layout.id_of(snapshot.value("meta", layout.META_NEXT_ID) or layout.id_key(0))
        self._ids = _own_ids(snapshot, chunks, self._handed_out)
        together = np.concatenate([np.zeros(0, np.uint32), *self._ids])
        self._places: Places = np.argsort(together, kind="stable")  # in the order of their ids
        self._ranked: Numbers = together[self._places]
        self._bounds = np.cumsum([chunk.size for chunk in chunks])
        self._record_keys = functools.lru_cache(maxsize=8)(_record_keys)

    def state(self, state: RegisterState) -> Iterator[Difference]:
        held = self._snapshot.state
        if (held.epoch, held.revision) != (state.epoch, state.revision):
            what = f"index at {held.revision} of {held.epoch}, register at {state.revision} of {state.epoch}"
            yield Difference("revision", str(held.revision), what)

    def documents(self, members: Team) -> Iterator[Difference]:
        """All that is made of the records of the register."""
        others = (one for one in merge.OTHERS if not isinstance(one, merge.MergeLexicon))
        tasks: list[merge.Merge] = [*merge.IN_KEY_ORDER, *others]
        spooled = Spooled(self._spool, tuple(self._chunks), tuple(self._ids), self._mailboxes())
        files: dict[str, list[Path]] = defaultdict(list)
        self._watch.stage("merging", len(tasks) + 1)
        for found in members.map(merge.run, [(one, spooled) for one in tasks]):
            for database, file in found.items():
                files[database].append(file)
            self._watch.advance()
        self._leave_words()
        for found in members.map(merge.run, [(merge.MergeLexicon(), spooled)]):
            files["lexicon"] += found.values()
            self._watch.advance()
        yield from self._records(files["ids"])
        for database in BODIES:
            yield from self._bodies(database)
        for database in POSTINGS:
            yield from self._postings(database, files[database])
        yield from self._lexicon(files["lexicon"])

    def _mailboxes(self) -> merge.Marks:
        marks = np.zeros(max(self._handed_out, int(self._ranked[-1]) + 1) if len(self._ranked) else 0, np.bool_)
        for chunk, ids in zip(self._chunks, self._ids, strict=True):
            if "entries" in chunk.columns:
                marks[ids] = True
        return marks

    def _leave_words(self) -> None:
        """The lexicon is about the words that the index has: if these are not the right ones, that is said of them."""
        for word_class, number in WORD_CLASSES.items():
            names = (name for name, _ in self._snapshot.scan("words", bytes([number])))
            words = [name[1:] for name in names if not layout.is_cut(name)]
            write_texts(self._spool / f"words-{word_class}.distinct", words)

    def _unequal(
        self, database: str, blocks: Iterable[list[Pair]]
    ) -> Iterator[tuple[bytes, bytes | None, memoryview | None]]:
        """Each key under which there is not what there should be, with what should be there and what is."""
        self._watch.stage(f"comparing {database}")
        expected, held = chain.from_iterable(blocks), self._snapshot.scan(database, _EVERYTHING)
        ours, theirs = next(expected, None), next(held, None)
        while ours is not None or theirs is not None:
            if theirs is None or (ours is not None and ours[0] < theirs[0]):
                assert ours is not None
                yield *ours, None
                ours = next(expected, None)
            elif ours is None or theirs[0] < ours[0]:
                yield theirs[0], None, theirs[1]
                theirs = next(held, None)
            else:
                if ours[1] != theirs[1]:
                    yield *ours, theirs[1]
                ours, theirs = next(expected, None), next(held, None)

    def _records(self, files: Sequence[Path]) -> Iterator[Difference]:
        for name, expected, held in self._unequal("ids", _loaded(files)):
            what = "an id that was never handed out" if expected and held else _told(expected, held)
            yield Difference(*_named(name), what)

    def _bodies(self, database: str) -> Iterator[Difference]:
        # Mailboxes are prepared first, so that places of entries are counted as those of all bodies are.
        holding = [chunk for chunk in self._chunks if database in chunk.columns]
        wanted = (self._places < sum(chunk.size for chunk in holding)) & (self._ranked < self._handed_out)
        blocks = bodies(database, holding, self._places[wanted], self._ranked[wanted]) if holding else ()
        for name, expected, held in self._unequal(database, blocks):
            number = layout.id_of(name)
            record = self._record(number)
            if record is None:
                yield Difference(database, str(number), "no record of the register has this id")
            elif database != "documents" or not _same_document(expected, held):
                yield Difference(*record, _OTHER_BODY[database])

    def _postings(self, database: str, files: Sequence[Path]) -> Iterator[Difference]:
        for name, expected, held in self._unequal(database, _loaded(files)):
            try:
                found = layout.decode_posting(held)
            except ValueError:
                yield Difference(database, repr(name), "cannot be read")
                continue
            right = layout.decode_posting(expected)
            for number in right - found:
                if number < self._handed_out and (record := self._record(number)):
                    yield Difference(*record, f"missing in {database} {name!r}")
            for number in found - right:
                yield Difference(database, repr(name), f"holds document {number}, which does not belong there")

    def _lexicon(self, files: Sequence[Path]) -> Iterator[Difference]:
        """Every distinct word under each of its keys, and no other."""
        for name, expected, held in self._unequal("lexicon", _loaded(files)):
            right, found = ({*bytes(value or b"").decode().split()} for value in (expected, held))
            for word in sorted(found - right):
                yield Difference("lexicon", word, f"under {name!r}, where no document has it from")
            for word in sorted(right - found):
                yield Difference("lexicon", word, f"missing under {name!r}")

    def _record(self, number: int) -> tuple[str, str] | None:
        """Kind and key of the record that has an id."""
        at = int(np.searchsorted(self._ranked, number))
        if at == len(self._ranked) or self._ranked[at] != number:
            return None
        place = int(self._places[at])
        chunk = int(np.searchsorted(self._bounds, place, side="right"))
        row = place - int(self._bounds[chunk]) + self._chunks[chunk].size
        return _named(self._record_keys(self._chunks[chunk])[row])

    def order(self) -> Iterator[Difference]:
        """Ids given at the build are ranks in the static order; what was added later is marked as late."""
        late = self._snapshot.late()
        early = ((layout.id_of(name), bytes(value)) for name, value in self._snapshot.scan("values", _EVERYTHING))
        orders = ((number, layout.static_order(record)) for number, record in early if number not in late)
        for (_, before), (number, after) in pairwise(orders):
            if after <= before:
                yield Difference("order", str(number), "its id is not its rank")
        for number in late - BitMap(self._ranked):
            yield Difference("late", str(number), "marked as late, and no document")

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


def _own_ids(snapshot: Snapshot, chunks: Sequence[Chunk], handed_out: int) -> list[Numbers]:
    """Per chunk, the id that the index has given to each of its documents; those that it has not have ids of their own
    behind all that it has handed out."""
    without = count(handed_out)
    found: list[Numbers] = []
    for chunk in chunks:
        held = (snapshot.value("ids", key) for key in read_texts(chunk.path("keys")))
        numbers = (handed_out if id_key is None else layout.id_of(id_key) for id_key in held)
        own = np.empty(chunk.size, np.uint32)
        own[read_numbers(chunk.path("keys.places"))] = [
            number if number < handed_out else next(without) for number in numbers
        ]
        found.append(own)
    return found


def _record_keys(chunk: Chunk) -> list[bytes]:
    """The key of each of a chunk's records, by place."""
    keys, order = read_texts(chunk.path("keys")), np.argsort(read_numbers(chunk.path("keys.places")))
    return [keys[at] for at in order.tolist()]


def _named(record_key: bytes) -> tuple[str, str]:
    return layout.KIND_OF[record_key[0]], record_key[1:].decode(errors="replace")


def _loaded(files: Sequence[Path]) -> Iterator[list[Pair]]:
    return chain.from_iterable(map(merge.load, files))


def _same_document(expected: bytes | None, held: memoryview | None) -> bool:
    """What is compressed is compared, not how: another release of the library may compress otherwise."""
    if expected is None or held is None:
        return False
    try:
        return compression.decompress(held) == compression.decompress(expected)
    except zstandard.ZstdError:
        return False


def _told(expected: bytes | None, found: bytes | memoryview | None) -> str:
    if found is None:
        return "not in the index"
    return "in the index, not in the register" if expected is None else "otherwise in the register"
