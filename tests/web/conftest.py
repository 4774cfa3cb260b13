"""An index of the pages' small world."""

from __future__ import annotations

from pathlib import Path

import pytest

from directory.index.build import build_index
from tests.index.register_of_records import RegisterOfRecords
from tests.web.world import WORLD


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("web")
    build_index(RegisterOfRecords.of(WORLD), path / "index", map_bytes=2**28, workers=1)
    return path
