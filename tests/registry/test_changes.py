"""When records changed: their own content, told by the register, carried to the index, kept through a rebuild."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from directory.index.build import build_index
from directory.index.documents import key_of
from directory.index.follow import Follower
from directory.index.reader import Index
from directory.index.verify import verify
from directory.model import Kind, Organization, Practitioner
from directory.query import Field
from directory.registry.database import Database
from directory.registry.source import RegistryRegister
from directory.registry.withdrawals import withdraw
from importers import columns
from importers.mailboxes import import_mailboxes
from importers.report import ImportOptions
from importers.rpps import import_rpps
from tests.importers.files import mailbox, person, structure, write

MAP = 2**26
FIRST, THIRD = "810990000001", "810990000003"


def register_is(database: Database, folder: Path, *rows: dict[str, str]) -> None:
    path = write(folder / "rpps", columns.ACTIVITY, list(rows))
    assert import_rpps(database, [path], ImportOptions(guards=False, allow_older=True)).status == "applied"


def mailboxes_are(database: Database, folder: Path, *rows: dict[str, str]) -> None:
    path = write(folder / "mailboxes", columns.MAILBOX, list(rows))
    assert import_mailboxes(database, [path], ImportOptions(guards=False, allow_older=True)).status == "applied"


@pytest.fixture
def filled(database: Database, tmp_path: Path) -> Database:
    register_is(database, tmp_path, {**person(1), **structure()}, {**person(2), **structure()}, person(3))
    mailboxes_are(database, tmp_path, mailbox("jean.nom2@medecin.mssante.fr", 2))
    return database


def changed(database: Database) -> set[str]:
    """The records that changed, or left, with the last revision."""
    found = {}
    with RegistryRegister(database.url).open() as source:
        for kind in (Kind.PRACTITIONER, Kind.ORGANIZATION):
            for record in source.read_range(kind, "", None):
                assert isinstance(record, Practitioner | Organization)
                found[key_of(record)] = record.modified_at
        found |= {f"left {key}": at for _, key, at in source.left()}
        return {key for key, at in found.items() if at == source.state.committed_at}


def committed_at(database: Database) -> dt.datetime:
    with RegistryRegister(database.url).open() as source:
        assert source.state.committed_at is not None
        return source.state.committed_at


def test_after_a_first_load_all_records_are_as_old_as_the_register(database: Database, tmp_path: Path) -> None:
    register_is(database, tmp_path, {**person(1), **structure()})
    assert changed(database) == set()
    with RegistryRegister(database.url).open() as source:
        assert source.state.known_since == source.state.committed_at


def test_a_record_changes_with_the_revision_that_changed_it(filled: Database, tmp_path: Path) -> None:
    others = {**person(2), **structure()}, person(3)
    register_is(filled, tmp_path, {**person(1), **structure(), "family_name": "AUTREMENT"}, *others)
    assert changed(filled) == {FIRST}


def test_who_works_at_a_structure_does_not_change_with_it(filled: Database, tmp_path: Path) -> None:
    renamed = {**structure(), "name": "CH NOUVEAU"}
    register_is(filled, tmp_path, {**person(1), **renamed}, {**person(2), **renamed}, person(3))
    assert changed(filled) == {"F699900015"}


def test_a_mailbox_changes_who_bears_it(filled: Database, tmp_path: Path) -> None:
    mailboxes_are(
        filled, tmp_path, mailbox("jean.nom2@medecin.mssante.fr", 2), mailbox("jean.nom1@medecin.mssante.fr", 1)
    )
    assert changed(filled) == {FIRST}


def test_who_leaves_is_known_to_have_left_and_who_comes_back_has_not(filled: Database, tmp_path: Path) -> None:
    everybody = {**person(1), **structure()}, {**person(2), **structure()}, person(3)
    register_is(filled, tmp_path, *everybody[:2])
    assert changed(filled) == {f"left {THIRD}"}
    register_is(filled, tmp_path, *everybody)
    assert changed(filled) == {THIRD}


def test_who_never_was_there_has_not_left(filled: Database, tmp_path: Path) -> None:
    mailboxes_are(
        filled, tmp_path, mailbox("jean.nom2@medecin.mssante.fr", 2), mailbox("jean.nom9@medecin.mssante.fr", 9)
    )
    assert changed(filled) == set()
    with RegistryRegister(filled.url).open() as source:
        assert list(source.left()) == []


def test_who_has_left_does_not_leave_again_with_a_mailbox(filled: Database, tmp_path: Path) -> None:
    register_is(filled, tmp_path, {**person(1), **structure()}, person(3))
    with RegistryRegister(filled.url).open() as source:
        [(_, key, at)] = source.left()
    mailboxes_are(filled, tmp_path, mailbox("jean.nom2@medecin.mssante.fr", 2, family_name="AUTREMENT"))
    with RegistryRegister(filled.url).open() as source:
        assert list(source.left()) == [(Kind.PRACTITIONER, key, at)]
        assert source.state.committed_at != at


def test_a_withdrawn_person_is_not_among_those_who_left(filled: Database) -> None:
    withdraw(filled, "10990000001", "threatened", "the officer")
    with RegistryRegister(filled.url).open() as source:
        assert list(source.left()) == []


def test_an_index_tells_the_same_whether_it_was_followed_or_built(filled: Database, tmp_path: Path) -> None:
    register = RegistryRegister(filled.url)
    followed, built = tmp_path / "followed", tmp_path / "built"
    build_index(register, followed, map_bytes=MAP, workers=1)
    register_is(
        filled, tmp_path, {**person(1), **structure(), "family_name": "AUTREMENT"}, {**person(2), **structure()}
    )
    Follower(register, followed, map_bytes=MAP).step()
    build_index(register, built, map_bytes=MAP, workers=1)
    told = committed_at(filled).strftime("%Y%m%d%H%M%SZ")
    for path in (followed, built):
        assert verify(register, path, map_bytes=MAP) == []
        index = Index.open(path, map_bytes=MAP)
        with index.read() as snapshot:
            document = snapshot.get(Kind.PRACTITIONER, FIRST)
            assert document is not None
            assert document.field(Field.MODIFIED) == [told.lower()]
            assert snapshot.left(Kind.PRACTITIONER) == {THIRD: told}
            assert snapshot.state.known_since is not None
        index.close()
