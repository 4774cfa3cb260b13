"""How many professionals can be reached by mailbox."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from directory.index.build import build_index
from directory.index.reader import Index
from directory.model import Activity, Address, Coded, Exercise, MailboxSummary, Organization, Practitioner
from directory.settings import Settings
from tests.index.register_of_records import RegisterOfRecords

_DEPARTMENTS = {"69": "Rhône", "2A": "Corse-du-Sud"}


def _person(number: int, professions: list[str], departments: list[str], *, reachable: bool) -> Practitioner:
    activities = tuple(
        Activity(
            organization=Organization(
                key=f"F{code}", address=Address(department=Coded(code=code, label=_DEPARTMENTS[code]), city=code)
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
    ]
    build_index(RegisterOfRecords.of(people), folder / "index", map_bytes=2**28, workers=1)
    index = Index.open(folder / "index", map_bytes=2**28)
    with TestClient(create_app(Settings(data_dir=folder), index)) as opened:
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
        (None, None): (4, 2),
        (None, "69"): (2, 1),
        (None, "2A"): (2, 1),
        ("10", None): (3, 2),
        ("10", "69"): (2, 1),
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
