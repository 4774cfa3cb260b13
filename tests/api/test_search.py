"""Search by filters, facets with counts, and walks by cursor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from directory.index.build import build_index
from directory.index.follow import Follower
from directory.index.reader import Index
from directory.model import Activity, Address, Coded, Exercise, Mailbox, MailboxSummary, Organization, Practitioner
from directory.settings import Settings
from tests.index.people import AT, PEOPLE, person
from tests.index.register_of_records import RegisterOfRecords

_HOSPITAL = Organization(
    key="F699900015",
    name="CH DE VALMORIN",
    finess="699900015",
    siret="99990001200017",
    address=Address(city="LYON", postal_code="69003", department=Coded(code="69", label="Rhône")),
    mailboxes=(MailboxSummary(address="urgences@ch-valmorin.mssante.fr", kind="ORG", paperless=True),),
)
_SALARIED = Practitioner(
    national_id="810990000099",
    identifier_type="8",
    identifier="10990000099",
    family_name="AUBERTIN",
    given_name="Zoé",
    exercises=(
        Exercise(
            profession=Coded(code="40", label="Chirurgien-Dentiste"),
            category=None,
            activities=(Activity(organization=_HOSPITAL),),
        ),
    ),
    mailboxes=(MailboxSummary(address="zoe.aubertin@ch-valmorin.mssante.fr", kind="PER"),),
)
_BOX = Mailbox(
    address="urgences@ch-valmorin.mssante.fr", kind="ORG", paperless=True, holders=(), created_at=AT, modified_at=AT
)
_RECORDS = [*PEOPLE, _HOSPITAL, _SALARIED, _BOX]


@pytest.fixture(scope="module")
def register() -> RegisterOfRecords:
    return RegisterOfRecords.of(_RECORDS)


@pytest.fixture(scope="module")
def folder(register: RegisterOfRecords, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("search")
    build_index(register, path / "index", map_bytes=2**28, workers=1)
    return path


@pytest.fixture
def client(folder: Path) -> Iterator[TestClient]:
    index = Index.open(folder / "index", map_bytes=2**28)
    with TestClient(create_app(Settings(data_dir=folder), index), raise_server_exceptions=False) as opened:
        yield opened
    index.close()


def names(answer: dict[str, object]) -> list[str]:
    found = []
    for match in answer["matches"]:  # type: ignore[attr-defined]
        record = match[match["kind"]]
        found.append(record.get("family_name") or record.get("name") or record["address"])
    return found


@pytest.mark.parametrize("structure", ["699900015", "F699900015", "99990001200017", "valmorin", "CH de Valmorrin"])
def test_who_works_in_a_structure_is_found_by_its_identifiers_and_its_name(client: TestClient, structure: str) -> None:
    answer = client.get("/v1/search", params={"structure": structure, "kind": "practitioner"}).json()
    assert names(answer) == ["AUBERTIN"]


def test_values_of_one_filter_are_alternatives_and_filters_go_together(client: TestClient) -> None:
    answer = client.get("/v1/search", params={"city": ["marseille", "belley"], "kind": "mailbox"}).json()
    assert sorted(names(answer)) == ["box7@medecin.mssante.fr", "box9@medecin.mssante.fr"]
    answer = client.get("/v1/search", params={"city": ["marseille", "belley"], "profession": "70", "kind": "mailbox"})
    assert names(answer.json()) == ["box9@medecin.mssante.fr"]


def test_who_has_no_mailbox_can_be_asked_for(client: TestClient) -> None:
    asked = {"kind": "practitioner", "limit": 50}
    assert names(client.get("/v1/search", params={**asked, "has_mailbox": "true"}).json()) == ["AUBERTIN"]
    assert "AUBERTIN" not in names(client.get("/v1/search", params={**asked, "has_mailbox": "false"}).json())


def test_paperless_mailboxes_can_be_asked_for(client: TestClient) -> None:
    answer = client.get("/v1/search", params={"paperless": "true", "kind": "mailbox"}).json()
    assert (names(answer), answer["total"]) == (["urgences@ch-valmorin.mssante.fr"], 1)


def test_facets_count_all_matches_of_filters_and_not_only_those_sent(client: TestClient) -> None:
    asked = {"kind": "practitioner", "has_mailbox": "false", "limit": 1, "facets": "profession,kind,has_mailbox"}
    answer = client.get("/v1/search", params=asked).json()
    assert (len(answer["matches"]), answer["total"]) == (1, 9)
    assert answer["facets"]["profession"] == [
        {"value": "10", "label": "Médecin", "count": 6},
        {"value": "70", "label": "Masseur-Kinésithérapeute", "count": 2},
        {"value": "60", "label": "Infirmier", "count": 1},
    ]
    assert answer["facets"]["kind"] == [{"value": "practitioner", "label": None, "count": 9}]
    assert answer["facets"]["has_mailbox"] == [{"value": "false", "label": None, "count": 9}]


def test_large_sets_are_counted_as_small_ones_are(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {"city": "lyon", "limit": 1, "facets": "profession,department,expertise,mailbox_type"}
    small = client.get("/v1/search", params=asked).json()["facets"]
    monkeypatch.setattr("directory.index.found._READ", 0)
    assert client.get("/v1/search", params=asked).json()["facets"] == small


def test_facets_of_words_count_who_has_every_word(client: TestClient) -> None:
    asked = {"q": "martin", "facets": "profession,kind", "limit": 1}
    facets = client.get("/v1/search", params=asked).json()["facets"]
    assert facets["kind"] == [{"value": "practitioner", "label": None, "count": 4}]
    assert {one["value"]: one["count"] for one in facets["profession"]} == {"10": 3, "70": 1}


def test_facets_of_a_misspelt_word_count_who_was_found(client: TestClient) -> None:
    facets = client.get("/v1/search", params={"q": "thibaultt", "facets": "profession"}).json()["facets"]
    assert facets["profession"] == [{"value": "60", "label": "Infirmier", "count": 1}]


@pytest.mark.parametrize("facets", ["town", "profession,", "kind,,kind"])
def test_a_facet_that_does_not_exist_is_refused(client: TestClient, facets: str) -> None:
    assert client.get("/v1/search", params={"q": "a", "facets": facets}).status_code == 422


def walk(client: TestClient, path: str) -> list[str]:
    """All keys of a walk, page by page."""
    found: list[str] = []
    for _ in range(50):
        answer = client.get(path)
        assert answer.status_code == 200
        body = answer.json()
        found += names(body)
        if "next" not in body:
            assert body["complete"]
            return found
        assert answer.headers["link"] == f'<{body["next"]}>; rel="next"'
        path = body["next"]
    raise AssertionError("the walk does not end")


@pytest.mark.parametrize("asked", ["kind=mailbox&has_mailbox=true", "kind=practitioner&city=lyon&city=bron", "q=mart"])
@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_a_walk_leaves_nothing_out_and_repeats_nothing(client: TestClient, asked: str, limit: int) -> None:
    whole = names(client.get(f"/v1/search?{asked}&limit=100").json())
    found = walk(client, f"/v1/search?{asked}&limit={limit}")
    assert sorted(found) == sorted(whole)
    assert found == whole or asked.startswith("q=")


def test_a_cursor_serves_its_own_search_only(client: TestClient) -> None:
    following = client.get("/v1/search?kind=mailbox&has_mailbox=true&limit=2").json()["next"]
    cursor = following.rpartition("cursor=")[2]
    for path in (
        f"/v1/search?kind=practitioner&has_mailbox=true&limit=2&cursor={cursor}",
        f"/v1/search?kind=mailbox&has_mailbox=true&limit=3&cursor={cursor}",
        f"/v1/search?kind=mailbox&has_mailbox=true&limit=2&cursor={cursor[:-2]}xx",
        "/v1/search?kind=mailbox&has_mailbox=true&limit=2&cursor=x",
        "/v1/search?kind=mailbox&has_mailbox=true&limit=2&cursor=é",
    ):
        assert client.get(path).status_code == 422
    assert client.get(following).status_code == 200


def test_a_walk_never_mixes_two_revisions(folder: Path, register: RegisterOfRecords) -> None:
    def asked(path: str) -> Any:
        index = Index.open(folder / "index", map_bytes=2**28)
        with TestClient(create_app(Settings(data_dir=folder), index)) as client:
            answer = client.get(path, headers={"Accept-Language": "en"})
        index.close()
        return answer

    following = asked("/v1/search?kind=mailbox&has_mailbox=true&limit=2").json()["next"]
    assert asked(following).status_code == 200
    register.commit(person(1, "LEFEBVRE", "Philippe", "LYON"))
    Follower(register, folder / "index", 2**28).step()
    answer = asked(following)
    assert (answer.status_code, answer.json()["type"]) == (410, "urn:annuaire:problem:gone")


def test_long_walks_are_for_who_may_export(folder: Path) -> None:
    settings = Settings(data_dir=folder, profile="public", http_walk_records=4, http_walk_records_export=6)
    index = Index.open(folder / "index", map_bytes=2**28)
    with TestClient(create_app(settings, index)) as client:
        following = client.get("/v1/search?kind=mailbox&has_mailbox=true&limit=3").json()["next"]
        assert client.get(following).status_code == 401
    with TestClient(create_app(settings.model_copy(update={"profile": "open"}), index)) as client:
        following = client.get("/v1/search?kind=mailbox&has_mailbox=true&limit=3").json()["next"]
        following = client.get(following).json()["next"]
        answer = client.get(following)
        assert (answer.status_code, "/v1/exports" in answer.json()["detail"]) == (422, True)
    index.close()


def test_an_answer_is_sent_once_per_revision(client: TestClient) -> None:
    first = client.get("/v1/search?q=martin")
    assert client.get("/v1/search?q=martin", headers={"If-None-Match": first.headers["etag"]}).status_code == 304
