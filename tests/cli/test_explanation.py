"""What `annuaire search --explain` says can be read without knowing how a search works."""

from __future__ import annotations

from cli import explanation

STEPS = (
    {
        "step": "expand",
        "word": "con",
        "weight": 6.0,
        "tiers": [{"cost": 0.35, "how": "begins surname", "documents": 4775}],
    },
    {"step": "expand", "word": "sandrine", "weight": 5.0, "tiers": []},
    {"step": "collect", "cost": 0.36, "documents": 21, "scored": 14},
    {"step": "collect", "cost": 0.46, "documents": 32, "scored": 14},
    {"step": "collect", "cost": 0.36, "documents": 21, "scored": 7},
)


def test_each_word_is_shown_with_its_readings_and_what_giving_it_up_costs() -> None:
    lines = list(explanation.before(STEPS))
    assert "  con       0.35 begins surname (4,775); given up: 6.00" in lines
    assert "  sandrine  nothing; given up: 5.00" in lines


def test_a_cost_that_falls_again_begins_another_round() -> None:
    rounds = [line for line in explanation.before(STEPS) if line.startswith("  round")]
    assert rounds == ["  round 1  0.36: 14 of 21 · 0.46: 14 of 32", "  round 2  0.36: 7 of 21"]


def test_a_score_is_told_with_its_parts_and_what_they_are_a_share_of() -> None:
    lines = list(explanation.after(STEPS, [(0.9637, "CONCE SANDRINE", {"con": "begins name conce, 0.40"})]))
    assert "cost / 11.00" in lines[0]
    assert lines[1] == "  0.9637  CONCE SANDRINE: con: begins name conce, 0.40"


def test_where_nothing_was_explained_nothing_is_said() -> None:
    assert [*explanation.before(()), *explanation.after((), [])] == []
