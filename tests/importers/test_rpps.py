"""The register's files: every anomaly of the field (numbers of DOMAIN section 9) and what becomes of it."""

from __future__ import annotations

import datetime as dt
import zipfile
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from directory.errors import ImportRefused
from directory.model import Kind, Organization, Practitioner
from directory.registry import runs
from directory.registry.database import Database
from directory.registry.source import RegistryRegister
from importers import columns
from importers.report import ImportOptions, ImportReport
from importers.rpps import import_rpps
from tests.importers.files import line, person, structure, write

OPTIONS = ImportOptions()


def bring(database: Database, *paths: Path, **options: Any) -> ImportReport:
    return import_rpps(database, paths, ImportOptions(**options))


def people(database: Database) -> dict[str, Practitioner]:
    with RegistryRegister(database.url).open() as source:
        records = source.read_range(Kind.PRACTITIONER, "", None)
        return {record.national_id: record for record in records if isinstance(record, Practitioner)}


def places(database: Database) -> dict[str, Organization]:
    with RegistryRegister(database.url).open() as source:
        records = source.read_range(Kind.ORGANIZATION, "", None)
        return {record.key: record for record in records if isinstance(record, Organization)}


def refusal(database: Database, *paths: Path) -> ImportRefused:
    with pytest.raises(ImportRefused) as caught:
        bring(database, *paths)
    assert people(database) == {}
    assert runs.list_runs(database)[0].status == "refused"
    return caught.value


def test_the_genuine_legacy_sample_imports_without_a_rejected_line(database: Database, domain: Path) -> None:
    """Anomalies 1, 10, 11, 13, 19, 27: 52 columns with a trailing bar on header and rows."""
    report = bring(database, domain / "samples" / "PS_LibreAcces_Personne_activite_2021-12_52cols.txt")
    assert report.status == "applied"
    assert report.rejected == {}
    assert report.counts["activity"]["created"] == 22
    assert len(people(database)) == 22


def test_a_trailing_empty_column_on_rows_only_is_accepted(database: Database, tmp_path: Path) -> None:
    """Anomaly 1."""
    path = write(tmp_path, columns.ACTIVITY, [person()])
    header, row = path.read_text().splitlines()
    path.write_text(f"{header}\n{row}|\n")
    assert bring(database, path).rejected == {}
    assert len(people(database)) == 1


def test_appended_columns_are_accepted_and_reported(database: Database, tmp_path: Path) -> None:
    """Anomaly 2."""
    path = write(tmp_path, columns.ACTIVITY, [person()])
    header, row = path.read_text().splitlines()
    path.write_text(f"{header}|Nouvelle colonne\n{row}|x\n")
    report = bring(database, path)
    assert any("Nouvelle colonne" in warning for warning in report.warnings)
    assert len(people(database)) == 1


def test_moved_columns_are_read_by_their_name(database: Database, tmp_path: Path) -> None:
    """Anomaly 2."""
    path = write(tmp_path, columns.ACTIVITY, [person()])
    rows = [text.split("|") for text in path.read_text().splitlines()]
    path.write_text("".join("|".join(reversed(row)) + "\n" for row in rows))
    bring(database, path)
    assert people(database)["810990000001"].family_name == "NOM1"


def test_a_renamed_column_refuses_the_file_and_is_named(database: Database, tmp_path: Path) -> None:
    """Anomaly 3."""
    path = write(tmp_path, columns.ACTIVITY, [person()])
    path.write_text(path.read_text().replace("Numéro SIRET site", "Numero SIRET site"))
    error = refusal(database, path)
    assert error.reason == "missing-column"
    assert "'Numéro SIRET site'" in error.message


def test_quotes_and_backslashes_are_data(database: Database, invented: Path) -> None:
    """Anomalies 4 and 16."""
    bring(database, invented)
    assert places(database)["C99990008700019"].name == 'OPTIQUE "LES 7*MERVEILLES"/VISION \\ SARL'


def test_mis_transcoded_control_characters_become_the_apostrophe_they_were(database: Database, invented: Path) -> None:
    """Anomaly 5."""
    bring(database, invented)
    assert places(database)["F699900049"].name == "PHARMACIE DE L’EUROPE"


def test_exact_duplicate_rows_count_once(database: Database, tmp_path: Path) -> None:
    """Anomaly 6."""
    row = person() | structure()
    report = bring(database, write(tmp_path, columns.ACTIVITY, [row, row]))
    assert report.sources[0]["duplicates"] == 1
    (exercise,) = people(database)["810990000001"].exercises
    assert len(exercise.activities) == 1


def test_a_person_with_two_professions_is_one_person_with_two_exercises(database: Database, invented: Path) -> None:
    """Anomaly 7."""
    bring(database, invented)
    exercises = people(database)["810990001041"].exercises
    assert [exercise.profession.code for exercise in exercises] == ["70", "71"]


def test_two_numbers_are_two_persons_and_never_merged(database: Database, invented: Path) -> None:
    """Anomalies 8 and 9."""
    bring(database, invented)
    assert {"810990001058", "810990001066", "810990001033", "0696099993"} <= set(people(database))


def test_a_person_without_activity_is_kept(database: Database, invented: Path) -> None:
    """Anomaly 10."""
    bring(database, invented)
    (exercise,) = people(database)["810990001074"].exercises
    assert exercise.activities == ()


def test_a_mode_without_structure_is_an_activity(database: Database, invented: Path) -> None:
    """Anomaly 11."""
    bring(database, invented)
    ((activity,),) = [exercise.activities for exercise in people(database)["0019399997"].exercises]
    assert activity.mode is not None
    assert (activity.mode.code, activity.organization) == ("S", None)


def test_a_structure_without_identifier_gets_a_key_of_its_fields(database: Database, tmp_path: Path) -> None:
    """Anomaly 12."""
    rows = [person(1) | structure(""), person(2) | structure(""), person(3) | structure("", name="AUTRE")]
    bring(database, write(tmp_path, columns.ACTIVITY, rows))
    found = places(database)
    assert len(found) == 2
    assert all(key.startswith("X") and len(key) == 17 for key in found)


def test_names_are_stored_as_received(database: Database, invented: Path) -> None:
    """Anomalies 13 to 15."""
    bring(database, invented)
    found = people(database)
    assert found["810990001124"].given_name == "jean-rené"
    assert found["810990001041"].family_name == "ŒUVRARD"


def test_a_street_type_inside_the_name_is_not_doubled(database: Database, invented: Path) -> None:
    """Anomalies 17 and 18."""
    bring(database, invented)
    assert places(database)["F699900031"].address.street == "RUE DU GENERAL LECLERC"
    assert places(database)["C99990002000010"].address.street == "P Place DU MARCHE"


@pytest.mark.parametrize(
    ("key", "city", "department"),
    [
        ("F699900031", "LA TOUR DE SALVAGNY", "69"),  # 19: town only in the last postal line
        ("C99990006100014", "Pontarlier", "25"),
        ("R10990001140001", None, None),  # 20: a foreign address
        ("R10990001132002", "Saint-Martin", "978"),  # 21: commune 97801, postal code 97150
        ("F2A9990018", "Ajaccio", "2A"),
        ("C99990003800012", "Belley", "01"),  # 23: département columns empty
    ],
)
def test_town_and_departement_are_derived(
    database: Database, invented: Path, key: str, city: str | None, department: str | None
) -> None:
    """Anomalies 19 to 23."""
    bring(database, invented)
    address = places(database)[key].address
    assert address.city == city
    assert (address.department.code if address.department else None) == department


def test_phones_are_kept_as_received(database: Database, invented: Path) -> None:
    """Anomaly 22."""
    bring(database, invented)
    assert places(database)["F699900031"].phones == ("0000",)
    assert places(database)["F699900023"].phones == ("+33400000004",)


def test_a_label_that_drifts_changes_nothing(database: Database, tmp_path: Path) -> None:
    """Anomaly 24: codes are stored."""
    rows = [person() | {"expertise_type": "S", "expertise": "SM54", "expertise_label": "Médecine Générale"}]
    bring(database, write(tmp_path, columns.ACTIVITY, rows))
    rows[0]["expertise_label"] = "Médecine générale"
    assert bring(database, write(tmp_path, columns.ACTIVITY, rows)).status == "unchanged"


def test_an_unknown_code_is_kept_with_the_label_of_the_file_and_reported(database: Database, tmp_path: Path) -> None:
    """Anomaly 25."""
    row = person() | structure(sector="SA70", sector_label="Maison de santé nouvelle")
    report = bring(database, write(tmp_path, columns.ACTIVITY, [row]))
    assert any("SA70" in warning for warning in report.warnings)
    sector = places(database)["F699900015"].sector
    assert sector is not None
    assert sector.label == "Maison de santé nouvelle"


def test_a_siret_shared_by_two_sites_leaves_two_structures(database: Database, invented: Path) -> None:
    """Anomaly 26."""
    bring(database, invented)
    found = places(database)
    assert found["F699900015"].siret == found["F699900023"].siret == "99990001200017"


def test_a_diploma_of_an_unknown_person_is_no_failure(database: Database, invented: Path) -> None:
    """Anomaly 36."""
    assert bring(database, invented).status == "applied"
    assert "810990001173" not in people(database)
    with database.reading() as connection:
        held = connection.execute(text("SELECT count(*) FROM diploma WHERE national_id = '810990001173'"))
        assert held.scalar() == 1


def test_a_row_with_nothing_but_its_key_is_accepted(database: Database, tmp_path: Path) -> None:
    """Anomaly 37."""
    row = {"identifier_type": "8", "identifier": "10990000001", "national_id": "810990000001"}
    assert bring(database, write(tmp_path, columns.ACTIVITY, [row])).rejected == {}


def test_a_file_cut_in_the_middle_of_a_line_is_refused(database: Database, tmp_path: Path) -> None:
    """Anomaly 39."""
    path = write(tmp_path, columns.ACTIVITY, [person(1), person(2)])
    path.write_bytes(path.read_bytes()[:-70])
    assert refusal(database, path).reason == "truncated"


@pytest.mark.parametrize(("content", "reason"), [(b"", "empty"), (None, "empty")], ids=["empty", "header only"])
def test_an_empty_file_is_refused(database: Database, tmp_path: Path, content: bytes | None, reason: str) -> None:
    """Anomaly 39."""
    path = write(tmp_path, columns.ACTIVITY, [])
    if content is not None:
        path.write_bytes(content)
    assert refusal(database, path).reason == reason


def test_a_zip_with_two_files_of_one_kind_is_refused(database: Database, tmp_path: Path) -> None:
    """Anomaly 39."""
    path = write(tmp_path, columns.ACTIVITY, [person()])
    archive = tmp_path / "PS_LibreAcces_202601150315.zip"
    with zipfile.ZipFile(archive, "w") as made:
        made.write(path, "a.txt")
        made.write(path, "b.txt")
    assert "a.txt and b.txt" in refusal(database, archive).message


def test_a_zip_with_a_foreign_file_is_refused(database: Database, tmp_path: Path) -> None:
    """Anomaly 39."""
    archive = tmp_path / "PS_LibreAcces_202601150315.zip"
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("lisez-moi.txt", "rien|à|voir\n1|2|3\n")
    assert refusal(database, archive).reason == "wrong-file"


def test_a_zip_of_the_three_files_is_read(database: Database, tmp_path: Path, invented: Path) -> None:
    archive = tmp_path / "PS_LibreAcces_202601150315.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        for file in invented.glob("PS_*.txt"):
            made.write(file, file.name)
    report = bring(database, archive)
    assert set(report.counts) == {"activity", "organization", "expertise", "diploma"}
    assert bring(database, invented).status == "unchanged"


def test_a_file_of_another_kind_is_refused(database: Database, invented: Path) -> None:
    path = next(invented.glob("Extraction_*"))
    assert refusal(database, path).reason == "wrong-file"


def test_broken_lines_are_quarantined_with_file_line_and_reason(database: Database, tmp_path: Path) -> None:
    """Anomaly 40: the others are imported."""
    path = write(tmp_path, columns.ACTIVITY, [person(number) for number in range(1, 6)])
    lines = path.read_bytes().splitlines()
    lines[2] = lines[2].replace(b"Jean", b"Ren\xe9")  # Latin-1
    lines[3] = lines[3].replace(b"Jean", b"Je\x00an")
    lines[4] = lines[4].replace(b"Jean", "Je\u2028an".encode())
    lines[5] = lines[5].rpartition(b"|")[0]
    path.write_bytes(b"\n".join(lines) + b"\n")
    report = bring(database, path)
    assert report.rejected == {"not UTF-8": 1, "control character": 2, "too few fields": 1}
    assert set(people(database)) == {"810990000001"}
    kept = runs.show_run(database, report.run_id).rejected_lines
    assert [(rejected.file, rejected.line) for rejected in kept] == [(path.name, number) for number in (3, 4, 5, 6)]
    assert kept[0].raw == lines[2]


def test_a_byte_order_mark_and_crlf_are_tolerated_and_reported(database: Database, tmp_path: Path) -> None:
    """Anomaly 40."""
    path = write(tmp_path, columns.ACTIVITY, [person(1), person(2)])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    report = bring(database, path)
    assert len(people(database)) == 2
    warned = " ".join(report.warnings)
    assert "begins with a byte order mark" in warned
    assert "lines end in CR LF" in warned


def test_importing_the_same_files_twice_changes_nothing(database: Database, invented: Path) -> None:
    first = bring(database, invented)
    again = bring(database, invented)
    assert (again.status, again.revision) == ("unchanged", None)
    with database.reading() as connection:
        assert connection.execute(text("SELECT revision FROM register_state")).scalar() == first.revision


def test_a_newer_file_with_nothing_new_only_moves_the_date(database: Database, tmp_path: Path) -> None:
    bring(database, write(tmp_path, columns.ACTIVITY, [person()]))
    newer = write(tmp_path / "b", columns.ACTIVITY, [person()], name="PS_LibreAcces_Personne_activite_202601160315.txt")
    report = bring(database, newer)
    assert (report.status, report.revision) == ("unchanged", 2)
    with RegistryRegister(database.url).open() as source:
        assert source.state.as_of == dt.datetime(2026, 1, 16, 3, 15, tzinfo=dt.UTC)
        assert source.changes(source.state.epoch, 1).keys == frozenset()


def test_an_absent_row_is_a_removal(database: Database, tmp_path: Path) -> None:
    bring(database, write(tmp_path, columns.ACTIVITY, [person(1) | structure(), person(2)]))
    report = bring(database, write(tmp_path, columns.ACTIVITY, [person(2)]))
    assert report.counts["activity"]["removed"] == 1
    assert set(people(database)) == {"810990000002"}
    assert places(database) == {}


def test_the_order_of_lines_does_not_matter(database: Database, tmp_path: Path, invented: Path) -> None:
    source = next(invented.glob("PS_LibreAcces_Personne*"))
    header, *rows = source.read_text("utf-8").split("\n")[:-1]
    bring(database, source)
    other = tmp_path / source.name
    other.write_text("\n".join([header, *reversed(rows)]) + "\n", "utf-8")
    assert bring(database, other).status == "unchanged"


def test_a_lone_file_leaves_the_other_sources_alone(database: Database, invented: Path) -> None:
    bring(database, invented)
    report = bring(database, next(invented.glob("PS_LibreAcces_Dipl*")))
    assert set(report.counts) == {"diploma"}
    assert len(people(database)) == 17


def test_a_dry_run_says_what_would_change_and_changes_nothing(database: Database, invented: Path) -> None:
    report = bring(database, invented, dry_run=True)
    assert (report.status, report.counts["activity"]["created"]) == ("dry-run", 17)
    assert report.samples["activity"]["created"]
    assert people(database) == {}


def test_an_older_file_is_refused_unless_asked_for(database: Database, tmp_path: Path) -> None:
    bring(database, write(tmp_path, columns.ACTIVITY, [person()]))
    older = write(tmp_path / "b", columns.ACTIVITY, [person()], name="PS_LibreAcces_Personne_activite_202601140315.txt")
    with pytest.raises(ImportRefused) as caught:
        bring(database, older)
    assert caught.value.reason == "older"
    assert bring(database, older, allow_older=True).status == "unchanged"


def test_a_missing_file_is_refused_by_name(database: Database, tmp_path: Path) -> None:
    assert "nowhere.txt" in refusal(database, tmp_path / "nowhere.txt").message


def test_the_single_table_of_before_2018_is_refused_with_advice(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "ExtractionMonotable_CAT18_ToutePopulation_201801010000.txt"
    path.write_text("Identifiant;Nom\n1;A\n")
    assert "PS_LibreAcces" in refusal(database, path).message


def test_a_line_without_key_is_quarantined(database: Database, tmp_path: Path) -> None:
    path = write(tmp_path, columns.ACTIVITY, [person(1), {"family_name": "SANS"}])
    assert bring(database, path).rejected == {"no national identifier": 1}


def test_rows_are_written_by_the_layout_of_the_official_header(domain: Path) -> None:
    for layout, name in (
        (columns.ACTIVITY, "PS_LibreAcces_Personne_activite_56"),
        (columns.DIPLOMA, "PS_LibreAcces_Dipl_AutExerc_13"),
        (columns.EXPERTISE, "PS_LibreAcces_SavoirFaire_13"),
        (columns.MAILBOX, "Extraction_Correspondance_MSSante_31"),
    ):
        header = (domain / "headers" / f"{name}.header.txt").read_text("utf-8").rstrip("\n")
        assert header == "|".join(layout.columns.values())
        assert line(layout, {}).count("|") == header.count("|")
