"""What changed: `_lastUpdated`, and records that have left."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from fhir.resources.R4B.bundle import Bundle

from directory.index.build import build_index
from directory.model import Kind
from directory.settings import Settings
from tests.fhir.client import Fhir, process
from tests.fhir.world import LE_GALL, MARTIN_DUBOIS, PEOPLE, WORLD
from tests.index.register_of_records import RegisterOfRecords

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
LOADED, CHANGED, LEFT = (NOW - dt.timedelta(days=days) for days in (20, 5, 2))
GONE = "810990000077"
ALL = {one.national_id.replace("/", "-2f") for one in PEOPLE}


@pytest.fixture(scope="module")
def fhir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fhir]:
    path: Path = tmp_path_factory.mktemp("changes")
    changed = dataclasses.replace(LE_GALL, modified_at=CHANGED)
    register = RegisterOfRecords.of([changed if one is LE_GALL else one for one in WORLD])
    register.known_since = LOADED
    register.gone = {(Kind.PRACTITIONER, GONE): LEFT, (Kind.ORGANIZATION, "F690000099"): LEFT}
    settings = Settings(data_dir=path)
    build_index(register, settings.index_path, map_bytes=2**28, workers=1)
    with process(settings) as opened:
        yield opened


def day(moment: dt.datetime, **more: int) -> str:
    return (moment + dt.timedelta(**more)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ALL | {GONE}),
        ("active=true", ALL),
        ("active=false", {GONE}),
        ("active:not=true", {GONE}),
        ("_lastUpdated=ge{loaded}", ALL | {GONE}),
        ("_lastUpdated=ge{changed}", {LE_GALL.national_id, GONE}),
        ("_lastUpdated=gt{changed}", {GONE}),
        ("_lastUpdated=ge{changed}&_lastUpdated=lt{left}", {LE_GALL.national_id}),
        ("_lastUpdated=le{loaded}", ALL - {LE_GALL.national_id}),
        ("_lastUpdated={changed}", {LE_GALL.national_id}),
        ("_lastUpdated=ne{loaded}", {LE_GALL.national_id, GONE}),
        ("_lastUpdated=ge{changed}&family=martin", set()),
        ("_lastUpdated=ge{changed}&identifier=10990000077", {GONE}),
        (f"_id={GONE},{MARTIN_DUBOIS.national_id}", {GONE, MARTIN_DUBOIS.national_id}),
        ("identifier=https://rpps.esante.gouv.fr|10990000077", {GONE}),
        (f"identifier={GONE}", {GONE}),
        ("identifier=990000077", set()),
        ("identifier-type=RPPS&active=false", {GONE}),
        ("identifier-type:not=RPPS&active=false", set()),
        ("identifier-type=FINEG&active=false", set()),
        ("identifier:not=10990000077&active=false", set()),
        ("identifier:of-type=https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203|RPPS|10990000077", {GONE}),
        ("identifier:of-type=https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203|IDNPS|10990000077", set()),
    ],
)
def test_a_search_by_moment_finds_what_changed_and_what_left(fhir: Fhir, query: str, found: set[str]) -> None:
    asked = query.format(loaded=day(LOADED), changed=day(CHANGED), left=day(LEFT))
    for count in (1, 2, 50):
        assert fhir.ids(f"Practitioner?{asked}&_count={count}") == found


def test_a_whole_day_is_every_moment_of_it_in_paris(fhir: Fhir) -> None:
    when = fhir.get(f"Practitioner/{LE_GALL.national_id}")["meta"]["lastUpdated"]
    assert dt.datetime.fromisoformat(when) == CHANGED
    assert LE_GALL.national_id in fhir.ids(f"Practitioner?_lastUpdated={when[:10]}")


def test_a_record_that_left_shows_its_numbers_and_nothing_else(fhir: Fhir) -> None:
    gone = fhir.get(f"Practitioner/{GONE}")
    assert set(gone) == {"resourceType", "id", "meta", "language", "active", "identifier"}
    assert gone["active"] is False
    assert [one["value"] for one in gone["identifier"]] == [GONE, GONE[1:]]
    assert dt.datetime.fromisoformat(gone["meta"]["lastUpdated"]) == LEFT
    structure = fhir.get("Organization/F690000099")
    assert [one["value"] for one in structure["identifier"]] == ["1690000099", "690000099", "F690000099"]
    Bundle.model_validate(fhir.get("Organization?active=false"))


@pytest.mark.parametrize("number", ["1690000099", "690000099", "F690000099"])
def test_a_structure_that_left_is_found_by_each_of_its_numbers(fhir: Fhir, number: str) -> None:
    assert fhir.ids(f"Organization?identifier={number}") == {"F690000099"}


def test_the_persons_change_is_that_of_its_activities(fhir: Fhir) -> None:
    since = fhir.get(f"PractitionerRole?_lastUpdated=ge{day(CHANGED)}")
    assert {one["resource"]["practitioner"]["reference"] for one in since["entry"]} == {
        f"Practitioner/{LE_GALL.national_id}"
    }


@pytest.mark.parametrize("since", ["2020", "2020-01-01", "{before}", "eq2020-02", "gt2020"])
def test_changes_from_before_the_register_was_loaded_are_refused_with_the_oldest_date(fhir: Fhir, since: str) -> None:
    comparison = "" if since[:2].isalpha() else "ge"
    asked = comparison + since.format(before=day(LOADED, seconds=-1))
    told = fhir.refused(f"Practitioner?_lastUpdated={asked}", 400)["diagnostics"]
    assert LOADED.astimezone(dt.UTC).strftime("%Y-%m-%d")[:7] in told
