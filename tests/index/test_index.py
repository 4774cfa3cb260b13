"""The index answers as plain evaluation does, built or followed, and survives what happens to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from directory.errors import QueryTooComplex, TimeLimitExceeded, Unavailable
from directory.index import layout
from directory.index.build import build_index
from directory.index.documents import prepare
from directory.index.follow import Follower
from directory.index.postings import POSTINGS, all_keys, changed_keys
from directory.index.reader import Index, Snapshot
from directory.index.verify import verify
from directory.model import Kind, Organization, Record
from directory.query import Field, Has, Like, Not, Predicate, Query
from tests.index import oracle
from tests.index.people import PEOPLE
from tests.index.register_of_records import RegisterOfRecords
from tests.index.strategies import organizations, predicates, records

MAP = 2**28
KINDS = (Kind.MAILBOX, Kind.PRACTITIONER, Kind.ORGANIZATION)


def made(register: RegisterOfRecords, path: Path) -> Index:
    build_index(register, path, map_bytes=MAP, workers=1)
    return Index.open(path, map_bytes=MAP)


def keys(snapshot: Snapshot, predicate: Predicate, kinds: tuple[Kind, ...] = KINDS, **more: int) -> list[str]:
    page = snapshot.find(Query(predicate=predicate, kinds=kinds, **{"limit": 1000, **more}))
    return [f"{match.document.kind}:{match.document.key}" for match in page.matches]


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@settings(max_examples=80, deadline=None)
@given(people=st.lists(records(), max_size=14), asked=st.lists(predicates(), min_size=6, max_size=6))
def test_every_predicate_finds_exactly_what_plain_evaluation_finds(
    people: list[Record], asked: list[Predicate]
) -> None:
    register = RegisterOfRecords.of(people)
    prepared = [prepare(record) for record in register.records.values()]
    with tempfile.TemporaryDirectory() as name, made(register, Path(name)).read() as snapshot:
        for predicate in asked:
            right = {f"{d.kind}:{d.key}" for d in prepared if oracle.truth(predicate, d.values) is True}
            found = keys(snapshot, predicate)
            assert set(found) == right
            assert len(found) == len(right)


@settings(max_examples=40, deadline=None)
@given(
    first=st.lists(records(), max_size=10),
    changes=st.lists(st.tuples(st.lists(records(), max_size=4), st.integers(0, 30)), max_size=4),
    asked=st.lists(predicates(), min_size=3, max_size=3),
)
def test_a_followed_index_equals_a_built_one_in_content_and_order(
    first: list[Record], changes: list[tuple[list[Record], int]], asked: list[Predicate]
) -> None:
    register = RegisterOfRecords.of(first)
    with tempfile.TemporaryDirectory() as name:
        followed = made(register, Path(name) / "a")
        for changed, victim in changes:
            held = sorted(register.records)
            register.commit(changed, [held[victim % len(held)]] if held and victim % 2 else [])
            Follower(register, Path(name) / "a", MAP).step()
        built = made(register, Path(name) / "b")
        assert verify(register, Path(name) / "a", map_bytes=MAP) == []
        with followed.read() as one, built.read() as other:
            assert one.state == other.state
            assert one.counts() == other.counts()
            for database in ("present", "terms", "grams", "words", "beginnings", "lexicon"):
                names = [[key for key, _ in snapshot.scan(database, b"")] for snapshot in (one, other)]
                assert names[0] == names[1], database
            for predicate in asked:
                assert keys(one, predicate) == keys(other, predicate)
                assert keys(one, predicate, limit=2) == keys(other, predicate, limit=2)


@settings(max_examples=12, deadline=None)
@given(people=st.lists(records(), max_size=14), predicate=predicates(), size=st.integers(1, 4))
def test_pages_partition_a_result(people: list[Record], predicate: Predicate, size: int) -> None:
    with tempfile.TemporaryDirectory() as name, made(RegisterOfRecords.of(people), Path(name)).read() as snapshot:
        whole = keys(snapshot, predicate)
        pages = [keys(snapshot, predicate, limit=size, offset=at) for at in range(0, len(whole) + 1, size)]
        assert [key for page in pages for key in page] == whole


@settings(max_examples=12, deadline=None)
@given(people=st.lists(records(), min_size=1, max_size=8))
def test_a_build_enters_each_document_in_exactly_its_postings(people: list[Record]) -> None:
    register = RegisterOfRecords.of(people)
    with tempfile.TemporaryDirectory() as name, made(register, Path(name)).read() as snapshot:
        expected: dict[tuple[str, bytes], set[int]] = {}
        for (kind, key), record in register.records.items():
            found = snapshot.value("ids", layout.record_key(kind, key))
            assert found is not None
            for posting in all_keys(kind, prepare(record).values):
                expected.setdefault(posting, set()).add(layout.id_of(found))
        actual = {
            (database, key): set(layout.decode_posting(value))
            for database in POSTINGS
            for key, value in snapshot.scan(database, b"")
        }
        assert actual == expected


@settings(max_examples=200, deadline=None)
@given(first=records(), second=records())
def test_a_document_that_changes_leaves_and_enters_exactly_the_postings_that_differ(
    first: Record, second: Record
) -> None:
    one, other = prepare(first), prepare(second)
    assume(one.kind is other.kind)
    before, after = all_keys(one.kind, one.values), all_keys(one.kind, other.values)
    assert changed_keys(one.kind, one.values, other.values) == (before - after, after - before)


@settings(max_examples=10, deadline=None)
@given(people=st.lists(organizations(), min_size=2, max_size=6))
def test_building_on_two_cores_makes_the_same_index(people: Sequence[Record]) -> None:
    register = RegisterOfRecords.of(people)
    with tempfile.TemporaryDirectory() as name:
        build_index(register, Path(name), map_bytes=MAP, workers=1)
        assert verify(register, Path(name), map_bytes=MAP) == []


def _few() -> RegisterOfRecords:
    return RegisterOfRecords.of([*PEOPLE, Organization(key="F699900011", name="CH DE VALMORIN", finess="699900011")])


def test_two_processes_prepare_what_one_would(folder: Path) -> None:
    register = _few()
    build_index(register, folder, map_bytes=MAP, workers=2)
    assert verify(register, folder, map_bytes=MAP) == []


def test_an_index_that_is_not_built_yet_is_unavailable(folder: Path) -> None:
    with pytest.raises(Unavailable), Index.open(folder, map_bytes=MAP).read():
        pass


def test_an_open_reader_goes_on_while_another_build_is_swapped_in(folder: Path) -> None:
    register = _few()
    index = made(register, folder)
    with index.read() as before:
        register.commit(removed=list(register.records))
        build_index(register, folder, map_bytes=MAP, workers=1)
        assert sum(before.counts().values()) > 0
    with Index.open(folder, map_bytes=MAP).read() as after:
        assert sum(after.counts().values()) == 0


def test_a_difference_between_index_and_register_is_named(folder: Path) -> None:
    register = _few()
    made(register, folder)
    (kind, key) = next(iter(register.records))
    del register.records[kind, key]
    assert any(str(difference).startswith(str(kind)) for difference in verify(register, folder, map_bytes=MAP))


def test_a_second_writer_is_refused(folder: Path) -> None:
    from directory.index.store import only_writer

    with only_writer(folder), pytest.raises(Unavailable, match="another process"):
        build_index(_few(), folder, map_bytes=MAP, workers=1)


_STEP = """
import os, signal, sys
from pathlib import Path
from directory.index import follow
from tests.index.test_index import MAP, _few
register = _few()
follow.build_locked  # imported
from directory.index.build import build_index
build_index(register, Path(sys.argv[1]), map_bytes=MAP, workers=1)
register.commit(removed=list(register.records))
follow._Update.write = lambda self: os.kill(os.getpid(), signal.SIGKILL)
follow.Follower(register, Path(sys.argv[1]), MAP).step()
"""


def test_a_follower_killed_while_writing_leaves_the_last_revision(folder: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _STEP, str(folder)], check=False, env={**os.environ})
    assert done.returncode == -signal.SIGKILL
    with Index.open(folder, map_bytes=MAP).read() as snapshot:
        assert snapshot.state.revision == 1
        assert sum(snapshot.counts().values()) > 0


def test_what_a_killed_build_left_is_removed_by_the_next(folder: Path) -> None:
    (folder / "build-7").mkdir(parents=True)
    (folder / "build-7" / "data.mdb").write_bytes(b"half")
    build_index(_few(), folder, map_bytes=MAP, workers=1)
    assert [path.name for path in folder.glob("build-*")] == ["build-1"]


def test_an_index_of_another_version_is_rebuilt(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register = _few()
    made(register, folder)
    monkeypatch.setattr("directory.index.store.VERSIONS", b"other")
    assert Follower(register, folder, MAP).step()
    assert (folder / "current").readlink().name == "build-2"


def test_a_predicate_too_deep_is_refused(folder: Path) -> None:
    predicate: Predicate = Has(Field.SN)
    for _ in range(100):
        predicate = Not(predicate)
    with made(_few(), folder).read() as snapshot, pytest.raises(QueryTooComplex):
        snapshot.find(Query(predicate=predicate))


def test_an_evaluation_past_its_deadline_is_given_up(folder: Path) -> None:
    slow = Like(Field.IDENTIFIER, middle=("109",))
    with made(_few(), folder).read() as snapshot, pytest.raises(TimeLimitExceeded):
        snapshot.find(Query(predicate=slow, kinds=KINDS, deadline_s=-1.0))
