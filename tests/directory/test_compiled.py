"""Whether the program tells what runs compiled, and what has changed since."""

from __future__ import annotations

import os
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from directory import compiled


def _room(root: Path, *, source_later_by: float, checkout: bool = True) -> None:
    room = root / "directory" / "index"
    room.mkdir(parents=True)
    (root / "directory" / "compiled.py").touch()
    made, source = room / f"sets{EXTENSION_SUFFIXES[0]}", room / "sets.py"
    for file, at in ((made, 1_000_000.0), (source, 1_000_000.0 + source_later_by)):
        file.touch()
        os.utime(file, (at, at))
    (room / "order.py").touch()  # never compiled
    if checkout:
        (root / "setup.py").touch()


@pytest.mark.parametrize(("source_later_by", "expected"), [(60.0, ["directory/index/sets.py"]), (-60.0, [])])
def test_a_source_that_changed_since_it_was_compiled_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source_later_by: float, expected: list[str]
) -> None:
    _room(tmp_path, source_later_by=source_later_by)
    monkeypatch.setattr(compiled, "__file__", str(tmp_path / "directory" / "compiled.py"))
    assert compiled.outdated() == expected


def test_where_a_wheel_was_installed_the_times_of_copying_say_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _room(tmp_path, source_later_by=60.0, checkout=False)
    monkeypatch.setattr(compiled, "__file__", str(tmp_path / "directory" / "compiled.py"))
    assert compiled.outdated() == []
