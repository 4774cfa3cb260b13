"""History: who was published where, when, and from which file."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from directory.errors import NotFound
from directory.model import Kind, Mailbox, Organization, Practitioner, Record
from directory.registry import history
from directory.registry.database import Database
from directory.registry.source import RegistryRegister
from directory.registry.withdrawals import withdraw
from importers import columns
from importers.mailboxes import import_mailboxes
from importers.report import ImportOptions
from importers.rpps import import_rpps
from tests.importers.files import mailbox, person, structure, write

LOOSE = ImportOptions(guards=False, allow_older=True)
BOX = "nom1@medecin.mssante.fr"


def now(database: Database) -> dt.datetime:
    with database.reading() as connection:
        found: dt.datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        return found


def bring_mailboxes(database: Database, folder: Path, day: int, *rows: dict[str, str]) -> int:
    name = f"Extraction_Correspondance_MSSante_202601{day:02d}0315.txt"
    return import_mailboxes(database, [write(folder, columns.MAILBOX, rows, name=name)], LOOSE).run_id


def bring_people(database: Database, folder: Path, day: int, *rows: dict[str, str]) -> int:
    name = f"PS_LibreAcces_Personne_activite_202601{day:02d}0315.txt"
    return import_rpps(database, [write(folder, columns.ACTIVITY, rows, name=name)], LOOSE).run_id


def told(database: Database, kind: Kind, key: str) -> list[tuple[int | None, int | None]]:
    """From which run to which one each version was in force, the latest first."""
    return [
        (one.opened.run_id if one.opened else None, one.closed.run_id if one.closed else None)
        for one in history.versions(database, kind, key)
    ]


def test_a_record_that_never_changed_has_one_version_from_the_first_import(database: Database, tmp_path: Path) -> None:
    first = bring_mailboxes(database, tmp_path, 1, mailbox(BOX, 1))
    bring_mailboxes(database, tmp_path, 2, mailbox(BOX, 1), mailbox("other@x.mssante.fr", 2))
    assert told(database, Kind.MAILBOX, BOX) == [(first, None)]
    with database.reading() as connection:
        kept = connection.execute(text("SELECT key, body FROM history")).all()
    assert [tuple(row) for row in kept] == [("other@x.mssante.fr", None)]


def test_what_fills_an_empty_table_was_not_there_before(database: Database, tmp_path: Path) -> None:
    """People first, then the mailboxes: not a first load any more, though no mailbox was held."""
    bring_people(database, tmp_path, 1, person(1) | structure())
    before = now(database)
    opened = bring_mailboxes(database, tmp_path, 1, mailbox(BOX, 1))
    assert told(database, Kind.MAILBOX, BOX) == [(opened, None)]
    with pytest.raises(NotFound):
        history.record_on(database, Kind.MAILBOX, BOX, before)


def test_every_version_is_told_with_the_runs_that_opened_and_closed_it(database: Database, tmp_path: Path) -> None:
    filler = mailbox("filler@x.mssante.fr", 9)
    runs = [
        bring_mailboxes(database, tmp_path, 1, filler),
        bring_mailboxes(database, tmp_path, 2, filler, mailbox(BOX, 1)),
        bring_mailboxes(database, tmp_path, 3, filler, mailbox(BOX, 2)),
        bring_mailboxes(database, tmp_path, 4, filler),
        bring_mailboxes(database, tmp_path, 5, filler, mailbox(BOX, 1)),
    ]
    assert told(database, Kind.MAILBOX, BOX) == [(runs[4], None), (runs[2], runs[3]), (runs[1], runs[2])]
    newest, middle, oldest = history.versions(database, Kind.MAILBOX, BOX)
    holders = [version.rows["mailbox_holder"][0]["national_id"] for version in (newest, middle, oldest)]
    assert holders == ["810990000001", "810990000002", "810990000001"]
    assert middle.opened is not None
    assert middle.opened.sources[0]["member"] == "Extraction_Correspondance_MSSante_202601030315.txt"


def test_a_mailbox_that_is_gone_has_no_version_without_an_end(database: Database, tmp_path: Path) -> None:
    filler = mailbox("filler@x.mssante.fr", 9)
    first = bring_mailboxes(database, tmp_path, 1, filler, mailbox(BOX, 1))
    last = bring_mailboxes(database, tmp_path, 2, filler)
    assert told(database, Kind.MAILBOX, BOX) == [(first, last)]
    assert history.held_by(database, "810990000001") == [BOX]


def test_was_this_address_published_for_this_professional_on_that_day(database: Database, tmp_path: Path) -> None:
    bring_people(database, tmp_path, 1, person(1), person(2))
    before = now(database)
    bring_mailboxes(database, tmp_path, 1, mailbox(BOX, 1))
    first = now(database)
    bring_mailboxes(database, tmp_path, 2, mailbox(BOX, 2))
    second = now(database)
    on_first, on_second = (history.record_on(database, Kind.MAILBOX, BOX, at) for at in (first, second))
    assert isinstance(on_first, Mailbox)
    assert isinstance(on_second, Mailbox)
    assert [on_first.holders[0].national_id, on_second.holders[0].national_id] == ["810990000001", "810990000002"]
    holder = history.record_on(database, Kind.PRACTITIONER, "810990000001", first)
    assert isinstance(holder, Practitioner)
    assert [one.address for one in holder.mailboxes] == [BOX]
    after = history.record_on(database, Kind.PRACTITIONER, "810990000001", second)
    assert isinstance(after, Practitioner)
    assert after.mailboxes == ()
    # Before the mailboxes were loaded there was none.
    with pytest.raises(NotFound):
        history.record_on(database, Kind.MAILBOX, "nobody@x.mssante.fr", before)


def test_of_the_time_before_the_first_import_nothing_is_told(database: Database, tmp_path: Path) -> None:
    before = now(database)
    bring_mailboxes(database, tmp_path, 1, mailbox(BOX, 1))
    with pytest.raises(NotFound, match="nothing is remembered of"):
        history.record_on(database, Kind.MAILBOX, BOX, before)
    assert isinstance(history.record_on(database, Kind.MAILBOX, BOX, now(database)), Mailbox)


def test_the_past_of_a_person_quotes_the_structure_as_it_was_named_then(database: Database, tmp_path: Path) -> None:
    bring_people(database, tmp_path, 1, person(1) | structure(name="CLINIQUE DU LAC"))
    bring_mailboxes(database, tmp_path, 1, mailbox(BOX, 1))
    then = now(database)
    bring_people(database, tmp_path, 2, person(1, family_name="NOUVEAU") | structure(name="POLE SANTE DU LAC"))
    found = history.record_on(database, Kind.PRACTITIONER, "810990000001", then)
    assert isinstance(found, Practitioner)
    place = found.exercises[0].activities[0].organization
    assert place is not None
    assert (found.family_name, place.name, len(found.mailboxes)) == ("NOM1", "CLINIQUE DU LAC", 1)
    where = history.record_on(database, Kind.ORGANIZATION, "F699900015", then)
    assert isinstance(where, Organization)
    assert where.name == "CLINIQUE DU LAC"


def test_a_withdrawn_record_has_no_history(database: Database, tmp_path: Path) -> None:
    bring_mailboxes(database, tmp_path, 1, mailbox(BOX, 1))
    bring_mailboxes(database, tmp_path, 2, mailbox(BOX, 2))
    withdraw(database, BOX, "threatened", "the officer")
    with pytest.raises(NotFound):
        history.versions(database, Kind.MAILBOX, BOX)
    with pytest.raises(NotFound):
        history.record_on(database, Kind.MAILBOX, BOX, now(database))
    assert history.held_by(database, "810990000001") == []


def test_what_is_older_than_the_setting_is_forgotten(database: Database, tmp_path: Path) -> None:
    bring_mailboxes(database, tmp_path, 1, mailbox(BOX, 1))
    bring_mailboxes(database, tmp_path, 2, mailbox(BOX, 2))
    with database.writing() as connection:
        connection.execute(text("UPDATE history SET until_at = until_at - interval '400 days'"))
    forgetting = ImportOptions(guards=False, history_days=365)
    import_mailboxes(
        database, [write(tmp_path / "c", columns.MAILBOX, [mailbox(BOX, 3)])], forgetting.but(allow_older=True)
    )
    assert len(history.versions(database, Kind.MAILBOX, BOX)) == 2


def everything(database: Database) -> dict[tuple[Kind, str], Record]:
    found: dict[tuple[Kind, str], Record] = {}
    with RegistryRegister(database.url).open() as source:
        for kind in Kind:
            for record in source.read_range(kind, "", None):
                key: Any = getattr(record, "national_id", None) or getattr(record, "key", None)
                found[kind, key or record.address.lower()] = record  # type: ignore[union-attr]
    return found


_HOLDERS = st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(1, 3)), min_size=1, max_size=4, unique=True)
_PEOPLE = st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["F699900015", "F699900023"])), min_size=1, max_size=3)


@settings(
    max_examples=8, phases=[Phase.explicit, Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(nights=st.lists(st.tuples(_HOLDERS, _PEOPLE, st.sampled_from(["UN", "DEUX"])), min_size=2, max_size=4))
def test_every_past_state_is_what_the_register_showed_then(
    database: Database, tmp_path: Path, nights: list[tuple[list[tuple[str, int]], list[tuple[int, str]], str]]
) -> None:
    shown: list[tuple[dt.datetime, dict[tuple[Kind, str], Record]]] = []
    for boxes, people, name in nights:
        rows = [person(n) | structure(key, name=f"{name} {key}") for n, key in people]
        bring_people(database, tmp_path, 1, *rows)
        where = {"organization_identifier_type": "FINESS", "organization_identifier": "699900015"}
        bring_mailboxes(database, tmp_path, 1, *(mailbox(f"{box}@x.mssante.fr", n, **where) for box, n in boxes))
        shown.append((now(database), everything(database)))
    keys = {key for _, state in shown for key in state}
    for at, state in shown:
        for kind, key in sorted(keys):
            if (kind, key) in state:
                then = state[kind, key]
                expected = then if isinstance(then, Mailbox) else replace(then, modified_at=None)
                assert history.record_on(database, kind, key, at) == expected
            else:
                with pytest.raises(NotFound):
                    history.record_on(database, kind, key, at)
