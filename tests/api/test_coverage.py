"""How many professionals can be reached by mailbox."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from directory.index.build import build_index
from directory.index.follow import Follower
from directory.index.measured import Measure, kept
from directory.index.reader import Index
from directory.model import Activity, Address, Coded, Exercise, MailboxSummary, Organization, Practitioner
from directory.settings import Settings
from tests.index.register_of_records import RegisterOfRecords

_DEPARTMENTS = {"69": "Rhône", "2A": "Corse-du-Sud"}


_COMMUNES = {"69": Coded(code="69123", label="Lyon"), "2A": Coded(code="2A004", label="Ajaccio")}
_ELSEWHERE = {"69": Coded(code="69029", label="Bron")}


def _address(department: str, commune: Coded) -> Address:
    return Address(
        department=Coded(code=department, label=_DEPARTMENTS[department]),
        commune=commune,
        city=commune.label,
        postal_code=f"{commune.code[:2]}000".replace("2A", "20"),
    )


def _person(number: int, professions: list[str], departments: list[str], *, reachable: bool) -> Practitioner:
    activities = tuple(
        Activity(
            organization=Organization(
                key=f"F{code}{number}",
                address=_address(code, (_ELSEWHERE if number == 5 else _COMMUNES).get(code, _COMMUNES[code])),
            )
        )
        for code in departments
    )
    exercises = tuple(
        Exercise(profession=Coded(code=code, label=code), category=None, activities=activities) for code in professions
    )
    boxes = (MailboxSummary(address=f"p{number}@medecin.mssante.fr", kind="PER"),) if reachable else ()
    return Practitioner(
        national_id=f"8{number}",
        identifier_type="8",
        identifier=str(number),
        family_name="X",
        exercises=exercises,
        mailboxes=boxes,
    )


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("coverage")
    people = [
        _person(1, ["10"], ["69"], reachable=True),
        _person(2, ["10"], ["69", "2A"], reachable=False),
        _person(3, ["10", "60"], ["2A"], reachable=True),
        _person(4, ["60"], [], reachable=False),
        _person(5, ["10"], ["69"], reachable=False),
    ]
    register = RegisterOfRecords.of(people)
    build_index(register, folder / "index", map_bytes=2**28, workers=1)
    Follower(register, folder / "index", map_bytes=2**28).step()
    index = Index.open(folder / "index", map_bytes=2**28)
    settings = Settings(data_dir=folder, profile="public", http_limit=2, http_walk_records=2)
    with TestClient(create_app(settings, index)) as opened:
        yield opened
    index.close()


def counts(client: TestClient, **asked: str) -> dict[tuple[str | None, str | None], tuple[int, int]]:
    def code(coded: dict[str, str] | None) -> str | None:
        return coded["code"] if coded else None

    return {
        (code(cell["profession"]), code(cell["department"])): (cell["professionals"], cell["reachable"])
        for cell in client.get("/v1/coverage", params=asked).json()["cells"]
    }


def test_each_profession_and_departement_is_counted_and_a_total_counts_everybody_once(client: TestClient) -> None:
    assert counts(client) == {
        (None, None): (5, 2),
        (None, "69"): (3, 1),
        (None, "2A"): (2, 1),
        ("10", None): (4, 2),
        ("10", "69"): (3, 1),
        ("10", "2A"): (2, 1),
        ("60", None): (2, 1),
        ("60", "2A"): (1, 1),
    }


@pytest.mark.parametrize("department", ["2A", "2a", "Corse-du-Sud"])
def test_one_profession_in_one_departement_is_asked_for_by_code_or_name(client: TestClient, department: str) -> None:
    assert counts(client, profession="10", department=department) == {("10", "2A"): (2, 1)}


def test_labels_stand_beside_codes(client: TestClient) -> None:
    (cell,) = client.get("/v1/coverage", params={"profession": "10", "department": "2A"}).json()["cells"]
    assert cell["profession"] == {"code": "10", "label": "Médecin"}
    assert cell["department"] == {"code": "2A", "label": "Corse-du-Sud"}


def test_the_counts_of_a_revision_are_sent_once(client: TestClient) -> None:
    tag = client.get("/v1/coverage").headers["etag"]
    assert client.get("/v1/coverage", headers={"If-None-Match": f'"other", W/{tag}'}).status_code == 304
    assert client.get("/v1/coverage", headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_departement_that_does_not_exist_is_refused(client: TestClient) -> None:
    assert client.get("/v1/coverage", params={"department": "atlantis"}).status_code == 422


def test_each_commune_is_counted_also_for_who_works_in_several_departements(client: TestClient) -> None:
    def cells(**asked: str) -> dict[tuple[str | None, str], tuple[int, int]]:
        found = client.get("/v1/coverage", params={"by": "commune", **asked}).json()["cells"]
        return {
            (cell["profession"] and cell["profession"]["code"], cell["commune"]["code"]): (
                cell["professionals"],
                cell["reachable"],
            )
            for cell in found
        }

    assert cells(department="69") == {
        (None, "69123"): (2, 1),
        (None, "69029"): (1, 0),
        ("10", "69123"): (2, 1),
        ("10", "69029"): (1, 0),
    }
    assert cells(department="2A", profession="60") == {("60", "2A004"): (1, 1)}


def test_communes_are_asked_for_within_a_departement(client: TestClient) -> None:
    answer = client.get("/v1/coverage", params={"by": "commune"}, headers={"Accept-Language": "en"})
    assert answer.status_code == 422
    assert "département" in answer.json()["detail"]


def unequipped(client: TestClient, **asked: object) -> list[str]:
    answer = client.get("/v1/coverage/unequipped", params=asked)
    assert answer.status_code == 200, answer.text
    return sorted(match["practitioner"]["rpps"] for match in answer.json()["matches"])


def test_who_has_no_mailbox_yet_is_listed_for_an_area_of_several_places(client: TestClient) -> None:
    assert unequipped(client, department="69") == ["2", "5"]
    assert unequipped(client, commune="69029") == ["5"]
    assert unequipped(client, commune=["69029", "2a004"]) == ["2", "5"]
    assert unequipped(client, city="bron", postal_code="20000") == ["2", "5"]
    assert unequipped(client, department="69", profession="60") == []


def test_an_area_is_named_by_places_that_there_are(client: TestClient) -> None:
    for wrong in ({}, {"commune": "99109"}, {"department": "atlantis"}, {"ville": "lyon"}):
        assert client.get("/v1/coverage/unequipped", params=wrong).status_code == 422


def test_a_long_list_is_walked_by_who_may_export_only(client: TestClient) -> None:
    first = client.get("/v1/coverage/unequipped", params={"department": "69", "limit": 1}).json()
    assert (first["total"], first["complete"]) == (2, False)
    second = client.get(first["next"]).json()
    assert second["complete"]
    assert second["matches"] != first["matches"]
    assert client.get("/v1/coverage/unequipped", params={"department": "69", "limit": 3}).status_code == 401


def test_each_day_is_remembered_with_its_counts(client: TestClient) -> None:
    answer = client.get("/v1/coverage/history", params={"profession": "10", "department": "69"}).json()
    assert answer["profession"] == {"code": "10", "label": "Médecin"}
    assert [(day["professionals"], day["reachable"]) for day in answer["days"]] == [(3, 1)]
    future = client.get("/v1/coverage/history", params={"since": "2100-01-01"})
    assert future.json()["days"] == []


def test_later_revisions_of_a_day_replace_it_and_other_days_stay(tmp_path: Path) -> None:
    register = RegisterOfRecords.of([_person(1, ["10"], ["69"], reachable=False)])
    follower = Follower(register, tmp_path, map_bytes=2**28)
    index = Index.open(tmp_path, map_bytes=2**28)
    first, second = dt.date(2026, 1, 15), dt.date(2026, 1, 16)
    for day, reachable in ((first, False), (second, False), (second, True)):
        register.commit([_person(1, ["10"], ["69"], reachable=reachable)])
        register.as_of = dt.datetime(day.year, day.month, day.day, 3, tzinfo=dt.UTC)
        follower.step()
    assert index.measured("10", "69") == [Measure(first, 1, 0), Measure(second, 1, 1)]
    index.close()


def test_days_long_ago_are_thinned_to_one_a_month_and_then_forgotten() -> None:
    last = dt.date(2026, 1, 15)
    days = [last - dt.timedelta(days=age) for age in range(4200, -1, -1)]
    left = sorted(kept(days))
    assert left[-400:] == days[-400:]
    assert {day.day for day in left[:-400]} == {1}
    assert left[0] == dt.date(2016, 2, 1)
