"""Pages made from results: tables that are true to them, plots that are small and always the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from bench.report import Chart, Series, Table, markdown, plot
from bench.report.results import tables

ORIGIN = {
    "date": "2026-01-15",
    "command": "python -m bench.ldap --data DATA",
    "machine": {"processor": "P", "cores": 2, "memory_gib": 24, "system": "Linux 6", "python": "3.11.7"},
}
CHART = Chart(
    title="Searches < others",
    axis="a second",
    categories=["one", "two"],
    series=[Series("ours", [10, None]), Series("theirs", [1, 2])],
    bars=Series("to be reached", [5, None]),
    line=(3.0, "limit"),
    logarithmic=True,
)


def run(per_second: float) -> dict[str, Any]:
    return {"per_second": per_second, "p50_ms": 1.234, "p95_ms": 12.34, "p99_ms": 123.4}


def ldap(path: Path, mix: str, ours: float) -> Path:
    row = {"mix": mix, "label": f"{mix} `x`", "pairs": 3, "ours": run(ours), "peer": run(100), "ratio": ours / 100,
           "bar": "2×", "needed_per_second": 200, "fast_enough": ours >= 200, "p99_bar_ms": 20.0,
           "prompt_enough": False}  # fmt: skip
    result = {"benchmark": "ldap", **ORIGIN, "peer": "slapd 2.5", "set": {"mailboxes": 5377}, "connections": 8,
              "seconds": 8.0, "rows": [row]}  # fmt: skip
    path.write_text(json.dumps(result))
    return path


def test_a_table_is_written_with_numbers_to_the_right_and_its_plot() -> None:
    table = Table(name="t", title="T", columns=["a", "n:"], rows=[["x|y", "1"]], chart=CHART, notes=["Note."])
    assert markdown(table, folder="benchmarks").splitlines() == [
        "## T", "", "Note.", "", "| a | n |", "| --- | ---: |", "| x\\|y | 1 |", "",
        "![Searches < others](benchmarks/t.svg)",
    ]  # fmt: skip


def test_a_plot_is_the_same_each_time_small_and_has_text_a_title_and_both_schemes(tmp_path: Path) -> None:
    plot(CHART, tmp_path / "a.svg")
    plot(CHART, tmp_path / "b.svg")
    text = (tmp_path / "a.svg").read_text("utf-8")
    assert text == (tmp_path / "b.svg").read_text("utf-8")
    assert len(text) < 60_000
    assert "prefers-color-scheme: dark" in text
    assert "Matplotlib" not in text
    found = ElementTree.fromstring(text)
    assert found.findtext("{http://www.w3.org/2000/svg}title") == "Searches < others"
    assert "to be reached" in "".join(found.itertext())


def test_several_files_of_one_benchmark_make_one_table_and_a_later_row_wins(tmp_path: Path) -> None:
    paths = [ldap(tmp_path / "1", "mail", 150), ldap(tmp_path / "2", "cn", 300), ldap(tmp_path / "3", "mail", 250)]
    (table,) = tables(paths)
    assert [row[:6] for row in table.rows] == [
        ["mail `x`", "250", "100", "2.50×", "2×", "met p99 **over**"],
        ["cn `x`", "300", "100", "3.00×", "2×", "met p99 **over**"],
    ]
    assert table.rows[0][6] == "1.23 · 12.3 · 123"


def test_retrieval_makes_a_table_of_classes_and_one_of_speed(tmp_path: Path) -> None:
    figures = {"queries": 200, "recall_at_1": 0.9, "recall_at_10": 0.98, "mrr_at_10": 0.95}
    few = {**figures, "queries": 50, "recall_at_1": 0.8}
    speed = {"1 clients": {"ours": run(100), "peer": run(10)}}
    bar = {"what": "search, 1 client: p95 in ms", "needed": 15, "seen": 20, "most": True, "met": False}
    result = {
        "benchmark": "retrieval", **ORIGIN, "people": 1000, "seeds": [1, 2], "bars": {"order": 0.999}, "reached": [bar],
        "retrieval": {"annuaire": {"order": figures, "case": figures}, "pg_trgm": {"order": few}},
        "same_queries": {"annuaire": {"order": few, "case": few}, "pg_trgm": {"order": few}},
        "speed": {"search": speed, "autocomplete": None},
    }  # fmt: skip
    (tmp_path / "x").write_text(json.dumps(result))
    classes, fast = tables([tmp_path / "x"])
    worst, same = "0.900 · 0.980 · 0.950", "0.800 · 0.980 · 0.950"
    assert classes.rows == [
        ["order", "200", worst, "0.999", "**short**", "50", same, same],
        ["case", "200", worst, "", "", "50", same, ""],
    ]
    assert fast.rows[0][:4] == ["search, 1 client", "100", "10.0", "10.0×"]
    assert "0 of 1 bars are met" in fast.notes[1]


def test_growth_tells_what_building_the_same_scales_took(tmp_path: Path) -> None:
    mix = {"mix": "m", "label": "a lookup", "answers": "one result", "ratio": 1.2, "bar": 1.5, "met": True}
    grown = {"benchmark": "growth", **ORIGIN, "professionals": [100, 1600], "connections": 8}
    (tmp_path / "growth").write_text(json.dumps({**grown, "rows": [{**mix, "medians_ms": [1.0, 1.2]}]}))
    built = [
        {"documents": n, "seconds": n / 10, "documents_per_second": 10, "file_gib": n / 1024,
         "memory": {"together_mib": 50, "program_anonymous_mib": 40, "database_mib": 10}}
        for n in (4000, 200)
    ]  # fmt: skip
    bars = {"documents_per_second": 15_000, "memory_mib": 3072, "file_gib": 6.0}
    (tmp_path / "build").write_text(
        json.dumps({"benchmark": "build", **ORIGIN, "rows": built, "bars": bars, "met": True})
    )
    _, table = tables([tmp_path / "growth", tmp_path / "build"])
    assert table.rows[0] == ["documents", "", "200", "4,000", "20.00×", ""]
    assert table.rows[4] == ["file, MiB", "", "200", "4,000", "20.00×", ""]
    assert table.rows[5] == ["a lookup", "one result", "1.00", "1.20", "1.20×", "met"]
    (alone,) = tables([tmp_path / "growth"])
    assert alone.rows == table.rows[5:]


def test_a_file_of_no_known_benchmark_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(ValueError, match=r"x\.json"):
        tables([tmp_path / "x.json"])
