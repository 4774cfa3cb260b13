"""Counting different things in few bytes."""

from __future__ import annotations

import random

import pytest

from directory.callers.distinct import Distinct


def counted(distinct: Distinct, things: range) -> int:
    bitmap = bytearray(distinct.bytes)
    for place in distinct.places_of_numbers(things):
        bitmap[place >> 3] |= 1 << (place & 7)
    return distinct.count(bytes(bitmap))


@pytest.mark.parametrize("most", [2000, 16_000, 200_000, 1_000_000])
@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_the_count_is_off_by_few_percent_whatever_the_budget(most: int, share: float) -> None:
    dice = random.Random(f"{most} {share}")
    distinct = Distinct(13, most)
    there = int(most * share)
    for _ in range(3):
        first = dice.randrange(3_000_000)
        assert counted(distinct, range(first, first + there)) == pytest.approx(there, rel=0.05)


@pytest.mark.parametrize("step", [1, 2, 37, 1024, 65_536])
def test_numbers_with_any_step_between_them_are_counted_as_well(step: int) -> None:
    assert counted(Distinct(13, 5000), range(0, 5000 * step, step)) == pytest.approx(5000, rel=0.05)


@pytest.mark.parametrize("most", [2000, 200_000])
def test_names_are_counted_as_well_as_numbers(most: int) -> None:
    distinct = Distinct(13, most)
    bitmap = bytearray(distinct.bytes)
    for place in distinct.places(f"asked {number}".encode() for number in range(most)):
        bitmap[place >> 3] |= 1 << (place & 7)
    assert distinct.count(bytes(bitmap)) == pytest.approx(most, rel=0.05)


def test_nothing_marked_counts_nothing() -> None:
    assert Distinct(13, 2000).count(bytes(1024)) == 0


def test_a_full_bitmap_counts_more_than_any_budget_it_is_for() -> None:
    for most in (1, 2000, 16_384, 1_000_000):
        assert Distinct(13, most).count(b"\xff" * 1024) > most


def test_marking_again_changes_nothing() -> None:
    distinct = Distinct(10, 300)
    assert distinct.places([b"du", b"du"]) == distinct.places([b"du"]) * 2
