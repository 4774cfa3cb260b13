"""The genuine sample of 2021, from file to answer: everybody in it is found by number and by a misspelt name."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from directory import text
from directory.index.build import build_index
from directory.index.reader import Index
from directory.registry.database import Database
from directory.registry.source import RegistryRegister
from directory.settings import Settings
from importers import columns
from importers.report import ImportOptions
from importers.rpps import import_rpps


@pytest.fixture
def sample(domain: Path) -> Path:
    return domain / "samples" / "PS_LibreAcces_Personne_activite_2021-12_52cols.txt"


@pytest.fixture
def client(database: Database, sample: Path, tmp_path: Path) -> Iterator[TestClient]:
    assert import_rpps(database, [sample], ImportOptions()).rejected == {}
    settings = Settings(data_dir=tmp_path)
    build_index(RegistryRegister(database.url), settings.index_path, map_bytes=2**28, workers=1)
    index = Index.open(settings.index_path, map_bytes=2**28)
    with TestClient(create_app(settings, index)) as opened:
        yield opened
    index.close()


def people(sample: Path) -> list[dict[str, str]]:
    header, *rows = (line.rstrip("|").split("|") for line in sample.read_text("utf-8").splitlines())
    places = {name: header.index(source) for name, source in columns.ACTIVITY.columns.items() if source in header}
    return [{name: row[place] for name, place in places.items() if place < len(row)} for row in rows]


def typo(word: str, dice: random.Random) -> str:
    """One letter left out, doubled, replaced or swapped with the next; the first one stays."""
    place = dice.randrange(1, len(word) - 1)
    kind = dice.choice(["omit", "double", "replace", "swap"])
    if kind == "omit":
        return word[:place] + word[place + 1 :]
    if kind == "double":
        return word[:place] + word[place] + word[place:]
    if kind == "replace":
        return word[:place] + dice.choice("abcdefghijklmnopqrstuvwxyz") + word[place + 1 :]
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def test_every_person_is_found_by_number(client: TestClient, sample: Path) -> None:
    for person in people(sample):
        for identifier in (person["identifier"], person["national_id"]):
            record = client.get(f"/v1/practitioners/{identifier}").json()["practitioner"]
            assert record["national_id"] == person["national_id"]
        answer = client.get("/v1/search", params={"q": person["identifier"]}).json()
        assert answer["matches"][0]["practitioner"]["national_id"] == person["national_id"]


@pytest.mark.parametrize("seed", range(5))
def test_every_person_is_found_by_name_with_one_typo(client: TestClient, sample: Path, seed: int) -> None:
    dice = random.Random(seed)
    for person in people(sample):
        family, *rest = sorted(text.words(person["family_name"]), key=len, reverse=True)
        typed = " ".join([typo(family, dice), *rest, *text.words(person["given_name"])])
        answer = client.get("/v1/search", params={"q": typed}).json()
        found = [match["practitioner"]["national_id"] for match in answer["matches"] if match["kind"] == "practitioner"]
        assert person["national_id"] in found[:10], typed
