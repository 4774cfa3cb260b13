"""Answers are counted by class, peers get their share, misses are told, and bars are what was asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.retrieval import bars, corrupt, kept, measure, report
from bench.retrieval.__main__ import main
from bench.retrieval.judge import Asked, Figures
from bench.retrieval.measure import OVERALL
from bench.retrieval.people import People

PERFECT = Figures(queries=10, recall_at_1=1.0, recall_at_10=1.0, mrr_at_10=1.0)
POOR = Figures(queries=10, recall_at_1=0.5, recall_at_10=0.6, mrr_at_10=0.55)


class Knowing:
    """Knows what is meant by each text, and answers it in second place, after somebody else."""

    name = "knowing"

    def __init__(self, asked: list[Asked]) -> None:
        self._meant = {one.text: one.meant.national_id for one in asked}

    def search(self, text: str, limit: int = 10) -> list[str]:
        return ["unknown", self._meant[text]][:limit]


@pytest.fixture
def asked(people: People) -> list[Asked]:
    return corrupt.queries(people, 1, 6, ["case", "initials"])


def test_answers_stay_in_order_whoever_asks(people: People, asked: list[Asked]) -> None:
    for clients in (1, 3):
        answered = measure.ask(lambda: Knowing(asked), asked, people, clients)

        assert [one.asked for one in answered] == asked
        assert {one.rank for one in answered} == {2}


def test_figures_are_told_by_class_and_over_all(people: People, asked: list[Asked]) -> None:
    found = measure.by_class(measure.ask(lambda: Knowing(asked), asked, people))

    assert list(found) == ["case", "initials", OVERALL]
    assert found[OVERALL] == Figures(queries=12, recall_at_1=0.0, recall_at_10=1.0, mrr_at_10=0.5)


def test_slow_peers_get_the_first_queries_of_each_class(asked: list[Asked]) -> None:
    few = measure.first_of_each_class(asked, 2)

    assert few == [asked[0], asked[1], asked[6], asked[7]]


def test_a_peer_is_not_asked_again_what_it_was_asked_before(asked: list[Asked], tmp_path: Path) -> None:
    file = tmp_path / "answers"
    file.write_text(json.dumps({"engine": "knowing", "text": asked[0].text, "found": ["kept"]}))
    engine = kept.Kept(lambda: Knowing(asked[1:]), kept.read(file)["knowing"])

    assert engine.search(asked[0].text) == ["kept"]
    assert engine.search(asked[1].text) == ["unknown", asked[1].meant.national_id]


def test_the_worst_of_several_seeds_is_told() -> None:
    assert measure.worst_by_class([{"case": PERFECT}, {"case": POOR}]) == {"case": POOR}


def test_every_query_that_was_not_answered_first_is_written_down(
    people: People, asked: list[Asked], tmp_path: Path
) -> None:
    report.write_misses(tmp_path / "misses.tsv", "knowing", measure.ask(lambda: Knowing(asked), asked, people))

    lines = (tmp_path / "misses.tsv").read_text("utf-8").splitlines()
    assert len(lines) == 1 + len(asked)
    assert asked[0].text in lines[1]
    assert "right only at 2" in lines[1]
    assert asked[0].meant.national_id in lines[1]


def test_every_class_with_a_bar_is_a_class() -> None:
    assert set(bars.by_class()) - {OVERALL} <= set(corrupt.CLASSES)


def test_bars_are_met_or_missed() -> None:
    assert all(bar.met for bar in bars.goals({OVERALL: PERFECT, "case": PERFECT}))
    assert not any(bar.met for bar in bars.goals({OVERALL: POOR, "case": POOR}))
    assert not any(bar.met for bar in bars.not_below({"case": POOR}, {"case": PERFECT}, "peer"))


def test_speed_bars_weigh_both_sides() -> None:
    fast = {"p95_ms": 4.0, "per_second": 900.0}
    slow = {"p95_ms": 400.0, "per_second": 10.0}
    search = {"1 clients": {"ours": fast, "peer": slow}, "8 clients": {"ours": fast, "peer": slow}}

    assert all(bar.met for bar in bars.speed(search, fast))
    assert not any(bar.met for bar in bars.speed({name: {"ours": slow, "peer": fast} for name in search}, slow))


def test_nothing_to_measure_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--extract", str(tmp_path), "--no-peer"])

    assert "nothing to measure" in capsys.readouterr().err
