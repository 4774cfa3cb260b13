"""Kill -9 of importer and database at random moments of a night: the register is always a whole one."""

from __future__ import annotations

from pathlib import Path

from bench.night.kill import bring, fingerprint, kill
from importers.synthetic import generate


def test_a_night_killed_at_twenty_random_moments_ends_like_an_undisturbed_one(tmp_path: Path) -> None:
    for day in (1, 2):
        generate(tmp_path / str(day), professionals=600, day=day)
    trials = kill(tmp_path / "data", tmp_path / "1", tmp_path / "2", trials=20)
    assert len(trials) == 20
    assert [trial for trial in trials if not (trial.whole and trial.right)] == []


def test_the_comparison_sees_a_single_row(tmp_path: Path) -> None:
    for day in (1, 2):
        generate(tmp_path / str(day), professionals=100, day=day)
    bring(tmp_path / "data", tmp_path / "1")
    first = fingerprint(tmp_path / "data")
    bring(tmp_path / "data", tmp_path / "1")
    assert fingerprint(tmp_path / "data") == first
    bring(tmp_path / "data", tmp_path / "2")
    assert fingerprint(tmp_path / "data") != first
