"""The file of published mailboxes: its anomalies (numbers of DOMAIN section 9) and what becomes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from directory.model import Kind, Mailbox
from directory.registry.database import Database
from directory.registry.source import RegistryRegister
from importers import columns
from importers.mailboxes import import_mailboxes
from importers.report import ImportOptions, ImportReport
from importers.rpps import import_rpps
from tests.importers.files import mailbox, person, structure, write

SHARED_ADDRESS = "cellule.de.coordination.des.sorties.et.des.parcours.complexes.ch@ch-valmorin.mssante.fr"


def bring(database: Database, *paths: Path, **options: Any) -> ImportReport:
    return import_mailboxes(database, paths, ImportOptions(**options))


def held(database: Database) -> dict[str, Mailbox]:
    with RegistryRegister(database.url).open() as source:
        records = source.read_range(Kind.MAILBOX, "", None)
        return {record.address: record for record in records if isinstance(record, Mailbox)}


def test_the_small_world_imports_whole(database: Database, invented: Path) -> None:
    report = bring(database, invented)
    assert (report.status, report.rejected, len(held(database))) == ("applied", {}, 18)


def test_one_address_on_two_rows_is_one_mailbox_with_two_holders(database: Database, invented: Path) -> None:
    """Anomaly 28; the RPPS number comes before the ADELI number."""
    bring(database, invented)
    both = held(database)["elodie.desaintamaranthe@infirmier.mssante.fr"]
    assert [holder.identifier_type for holder in both.holders] == ["8", "0"]
    assert {holder.organization_identifier for holder in held(database)[SHARED_ADDRESS].holders} == {
        "699900015",
        "699900023",
    }


def test_addresses_compare_without_case_and_keep_their_spelling(database: Database, tmp_path: Path) -> None:
    """Anomaly 29."""
    rows = [mailbox("Y.Le@Clinique.MSSante.fr"), mailbox("y.le@clinique.mssante.fr")]
    bring(database, write(tmp_path, columns.MAILBOX, rows))
    (address,) = held(database)
    assert address in ("Y.Le@Clinique.MSSante.fr", "y.le@clinique.mssante.fr")


def test_a_personal_mailbox_without_structure_is_kept(database: Database, invented: Path) -> None:
    """Anomaly 30."""
    bring(database, invented)
    (holder,) = held(database)["noel.oeuvrard@masseur-kinesitherapeute.mssante.fr"].holders
    assert holder.organization_identifier is None


def test_a_holder_absent_from_the_register_is_served_with_the_names_of_its_row(filled: Database) -> None:
    """Anomaly 31."""
    (holder,) = held(filled)["theo.lefevre-mbarga@ch-valmorin.mssante.fr"].holders
    assert (holder.family_name, holder.given_name) == ("LEFÈVRE-MBARGA", "Théo")


def test_a_domain_that_is_not_on_the_list_is_kept_and_not_trusted(database: Database, invented: Path) -> None:
    """Anomalies 32 and 33."""
    bring(database, invented)
    with database.writing() as connection:
        connection.execute(
            text("INSERT INTO trusted_domain (domain, operator_dn) VALUES ('interop-mssante.apicrypt.org', 'CN=x')")
        )
    found = held(database)
    assert found["hraveloson@interop-mssante.apicrypt.org"].trusted
    assert not found["y.legouvellec@ch-valmorin.mssante.fr"].trusted


def test_a_local_part_of_64_letters_and_an_apostrophe_are_accepted(database: Database, tmp_path: Path) -> None:
    """Anomaly 34."""
    rows = [mailbox("a" * 64 + "@x.mssante.fr"), mailbox("kilian.o'kelleran@medecin.mssante.fr", 2)]
    assert bring(database, write(tmp_path, columns.MAILBOX, rows)).rejected == {}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (mailbox(""), "no address"),
        (mailbox("sans-arobase"), "malformed address"),
        (mailbox("deux@arobases@x.fr"), "malformed address"),
        (mailbox("a" * 65 + "@x.mssante.fr"), "malformed address"),
        (mailbox("un blanc@x.mssante.fr"), "malformed address"),
        (mailbox("a@x.mssante.fr", kind="XYZ"), "unknown mailbox type"),
    ],
)
def test_an_unusable_row_is_quarantined(database: Database, tmp_path: Path, row: dict[str, str], reason: str) -> None:
    """Anomaly 35."""
    report = bring(database, write(tmp_path, columns.MAILBOX, [mailbox("bon@x.mssante.fr"), row]))
    assert report.rejected == {reason: 1}
    assert set(held(database)) == {"bon@x.mssante.fr"}


@pytest.mark.parametrize(
    ("written", "meant"),
    [("O", True), ("N", False), ("Oui", True), ("non", False), ("true", True), ("0", False), ("", None), ("?", None)],
)
def test_paperless_is_read_however_it_is_written(
    database: Database, tmp_path: Path, written: str, meant: bool | None
) -> None:
    bring(database, write(tmp_path, columns.MAILBOX, [mailbox("a@x.mssante.fr", paperless=written)]))
    assert held(database)["a@x.mssante.fr"].paperless is meant


@pytest.mark.parametrize("written", ["1", "FINESS", "finess"])
def test_a_structure_is_joined_when_exactly_one_fits(database: Database, tmp_path: Path, written: str) -> None:
    import_rpps(database, [write(tmp_path, columns.ACTIVITY, [person() | structure()])], ImportOptions())
    row = mailbox("a@x.mssante.fr", None, organization_identifier_type=written, organization_identifier="699900015")
    bring(database, write(tmp_path, columns.MAILBOX, [row]))
    (holder,) = held(database)["a@x.mssante.fr"].holders
    assert holder.organization_key == "F699900015"


def test_an_ambiguous_structure_is_not_guessed(database: Database, tmp_path: Path) -> None:
    rows = [person(n) | structure(f"F69990001{n}", siret="99990001200017") for n in (1, 2)]
    import_rpps(database, [write(tmp_path, columns.ACTIVITY, rows)], ImportOptions())
    row = mailbox("a@x.mssante.fr", None, organization_identifier_type="3", organization_identifier="99990001200017")
    bring(database, write(tmp_path, columns.MAILBOX, [row]))
    (holder,) = held(database)["a@x.mssante.fr"].holders
    assert holder.organization_key is None


def test_another_type_is_another_mailbox(database: Database, tmp_path: Path) -> None:
    """Address and type are immutable: the creation date starts anew."""
    bring(database, write(tmp_path, columns.MAILBOX, [mailbox("a@x.mssante.fr"), mailbox("b@x.mssante.fr", 2)]))
    before = held(database)
    rows = [mailbox("a@x.mssante.fr", None), mailbox("b@x.mssante.fr", 2, paperless="O")]
    bring(database, write(tmp_path, columns.MAILBOX, rows))
    after = held(database)
    assert after["a@x.mssante.fr"].created_at > before["a@x.mssante.fr"].created_at
    assert after["b@x.mssante.fr"].created_at == before["b@x.mssante.fr"].created_at
    assert after["b@x.mssante.fr"].modified_at > before["b@x.mssante.fr"].modified_at


@pytest.mark.parametrize(
    ("address", "shown_by"),
    [
        ("y.legouvellec@ch-valmorin.mssante.fr", {(Kind.PRACTITIONER, "810990001025")}),
        (
            "secretariat.cardiologie@ch-valmorin.mssante.fr",
            {(Kind.ORGANIZATION, "F699900015"), (Kind.ORGANIZATION, "F699900023")},
        ),
    ],
    ids=["a person's", "a structure's"],
)
def test_a_change_touches_the_records_that_show_the_mailbox(
    filled: Database, invented: Path, tmp_path: Path, address: str, shown_by: set[tuple[Kind, str]]
) -> None:
    source = next(invented.glob("Extraction_*"))
    lines = source.read_text("utf-8").splitlines()
    kept = [line for line in lines if address not in line]
    path = tmp_path / source.name
    path.write_text("\n".join(kept) + "\n", "utf-8")
    with RegistryRegister(filled.url).open() as register:
        before = register.state
    bring(filled, path)
    with RegistryRegister(filled.url).open() as register:
        changes = register.changes(before.epoch, before.revision)
    assert changes.keys == {(Kind.MAILBOX, address), *shown_by}
