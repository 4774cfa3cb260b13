"""An index of the pages' small world, with the counts of two days."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import pytest

from directory.index import measured
from directory.index.build import build_index
from directory.index.reader import Index
from tests.index.register_of_records import RegisterOfRecords
from tests.web.world import WORLD


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("web")
    register = RegisterOfRecords.of(WORLD)
    register.as_of = dt.datetime(2026, 1, 1, 3, tzinfo=dt.UTC)
    build_index(register, path / "index", map_bytes=2**28, workers=1)
    index = Index.open(path / "index", map_bytes=2**28)
    with index.read() as snapshot:
        measured.note(path / "index", snapshot)
    index.close()
    (today,) = (path / "index" / measured.FOLDER).iterdir()
    shutil.copy(today, today.with_stem("2025-12-31"))
    return path
