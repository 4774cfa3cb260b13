"""What `annuaire search --explain` says, for who sees it for the first time: the readings, the rounds, each score."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

_READINGS: Final = (
    "What each word may stand for, at which cost, and how many records fit. "
    "0 is to the letter; what is less likely to be meant costs more."
)
_ROUNDS: Final = (
    "Which records were read: those that cost least in all, summed over the words. "
    "Each further round reads the words more freely, because too few had fitted well."
)
_SCORES: Final = "How each score is made: 1 − cost / {full:.2f}, what it would cost to give up every word."


def before(steps: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The lines above the matches: how the words were read, and which records."""
    words = [step for step in steps if step["step"] == "expand"]
    if not words:
        return
    width = max(len(step["word"]) for step in words)
    yield _READINGS
    for step in words:
        tiers = " · ".join(f"{tier['cost']:.2f} {tier['how']} ({tier['documents']:,})" for tier in step["tiers"])
        yield f"  {step['word']:{width}}  {tiers or 'nothing'}; given up: {step['weight']:.2f}"
    sets = [step for step in steps if step["step"] == "collect"]
    if sets:
        yield _ROUNDS
    for number, several in enumerate(_rounds(sets), 1):
        read = " · ".join(f"{one['cost']:.2f}: {one['scored']:,} of {one['documents']:,}" for one in several)
        yield f"  round {number}  {read}"


def after(steps: Sequence[Mapping[str, Any]], matches: Sequence[tuple[float, str, Mapping[str, Any]]]) -> Iterator[str]:
    """The lines below the matches, each given by its score, its name and the parts of its cost."""
    full = sum(step["weight"] for step in steps if step["step"] == "expand")
    if matches:
        yield _SCORES.format(full=full)
    for score, name, why in matches:
        parts = " + ".join(f"{part}: {how}" for part, how in why.items())
        yield f"  {score:.4f}  {name}: {parts}"


def _rounds(sets: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Sets come by increasing cost; where it falls again, another round begins."""
    rounds: list[list[Mapping[str, Any]]] = []
    for one in sets:
        if not rounds or one["cost"] < rounds[-1][-1]["cost"]:
            rounds.append([])
        rounds[-1].append(one)
    return rounds
