"""What has changed since a revision: a copy that is kept by it is what an export would be."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from directory.index.follow import Follower
from directory.index.reader import Index
from directory.registry.database import Database
from directory.registry.source import RegistryRegister
from directory.registry.withdrawals import lift, withdraw
from directory.settings import Settings
from importers import columns
from importers.mailboxes import import_mailboxes
from importers.report import ImportOptions
from tests.importers.files import mailbox, write

MAP = 2**26
Copy = dict[tuple[str, str], Any]


class Register:
    """A register that changes by imports of mailboxes, and its node."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.settings = Settings(data_dir=folder, database_url=database.url)
        self._day = 0

    def load(self, boxes: dict[str, int]) -> None:
        self._day += 1
        name = f"Extraction_Correspondance_MSSante_202601{self._day:02d}0315.txt"
        rows = [mailbox(address, number) for address, number in sorted(boxes.items())]
        path = write(self.settings.data_dir / "files", columns.MAILBOX, rows, name=name)
        assert import_mailboxes(self.database, [path], ImportOptions(guards=False)).status == "applied"
        self.follow()

    def follow(self) -> None:
        Follower(RegistryRegister(self.database.url), self.settings.index_path, MAP).step()

    @contextmanager
    def node(self, **other: object) -> Iterator[tuple[TestClient, Index]]:
        index = Index.open(self.settings.index_path, map_bytes=MAP)
        chosen = self.settings.model_copy(update=other)
        with TestClient(create_app(chosen, index), raise_server_exceptions=False) as client:
            yield client, index
        index.close()

    def export(self) -> tuple[int, Copy]:
        """The revision, and every mailbox as the file of all of them has it."""
        with self.node() as (_, index), index.read() as snapshot:
            documents = [snapshot.document(number) for number in snapshot.posting("kinds", bytes([1]))]
            return snapshot.state.revision, {("mailbox", one.key): json.loads(one.json) for one in documents}

    def catch_up(self, copy: Copy, since: int, limit: int) -> tuple[int, list[str]]:
        """What a consumer does: apply all pages; the revision that its copy is of now, and the keys it was told."""
        told: list[str] = []
        with self.node() as (client, _):
            path = f"/v1/changes?since={since}&limit={limit}"
            while True:
                answer = client.get(path)
                assert answer.status_code == 200, answer.text
                page = answer.json()
                for change in page["changes"]:
                    key = change["kind"], change["key"]
                    told.append(change["key"])
                    if change["change"] == "removed":
                        copy.pop(key, None)
                    else:
                        copy[key] = change[change["kind"]]
                if page["complete"]:
                    return page["until"], told
                path = page["next"]


@pytest.fixture
def register(database: Database, tmp_path: Path) -> Register:
    made = Register(database, tmp_path)
    made.load({"a@x.mssante.fr": 1})
    return made


def test_an_export_with_the_changes_since_then_is_the_export_of_today(register: Register) -> None:
    dice = random.Random(7)
    addresses = [f"{letter}@x.mssante.fr" for letter in "abcdefgh"]
    revision, copy = register.export()
    for step in range(5):
        some = {address: dice.randint(1, 3) for address in addresses if dice.random() < 0.6}
        register.load(some | {"z@x.mssante.fr": step + 1})
        if step == 2:
            withdraw(register.database, "z@x.mssante.fr", "a reason", "somebody")
            register.follow()
        if step % 2 == 0:  # one revision at a time, or several at once
            revision, _ = register.catch_up(copy, revision, limit=3)
            assert (revision, copy) == register.export()


def test_a_withdrawn_record_is_told_of_once_and_never_again(register: Register) -> None:
    box = "b@x.mssante.fr"
    register.load({"a@x.mssante.fr": 1, box: 1})
    before, copy = register.export()
    withdraw(register.database, box, "a reason", "somebody")
    register.follow()
    hidden, told = register.catch_up(copy, before, limit=10)
    assert box in told
    register.load({"a@x.mssante.fr": 1, box: 2})
    now, told = register.catch_up(copy, hidden, limit=10)
    assert box not in told
    lift(register.database, box, "another", "somebody")
    register.follow()
    _, told = register.catch_up(copy, now, limit=10)
    assert box in told


def test_what_is_not_known_is_said(register: Register) -> None:
    expected = {
        "since=0": 410,  # the first load
        "since=1&epoch=another": 410,
        "since=99": 422,  # this node is not there yet
        "since=1&cursor=nonsense": 422,
        "since=x": 422,
        "": 422,
        "since=1": 200,
    }
    with register.node() as (client, _):
        assert {asked: client.get(f"/v1/changes?{asked}").status_code for asked in expected} == expected


def test_changes_are_for_who_may_export_and_wait_for_a_register_that_is_lost(register: Register) -> None:
    with register.node(profile="public") as (client, _):
        assert client.get("/v1/changes?since=1").status_code == 401
    with register.node(database_url="postgresql://nobody@127.0.0.1:1/none") as (client, _):
        answer = client.get("/v1/changes?since=1")
        assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
