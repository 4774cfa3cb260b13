"""The text pipeline's laws."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory import text


@given(st.text())
def test_folding_twice_is_folding_once(value: str) -> None:
    assert text.fold(text.fold(value)) == text.fold(value)


@given(st.text())
def test_words_of_the_folded_value_are_the_words_of_the_value(value: str) -> None:
    assert text.words(text.fold(value)) == text.words(value)


@given(st.text(alphabet=st.characters(codec="latin-1", categories=("Lu", "Ll"))))
def test_case_does_not_count(value: str) -> None:
    assert text.fold(value.upper()) == text.fold(value.lower()) or "ÿ" in value or "µ" in value


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("ŒUVRARD", "oeuvrard"),
        ("L\u0092EUROPE", "l'europe"),
        ("L’Europe", "l'europe"),
        ("Saint‑Étienne", "saint-etienne"),
        ("  Jean   RENÉ ", "jean rene"),
        ("e\u0301lodie", "elodie"),
        ("\u009cuvrard", "oeuvrard"),
        ("MaËlle", "maelle"),
    ],
)
def test_spellings_a_reader_calls_the_same_fold_alike(written: str, folded: str) -> None:
    assert text.fold(written) == folded


def test_a_part_keeps_its_edge_space() -> None:
    assert text.fold_part("Jean  ") == "jean "


@given(st.text())
def test_a_part_folds_like_the_value_but_for_the_edges(value: str) -> None:
    part = text.fold_part(value)
    assert text.fold_part(part) == part
    assert part.strip() == text.fold(value)


@given(st.text(), st.text(), st.text())
def test_a_part_of_a_value_is_found_in_the_folded_value(before: str, part: str, after: str) -> None:
    assert text.fold_part(part) in text.fold_part(before + part + after)


def test_a_name_is_found_by_each_of_its_words() -> None:
    assert text.words("DE SAINT-AMARANTHE") == ("de", "saint", "amaranthe")
    assert text.words("O’KELLERAN") == ("o", "kelleran")
    assert text.words("ŒUVRARD*NOEL/") == ("oeuvrard", "noel")
    assert text.words('OPTIQUE "LES 7*MERVEILLES"/VISION \\ SARL') == (
        "optique", "les", "7", "merveilles", "vision", "sarl",
    )  # fmt: skip


def test_case_noise_inside_a_name_does_not_make_another_word() -> None:
    assert set(text.words("Maëlle")) <= set(text.words("CABINET DU DR MaËlle D'ARVILLERS"))
    assert text.words("jean-rené") == text.words("JEAN RENE")
