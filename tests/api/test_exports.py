"""Whole files of one revision."""

from __future__ import annotations

import contextlib
import csv
import http.client
import io
import json
import logging
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import uvicorn
from ldaptor.protocols.ldap.ldifprotocol import LDIF
from starlette.testclient import TestClient

from api.app import create_app
from api.export_maker import Job, make
from api.exports import _LOOK_S, Exports
from api.service import config
from directory.index.build import build_index
from directory.index.encoding import attributes_of, partial_attribute
from directory.index.follow import Follower
from directory.index.reader import Index
from directory.settings import Settings
from tests.index.people import PEOPLE, person
from tests.index.register_of_records import RegisterOfRecords


@pytest.fixture
def register() -> RegisterOfRecords:
    return RegisterOfRecords.of(PEOPLE)


@pytest.fixture
def folder(register: RegisterOfRecords, tmp_path: Path) -> Path:
    build_index(register, tmp_path / "index", map_bytes=2**28, workers=1)
    return tmp_path


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exports")
    build_index(RegisterOfRecords.of(PEOPLE), path / "index", map_bytes=2**28, workers=1)
    return path


@pytest.fixture
def client(shared: Path) -> Iterator[TestClient]:
    index = Index.open(shared / "index", map_bytes=2**28)
    with TestClient(create_app(Settings(data_dir=shared), index), raise_server_exceptions=False) as opened:
        yield opened
    index.close()


def exported(client: TestClient, name: str, **asked: str) -> Any:
    answer = client.get(f"/v1/exports/{name}", params=asked)
    assert answer.status_code == 200, answer.text
    return answer


def test_every_professional_stands_on_a_line_of_json(client: TestClient) -> None:
    answer = exported(client, "practitioners.ndjson")
    records = [json.loads(line) for line in answer.text.splitlines()]
    assert len(records) == 9
    one = next(record for record in records if record["family_name"] == "LEFEBVRE")
    assert one == client.get("/v1/practitioners/810990000001").json()["practitioner"]
    assert answer.headers["register-revision"] == "1"
    assert answer.headers["register-source"].startswith("RPPS, Annuaire Sante (ANS)")
    assert answer.headers["content-disposition"] == 'attachment; filename="annuaire-practitioners-r1.ndjson"'


def test_an_export_by_filter_holds_those_who_fit(client: TestClient) -> None:
    lines = exported(client, "mailboxes.ndjson", city="marseille").text.splitlines()
    assert [json.loads(line)["address"] for line in lines] == ["box7@medecin.mssante.fr"]
    assert exported(client, "mailboxes.ndjson", city="atlantis").text == ""


def test_a_part_is_not_saved_under_the_name_of_the_whole_or_of_another_part(client: TestClient) -> None:
    asked: list[dict[str, str]] = [{}, {"city": "Saint-Étienne"}, {"city": "Saint Étienne"}, {"department": "69"}]
    names = [exported(client, "mailboxes.csv", **one).headers["content-disposition"] for one in asked]
    assert len(set(names)) == len(names)
    assert names[1].startswith('attachment; filename="annuaire-mailboxes-city-saint-etienne-')


def test_a_table_has_a_line_of_names_and_a_row_for_each_holder(client: TestClient) -> None:
    rows = list(csv.DictReader(io.StringIO(exported(client, "mailboxes.csv").text)))
    assert len(rows) == 9
    row = next(row for row in rows if row["address"] == "box1@medecin.mssante.fr")
    assert (row["rpps"], row["family_name"], row["profession_label"], row["city"], row["trusted"]) == (
        "10990000001", "LEFEBVRE", "Médecin", "LYON", "false"
    )  # fmt: skip
    people = list(csv.DictReader(io.StringIO(exported(client, "practitioners.csv").text)))
    assert {row["family_name"] for row in people} >= {"ŒUVRARD", "D'ARVILLERS-QUESNOY"}


def test_ldif_holds_the_entries_that_ldap_serves(client: TestClient) -> None:
    class Entries(LDIF):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.found: list[Any] = []

        def gotEntry(self, obj: Any) -> None:
            self.found.append(obj)

    text = exported(client, "mailboxes.ldif").content
    assert text.startswith(b"# RPPS, Annuaire Sant")
    reader = Entries()
    reader.dataReceived(text.partition(b"\n")[2])
    reader.connectionLost(None)
    assert len(reader.found) == 9
    entry = next(one for one in reader.found if one.dn.getText().startswith("mail=box9@"))
    assert entry.dn.getText() == "mail=box9@medecin.mssante.fr,ou=bal,o=mssante,c=fr"
    assert set(entry["sn"]) == {"ŒUVRARD".encode()}
    assert b"mssanteMailbox" in set(entry["objectClass"])


def test_cards_are_one_for_each_record(client: TestClient) -> None:
    text = exported(client, "practitioners.vcf").text
    assert text.count("BEGIN:VCARD") == text.count("END:VCARD") == 9
    assert text.count("RPPS") == 9


def test_a_file_is_made_once_and_said_to_be_ready(client: TestClient) -> None:
    first = exported(client, "organizations.csv")
    listed = {file["name"]: file for file in client.get("/v1/exports").json()["files"]}
    assert listed["organizations.csv"]["ready"]
    assert listed["organizations.csv"]["bytes"] == len(first.content)
    again = exported(client, "organizations.csv")
    assert (again.content, again.headers["content-length"]) == (first.content, str(len(first.content)))


@pytest.mark.parametrize(
    ("wanted", "part"),
    [
        ("bytes=0-9", slice(0, 10)),
        ("bytes=10-", slice(10, None)),
        ("bytes=-7", slice(-7, None)),
        ("bytes=5-99999999", slice(5, None)),
    ],
)
def test_a_download_that_was_cut_goes_on(client: TestClient, wanted: str, part: slice) -> None:
    whole = exported(client, "practitioners.ndjson")
    headers = {"Range": wanted, "If-Range": whole.headers["etag"]}
    answer = client.get("/v1/exports/practitioners.ndjson", headers=headers)
    assert (answer.status_code, answer.content) == (206, whole.content[part])
    assert answer.headers["content-range"].endswith(f"/{len(whole.content)}")


def test_parts_that_do_not_exist_or_are_not_of_this_file_are_not_sent(client: TestClient) -> None:
    whole = exported(client, "practitioners.ndjson")
    path, size = "/v1/exports/practitioners.ndjson", len(whole.content)
    assert client.get(path, headers={"Range": f"bytes={size}-"}).status_code == 416
    for headers in ({"Range": "bytes=0-1", "If-Range": '"another"'}, {"Range": "lines=0-1"}, {"Range": "bytes=-"}):
        assert client.get(path, headers=headers).content == whole.content
    assert client.get(path, headers={"If-None-Match": whole.headers["etag"]}).status_code == 304
    assert int(client.head(path).headers["content-length"]) == size


def test_a_part_of_a_file_that_is_not_made_yet_is_to_be_waited_for(client: TestClient) -> None:
    answer = client.get("/v1/exports/mailboxes.vcf", headers={"Range": "bytes=5-"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


@pytest.mark.parametrize("path", ["practitioners.ldif", "people.csv", "mailboxes.ndjson?town=lyon", "..%2Fmeta"])
def test_a_file_that_does_not_exist_is_refused(client: TestClient, path: str) -> None:
    assert client.get(f"/v1/exports/{path}").status_code in (404, 422)


def test_exports_are_for_accounts_that_may_in_public(shared: Path) -> None:
    index = Index.open(shared / "index", map_bytes=2**28)
    with TestClient(create_app(Settings(data_dir=shared, profile="public"), index)) as client:
        assert client.get("/v1/exports/practitioners.ndjson").status_code == 401
        assert client.get("/v1/exports").status_code == 200
    index.close()


def test_another_revision_removes_the_files_of_the_one_before(folder: Path, register: RegisterOfRecords) -> None:
    def asked(work: Callable[[TestClient], Any]) -> Any:
        index = Index.open(folder / "index", map_bytes=2**28)
        with TestClient(create_app(Settings(data_dir=folder), index)) as client:
            found = work(client)
        index.close()
        return found

    before = asked(lambda client: exported(client, "practitioners.ndjson"))
    register.commit(person(10, "NOUVEAU", "Ève", "LYON"))
    Follower(register, folder / "index", 2**28).step()
    assert not (folder / "index" / "exports").exists()
    headers = {"Range": "bytes=10-", "If-Range": before.headers["etag"]}

    def resumed(client: TestClient) -> Any:
        exported(client, "practitioners.ndjson")
        return client.get("/v1/exports/practitioners.ndjson", headers=headers)

    after = asked(resumed)
    assert (after.status_code, after.headers["register-revision"]) == (200, "2")
    assert after.text.count("\n") == 10


@contextlib.contextmanager
def served(folder: Path) -> Iterator[int]:
    """The port of a worker on a data folder."""
    index = Index.open(folder / "index", map_bytes=2**28)
    server = uvicorn.Server(config(create_app(Settings(data_dir=folder), index)))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join()
    index.close()


def large_file(folder: Path) -> int:
    """Put a file in the place of an export, larger than what waits in a connection; its size."""
    index = Index.open(folder / "index", map_bytes=2**28)
    with index.read() as snapshot:
        place = Exports(Settings(data_dir=folder), index).place(snapshot, "mailboxes.ndjson", {})
    index.close()
    place.parent.mkdir(parents=True)
    return place.write_bytes(b"{}\n" * 10_000_000)


def test_a_download_ends_before_its_last_byte_when_its_revision_is_shown_no_more(
    folder: Path, register: RegisterOfRecords, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    size = large_file(folder)
    with served(folder) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/v1/exports/mailboxes.ndjson")
        answer = connection.getresponse()
        tag, begun = answer.headers["etag"], answer.read(100_000)
        subprocess.run([sys.executable, "-c", _FOLLOW, str(folder / "index")], check=True)
        time.sleep(1.5 * _LOOK_S)
        with pytest.raises(http.client.IncompleteRead) as cut:
            answer.read()
        assert 0 < len(begun) + len(cut.value.partial) < size

        wanted = {"Range": f"bytes={len(begun) + len(cut.value.partial)}-", "If-Range": tag}
        connection.close()
        connection.request("GET", "/v1/exports/mailboxes.ndjson", headers=wanted)
        being_made = connection.getresponse()
        assert (being_made.status, being_made.headers["retry-after"]) == (503, "5")
        connection.close()
    assert "cut short" in caplog.text
    assert not [record for record in caplog.records if record.exc_info or record.levelno >= logging.WARNING]


_FOLLOW: Final = """
import sys
from pathlib import Path
from directory.index.follow import Follower
from tests.index.people import PEOPLE, person
from tests.index.register_of_records import RegisterOfRecords
register = RegisterOfRecords.of(PEOPLE)
register.commit(person(10, "NOUVEAU", "Ève", "LYON"))
Follower(register, Path(sys.argv[1]), 2**28).step()
"""  # in a process of its own: one process cannot have an index open twice


def test_a_client_that_goes_away_leaves_nothing_behind(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    large_file(folder)
    with served(folder) as port:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET /v1/exports/mailboxes.ndjson HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.recv(100)
            assert any(file.endswith("mailboxes.ndjson") for file in _open_files())
        until = time.monotonic() + 10
        while any(file.endswith("mailboxes.ndjson") for file in _open_files()) and time.monotonic() < until:
            time.sleep(0.01)
        assert not any(file.endswith("mailboxes.ndjson") for file in _open_files())
    assert not [record for record in caplog.records if record.exc_info or record.levelno >= logging.WARNING]


def _open_files() -> list[str]:
    found = []
    for place in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found.append(str(place.readlink()))
    return found


def job(folder: Path, shown: str, target: Path) -> Job:
    return Job(str(folder / "index"), 2**28, "o=x", "mailboxes.ndjson", {}, shown, str(target))


def test_nothing_is_made_of_a_revision_that_is_shown_no_more(folder: Path) -> None:
    target = folder / "file"
    assert not make(job(folder, "other-9", target))
    assert list(folder.glob("file*")) == []


def test_a_file_that_somebody_is_making_is_left_to_them(folder: Path) -> None:
    (folder / "file.part").write_bytes(b"half")
    assert not make(job(folder, "00000000-1", folder / "file"))
    assert (folder / "file.part").read_bytes() == b"half"


@pytest.mark.parametrize("values", [["a"], ["é" * 200, ""], [str(number) for number in range(2000)]])
def test_stored_attributes_are_read_as_they_were_written(values: list[str]) -> None:
    encoded = partial_attribute("cn", values) + partial_attribute("sn", ["x"])
    assert attributes_of(encoded) == [(b"cn", [value.encode() for value in values]), (b"sn", [b"x"])]
