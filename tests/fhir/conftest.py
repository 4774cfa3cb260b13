"""The facade over the small world."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from directory.index.build import build_index
from directory.index.reader import Index
from directory.settings import Settings
from tests.fhir.client import Fhir
from tests.fhir.world import WORLD
from tests.index.register_of_records import RegisterOfRecords


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fhir")
    build_index(RegisterOfRecords.of(list(WORLD)), path / "index", map_bytes=2**28, workers=1)
    return path


@pytest.fixture(scope="session")
def fhir(world: Path) -> Iterator[Fhir]:
    settings = Settings(data_dir=world)
    index = Index.open(settings.index_path, map_bytes=2**28)
    with TestClient(create_app(settings, index), raise_server_exceptions=False) as opened:
        yield Fhir(opened)
    index.close()
