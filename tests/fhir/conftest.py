"""The facade over the small world."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from directory.index.build import build_index
from directory.index.reader import Index
from directory.settings import Settings
from tests.fhir.client import Fhir, served
from tests.fhir.world import WORLD
from tests.index.register_of_records import RegisterOfRecords


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fhir")
    build_index(RegisterOfRecords.of(list(WORLD)), path / "index", map_bytes=2**28, workers=1)
    return path


@pytest.fixture(scope="session")
def index(world: Path) -> Iterator[Index]:
    opened = Index.open(Settings(data_dir=world).index_path, map_bytes=2**28)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def fhir(world: Path, index: Index) -> Iterator[Fhir]:
    with served(Settings(data_dir=world), index) as opened:
        yield opened
