"""A refusal says where the mistake is and what would be right, in the reader's language."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from directory.index.build import build_index
from directory.index.reader import Index
from directory.settings import Settings
from tests.index.people import PEOPLE
from tests.index.register_of_records import RegisterOfRecords


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = Settings(data_dir=Path(tmp_path_factory.mktemp("refusals")))
    build_index(RegisterOfRecords.of(PEOPLE), settings.index_path, map_bytes=2**28, workers=1)
    index = Index.open(settings.index_path, map_bytes=2**28)
    with TestClient(create_app(settings, index), raise_server_exceptions=False) as opened:
        yield opened
    index.close()


def refused(answer: Any) -> dict[str, str]:
    """Where, and why."""
    assert answer.status_code == 422, answer.text
    return {one["parameter"]: one["reason"] for one in answer.json()["errors"]}


@pytest.mark.parametrize(
    ("query", "place", "french", "english"),
    [
        ("q=a&kind=robot", "kind", "est attendu : 'practitioner', 'organization' ou 'mailbox'", "Input should be"),
        ("q=a&ville=lyon", "ville", "il n'y a pas de tel paramètre", "Extra inputs are not permitted"),
        ("q=a&limit=none", "limit", "un nombre entier est attendu", "Input should be a valid integer"),
        ("q=a&limit=0", "limit", "au moins 1", "Input should be greater than or equal to 1"),
        ("q=a&explain=perhaps", "explain", "true ou false est attendu", "Input should be a valid boolean"),
        ("q=" + 201 * "a", "q", "au plus 200 caractères", "String should have at most 200 characters"),
        (51 * "city=a&", "city", "au plus 50 valeurs", "List should have at most 50 items"),
    ],
)
def test_a_parameter_is_named_with_what_would_be_right(
    client: TestClient, query: str, place: str, french: str, english: str
) -> None:
    assert refused(client.get(f"/v1/search?{query}")) == {place: french}
    told = refused(client.get(f"/v1/search?{query}", headers={"Accept-Language": "en"}))
    assert told[place].startswith(english)


def test_unknown_and_wrong_parameters_are_told_apart(client: TestClient) -> None:
    answer = client.get("/v1/search?q=a&ville=lyon&limit=0", headers={"Accept-Language": "en"})
    assert answer.json()["detail"] == "Unknown parameter: 'ville'. Invalid parameter: 'limit'."


def test_of_many_recipients_the_wrong_one_is_named(client: TestClient) -> None:
    recipients: list[Any] = [{"rpps": "10990000001"}, {"rpps": 5}, {}, {"name": "martin", "city": "lyon"}]
    told = refused(client.post("/v1/resolve", json={"recipients": recipients}))
    assert told == {
        "recipients[1].rpps": "un texte est attendu",
        "recipients[2]": "indiquez rpps, address ou name",
        "recipients[3].city": "il n'y a pas de tel paramètre",
    }


def test_a_body_that_is_no_json_object_is_told_so(client: TestClient) -> None:
    as_form = client.post("/v1/resolve", content='{"recipients": []}', headers={"Content-Type": "text/plain"})
    assert refused(as_form) == {"body": "un objet JSON est attendu, avec Content-Type: application/json"}
    assert refused(client.post("/v1/resolve")) == {"body": refused(as_form)["body"]}
    broken = client.post("/v1/resolve", content='{"recipients"', headers={"Content-Type": "application/json"})
    assert refused(broken)["body"].startswith("JSON illisible au caractère")


@pytest.mark.parametrize("path", ["/v1/search?q=%E9t%E9", "/v1/autocomplete?q=%E9t%E9", "/?q=%E9t%E9"])
def test_what_is_no_utf_8_is_refused_rather_than_searched_without_its_accents(client: TestClient, path: str) -> None:
    answer = client.get(path, headers={"Accept-Language": "en"})
    assert answer.status_code == 422
    assert "UTF-8" in answer.text


def test_professions_and_specialties_go_by_label_too(client: TestClient) -> None:
    by_code = client.get("/v1/search?expertise=SM54").json()
    by_label = client.get("/v1/search", params={"expertise": "medecine générale"}).json()
    assert by_label["matches"] == by_code["matches"] != []
    assert client.get("/v1/search?profession=77").json()["total"] == 0  # a code that this version does not know
    answer = client.get("/v1/search?profession=zz")
    assert answer.status_code == 422
    assert "n'est ni un code ni un libellé" in answer.json()["detail"]
