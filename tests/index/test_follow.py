"""The follower: applies what changed and nothing else, waits for a lost register, and mends a damaged index."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from directory.errors import Unavailable
from directory.index import follow, layout, measured, store, wear
from directory.index.build import build_index
from directory.index.follow import Follower
from directory.index.reader import Index, Snapshot
from directory.index.verify import verify
from directory.model import Kind, Mailbox, Practitioner
from directory.query import Field, Is, Query
from tests.index.people import PEOPLE, person
from tests.index.register_of_records import RegisterOfRecords

MAP = 2**28
KEY = (Kind.PRACTITIONER, "810990000001")


@pytest.fixture
def register(tmp_path: Path) -> RegisterOfRecords:
    register = RegisterOfRecords.of(PEOPLE)
    build_index(register, tmp_path, map_bytes=MAP, workers=1)
    return register


def _ids(path: Path) -> dict[bytes, bytes]:
    with Index.open(path, map_bytes=MAP).read() as snapshot:
        return {key: bytes(value) for key, value in snapshot.scan("ids", b"")}


def _late(path: Path) -> set[int]:
    with Index.open(path, map_bytes=MAP).read() as snapshot:
        return set(snapshot.late())


def _renamed(register: RegisterOfRecords, family: str) -> Practitioner:
    record = register.records[KEY]
    assert isinstance(record, Practitioner)
    return dataclasses.replace(record, family_name=family)


@pytest.mark.parametrize(("grown", "anew"), [(1.0, True), (100.0, False)])
def test_an_index_whose_file_has_grown_is_built_anew(
    tmp_path: Path, register: RegisterOfRecords, monkeypatch: pytest.MonkeyPatch, grown: float, anew: bool
) -> None:
    monkeypatch.setattr(wear, "_GROWN_FROM", 0)
    monkeypatch.setattr(wear, "_GROWN", grown)
    monkeypatch.setattr(wear, "_FILLED", 1.0)
    register.commit([_renamed(register, "ABADIE"), person(2, "NOUVEAU", "Jean", "LYON")[0]])
    Follower(register, tmp_path, MAP).step()
    assert (_late(tmp_path) == set()) is anew


def test_a_small_file_may_grow(tmp_path: Path, register: RegisterOfRecords, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wear, "_GROWN", 1.0)
    monkeypatch.setattr(wear, "_FILLED", 1.0)
    register.commit([_renamed(register, "ABADIE")])
    Follower(register, tmp_path, MAP).step()
    assert _late(tmp_path) != set()


def test_an_index_of_which_a_tenth_is_out_of_order_is_built_anew(
    tmp_path: Path, register: RegisterOfRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wear, "_LATE_FROM", 2)
    follower = Follower(register, tmp_path, MAP)
    register.commit([_renamed(register, "ABADIE")])
    follower.step()
    assert len(_late(tmp_path)) == 1
    register.commit([person(2, "NOUVEAU", "Jean", "LYON")[0]])
    follower.step()
    assert _late(tmp_path) == set()
    assert verify(register, tmp_path, map_bytes=MAP) == []
    assert follower.step() is False


def test_only_who_stands_elsewhere_now_gets_a_new_id_and_that_is_late(
    tmp_path: Path, register: RegisterOfRecords
) -> None:
    before = _ids(tmp_path)
    unchanged = [record for key, record in register.records.items() if key != KEY]
    register.commit([_renamed(register, "ABADIE"), *unchanged])
    assert Follower(register, tmp_path, MAP).step()
    after = _ids(tmp_path)
    changed = {key for key in before if before[key] != after[key]}
    assert changed == {layout.record_key(*KEY)}
    assert _late(tmp_path) == {layout.id_of(after[layout.record_key(*KEY)])}
    assert verify(register, tmp_path, map_bytes=MAP) == []


def test_a_step_without_news_changes_nothing(tmp_path: Path, register: RegisterOfRecords) -> None:
    assert not Follower(register, tmp_path, MAP).step()


def test_a_change_in_several_batches_is_one_revision(
    tmp_path: Path, register: RegisterOfRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "_READ_BATCH", 2)
    register.commit([record for number in range(20, 27) for record in person(number, "NEUF", "Jean", "LYON")])
    register.commit(removed=[KEY, (Kind.MAILBOX, "nobody@nowhere.mssante.fr")])
    Follower(register, tmp_path, MAP).step()
    assert verify(register, tmp_path, map_bytes=MAP) == []
    with Index.open(tmp_path, map_bytes=MAP).read() as snapshot:
        assert snapshot.counts()[Kind.MAILBOX] == 9 + 7


def test_a_foreign_epoch_rebuilds_beside(tmp_path: Path, register: RegisterOfRecords) -> None:
    register.epoch = "00000000-0000-0000-0000-000000000002"
    assert Follower(register, tmp_path, MAP).step()
    assert (tmp_path / "current").readlink().name == "build-2"
    assert verify(register, tmp_path, map_bytes=MAP) == []


@pytest.mark.parametrize("damage", [b"", b"not an index" * 1000])
def test_a_damaged_index_is_built_again(tmp_path: Path, register: RegisterOfRecords, damage: bytes) -> None:
    (tmp_path / "build-1" / "data.mdb").write_bytes(damage)
    assert Follower(register, tmp_path, MAP).step()
    assert verify(register, tmp_path, map_bytes=MAP) == []


def test_what_does_not_fit_is_refused_and_the_last_revision_stays(tmp_path: Path, register: RegisterOfRecords) -> None:
    room = (tmp_path / "build-1" / "data.mdb").stat().st_size
    register.commit([record for number in range(300) for record in person(number, f"NOM{number}", "Jean", "LYON")])
    with pytest.raises(Unavailable, match="ANNUAIRE_INDEX_MAP_GIB"):
        Follower(register, tmp_path, room + 65536).step()
    with Index.open(tmp_path, map_bytes=MAP).read() as snapshot:
        assert snapshot.state.revision == 1
        assert snapshot.counts()[Kind.MAILBOX] == 9


def test_a_lost_register_leaves_the_index_as_it_is(tmp_path: Path, register: RegisterOfRecords) -> None:
    register.lost = True
    with pytest.raises(Unavailable):
        Follower(register, tmp_path, MAP).step()
    with Index.open(tmp_path, map_bytes=MAP).read() as snapshot:
        assert snapshot.state.revision == 1


@contextlib.contextmanager
def _running(register: RegisterOfRecords, path: Path) -> Iterator[threading.Thread]:
    stop = threading.Event()
    thread = threading.Thread(target=Follower(register, path, MAP).run, args=(stop,))
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive()


def _until(holds: Callable[[], bool]) -> None:
    for _ in range(3000):
        if holds():
            return
        time.sleep(0.01)
    raise AssertionError("waited in vain")


def _seen(path: Path) -> int:
    seen = store.read_seen(path)
    return seen.revision if seen else 0


def test_a_running_follower_applies_each_commit_and_notes_the_contact(
    tmp_path: Path, register: RegisterOfRecords
) -> None:
    with _running(register, tmp_path):
        for family in ("ABADIE", "ZOLA"):
            register.commit([_renamed(register, family)])
            _until(lambda: _seen(tmp_path) == len(register.revisions))
    with Index.open(tmp_path, map_bytes=MAP).read() as snapshot:
        found = snapshot.find(Query(predicate=Is(Field.SN, "zola"), kinds=(Kind.PRACTITIONER,)))
    assert len(found.matches) == 1
    assert snapshot.state.revision == 3


def test_counting_what_is_covered_gives_way_to_a_change(
    tmp_path: Path, register: RegisterOfRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[tuple[int, bool]] = []
    note = measured.note

    def noting(path: Path, snapshot: Snapshot, disturbed: Callable[[], bool]) -> bool:
        if not counted:
            register.commit([_renamed(register, "ABADIE")])
        counted.append((snapshot.state.revision, note(path, snapshot, disturbed)))
        return counted[-1][1]

    monkeypatch.setattr(measured, "note", noting)
    monkeypatch.setattr(follow, "_LISTEN_S", 0.01)
    with _running(register, tmp_path):
        _until(lambda: len(counted) == 2)
        time.sleep(0.1)
    assert counted == [(1, False), (2, True)]
    assert len(list((tmp_path / measured.FOLDER).iterdir())) == 1


def test_a_lost_register_is_mentioned_once_and_followed_again_when_it_is_back(
    tmp_path: Path, register: RegisterOfRecords, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def check() -> None:
        tries.append(register.lost)
        RegisterOfRecords._check(register)

    monkeypatch.setattr(follow, "_RETRY_S", (0.001,))
    monkeypatch.setattr(register, "_check", check)
    caplog.set_level(logging.INFO, "annuaire.follower")
    register.lost = True
    with _running(register, tmp_path):
        _until(lambda: len(tries) > 5)
        assert _seen(tmp_path) == 1
        register.commit([_renamed(register, "ABADIE")])
        register.lost = False
        _until(lambda: _seen(tmp_path) == 2)
        _until(lambda: "following the register again" in caplog.messages)
    assert [record.levelname for record in caplog.records].count("WARNING") == 1


def test_a_follower_that_starts_with_nothing_builds(tmp_path: Path) -> None:
    register = RegisterOfRecords.of(PEOPLE[:2])
    assert Follower(register, tmp_path, MAP).step()
    assert verify(register, tmp_path, map_bytes=MAP) == []


def test_a_mailbox_that_moves_is_found_at_its_new_place_only(tmp_path: Path, register: RegisterOfRecords) -> None:
    key = (Kind.MAILBOX, "box1@medecin.mssante.fr")
    record = register.records[key]
    assert isinstance(record, Mailbox)
    ids = _ids(tmp_path)
    holder = record.holders[0]
    moved = dataclasses.replace(holder, address=dataclasses.replace(holder.address, city="BELLEY"))
    register.commit([dataclasses.replace(record, holders=(moved,))])
    Follower(register, tmp_path, MAP).step()
    assert verify(register, tmp_path, map_bytes=MAP) == []
    with Index.open(tmp_path, map_bytes=MAP).read() as snapshot:

        def at(city: str) -> bool:
            page = snapshot.find(Query(predicate=Is(Field.CITY, city)))
            return key[1] in [match.document.key for match in page.matches]

        assert (at("lyon"), at("belley")) == (False, True)
        # Its name is the same, and so is its place among the others.
        assert {key: bytes(value) for key, value in snapshot.scan("ids", b"")} == ids
        assert not snapshot.late()
