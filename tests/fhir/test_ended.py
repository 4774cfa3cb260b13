"""Activities that ended: found by who follows what changes, as inactive resources."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from fhir.resources.R4B.bundle import Bundle

from directory.index import veil
from directory.index.build import build_index
from directory.index.facets import mark
from directory.index.follow import Follower
from directory.index.veil import Veil
from directory.index.verify import verify
from directory.model import EndedActivity, Kind
from directory.settings import Settings
from tests.fhir.client import Fhir, link, matches, process
from tests.fhir.world import ANNEXE, FRASLIN, LE_GALL, MARTIN_DUBOIS, PRACTICE, VALMORIN, WORLD
from tests.index.register_of_records import RegisterOfRecords

MAP = 2**28
NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
LOADED, EARLY, LATE, CHANGED = (NOW - dt.timedelta(days=days) for days in (20, 9, 5, 2))
GONE = "810990000077"


def ended(person: str, at: str, when: dt.datetime, number: int = 1, profession: str = "10") -> EndedActivity:
    return EndedActivity(
        national_id=person, profession=profession, category="C", organization_key=at, number=number, at=when
    )


def id_of(one: EndedActivity) -> str:
    return f"{one.national_id}.{mark(one.profession, one.category, one.organization_key, one.number)}"


OF_LE_GALL = ended(LE_GALL.national_id, ANNEXE.key, EARLY)
ALIKE = ended(FRASLIN.national_id, ANNEXE.key, LATE, 3, profession="60")  # two such activities go on
OF_GONE = (ended(GONE, VALMORIN.key, LATE), ended(GONE, "", LATE), ended(GONE, PRACTICE.key, EARLY))
ENDED = (OF_LE_GALL, ALIKE, *OF_GONE)
INACTIVE = {id_of(one) for one in ENDED}


def register_of(*over: EndedActivity) -> RegisterOfRecords:
    changed = dataclasses.replace(MARTIN_DUBOIS, modified_at=CHANGED)
    register = RegisterOfRecords.of([changed if one is MARTIN_DUBOIS else one for one in WORLD])
    register.known_since = LOADED
    register.gone = {(Kind.PRACTITIONER, GONE): LATE}
    register.ended = list(over)
    return register


@pytest.fixture(scope="module")
def fhir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fhir]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("ended"))
    build_index(register_of(*ENDED), settings.index_path, map_bytes=MAP, workers=1)
    with process(settings) as opened:
        yield opened


@pytest.fixture(scope="module")
def active(fhir: Fhir) -> set[str]:
    return fhir.ids("PractitionerRole?active=true")


def day(moment: dt.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def of(*persons: str) -> set[str]:
    return {id_of(one) for one in ENDED if one.national_id in persons}


@pytest.mark.parametrize("count", [1, 2, 3, 50])
def test_a_search_without_criterion_goes_on_from_those_that_are_active_to_those_that_ended(
    fhir: Fhir, active: set[str], count: int
) -> None:
    assert not active & INACTIVE
    assert fhir.ids(f"PractitionerRole?_count={count}") == active | INACTIVE


@pytest.mark.parametrize("count", [1, 2, 50])
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("active=false", INACTIVE),
        ("active:not=true", INACTIVE),
        ("active=false&active=true", set()),
        ("_lastUpdated=ge{early}&active=false", INACTIVE),
        ("_lastUpdated=gt{early}&active=false", {id_of(one) for one in ENDED if one.at == LATE}),
        ("_lastUpdated=lt{late}&active=false", {id_of(one) for one in ENDED if one.at == EARLY}),
        ("_lastUpdated={early},{late}&active=false", INACTIVE),
        ("_lastUpdated=ne{late}&active=false", {id_of(one) for one in ENDED if one.at == EARLY}),
        ("_lastUpdated=ge{changed}&active=false", set()),
        (f"_id={id_of(OF_LE_GALL)},{id_of(ALIKE)},x", {id_of(OF_LE_GALL), id_of(ALIKE)}),
        (f"_id={id_of(OF_LE_GALL)}&_lastUpdated=ge{{late}}", set()),
        (f"identifier={id_of(ALIKE)}", {id_of(ALIKE)}),
        (f"identifier=urn:annuaire:activity|{id_of(ALIKE)}", {id_of(ALIKE)}),
        (f"identifier=https://rpps.esante.gouv.fr|{id_of(ALIKE)}", set()),
        ("identifier=urn:annuaire:activity|&active=false", INACTIVE),
        ("identifier:not=urn:annuaire:activity|&active=false", set()),
        (f"identifier:not={id_of(ALIKE)}&active=false", INACTIVE - {id_of(ALIKE)}),
        (f"identifier:not={id_of(ALIKE)}&active=false&_lastUpdated=le{{early}}", of(LE_GALL.national_id) | {id_of(OF_GONE[2])}),
        (f"practitioner={GONE}", of(GONE)),
        (f"practitioner=Practitioner/{GONE}&_lastUpdated=gt{{early}}", {id_of(one) for one in OF_GONE[:2]}),
        (f"practitioner={GONE},{LE_GALL.national_id}&active=false", of(GONE, LE_GALL.national_id)),
        (f"practitioner={GONE}&_id={id_of(ALIKE)}", set()),
        ("active=false&role=L", set()),
        (f"active=false&organization={ANNEXE.key}", set()),
        ("active=false&mailbox-mss:contains=@", set()),
    ],
)  # fmt: skip
def test_those_that_ended_are_found_by_what_is_kept_of_them(
    fhir: Fhir, query: str, found: set[str], count: int
) -> None:
    asked = query.format(early=day(EARLY), late=day(LATE), changed=day(CHANGED))
    assert fhir.ids(f"PractitionerRole?{asked}&_count={count}") == found


def test_who_follows_changes_finds_what_changed_and_what_ended(fhir: Fhir) -> None:
    found = fhir.ids(f"PractitionerRole?_lastUpdated=ge{day(LATE)}")
    assert {one.partition(".")[0] for one in found} == {MARTIN_DUBOIS.national_id, FRASLIN.national_id, GONE}
    assert found >= {id_of(ALIKE), id_of(OF_GONE[0]), id_of(OF_GONE[1])}


def test_an_activity_that_ended_shows_its_identifier_and_nothing_else(fhir: Fhir) -> None:
    shown = fhir.get(f"PractitionerRole/{id_of(OF_LE_GALL)}")
    assert set(shown) == {"resourceType", "id", "meta", "language", "active", "identifier"}
    assert (shown["id"], shown["active"]) == (id_of(OF_LE_GALL), False)
    assert [one["value"] for one in shown["identifier"]] == [id_of(OF_LE_GALL)]
    assert dt.datetime.fromisoformat(shown["meta"]["lastUpdated"]) == EARLY
    Bundle.model_validate(fhir.get("PractitionerRole?active=false"))


@pytest.mark.parametrize("id_", ["", ".", GONE, f"{GONE}.", f"{GONE}.aaaaaaaaaaaa", f"-38{id_of(OF_GONE[0])[1:]}"])
def test_what_is_not_the_id_of_one_is_not_found(fhir: Fhir, id_: str) -> None:
    assert fhir.ids(f"PractitionerRole?_id={id_},x&active=false") == set()
    if id_.strip("."):
        fhir.refused(f"PractitionerRole/{id_}", 404)


def test_the_total_counts_them_unless_it_is_not_wanted(fhir: Fhir, active: set[str]) -> None:
    assert fhir.get("PractitionerRole?_count=0")["total"] == len(active) + len(ENDED)
    assert "total" not in fhir.get("PractitionerRole?active=false&_total=none")


def test_those_that_ended_bring_nobody_with_them(fhir: Fhir) -> None:
    bundle = fhir.get("PractitionerRole?active=false&_include=*&_elements=practitioner")
    assert {one["search"]["mode"] for one in bundle["entry"]} == {"match"}
    assert all(one["resource"]["meta"]["tag"] for one in bundle["entry"])


def test_those_of_people_who_are_hidden_by_now_are_told_no_more(tmp_path: Path) -> None:
    settings, register = Settings(data_dir=tmp_path), register_of(*ENDED)
    build_index(register, settings.index_path, map_bytes=MAP, workers=1)
    veil.write(settings.index_path, Veil(register.epoch, [(2, Kind.PRACTITIONER, GONE)]))
    with process(settings) as veiled:
        assert veiled.ids("PractitionerRole?active=false&_count=1") == INACTIVE - of(GONE)
        assert veiled.ids(f"PractitionerRole?practitioner={GONE}") == set()
        assert veiled.ids(f"PractitionerRole?active=false&_lastUpdated=ge{day(LATE)}") == {id_of(ALIKE)}
        veiled.refused(f"PractitionerRole/{id_of(OF_GONE[0])}", 404)
        assert veiled.ids("Practitioner?active=false") == set()
        veiled.refused(f"Practitioner/{GONE}", 404)


def test_a_followed_index_tells_what_ended_and_no_more_what_came_back(tmp_path: Path) -> None:
    settings, register = Settings(data_dir=tmp_path), register_of(OF_LE_GALL, *OF_GONE)
    build_index(register, settings.index_path, map_bytes=MAP, workers=1)
    with process(settings) as fhir:
        following = link(fhir.get("PractitionerRole?active=false&_count=1"), "next")
    register.ended = [ALIKE, *OF_GONE[1:]]
    register.commit([LE_GALL, FRASLIN], [(Kind.PRACTITIONER, GONE)])
    Follower(register, settings.index_path, MAP).step()
    with process(settings) as fhir:
        assert fhir.ids("PractitionerRole?active=false") == {id_of(one) for one in register.ended}
        assert following is not None
        assert fhir.http.get(following).status_code == 410
    assert verify(register, settings.index_path, map_bytes=MAP) == []


def test_a_walk_may_end_at_the_last_one_that_is_active(fhir: Fhir, active: set[str]) -> None:
    first = fhir.get(f"PractitionerRole?_count={len(active)}")
    assert set(matches(first)) == active
    following = link(first, "next")
    assert following is not None
    assert set(matches(fhir.http.get(following).json())) == INACTIVE
