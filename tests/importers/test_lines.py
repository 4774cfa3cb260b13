"""Lines looked at without being parsed: their digests, and which of them are read when."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from directory.errors import ImportRefused
from directory.registry.database import Database
from importers import columns, extract, lines
from importers.digests import row_digests, summed
from importers.extract import LineReader
from importers.lines import Lines, scan
from importers.mailboxes import import_mailboxes
from importers.report import ImportOptions, ImportReport
from importers.rpps import import_rpps
from tests.importers.files import mailbox, person, structure, write


def scanned(path: Path) -> Lines:
    (found,) = extract.find([path], [columns.ACTIVITY])
    return scan(found, "national_id")


def people(*numbers: int) -> list[dict[str, str]]:
    return [person(number) | structure() for number in numbers]


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the lines that were parsed."""
    seen: list[int] = []
    batch = LineReader.batch

    def watched(self: LineReader, lines: Any, numbers: Any, **known: Any) -> Any:
        seen.extend(numbers)
        return batch(self, lines, numbers, **known)

    monkeypatch.setattr(LineReader, "batch", watched)
    return seen


def bring(database: Database, path: Path, **options: Any) -> ImportReport:
    return import_rpps(database, [path], ImportOptions(guards=False, **options))


def test_digests_are_the_same_on_every_machine_and_with_every_library(tmp_path: Path) -> None:
    """Written down once: where they differ, every register would be read anew, or worse."""
    found = scanned(write(tmp_path, columns.ACTIVITY, people(1, 1, 2))).per_key().sort("key")
    assert found.rows() == GOLDEN


GOLDEN = [("810990000001", 7653660469414087714), ("810990000002", 8030572947260628352)]


def test_lines_of_a_key_add_up_alike_together_and_apart(tmp_path: Path) -> None:
    together = scanned(write(tmp_path, columns.ACTIVITY, people(1, 1, 2, 3)))
    apart = scanned(write(tmp_path, columns.ACTIVITY, people(1, 2, 3, 1)))
    assert apart.per_key().sort("key").equals(together.per_key().sort("key"))


def test_digests_of_rows_are_the_same_as_well() -> None:
    frame = pl.DataFrame({"a": ["é", "x"], "b": ["", "y"]})
    assert [digest.to_list() for digest in row_digests(frame, ["a", "b"])] == [
        [5391064507217818237, 474956237504970991],
        [-8825632971637831333, -7942940465365648606],
    ]


def test_sums_wrap_at_64_bits_and_count_every_line() -> None:
    whole = 2**64 - 1
    frame = pl.DataFrame({"key": ["a", "a", "b"], "raw": pl.Series([whole, 3, whole], dtype=pl.UInt64)})
    assert dict(summed(frame).iter_rows()) == {"a": 2, "b": -1}


def test_lines_of_one_key_come_together_wherever_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "BLOCK_BYTES", 300)
    found = scanned(write(tmp_path, columns.ACTIVITY, people(1, 2, 3, 1, 4, 2, 1)))
    batches = list(found.batches(pl.Series(range(7)), lambda _: None))
    assert len(batches) > 1
    assert batches[0].frame["line"].to_list()[:3] == [2, 5, 8]
    keys = [set(batch.frame["national_id"]) for batch in batches]
    assert sum(map(len, keys)) == len(set().union(*keys)) == 4


def test_lines_in_a_zip_are_read_at_their_places_as_well(tmp_path: Path) -> None:
    path = write(tmp_path, columns.ACTIVITY, people(1, 2, 3))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(path, path.name)
    (batch,) = scanned(tmp_path / "a.zip").batches(pl.Series([2, 0]), lambda _: None)
    assert batch.frame["national_id"].to_list() == ["810990000001", "810990000003"]


def test_only_lines_of_changed_records_are_parsed(database: Database, tmp_path: Path, parsed: list[int]) -> None:
    rows = [person(number) | structure(f"F69990001{number}") for number in range(1, 6)]
    bring(database, write(tmp_path, columns.ACTIVITY, rows))
    parsed.clear()
    rows[2]["family_name"] = "AUTRE"
    report = bring(database, write(tmp_path, columns.ACTIVITY, rows))
    assert set(parsed) == {4}
    assert report.counts["activity"] == {"created": 0, "changed": 1, "removed": 0, "unchanged": 4}
    assert report.counts["organization"]["unchanged"] == 5


def test_unchanged_lines_are_parsed_where_a_colleagues_line_speaks_of_the_same_structure(
    database: Database, tmp_path: Path
) -> None:
    """What most lines say of a structure holds, also when only one of the lines has changed."""
    rows = [person(number) | structure(name="CH DE LA MAJORITE") for number in (1, 2, 3)]
    bring(database, write(tmp_path, columns.ACTIVITY, rows))
    rows[0] |= {"name": "CH AUTREMENT", "family_name": "AUTRE"}
    report = bring(database, write(tmp_path, columns.ACTIVITY, rows))
    assert report.counts["organization"] == {"created": 0, "changed": 0, "removed": 0, "unchanged": 1}
    rows[1]["name"] = "CH AUTREMENT"
    report = bring(database, write(tmp_path, columns.ACTIVITY, rows))
    assert report.counts["organization"]["changed"] == 1


def test_a_broken_line_is_quarantined_every_night(database: Database, tmp_path: Path) -> None:
    path = write(tmp_path, columns.MAILBOX, [mailbox("a@x.mssante.fr"), mailbox("sans-arobase", 2)])
    first = import_mailboxes(database, [path], ImportOptions())
    again = import_mailboxes(database, [path], ImportOptions())
    assert first.rejected == again.rejected == {"malformed address": 1}
    assert (again.status, again.counts["mailbox"]["unchanged"]) == ("unchanged", 1)


def test_a_record_whose_lines_break_is_removed(database: Database, tmp_path: Path) -> None:
    path = write(tmp_path, columns.ACTIVITY, people(1, 2))
    bring(database, path)
    path.write_bytes(path.read_bytes().replace(b"NOM2", b"NOM\xe92"))
    report = bring(database, path)
    assert report.rejected == {"not UTF-8": 1}
    assert report.counts["activity"] == {"created": 0, "changed": 0, "removed": 1, "unchanged": 1}


def test_another_order_of_columns_is_read_anew_and_changes_nothing(
    database: Database, tmp_path: Path, parsed: list[int]
) -> None:
    path = write(tmp_path, columns.ACTIVITY, people(1, 2))
    bring(database, path)
    rows = [text.split("|") for text in path.read_text().splitlines()]
    path.write_text("".join("|".join(reversed(row)) + "\n" for row in rows))
    parsed.clear()
    assert bring(database, path).status == "unchanged"
    assert set(parsed) == {2, 3}
    parsed.clear()
    assert bring(database, path).status == "unchanged"
    assert parsed == []


def test_a_line_more_of_the_same_is_a_duplicate_and_changes_nothing(database: Database, tmp_path: Path) -> None:
    bring(database, write(tmp_path, columns.ACTIVITY, people(1, 2, 2)))
    report = bring(database, write(tmp_path, columns.ACTIVITY, people(1, 1, 2)))
    assert report.status == "unchanged"
    assert report.sources[0]["duplicates"] == 1


def test_identifiers_that_fail_their_check_are_counted_and_kept(database: Database, tmp_path: Path) -> None:
    good = person() | {"identifier": "10106476764", "national_id": "810106476764"} | structure("F010000024")
    report = bring(database, write(tmp_path, columns.ACTIVITY, [good, person(7) | structure("F699900016")]))
    assert [warning for warning in report.warnings if "fail their check" in warning] == [
        "1 FINESS numbers of new or changed lines fail their check, kept as they are: 699900016",
        "1 RPPS numbers of new or changed lines fail their check, kept as they are: 10990000007",
    ]
    assert report.counts["activity"]["created"] == 2


def test_a_file_that_is_written_to_while_it_is_read_is_refused(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, columns.ACTIVITY, people(1, 2))
    batch = LineReader.batch

    def meddled(self: LineReader, lines: Any, numbers: Any, **known: Any) -> Any:
        path.write_bytes(path.read_bytes() + b"more")
        return batch(self, lines, numbers, **known)

    monkeypatch.setattr(LineReader, "batch", meddled)
    with pytest.raises(ImportRefused, match="has changed while it was read"):
        bring(database, path)
