"""Imports over HTTP: counts for everyone, lines for the entitled, and a clear word while the register is away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from directory.index.build import build_index
from directory.index.reader import Index
from directory.registry.database import Database
from directory.registry.source import RegistryRegister
from directory.settings import Settings
from importers import columns
from importers.mailboxes import import_mailboxes
from importers.report import ImportOptions
from tests.importers.files import mailbox, write

SECRET = "personne@nulle part"  # what a rejected line holds


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> Settings:
    path = write(tmp_path / "files", columns.MAILBOX, [mailbox("un@x.mssante.fr", 1), mailbox(SECRET, None)])
    import_mailboxes(database, [path], ImportOptions())
    chosen = Settings(data_dir=tmp_path, database_url=database.url)
    build_index(RegistryRegister(database.url), chosen.index_path, map_bytes=2**26, workers=1)
    return chosen


@contextmanager
def client(settings: Settings, **changes: object) -> Iterator[TestClient]:
    index = Index.open(settings.index_path, map_bytes=2**26)
    app = create_app(settings.model_copy(update=changes), index)
    with TestClient(app, raise_server_exceptions=False) as opened:
        yield opened
    index.close()


def test_the_report_is_json_and_a_page_and_tells_no_path_of_the_server(settings: Settings, tmp_path: Path) -> None:
    with client(settings) as asking:
        (listed,) = asking.get("/v1/runs?limit=1").json()["runs"]
        assert (listed["run"], listed["status"], listed["records"]["mailbox"]["created"]) == (1, "applied", 1)
        told = asking.get("/v1/runs/1")
        assert told.json()["rejected_lines"][0]["column"] == "Adresse BAL"
        assert str(tmp_path) not in told.text
        page = asking.get("/register/runs/1", headers={"Accept-Language": "fr"})
        assert SECRET in page.text
        assert '<a href="/register/runs/1' in asking.get("/register/runs").text
        style = re.search("style-src 'sha256-[^']{44}'", page.headers["content-security-policy"])
        assert style is not None


def test_in_public_lines_and_reasons_are_for_the_entitled(settings: Settings) -> None:
    with client(settings, profile="public") as asking:
        for path in ("/v1/runs", "/v1/runs/1", "/register/runs", "/register/runs/1"):
            answer = asking.get(path)
            assert answer.status_code == 200
            assert SECRET not in answer.text
        told = asking.get("/v1/runs/1").json()
        assert told["rejected"] == {"malformed address": 1}
        assert not {"rejected_lines", "verdicts", "warnings"} & told.keys()


def test_what_is_not_there_is_not_found_and_a_register_that_is_away_is_503(settings: Settings) -> None:
    with client(settings) as asking:
        assert asking.get("/v1/runs/99").status_code == 404
        assert asking.get("/v1/runs?limit=0").status_code == 422
    with client(settings, database_url="postgresql://nobody@127.0.0.1:9/none") as asking:
        answer = asking.get("/v1/runs/1")
        assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
        assert asking.get("/register/runs/1").status_code == 503
