"""Withdrawals: hidden from everything that reads the register, through imports and reverts, until they are lifted."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from directory.errors import InvalidInput, NotFound
from directory.index.build import build_index
from directory.index.documents import key_of
from directory.index.follow import Follower
from directory.index.verify import verify
from directory.model import Kind, Mailbox, Organization, Practitioner, Record
from directory.registry.database import Database
from directory.registry.source import RegistryRegister
from directory.registry.withdrawals import lift, list_withdrawals, withdraw
from importers import columns
from importers.mailboxes import import_mailboxes
from importers.report import ImportOptions
from importers.rpps import import_rpps
from tests.importers.files import mailbox, person, structure, write

MAP = 2**26
STRUCTURE = {"organization_identifier_type": "FINESS", "organization_identifier": "699900015",
             "organization_name": "CH DE VALMORIN"}  # fmt: skip
PERSONAL = "jean.nom1@medecin.mssante.fr"
AT_HOSPITAL = "jean.nom2@ch-valmorin.mssante.fr"
SHARED = "cabinet@exemple.mssante.fr"
WARD = "cardiologie@ch-valmorin.mssante.fr"


@pytest.fixture
def filled(database: Database, tmp_path: Path) -> Database:
    activities = [{**person(1), **structure()}, {**person(2), **structure()}]
    import_rpps(database, [write(tmp_path / "rpps", columns.ACTIVITY, activities)], ImportOptions())
    import_again(database, tmp_path)
    return database


def import_again(database: Database, folder: Path, *more: dict[str, str]) -> str:
    rows = [
        mailbox(PERSONAL, 1),
        mailbox(AT_HOSPITAL, 2, **STRUCTURE),
        mailbox(SHARED, 1, kind="CAB"),
        mailbox(SHARED, 2, kind="CAB"),
        mailbox(WARD, None, service="Cardiologie", **STRUCTURE),
        *more,
    ]
    path = write(folder / "mailboxes", columns.MAILBOX, rows)
    return import_mailboxes(database, [path], ImportOptions()).status


def records(database: Database) -> dict[str, Record]:
    found: dict[str, Record] = {}
    with RegistryRegister(database.url).open() as source:
        for kind in Kind:
            for record in source.read_range(kind, "", None):
                found[key_of(record)] = record
    return found


def test_a_withdrawn_person_goes_with_the_mailboxes_that_only_it_holds(filled: Database) -> None:
    withdraw(filled, "10990000001", "threatened", "the officer")
    left = records(filled)
    assert set(left) == {"810990000002", "F699900015", AT_HOSPITAL, SHARED, WARD}
    shared = left[SHARED]
    assert isinstance(shared, Mailbox)
    assert [holder.national_id for holder in shared.holders] == ["810990000002"]


def test_a_withdrawn_structure_is_quoted_nowhere_and_its_people_stay(filled: Database) -> None:
    withdraw(filled, "F699900015", "moved to a secret place", "the officer")
    left = records(filled)
    assert set(left) == {"810990000001", "810990000002", PERSONAL, AT_HOSPITAL, SHARED}
    assert not [one for one in map(repr, left.values()) if "VALMORIN" in one or "699900015" in one]


def test_a_withdrawn_mailbox_is_shown_with_nobody(filled: Database) -> None:
    withdraw(filled, WARD.upper(), "published by mistake", "the officer")
    left = records(filled)
    structure_left = left["F699900015"]
    assert isinstance(structure_left, Organization)
    assert (WARD in left, structure_left.mailboxes) == (False, ())
    withdraw(filled, PERSONAL, "published by mistake", "the officer")
    holder = records(filled)["810990000001"]
    assert isinstance(holder, Practitioner)
    assert [one.address for one in holder.mailboxes] == [SHARED]


def test_tomorrows_import_does_not_bring_back_what_was_withdrawn(filled: Database, tmp_path: Path) -> None:
    withdraw(filled, "810990000001", "threatened", "the officer")
    new = "nouvelle@exemple.mssante.fr"
    assert import_again(filled, tmp_path / "tomorrow", mailbox(new, 1)) == "applied"
    assert not {"810990000001", PERSONAL, new} & set(records(filled))


def test_who_is_withdrawn_before_being_published_never_shows(database: Database, tmp_path: Path) -> None:
    _, held = withdraw(database, "10990000001", "threatened", "the officer")
    assert not held
    import_rpps(database, [write(tmp_path, columns.ACTIVITY, [person(1), person(2)])], ImportOptions())
    assert set(records(database)) == {"810990000002"}


def test_lifting_shows_the_record_again_as_the_register_has_it(filled: Database) -> None:
    before = records(filled)
    withdraw(filled, "10990000001", "threatened", "the officer")
    lift(filled, "10990000001", "no longer", "another officer")
    assert _undated(records(filled)) == _undated(before)
    assert list_withdrawals(filled) == []
    (told,) = list_withdrawals(filled, lifted=True)
    assert (told.key, told.reason, told.author) == ("810990000001", "threatened", "the officer")
    assert (told.lifted_by, told.lifted_reason) == ("another officer", "no longer")


def _undated(found: dict[str, Record]) -> dict[str, Record]:
    """The records without when they changed: being shown again is a change."""
    return {
        key: record if isinstance(record, Mailbox) else dataclasses.replace(record, modified_at=None)
        for key, record in found.items()
    }


@pytest.mark.parametrize("key", ["10990000001", "F699900015", WARD, SHARED])
def test_a_followed_index_holds_what_a_built_one_would(filled: Database, tmp_path: Path, key: str) -> None:
    register = RegistryRegister(filled.url)
    build_index(register, tmp_path, map_bytes=MAP, workers=1)
    follower = Follower(register, tmp_path, map_bytes=MAP)
    for decide in (withdraw, lift):
        decide(filled, key, "a reason", "the officer")
        assert follower.step()
        assert list(verify(register, tmp_path, map_bytes=MAP)) == []


def test_the_feed_names_what_a_withdrawal_hides_until_the_index_follows(filled: Database) -> None:
    withdraw(filled, WARD, "published by mistake", "the officer")
    with RegistryRegister(filled.url).open() as source:
        revision = source.state.revision
        found = set(source.withdrawals())
    assert found == {(revision, Kind.MAILBOX, WARD), (revision, Kind.ORGANIZATION, "F699900015")}
    lift(filled, WARD, "a mistake of ours", "the officer")
    with RegistryRegister(filled.url).open() as source:
        assert {line for line in source.withdrawals() if line[0] > revision} == set()


def test_mistakes_are_refused_with_a_sentence(filled: Database) -> None:
    with pytest.raises(InvalidInput, match="needs a reason"):
        withdraw(filled, WARD, " ", "the officer")
    with pytest.raises(InvalidInput, match="is no address"):
        withdraw(filled, "dupont", "why", "the officer")
    with pytest.raises(NotFound, match="is not withdrawn"):
        lift(filled, WARD, "why", "the officer")
    withdraw(filled, WARD, "why", "the officer")
    with pytest.raises(InvalidInput, match="withdrawn already"):
        withdraw(filled, WARD, "why", "the officer")
