"""The REST front-end: what web applications and people get."""

from __future__ import annotations

import datetime as dt
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from directory.index.build import build_index
from directory.index.reader import Index
from directory.model import Address, Organization, Record
from directory.settings import Settings
from tests.index.people import PEOPLE
from tests.index.register_of_records import RegisterOfRecords

_SITES: list[Record] = [
    Organization(
        key=f"F69990001{number}",
        name="CH DE <VALMORIN>",
        finess=f"69990001{number}",
        siret="99990001200017",
        address=Address(city="LYON", postal_code="69003"),
    )
    for number in (1, 2)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("api")
    build_index(RegisterOfRecords.of([*PEOPLE, *_SITES]), path / "index", map_bytes=2**28, workers=1)
    return path


@pytest.fixture
def client(folder: Path) -> Iterator[TestClient]:
    settings = Settings(data_dir=folder)
    index = Index.open(settings.index_path, map_bytes=2**28)
    with TestClient(create_app(settings, index), raise_server_exceptions=False) as opened:
        yield opened
    index.close()


def test_a_search_with_a_typo_finds_the_person_and_names_its_register(client: TestClient) -> None:
    answer = client.get("/v1/search", params={"q": "lefevre lyon", "kind": "practitioner"}).json()
    assert answer["register"]["revision"] == 1
    assert answer["query"] == "lefevre lyon"
    first = answer["matches"][0]
    assert (first["kind"], first["practitioner"]["family_name"]) == ("practitioner", "LEFEBVRE")
    assert 0 < first["score"] <= 1


@pytest.mark.parametrize("identifier", ["10990000001", "810990000001"])
def test_a_practitioner_is_read_by_any_identifier(client: TestClient, identifier: str) -> None:
    record = client.get(f"/v1/practitioners/{identifier}").json()["practitioner"]
    assert (record["national_id"], record["rpps"], record["adeli"]) == ("810990000001", "10990000001", None)
    assert set(record) >= {"civility", "family_name", "given_name", "professions", "mailboxes"}


def test_a_mailbox_is_read_whatever_the_case(client: TestClient) -> None:
    record = client.get("/v1/mailboxes/BOX1@medecin.mssante.fr").json()["mailbox"]
    assert record["address"] == "box1@medecin.mssante.fr"
    assert record["holders"][0]["rpps"] == "10990000001"


def test_a_structure_is_read_by_key_and_finess_and_a_shared_siret_is_ambiguous(client: TestClient) -> None:
    for identifier in ("F699900011", "699900011"):
        assert client.get(f"/v1/organizations/{identifier}").json()["organization"]["key"] == "F699900011"
    answer = client.get("/v1/organizations/99990001200017")
    assert answer.status_code == 409
    assert answer.json()["candidates"] == ["F699900011", "F699900012"]


def test_an_answer_that_has_not_changed_is_not_sent_again(client: TestClient) -> None:
    first = client.get("/v1/mailboxes/box1@medecin.mssante.fr")
    again = client.get("/v1/mailboxes/box1@medecin.mssante.fr", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"city": "marseille"}, {"THIBAULT"}),
        ({"profession": "70"}, {"MARTIN", "ŒUVRARD"}),
        ({"expertise": "SM54"}, {"D'ARVILLERS-QUESNOY"}),
    ],
)
def test_filters_select_without_words(client: TestClient, filters: dict[str, str], names: set[str]) -> None:
    answer = client.get("/v1/search", params={**filters, "kind": "mailbox"}).json()
    found = {match["mailbox"]["holders"][0]["family_name"] for match in answer["matches"]}
    assert found == names


@pytest.mark.parametrize("department", ["69", "Rhône", "rhone"])
def test_a_departement_is_given_by_code_or_name(client: TestClient, department: str) -> None:
    answer = client.get("/v1/search", params={"q": "lefebvre", "department": department, "kind": "mailbox"}).json()
    assert len(answer["matches"]) == 1


def test_more_matches_than_asked_for_are_said_to_be(client: TestClient) -> None:
    answer = client.get("/v1/search", params={"city": "lyon", "limit": 1}).json()
    assert (len(answer["matches"]), answer["complete"]) == (1, False)


def test_an_explanation_comes_on_request(client: TestClient) -> None:
    answer = client.get("/v1/search", params={"q": "lefevre", "explain": "true"}).json()
    assert answer["steps"]
    assert answer["matches"][0]["why"]


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/v1/search", 422, "invalid-input"),
        ("/v1/search?q=a&ville=lyon", 422, "invalid-input"),
        ("/v1/search?q=a&limit=0", 422, "invalid-input"),
        ("/v1/search?q=a&limit=101", 422, "invalid-input"),
        ("/v1/search?q=a&kind=robot", 422, "invalid-input"),
        ("/v1/search?q=a&department=atlantis", 422, "invalid-input"),
        ("/v1/search?q=" + "a" * 201, 422, "invalid-input"),
        ("/v1/practitioners/10990009999", 404, "not-found"),
        ("/v1/mailboxes/nobody@nowhere.fr", 404, "not-found"),
        ("/v1/nowhere", 404, "not-found"),
    ],
)
def test_a_refusal_is_a_problem_in_french_or_english(client: TestClient, path: str, status: int, kind: str) -> None:
    french = client.get(path, headers={"Accept-Language": "fr-FR,en;q=0.5"})
    english = client.get(path, headers={"Accept-Language": "en"})
    for answer in (french, english):
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == f"urn:annuaire:problem:{kind}"
    assert french.json()["title"] != english.json()["title"]


def test_an_unknown_parameter_is_named(client: TestClient) -> None:
    assert "'ville'" in client.get("/v1/search?q=a&ville=lyon").json()["detail"]


def test_writing_is_not_supported(client: TestClient) -> None:
    assert client.post("/v1/search").status_code == 405


@pytest.mark.parametrize("q", ["%00", "\u0000", "é" * 100, "((((", "a*b", "' OR 1=1 --", "\u202e", "@", "😀"])
def test_hostile_words_are_answered(client: TestClient, q: str) -> None:
    assert client.get("/v1/search", params={"q": q}).status_code == 200


def test_an_unexpected_error_shows_a_reference_and_nothing_else(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("directory.index.reader.Snapshot.get", lambda *_: 1 / 0)
    answer = client.get("/v1/mailboxes/box1@medecin.mssante.fr", headers={"Accept-Language": "en"})
    assert answer.status_code == 500
    assert re.fullmatch(r"reference [0-9a-f]{12}", answer.json()["detail"])
    assert "Division" not in answer.text


def test_status_says_what_is_held_and_how_old_it_is(client: TestClient) -> None:
    answer = client.get("/v1/status").json()
    assert answer["documents"] == {"mailbox": 9, "practitioner": 9, "organization": 2}
    assert answer["last_contact_age_s"] >= 0


@pytest.mark.parametrize(
    ("age", "status", "state"), [(0, 200, "ready"), (3600, 200, "degraded"), (10 * 86400, 503, None)]
)
def test_readiness_degrades_with_the_age_of_the_last_contact(
    client: TestClient, folder: Path, age: int, status: int, state: str | None
) -> None:
    seen = folder / "index" / "seen"
    before = seen.read_text()
    at = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=age)
    seen.write_text(json.dumps({"at": at.isoformat(), "revision": 1}))
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json().get("status") if status == 200 else None) == (status, state)
    assert client.get("/healthz").status_code == 200
    seen.write_text(before)


def test_without_an_index_it_is_alive_and_not_ready(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    with TestClient(create_app(settings, Index.open(settings.index_path, map_bytes=2**28))) as client:
        assert client.get("/healthz").status_code == 200
        answer = client.get("/readyz")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert client.get("/v1/status").json()["status"] == "empty"
        assert client.get("/").status_code == 503


def test_every_answer_has_a_request_id_and_may_be_read_from_other_origins(client: TestClient) -> None:
    answer = client.get("/v1/status", headers={"Origin": "https://example.org", "X-Request-Id": "abc-1"})
    assert answer.headers["x-request-id"] == "abc-1"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert len(client.get("/v1/status", headers={"X-Request-Id": "a b"}).headers["x-request-id"]) == 32


def test_every_example_of_the_guide_can_be_run_as_it_stands(client: TestClient) -> None:
    guide = client.get("/docs").text
    paths = re.findall(r"curl &#39;http://testserver(.*?)&#39;</code>", guide)
    assert len(paths) >= 6
    for path in paths:
        # What the register alone remembers, which this node cannot reach.
        remembered = path.startswith(("/v1/runs", "/v1/changes")) or (
            path.endswith("/history") and "coverage" not in path
        )
        expected = (503,) if remembered else (200, 404)
        assert client.get(html.unescape(path)).status_code in expected


def test_the_openapi_describes_the_contracts_paths(client: TestClient) -> None:
    paths = set(client.get("/openapi.json").json()["paths"])
    assert paths >= {"/v1/search", "/v1/practitioners/{identifier}", "/v1/organizations/{identifier}",
                     "/v1/mailboxes/{address}", "/v1/status", "/healthz", "/readyz"}  # fmt: skip
