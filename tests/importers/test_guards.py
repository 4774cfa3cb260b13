"""What holds an import: kinds, départements, mail domains, and a file that shrinks by a little every night."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from directory.errors import ImportRefused
from directory.registry.database import Database
from importers import columns
from importers.mailboxes import import_mailboxes
from importers.report import ImportOptions, ImportReport
from importers.rpps import import_rpps
from importers.runs import apply_run, revert_run
from tests.importers.files import mailbox, person, structure, write

OPTIONS = ImportOptions()
_CITY = {"A": "69383", "B": "13055"}  # Lyon and Marseille


def bring(database: Database, folder: Path, addresses: list[str], day: int = 15) -> ImportReport:
    rows = [mailbox(address, None) for address in addresses]
    path = write(
        folder / str(day), columns.MAILBOX, rows, name=f"Extraction_Correspondance_MSSante_202601{day}0315.txt"
    )
    return import_mailboxes(database, [path], OPTIONS)


def held_addresses(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.execute(text("SELECT count(*) FROM mailbox")).scalar_one())


def list_domain(database: Database, domain: str, operator: str) -> None:
    with database.writing() as connection:
        named = {"domain": domain, "dn": f"CN={operator}", "name": operator}
        connection.execute(text("INSERT INTO operator (dn, organization_name) VALUES (:dn, :name)"), named)
        connection.execute(text("INSERT INTO trusted_domain (domain, operator_dn) VALUES (:domain, :dn)"), named)


def at(domain: str, numbers: range) -> list[str]:
    return [f"n{number}@{domain}" for number in numbers]


def test_an_operator_that_moves_its_addresses_is_held_and_named(database: Database, tmp_path: Path) -> None:
    """Well below the ceiling of the kind, and of its own large domain."""
    others = at("grand.mssante.fr", range(6_000))
    bring(database, tmp_path, others + at("ancien.mssante.fr", range(150)))
    list_domain(database, "ancien.mssante.fr", "OPERATEUR EXEMPLE")
    report = bring(database, tmp_path, others + at("nouveau.mssante.fr", range(150)), 16)
    assert report.status == "held"
    assert report.reasons == [
        "150 mailboxes would move from the domain ancien.mssante.fr (OPERATEUR EXEMPLE) to nouveau.mssante.fr",
        "it would remove 150 of 150 mailboxes of the domain ancien.mssante.fr (OPERATEUR EXEMPLE) (100.0%, limit 5%)",
    ]
    assert apply_run(database, report.run_id, OPTIONS).status == "applied"


def test_a_domain_that_is_emptied_is_held_when_the_country_hardly_notices(database: Database, tmp_path: Path) -> None:
    others = at("grand.mssante.fr", range(6_000))
    bring(database, tmp_path, others + at("hopital.mssante.fr", range(200)))
    report = bring(database, tmp_path, others + at("hopital.mssante.fr", range(120)), 16)
    assert report.reasons == ["it would remove 80 of 200 mailboxes of the domain hopital.mssante.fr (40.0%, limit 5%)"]
    assert held_addresses(database) == 6_200


def test_a_departement_that_is_emptied_is_held_when_the_country_hardly_notices(
    database: Database, tmp_path: Path
) -> None:
    def country(lyon: range, marseille: range, day: int) -> ImportReport:
        rows = [person(n) | structure(commune="69383") for n in lyon]
        rows += [person(n) | structure("F130000015", commune="13055", postal_code="13001") for n in marseille]
        name = f"PS_LibreAcces_Personne_activite_202601{day}0315.txt"
        return import_rpps(database, [write(tmp_path / str(day), columns.ACTIVITY, rows, name=name)], OPTIONS)

    country(range(3_000), range(3_000, 3_200), 15)
    report = country(range(3_000), range(3_000, 3_140), 16)
    assert report.reasons == ["it would remove 60 of 200 professionals of the département 13 (30.0%, limit 5%)"]


def test_a_file_that_shrinks_by_a_little_every_night_is_held_in_the_end(database: Database, tmp_path: Path) -> None:
    statuses: list[str] = []
    reasons: list[str] = []
    for day, number in enumerate((4_000, 3_960, 3_925, 3_885), 15):
        report = bring(database, tmp_path, [f"n{n}@d{n % 97}.fr" for n in range(number)], day)
        statuses.append(report.status)
        reasons += report.reasons
    assert statuses == ["applied", "applied", "applied", "held"]
    assert reasons == ["the mailbox file has 3885 rows, within 7 days one had 4000 (97.1%, floor 98%)"]


def test_what_a_human_has_applied_is_the_new_measure(database: Database, tmp_path: Path) -> None:
    addresses = [f"n{n}@d{n % 97}.fr" for n in range(4_000)]
    bring(database, tmp_path, addresses)
    held = bring(database, tmp_path, addresses[:3_900], 16)
    assert held.status == "held"
    apply_run(database, held.run_id, OPTIONS)
    assert bring(database, tmp_path, addresses[:3_870], 17).status == "applied"


def test_a_week_old_file_is_no_measure_any_more(database: Database, tmp_path: Path) -> None:
    addresses = [f"n{n}@d{n % 97}.fr" for n in range(4_000)]
    bring(database, tmp_path, addresses)
    bring(database, tmp_path, addresses[:3_950], 20)
    assert bring(database, tmp_path, addresses[:3_900], 25).status == "applied"


@pytest.mark.parametrize("share", [0.7, 0.94], ids=["cut at 70 % between lines", "6 % fewer"])
def test_a_file_that_lost_its_end_is_held_and_can_be_applied_or_left(
    database: Database, tmp_path: Path, share: float
) -> None:
    addresses = [f"n{n}@d{n % 97}.fr" for n in range(2_000)]
    first = bring(database, tmp_path, addresses)
    report = bring(database, tmp_path, addresses[: int(2_000 * share)], 16)
    assert report.status == "held"
    assert all("\n" not in reason for reason in report.reasons)
    assert held_addresses(database) == 2_000
    assert apply_run(database, report.run_id, OPTIONS, without_removals=True).status in ("applied", "unchanged")
    assert held_addresses(database) == 2_000
    assert apply_run(database, report.run_id, OPTIONS).status == "applied"
    assert held_addresses(database) == int(2_000 * share)
    assert revert_run(database, first.run_id, OPTIONS).status == "applied"
    assert held_addresses(database) == 2_000


def test_a_file_cut_within_a_line_is_refused_in_one_line(database: Database, tmp_path: Path) -> None:
    addresses = [f"n{n}@d{n % 97}.fr" for n in range(2_000)]
    bring(database, tmp_path, addresses)
    path = write(tmp_path / "cut", columns.MAILBOX, [mailbox(address, None) for address in addresses])
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.7) - 3])
    with pytest.raises(ImportRefused, match="the last one, is cut: the file is truncated") as caught:
        import_mailboxes(database, [path], OPTIONS)
    assert "\n" not in caught.value.message
    assert held_addresses(database) == 2_000
