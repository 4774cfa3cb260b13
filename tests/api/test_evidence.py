"""History over REST: who was published where, when; for whom that is entitled, and as long as the register is there."""

from __future__ import annotations

from collections.abc import Iterator
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

BOX = "nom1@medecin.mssante.fr"
OPTIONS = ImportOptions(guards=False, allow_older=True)


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> Settings:
    """A register in which a mailbox has changed hands."""
    for number in (1, 2):
        name = f"Extraction_Correspondance_MSSante_2026010{number}0315.txt"
        path = write(tmp_path / "files", columns.MAILBOX, [mailbox(BOX, number)], name=name)
        import_mailboxes(database, [path], OPTIONS)
    chosen = Settings(data_dir=tmp_path, database_url=database.url)
    build_index(RegistryRegister(database.url), chosen.index_path, map_bytes=2**26, workers=1)
    return chosen


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    index = Index.open(settings.index_path, map_bytes=2**26)
    with TestClient(create_app(settings, index), raise_server_exceptions=False) as opened:
        yield opened
    index.close()


def test_a_history_names_the_runs_and_files_and_no_path_of_the_server(client: TestClient, tmp_path: Path) -> None:
    answer = client.get(f"/v1/mailboxes/{BOX}/history")
    assert answer.status_code == 200
    newest, oldest = answer.json()["versions"]
    assert [version["rows"]["mailbox_holder"][0]["national_id"] for version in (newest, oldest)] == [
        "810990000002",
        "810990000001",
    ]
    assert (newest["closed"], newest["opened"]["run"], oldest["closed"]["run"]) == (None, 2, 2)
    assert oldest["opened"]["files"][0]["member"] == "Extraction_Correspondance_MSSante_202601010315.txt"
    assert str(tmp_path) not in answer.text


def test_a_record_reads_as_it_was(client: TestClient) -> None:
    first = client.get(f"/v1/mailboxes/{BOX}/history").json()["versions"][1]["opened"]["at"]
    then = client.get(f"/v1/mailboxes/{BOX}", params={"as_of": first}).json()
    assert then["record_as_of"] == first
    assert then["mailbox"]["holders"][0]["rpps"] == "10990000001"
    typed = first.replace("Z", "+00:00")  # the plus sign not encoded
    assert client.get(f"/v1/mailboxes/{BOX}?as_of={typed}").json()["mailbox"] == then["mailbox"]
    today = client.get(f"/v1/mailboxes/{BOX}").json()
    assert today["mailbox"]["holders"][0]["rpps"] == "10990000002"
    assert today["mailbox"].keys() == then["mailbox"].keys()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/v1/mailboxes/{BOX}?as_of=yesterday", 422),
        (f"/v1/mailboxes/{BOX}?as_of=1999-01-01", 404),  # nothing is remembered of that time
        (f"/v1/mailboxes/{BOX}?as_of=2999-01-01", 422),
        (f"/v1/mailboxes/{BOX}?as_of=2999-01-01T00:00:00Z", 422),
        ("/v1/mailboxes/nobody@x.mssante.fr/history", 404),
        (f"/v1/practitioners/{BOX}/history", 404),
        ("/v1/practitioners/dupont/history", 422),
    ],
)
def test_what_cannot_be_told_is_said(client: TestClient, path: str, status: int) -> None:
    assert client.get(path).status_code == status


def test_only_the_entitled_are_told_in_public(settings: Settings) -> None:
    index = Index.open(settings.index_path, map_bytes=2**26)
    public = settings.model_copy(update={"profile": "public"})
    with TestClient(create_app(public, index), raise_server_exceptions=False) as client:
        assert client.get(f"/v1/mailboxes/{BOX}/history").status_code == 401
        assert client.get(f"/v1/mailboxes/{BOX}?as_of=2026-01-15").status_code == 401
        assert client.get(f"/v1/mailboxes/{BOX}").status_code == 200
    index.close()


def test_without_the_register_history_waits_and_lookups_go_on(settings: Settings) -> None:
    index = Index.open(settings.index_path, map_bytes=2**26)
    lost = settings.model_copy(update={"database_url": "postgresql://nobody@127.0.0.1:1/none"})
    with TestClient(create_app(lost, index), raise_server_exceptions=False) as client:
        refused = client.get(f"/v1/mailboxes/{BOX}/history")
        assert (refused.status_code, "Retry-After" in refused.headers) == (503, True)
        assert client.get(f"/v1/mailboxes/{BOX}").status_code == 200
    index.close()
