"""Which decoded postings a process keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from directory.index import layout, store
from directory.index.build import build_index
from directory.index.decoded import WORTH_KEEPING, Decoded
from directory.index.reader import Index, Snapshot
from directory.query import Field
from tests.index.people import PEOPLE
from tests.index.register_of_records import RegisterOfRecords

MAP = 2**28
IDS = BitMap(range(5))
LARGE = WORTH_KEEPING


def _key(number: int) -> bytes:
    return b"%d" % number


def test_a_small_posting_is_not_kept() -> None:
    decoded = Decoded()
    decoded.put("grams", b"dup", WORTH_KEEPING - 1, IDS)
    assert decoded.get("grams", b"dup") is None


def test_a_large_one_is_kept_with_its_size_and_under_its_database() -> None:
    decoded = Decoded()
    decoded.put("grams", b"dup", LARGE, IDS)
    assert decoded.get("grams", b"dup") == (LARGE, IDS)
    assert decoded.get("words", b"dup") is None


def test_what_is_asked_for_again_outlives_what_is_not() -> None:
    decoded = Decoded(bound=8 * LARGE)
    for number in range(20):
        decoded.put("grams", _key(number), LARGE, IDS)
        decoded.get("grams", _key(0))
    assert decoded.get("grams", _key(0)) is not None
    assert decoded.get("grams", _key(1)) is None


@given(sizes=st.lists(st.integers(LARGE, 4 * LARGE), max_size=40), again=st.lists(st.integers(0, 39), max_size=40))
def test_no_more_bytes_are_kept_than_the_bound(sizes: list[int], again: list[int]) -> None:
    decoded = Decoded(bound=8 * LARGE)
    for number, size in enumerate(sizes):
        decoded.put("grams", _key(number), size, IDS)
        for other in again[number : number + 3]:
            decoded.get("grams", _key(other))
    kept = [found.size for number in range(len(sizes)) if (found := decoded.get("grams", _key(number)))]
    assert sum(kept) <= 8 * LARGE


def test_what_was_kept_of_one_revision_is_not_answered_from_at_the_next(tmp_path: Path) -> None:
    build_index(RegisterOfRecords.of(PEOPLE), tmp_path, map_bytes=MAP, workers=1)
    environment, memory = store.open_environment(tmp_path / "build-1", MAP, write=True), dict[str, Any]()
    for numbers in (range(1000), range(500)):
        ids = BitMap(2 * number for number in numbers)
        with environment.lmdb.begin(write=True) as txn:
            txn.put(b"key", layout.encode_posting(ids), db=environment.databases["grams"])
        for _ in range(2):
            with Snapshot(environment, environment.lmdb.begin(buffers=True), "build-1", memory) as snapshot:
                assert snapshot.posting("grams", b"key") == ids
    environment.close()


def test_the_smallest_sets_come_first_kept_or_not_and_none_unless_all_are_there(tmp_path: Path) -> None:
    build_index(RegisterOfRecords.of(PEOPLE), tmp_path, map_bytes=MAP, workers=1)
    with Index.open(tmp_path, map_bytes=MAP).read() as snapshot:
        keys = [layout.gram_key(Field.MAIL, infix) for infix in ("mss", "x1@", "box")]
        sizes = [len(found) for found in snapshot.smallest_first("grams", keys)]
        assert sizes == sorted(sizes)
        assert sizes[0] == 1 < sizes[-1]
        everyone = snapshot.posting("grams", keys[0])
        snapshot._decoded.put("grams", keys[0], LARGE, everyone)
        assert [len(found) for found in snapshot.smallest_first("grams", keys)] == sizes
        assert list(snapshot.smallest_first("grams", [*keys, b"none"])) == []
