"""A small country for the benchmark's own tests."""

import pytest

from bench.retrieval.people import People, read_people
from importers import synthetic


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> People:
    folder = tmp_path_factory.mktemp("extract")
    synthetic.generate(folder, professionals=2000, seed=7)
    return read_people(folder)
