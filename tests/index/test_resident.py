"""Reading a build into memory when a node starts."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from directory.index.resident import read_through


def test_the_whole_of_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_bytes(bytes(9_000_001))
    assert read_through(file, threading.Event()) == 9_000_001


def test_a_file_for_which_there_is_no_room_is_left_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "data"
    file.write_bytes(bytes(1000))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=1099, total=1000))
    assert read_through(file, threading.Event()) == 0
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=1100, total=1000))
    assert read_through(file, threading.Event()) == 1000


def test_reading_ends_when_the_node_stops(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_bytes(bytes(1000))
    stopped = threading.Event()
    stopped.set()
    assert read_through(file, stopped) == 0
