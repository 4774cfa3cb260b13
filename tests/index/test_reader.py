"""Opening and reading: the swapped build is noticed, threads share an index, dead readers hold nothing back."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from directory.errors import Unavailable
from directory.index import layout, reader, store
from directory.index.build import build_index
from directory.index.follow import Follower
from directory.index.reader import Index
from directory.model import Kind
from tests.index.people import PEOPLE
from tests.index.register_of_records import RegisterOfRecords
from tests.interpreted import interpreted

MAP = 2**28


@pytest.fixture
def register(tmp_path: Path) -> RegisterOfRecords:
    register = RegisterOfRecords.of(PEOPLE)
    build_index(register, tmp_path, map_bytes=MAP, workers=1)
    return register


@interpreted
def test_an_open_index_follows_the_swap(
    tmp_path: Path, register: RegisterOfRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "_LOOK_S", -1.0)
    index = Index.open(tmp_path, map_bytes=MAP)
    with index.read() as before:
        document = before.get(Kind.MAILBOX, "box1@medecin.mssante.fr")
        assert document is not None
        register.commit(removed=list(register.records))
        build_index(register, tmp_path, map_bytes=MAP, workers=1)
        with index.read() as after:
            assert (before.state.revision, after.state.revision) == (1, 2)
            assert (before.build, after.build) == ("build-1", "build-2")
            assert after.get(Kind.MAILBOX, "box1@medecin.mssante.fr") is None
        # The old build is gone from the disk; whoever reads it still does.
        assert not (tmp_path / "build-1").exists()
        assert b"box1@medecin.mssante.fr" in document.json


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_entries_in_a_row_are_all_there_or_none_is_told(tmp_path: Path, register: RegisterOfRecords, gone: int) -> None:
    index = Index.open(tmp_path, map_bytes=MAP)
    with index.read() as snapshot:
        mailboxes = list(snapshot.posting("kinds", bytes([layout.KIND_NUMBER[Kind.MAILBOX]])))
        asked = mailboxes[:3]
        assert asked == [asked[0], asked[0] + 1, asked[0] + 2]
        assert len(mailboxes) > 3
        assert [bytes(entry) for entry in snapshot.entries(asked)] == [bytes(snapshot.entry(one)) for one in asked]
        key = snapshot.document(asked[gone]).key
    index.close()
    register.commit(removed=[(Kind.MAILBOX, key)])
    Follower(register, tmp_path, map_bytes=MAP).step()
    with Index.open(tmp_path, map_bytes=MAP).read() as snapshot, pytest.raises(KeyError):
        snapshot.entries(asked)  # what comes behind them is not taken for one of them


def test_an_index_of_another_version_is_not_read(
    tmp_path: Path, register: RegisterOfRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "VERSIONS", b"other")
    with pytest.raises(Unavailable, match="another version"), Index.open(tmp_path, map_bytes=MAP).read():
        pass


def test_a_reader_goes_on_with_its_build_when_the_next_is_of_another_version(
    tmp_path: Path, register: RegisterOfRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "_LOOK_S", -1.0)
    index = Index.open(tmp_path, map_bytes=MAP)
    with index.read():
        pass
    ours = store.VERSIONS
    monkeypatch.setattr(store, "VERSIONS", b"next")
    build_index(register, tmp_path, map_bytes=MAP, workers=1)
    monkeypatch.setattr(store, "VERSIONS", ours)
    with index.read() as snapshot:
        assert snapshot.build == "build-1"


def test_a_half_made_build_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "build-1").mkdir()
    (tmp_path / "current").symlink_to("build-1")
    with pytest.raises(Unavailable), Index.open(tmp_path, map_bytes=MAP).read():
        pass


def test_threads_share_an_index(tmp_path: Path, register: RegisterOfRecords) -> None:
    index = Index.open(tmp_path, map_bytes=MAP)
    right: list[bool] = []

    def read() -> None:
        for _ in range(50):
            with index.read() as one, index.read() as other:
                right.append(one.counts() == other.counts() == {**one.counts(), Kind.MAILBOX: 9})

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert right == [True] * 400


_READ = """
import os, signal, sys
from pathlib import Path
from directory.index.reader import Index
with Index.open(Path(sys.argv[1]), map_bytes=2**28).read() as snapshot:
    assert snapshot.state.revision == 1
    if sys.argv[2] == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
"""


def _read_elsewhere(path: Path, ends: str) -> int:
    return subprocess.run([sys.executable, "-c", _READ, str(path), ends], check=False).returncode


def test_the_slot_of_a_killed_reader_is_taken_back_by_the_next(tmp_path: Path, register: RegisterOfRecords) -> None:
    writer = store.open_environment(tmp_path / "build-1", MAP, write=True)
    assert _read_elsewhere(tmp_path, "dies") == -signal.SIGKILL
    assert "no active readers" not in writer.lmdb.readers()
    assert _read_elsewhere(tmp_path, "well") == 0
    assert "no active readers" in writer.lmdb.readers()
    writer.close()


def test_the_followers_last_contact_is_told(tmp_path: Path, register: RegisterOfRecords) -> None:
    index = Index.open(tmp_path, map_bytes=MAP)
    seen = index.seen()
    assert seen is not None
    assert seen.revision == 1
    (tmp_path / "seen").write_text("half a li")
    assert index.seen() is None
