"""Suggestions while a name is being typed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from directory.index.build import build_index
from directory.index.reader import Index
from directory.model import Address, Organization
from directory.settings import Settings
from tests.index.people import PEOPLE
from tests.index.register_of_records import RegisterOfRecords

_SITE = Organization(
    key="F699900015", name="CH DE VALMORIN", finess="699900015", address=Address(city="LYON", postal_code="69003")
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("autocomplete")
    build_index(RegisterOfRecords.of([*PEOPLE, _SITE]), folder / "index", map_bytes=2**28, workers=1)
    settings = Settings(data_dir=folder)
    index = Index.open(settings.index_path, map_bytes=2**28)
    with TestClient(create_app(settings, index), raise_server_exceptions=False) as opened:
        yield opened
    index.close()


def texts(client: TestClient, typed: str) -> list[str]:
    answer = client.get("/v1/autocomplete", params={"q": typed})
    assert answer.status_code == 200
    return [suggestion["text"] for suggestion in answer.json()["suggestions"]]


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("lef", "LEFEBVRE Philippe"),
        ("lefeb ph", "LEFEBVRE Philippe"),
        ("maelle d'arv", "D'ARVILLERS-QUESNOY Maëlle"),
        ("quesn", "D'ARVILLERS-QUESNOY Maëlle"),
        ("oeuv", "ŒUVRARD Noël"),
        ("valmo", "CH DE VALMORIN"),
        ("martin so", "MARTIN Sophie"),
    ],
)
def test_the_beginning_of_a_name_suggests_who_bears_it(client: TestClient, typed: str, first: str) -> None:
    assert texts(client, typed)[:1] == [first]


@pytest.mark.parametrize(
    ("typed", "first"), [("lefevre", "LEFEBVRE Philippe"), ("quesmo", "D'ARVILLERS-QUESNOY Maëlle")]
)
def test_a_misspelt_beginning_suggests_who_may_be_meant(client: TestClient, typed: str, first: str) -> None:
    assert texts(client, typed)[:1] == [first]


def test_nothing_is_guessed_beside_what_begins_as_typed(client: TestClient) -> None:
    assert texts(client, "martin sop") == ["MARTIN Sophie"]


def test_the_same_letters_again_suggest_the_same(client: TestClient) -> None:
    assert client.get("/v1/autocomplete?q=mart").content == client.get("/v1/autocomplete?q=mart").content


def test_a_whole_surname_comes_before_those_that_go_on(client: TestClient) -> None:
    assert texts(client, "martin")[0] == "MARTIN Sophie"


def test_a_suggestion_says_who_it_is_and_leads_to_the_record(client: TestClient) -> None:
    answer = client.get("/v1/autocomplete", params={"q": "lefe", "limit": 1}).json()
    assert answer["register"]["revision"] == 1
    assert answer["suggestions"] == [
        {
            "kind": "practitioner",
            "key": "810990000001",
            "text": "LEFEBVRE Philippe",
            "profession": "Médecin",
            "city": None,
            "reachable": False,
        }
    ]


def test_no_more_are_suggested_than_asked_for(client: TestClient) -> None:
    assert len(client.get("/v1/autocomplete", params={"q": "m", "limit": 2}).json()["suggestions"]) == 2


@pytest.mark.parametrize("asked", ["", "?q=", "?q=a&limit=0", "?q=a&limit=21", "?q=a&town=lyon", "?q=" + "a" * 201])
def test_what_cannot_be_asked_is_refused(client: TestClient, asked: str) -> None:
    answer = client.get("/v1/autocomplete" + asked)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("typed", [" ", "'", "%", "*", "é", "œ", "-", "1", "@", "a b c d e f g h i j k l m n o p"])
def test_anything_may_be_typed(client: TestClient, typed: str) -> None:
    texts(client, typed)
