"""The spine, with real processes: files in, LDAP and REST answers out, whatever is killed on the way."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ldap3
import psutil
import pytest

from directory.registry.embedded import Embedded
from importers import columns
from importers.synthetic import generate
from tests.importers.files import mailbox, write

ANNUAIRE = [sys.executable, "-m", "cli.main"]


def annuaire(environ: dict[str, str], *arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        [*ANNUAIRE, *arguments], env=environ, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stderr


def until(holds: Callable[[], bool], within_s: float, what: str) -> float:
    """Wait for something that was promised within a time; returns how long it took."""
    began = time.monotonic()
    while True:
        if holds():
            return time.monotonic() - began
        assert time.monotonic() - began < within_s, f"{what}: not within {within_s} s"
        time.sleep(0.02)


@dataclass
class Node:
    """A running `annuaire serve`."""

    process: subprocess.Popen[str]
    ldap: str
    http: str

    def metrics(self) -> list[str]:
        with urllib.request.urlopen(self.http + "/metrics", timeout=2) as answer:
            return str(answer.read(), "utf-8").splitlines()

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        try:
            with urllib.request.urlopen(self.http + path, timeout=2) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def has_ldap(self, address: str) -> bool:
        try:
            where = ldap3.Server(self.ldap, get_info=ldap3.NONE, connect_timeout=1)
            client = ldap3.Connection(where, auto_bind=True, receive_timeout=2)
            client.search("ou=bal,o=mssante,c=fr", f"(mail={address})", attributes=["1.1"])
            found = len(client.response) == 1
            client.unbind()
            return found
        except (ldap3.core.exceptions.LDAPException, OSError):
            return False

    def has_rest(self, address: str) -> bool:
        try:
            return self.get(f"/v1/mailboxes/{address}")[0] == 200
        except OSError:
            return False

    def has(self, address: str) -> bool:
        return self.has_ldap(address) and self.has_rest(address)

    def children(self) -> list[psutil.Process]:
        return [child for child in psutil.Process(self.process.pid).children() if "cli.worker" in child.cmdline()]


@contextlib.contextmanager
def serving(environ: dict[str, str]) -> Iterator[Node]:
    process = subprocess.Popen([*ANNUAIRE, "serve"], env=environ, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        found = re.search(r"serving (ldap://\S+) and (http://\S+)/", line)
        if found:
            break
    else:
        raise AssertionError(said)
    drain = threading.Thread(target=process.stderr.read, daemon=True)
    drain.start()
    node = Node(process, found[1], found[2])
    try:
        yield node
    finally:
        if process.poll() is None:
            process.terminate()
            assert process.wait(15) == 0


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("a country")
    generate(folder, professionals=300)
    return folder


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {
        **os.environ,
        "ANNUAIRE_DATA_DIR": str(tmp_path / "node data"),
        "ANNUAIRE_LDAP_PORT": "0",
        "ANNUAIRE_HTTP_PORT": "0",
        "PYTHONPATH": str(Path(__file__).parent.parent),
    }


@pytest.fixture
def loaded(environ: dict[str, str], country: Path) -> dict[str, str]:
    annuaire(environ, "import", "rpps", str(country))
    annuaire(environ, "import", "mailboxes", str(country))
    return environ


def first_address(country: Path) -> str:
    file = next(country.glob("Extraction_*"))
    return file.read_text("utf-8", errors="replace").splitlines()[1].split("|")[1]


def extended(country: Path, folder: Path, address: str) -> Path:
    """The mailbox file with one mailbox more."""
    source = next(country.glob("Extraction_*"))
    folder.mkdir(exist_ok=True)
    path = folder / source.name
    row = write(folder, columns.MAILBOX, [mailbox(address, 77)], name="row").read_bytes().splitlines()[1]
    path.write_bytes(source.read_bytes() + row + b"\n")
    return path


@pytest.mark.promise
def test_files_go_in_and_answers_come_out_and_a_new_mailbox_shows_within_two_seconds(
    loaded: dict[str, str], country: Path, tmp_path: Path
) -> None:
    known, new = first_address(country), "nouvelle.boite@exemple.mssante.fr"
    with serving(loaded) as node:
        until(lambda: node.has(known), 30, "the index is built")
        assert node.get("/readyz")[1]["status"] == "ready"
        applied = 'annuaire_run_status{kind="mailboxes",status="applied"} 1.0'
        until(lambda: applied in node.metrics(), 30, "the node tells how the imports went")
        assert not node.has_rest(new)
        annuaire(loaded, "import", "mailboxes", str(extended(country, tmp_path / "b", new)))
        until(lambda: node.has(new), 2, "the new mailbox is visible")
        status = json.loads(annuaire(loaded, "status", "--json"))
        assert status["register"]["revision"] == status["index"]["revision"] == 3
        assert annuaire(loaded, "index", "verify", "--json").strip() == "[]"
        found = json.loads(annuaire(loaded, "search", "--json", new))
        assert found["matches"][0]["mailbox"]["address"] == new


@pytest.mark.promise
def test_a_withdrawn_record_is_gone_everywhere_within_two_seconds_and_stays_so(
    loaded: dict[str, str], country: Path, tmp_path: Path
) -> None:
    known = first_address(country)
    with serving(loaded) as node:
        until(lambda: node.has(known), 30, "the index is built")
        annuaire(loaded, "block", known, "--reason", "published by mistake")
        until(lambda: not node.has_ldap(known) and not node.has_rest(known), 2, "the withdrawal is in force")
        annuaire(loaded, "import", "mailboxes", str(extended(country, tmp_path / "b", "autre@exemple.mssante.fr")))
        until(lambda: node.has("autre@exemple.mssante.fr"), 5, "the import is visible")
        annuaire(loaded, "runs", "revert", "2")
        until(lambda: not node.has("autre@exemple.mssante.fr"), 5, "the import is reverted")
        assert not node.has_ldap(known)
        assert not node.has_rest(known)
        assert known in annuaire(loaded, "blocks")
        annuaire(loaded, "unblock", known, "--reason", "checked")
        until(lambda: node.has(known), 2, "it is shown again")
        assert annuaire(loaded, "index", "verify", "--json").strip() == "[]"


@pytest.mark.parametrize("role", ["follower", "ldap", "http"])
def test_a_killed_worker_is_replaced_while_lookups_and_an_import_go_on(
    loaded: dict[str, str], country: Path, tmp_path: Path, role: str
) -> None:
    known, new = first_address(country), "pendant.import@exemple.mssante.fr"
    with serving(loaded) as node:
        until(lambda: node.has(known), 30, "the index is built")
        victim = next(child for child in node.children() if role in child.cmdline())
        path = str(extended(country, tmp_path / "b", new))
        importing = subprocess.Popen([*ANNUAIRE, "import", "mailboxes", path], env=loaded)
        time.sleep(0.3)
        victim.kill()
        until(lambda: node.has(known), 5, f"service is back after the {role} worker was killed")
        assert importing.wait(60) == 0
        until(lambda: node.has(new), 5, "the import is visible")
        assert victim.pid not in [child.pid for child in node.children()]
    assert annuaire(loaded, "index", "verify", "--json").strip() == "[]"


def test_a_nightly_run_that_was_cut_short_goes_on_when_the_service_starts(
    environ: dict[str, str], country: Path, tmp_path: Path
) -> None:
    tonight = {
        **environ,
        "ANNUAIRE_RPPS_SOURCE": str(country),
        "ANNUAIRE_MAILBOXES_SOURCE": str(country),
        "ANNUAIRE_NIGHTLY_AT": "0 4 1 1 *",
    }
    summary = json.loads(annuaire(tonight, "nightly", "--only", "rpps", "--json"))
    assert [one["status"] for one in summary["outcomes"]] == ["applied"]
    cut_short = Path(environ["ANNUAIRE_DATA_DIR"]) / "spool/running"
    cut_short.touch()
    with serving(tonight) as node:
        until(lambda: node.has(first_address(country)), 60, "the mailboxes are imported")
        until(lambda: not cut_short.exists(), 10, "the run comes to its end")


def test_a_killed_database_comes_back_and_lookups_never_stop(
    loaded: dict[str, str], country: Path, tmp_path: Path
) -> None:
    known, new = first_address(country), "apres.panne@exemple.mssante.fr"
    data = Path(loaded["ANNUAIRE_DATA_DIR"])
    with serving(loaded) as node:
        until(lambda: node.has(known), 30, "the index is built")
        pid = int((data / "postgres/cluster/postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, signal.SIGKILL)
        for _ in range(20):
            assert node.has(known)
        annuaire(loaded, "import", "mailboxes", str(extended(country, tmp_path / "b", new)))
        until(lambda: node.has(new), 10, "the follower has found the database again")


@pytest.mark.promise
def test_workers_end_with_a_killed_supervisor_and_the_next_takes_over(loaded: dict[str, str], country: Path) -> None:
    known = first_address(country)
    with serving(loaded) as node:
        until(lambda: node.has(known), 30, "the index is built")
        workers = node.children()
        assert len(workers) == 3
        node.process.kill()
        node.process.wait()
        until(lambda: not any(worker.is_running() and worker.status() != "zombie" for worker in workers), 2,
              "the workers have ended")  # fmt: skip
        began = time.monotonic()
        with serving(loaded) as successor:
            until(lambda: successor.has(known), 5 - (time.monotonic() - began), "the next one serves")


def test_a_stop_is_clean_and_leaves_no_process(loaded: dict[str, str]) -> None:
    with serving(loaded) as node:
        processes = psutil.Process(node.process.pid).children(recursive=True)
        node.process.terminate()
        assert node.process.wait(15) == 0
    until(lambda: not any(one.is_running() and one.status() != "zombie" for one in processes), 2, "all have ended")
    assert not (Path(loaded["ANNUAIRE_DATA_DIR"]) / "postgres/cluster/postmaster.pid").exists()


def test_a_second_serve_and_a_port_in_use_are_refused_with_a_sentence(loaded: dict[str, str], tmp_path: Path) -> None:
    with serving(loaded) as node:
        assert f"process {node.process.pid}" in annuaire(loaded, "serve", code=1)
        port = node.http.rpartition(":")[2]
        elsewhere = {**loaded, "ANNUAIRE_DATA_DIR": str(tmp_path / "other"), "ANNUAIRE_HTTP_PORT": port}
        said = annuaire(elsewhere, "serve", code=1)
        assert re.search(f"port {port}.*in use.*ANNUAIRE_HTTP_PORT", said)


def test_with_the_database_stopped_lookups_go_on_and_say_how_old_the_data_is(
    environ: dict[str, str], country: Path, tmp_path: Path
) -> None:
    known = first_address(country)
    server = Embedded(tmp_path / "elsewhere")
    server.acquire()
    environ["ANNUAIRE_DATABASE_URL"] = server.url
    annuaire(environ, "import", "mailboxes", str(country))
    with serving({**environ, "ANNUAIRE_STALE_AFTER_S": "25"}) as node:
        until(lambda: node.has(known), 30, "the index is built")
        server.stop()
        until(lambda: node.get("/readyz")[1].get("status") == "degraded", 25, "the node calls itself degraded")
        assert node.get("/readyz")[0] == 200
        assert node.has(known)
        assert node.get("/v1/status")[1]["last_contact_age_s"] > 10
        status = json.loads(annuaire(environ, "status", "--json"))
        assert status["register"]["available"] is False
        assert status["index"]["last_contact_age_s"] > 10
        until(lambda: node.get("/readyz")[0] == 503, 25, "the data is too old")
        assert node.has(known)
    server.release()
