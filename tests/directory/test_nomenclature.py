"""Code lists: labels by code, départements by whatever names them."""

from __future__ import annotations

import csv
import importlib.resources
from pathlib import Path

import pytest

from directory.nomenclature import (
    codes,
    current_profession_code,
    department_code,
    department_label,
    department_of,
    label,
    region_of,
)

LISTS = sorted(
    table.name.removesuffix(".csv") for table in (importlib.resources.files("directory") / "nomenclature").iterdir()
)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


@pytest.mark.parametrize("name", LISTS)
def test_no_code_of_the_published_lists_is_missing(domain: Path, name: str) -> None:
    published = {row["code"] for row in read(domain / "nomenclatures" / f"{name}.tsv")}
    assert set(codes(name)) == published
    assert all(codes(name).values())


@pytest.mark.parametrize("name", sorted(set(LISTS) - {"practice-modes"}))
def test_labels_are_the_official_ones(domain: Path, name: str) -> None:
    for row in read(domain / "nomenclatures" / f"{name}.tsv"):
        assert label(name, row["code"]) == row["label"]


def test_an_unknown_code_has_no_label() -> None:
    assert label("sectors", "SA70") is None


def test_psychologists_stand_in_two_lists_under_one_code() -> None:
    assert label("professions", "93") == "Psychologue"


def test_lists_cannot_be_altered_by_their_readers() -> None:
    with pytest.raises(TypeError):
        codes("sectors")["SA01"] = "?"  # type: ignore[index]


def test_france_is_written_two_ways() -> None:
    assert label("countries", "99000") == label("countries", "99100") == "France"


@pytest.mark.parametrize(
    ("commune", "postal_code", "department"),
    [
        ("69383", "69003", "69"),
        ("2A004", "20000", "2A"),
        ("2a004", "20000", "2A"),
        ("97801", "97150", "978"),
        ("97701", "97133", "977"),
        ("98735", "98713", "987"),
        ("01033", "74910", "01"),  # a postal code that begins like a neighbour
        (None, "97150", "978"),
        (None, "97133", "977"),
        (None, "97110", "971"),
        (None, "97400", "974"),
        (None, "98800", "988"),
        (None, "20190", "2A"),
        (None, "20200", "2B"),
        (None, "20620", "2B"),
        (None, "25300", "25"),
        ("", "01300", "01"),
        ("69", "69003", "69"),  # not a commune code: the postal code tells
        ("20004", "20000", "2A"),  # a Corsican commune as written before 1976
        ("99132", "75001", None),  # abroad, whatever the postal code looks like
        ("99132", "GL", None),
        (None, "GL", None),
        (None, "6900", None),
        (None, "６９００３", None),
        (None, "98000", None),  # Monaco
        (None, None, None),
        ("", "", None),
    ],
)
def test_the_departement_comes_from_the_commune_then_the_postal_code(
    commune: str | None, postal_code: str | None, department: str | None
) -> None:
    assert department_of(commune, postal_code) == department


def test_every_commune_lies_in_its_departement_and_nearly_every_postal_code_tells_it(domain: Path) -> None:
    communes = read(domain / "samples" / "communes_etalab_2025.tsv")
    assert len(communes) > 30_000
    assert [row for row in communes if department_of(row["code_insee"], None) != row["departement"]] == []
    pairs = [(code, row["departement"]) for row in communes for code in row["codes_postaux"].replace(",", " ").split()]
    wrong = [pair for pair in pairs if department_of(None, pair[0]) != pair[1]]
    assert len(wrong) < 0.001 * len(pairs)  # those of communes served from next door


@pytest.mark.parametrize("written", ["69", "Rhône", "rhone", "RHÔNE", " Rhône "])
def test_a_departement_is_known_by_code_and_by_name(written: str) -> None:
    assert department_code(written) == "69"


@pytest.mark.parametrize(
    ("written", "code"),
    [("1", "01"), ("2a", "2A"), ("SEINE SAINT DENIS", "93"), ("Cotes d\u0092Armor", "22"), ("reunion", "974")],
)
def test_a_departement_is_known_however_it_is_typed(written: str, code: str) -> None:
    assert department_code(written) == code


@pytest.mark.parametrize("written", ["", "20", "99", "Cheltenham", "-"])
def test_what_names_no_departement_is_none(written: str) -> None:
    assert department_code(written) is None


def test_each_departement_is_found_by_its_own_code_and_label() -> None:
    for code, name in codes("departments").items():
        assert department_code(code) == department_code(name) == code
        assert department_label(code) == name


def test_a_departement_lies_in_a_region() -> None:
    assert region_of("69") == "Auvergne-Rhône-Alpes"
    assert region_of("2A") == "Corse"
    assert region_of("978") is None


def test_ended_profession_codes_lead_to_todays_of_the_same_name() -> None:
    for ended in range(200, 211):
        today = current_profession_code(str(ended))
        assert label("professions", today) == label("professions", str(ended))
        assert int(today) in {*range(41, 50), 51, 52}


@pytest.mark.parametrize("code", ["10", "93", "99", "211", "1234", ""])
def test_a_code_without_a_successor_stays(code: str) -> None:
    assert current_profession_code(code) == code
