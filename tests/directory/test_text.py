"""The text pipeline's laws."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory import text
from directory.identifiers import adeli_ok, finess_ok, luhn_ok, parse_national_id, rpps_ok, siret_ok
from directory.nomenclature import (
    codes,
    current_profession_code,
    department_code,
    department_of,
    label,
    region_of,
)


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


def test_a_name_is_found_by_each_of_its_words() -> None:
    assert text.words("DE SAINT-AMARANTHE") == ("de", "saint", "amaranthe")
    assert text.words("O’KELLERAN") == ("o", "kelleran")


@pytest.mark.parametrize(
    ("commune", "postal_code", "department"),
    [
        ("69383", "69003", "69"),
        ("2A004", "20000", "2A"),
        ("97801", "97150", "978"),
        (None, "97150", "978"),
        (None, "20200", "2B"),
        (None, "97400", "974"),
        (None, "GL", None),
        (None, None, None),
        ("", "01300", "01"),
    ],
)
def test_the_departement_comes_from_the_commune_then_the_postal_code(
    commune: str | None, postal_code: str | None, department: str | None
) -> None:
    assert department_of(commune, postal_code) == department


@pytest.mark.parametrize("written", ["69", "Rhône", "rhone", "RHÔNE"])
def test_a_departement_is_known_by_code_and_by_name(written: str) -> None:
    assert department_code(written) == "69"


def test_ended_profession_codes_lead_to_todays_of_the_same_name() -> None:
    for ended in range(200, 211):
        assert label("professions", current_profession_code(str(ended))) == label("professions", str(ended))
        assert int(current_profession_code(str(ended))) < 100


def test_every_list_has_labels() -> None:
    for name in ("professions", "expertises", "sectors", "street-types", "countries", "roles", "functions"):
        assert all(codes(name).values()), name


def test_france_is_written_two_ways() -> None:
    assert label("countries", "99000") == label("countries", "99100") == "France"


def test_a_departement_lies_in_a_region() -> None:
    assert region_of("69") == "Auvergne-Rhône-Alpes"


def test_identifiers_pass_their_checks_and_altered_ones_do_not() -> None:
    assert rpps_ok("10990001017")
    assert not rpps_ok("10990001018")
    assert adeli_ok("019399997")
    assert finess_ok("2A9990018")
    assert finess_ok("699900015")
    assert siret_ok("99990001200017")
    assert not luhn_ok("1a")


def test_a_type_may_have_two_digits() -> None:
    parsed = parse_national_id("10a.b@medecin.mssante.fr")
    assert parsed is not None
    assert (parsed.type, parsed.identifier) == ("10", "a.b@medecin.mssante.fr")
    assert str(parse_national_id("810990001017")) == "810990001017"
