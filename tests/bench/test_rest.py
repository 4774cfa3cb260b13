"""What the benchmark of record reads measures, and what it makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import rest
from bench.rest import BARE, CONSTANT, RECORD, Turn, content_length, summary
from directory.index.build import build_index
from tests.index.people import PEOPLE
from tests.index.register_of_records import RegisterOfRecords


def test_the_share_is_that_of_turns_side_by_side_and_not_of_medians_apart() -> None:
    turns = {
        RECORD: [Turn(50, 200), Turn(500, 20), Turn(60, 160)],
        CONSTANT: [Turn(100, 100), Turn(1000, 10), Turn(80, 120)],
        BARE: [Turn(200, 50), Turn(2000, 5), Turn(200, 50)],
    }
    found = summary(turns)
    assert (found["of_constant"], found["of_bare"]) == (0.5, 0.25)
    assert found[RECORD] == {"per_second": 60, "cpu_us": 160}


def test_the_length_of_an_answer_is_read_from_its_head_in_any_case() -> None:
    assert content_length(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nX: 1\r\n\r\n") == 12


def test_a_run_measures_records_and_constant_bytes_of_the_same_worker(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build_index(RegisterOfRecords.of(PEOPLE), tmp_path / "index", map_bytes=2**28, workers=1)
    rest.main(["--data", str(tmp_path), "--rounds", "1", "--seconds", "0.1", "--connections", "2"])
    assert '"of_constant"' in capsys.readouterr().out
