"""One served demonstration for all that is asked here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.node import Demo, demo


@pytest.fixture(scope="package")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with demo(tmp_path_factory.mktemp("a demo")) as served:
        yield served
