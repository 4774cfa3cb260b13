"""A build: what is in it, on one core or two, and what a killed one leaves."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from directory.errors import Unavailable
from directory.index import build, layout, merge, preparing
from directory.index.build import build_index
from directory.index.reader import Index
from directory.index.verify import verify
from directory.model import Kind
from directory.source import RecordSource
from tests.index.people import PEOPLE, person
from tests.index.register_of_records import RegisterOfRecords

MAP = 2**28


class SlowRegister(RegisterOfRecords):
    """Workers that open it tell so by a file, and then wait to be killed."""

    @contextlib.contextmanager
    def open(self, pinned: str | None = None) -> Iterator[RecordSource]:
        if pinned is not None:
            Path(self.epoch, f"worker-{os.getpid()}").touch()
            time.sleep(600)
        with super().open(pinned) as source:
            yield source


def _content(path: Path) -> dict[str, list[tuple[bytes, bytes]]]:
    with Index.open(path, map_bytes=MAP).read() as snapshot:
        names = [name for name in layout.DATABASES if name != "meta"]
        return {name: [(key, bytes(value)) for key, value in snapshot.scan(name, b"")] for name in names}


def test_chunks_workers_and_transactions_leave_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register = RegisterOfRecords.of(PEOPLE)
    build_index(register, tmp_path / "one", map_bytes=MAP, workers=1)
    build_index(register, tmp_path / "two", map_bytes=MAP, workers=2)
    monkeypatch.setattr(preparing, "_CHUNK", 2)
    monkeypatch.setattr(merge, "_BLOCK", 3)
    monkeypatch.setattr(build, "_TRANSACTION_BYTES", 100)
    build_index(register, tmp_path / "small", map_bytes=MAP, workers=1)
    assert _content(tmp_path / "one") == _content(tmp_path / "two") == _content(tmp_path / "small")


def test_ids_are_ranks_in_the_static_order(tmp_path: Path) -> None:
    build_index(RegisterOfRecords.of(PEOPLE), tmp_path, map_bytes=MAP, workers=1)
    orders = [layout.static_order(value) for _, value in _content(tmp_path)["values"]]
    assert len(orders) == len(PEOPLE)
    assert orders == sorted(orders)


def test_an_empty_register_makes_an_empty_index(tmp_path: Path) -> None:
    build_index(RegisterOfRecords.of([]), tmp_path, map_bytes=MAP, workers=1)
    with Index.open(tmp_path, map_bytes=MAP).read() as snapshot:
        assert set(snapshot.counts().values()) == {0}
        assert snapshot.state.revision == 1


def test_nothing_is_left_beside_the_index(tmp_path: Path) -> None:
    register = RegisterOfRecords.of(PEOPLE)
    for _ in range(2):
        build_index(register, tmp_path, map_bytes=MAP, workers=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["build-2", "current", "seen", "writer.lock"]


def test_an_index_that_outgrows_its_room_says_so_and_the_old_one_stays(tmp_path: Path) -> None:
    register = RegisterOfRecords.of(PEOPLE[:2])
    build_index(register, tmp_path, map_bytes=MAP, workers=1)
    register.commit([record for number in range(300) for record in person(number, f"NOM{number}", "Jean", "LYON")])
    with pytest.raises(Unavailable, match="ANNUAIRE_INDEX_MAP_GIB"):
        build_index(register, tmp_path, map_bytes=2**18, workers=1)
    with Index.open(tmp_path, map_bytes=MAP).read() as snapshot:
        assert snapshot.state.revision == 1


_BUILD = """
import sys
from pathlib import Path
from directory.index.build import build_index
from tests.index.people import PEOPLE
from tests.index.test_build import MAP, SlowRegister
if __name__ == "__main__":
    register = SlowRegister(epoch=sys.argv[1])
    register.commit(PEOPLE)
    build_index(register, Path(sys.argv[1]), map_bytes=MAP, workers=2)
"""


def _until(path: Path, pattern: str, count: int) -> list[Path]:
    for _ in range(1200):
        found = list(path.glob(pattern))
        if len(found) >= count:
            return found
        time.sleep(0.05)
    raise AssertionError(f"no {pattern}")


def test_a_build_killed_midway_leaves_the_served_index_and_no_process_behind(tmp_path: Path) -> None:
    register = RegisterOfRecords.of(PEOPLE)
    build_index(register, tmp_path, map_bytes=MAP, workers=1)
    register.commit(removed=[next(iter(register.records))])
    building = subprocess.Popen([sys.executable, "-c", _BUILD, str(tmp_path)])
    workers = [int(path.name.partition("-")[2]) for path in _until(tmp_path, "worker-*", 2)]
    processes = [psutil.Process(pid) for pid in workers]
    building.send_signal(signal.SIGKILL)
    building.wait()
    assert psutil.wait_procs(processes, timeout=30)[1] == []
    assert len(list(tmp_path.glob("build-*"))) == 3  # the served one, the half-made one and its spool
    with Index.open(tmp_path, map_bytes=MAP).read() as snapshot:
        assert snapshot.state.revision == 1
        assert sum(snapshot.counts().values()) == len(PEOPLE)
    build_index(register, tmp_path, map_bytes=MAP, workers=1)
    assert verify(register, tmp_path, map_bytes=MAP) == []
    assert len(list(tmp_path.glob("build-*"))) == 1


def test_a_collected_garbage_is_collected_again_after_a_build(tmp_path: Path) -> None:
    import gc

    assert gc.isenabled()
    build_index(RegisterOfRecords.of(PEOPLE), tmp_path, map_bytes=MAP, workers=1)
    assert gc.isenabled()


def test_counts_are_those_of_the_register(tmp_path: Path) -> None:
    build_index(RegisterOfRecords.of(PEOPLE), tmp_path, map_bytes=MAP, workers=1)
    with Index.open(tmp_path, map_bytes=MAP).read() as snapshot:
        assert snapshot.counts() == {Kind.MAILBOX: 9, Kind.PRACTITIONER: 9, Kind.ORGANIZATION: 0}
