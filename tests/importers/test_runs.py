"""Rails, held runs, reverts, crashes and rivals: what stands between a bad file and the register."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from directory.errors import ImportRefused, InvalidInput
from directory.model import Kind, Mailbox, Record
from directory.registry import runs
from directory.registry.database import Database
from directory.registry.source import RegistryRegister
from importers import columns
from importers.mailboxes import import_mailboxes
from importers.report import ImportOptions
from importers.rpps import import_rpps
from importers.runs import apply_run, revert_run
from tests.importers.files import mailbox, person, structure, write

OPTIONS = ImportOptions()
_COUNT = 400


def addresses(database: Database) -> set[str]:
    with database.reading() as connection:
        return {row[0] for row in connection.execute(text("SELECT address FROM mailbox"))}


def many(folder: Path, numbers: range, name: str | None = None) -> Path:
    rows = [mailbox(f"n{number}@x.mssante.fr", number) for number in numbers]
    return write(folder, columns.MAILBOX, rows, name=name)


def test_too_many_removals_are_held_and_yesterday_stays(database: Database, tmp_path: Path) -> None:
    import_mailboxes(database, [many(tmp_path / "a", range(_COUNT))], OPTIONS)
    report = import_mailboxes(database, [many(tmp_path / "b", range(40, _COUNT))], OPTIONS)
    assert report.status == "held"
    assert any("remove 40 of 400 mailboxes" in reason for reason in report.reasons)
    assert len(addresses(database)) == _COUNT


def test_a_held_run_can_be_applied_with_or_without_its_removals(database: Database, tmp_path: Path) -> None:
    import_mailboxes(database, [many(tmp_path / "a", range(_COUNT))], OPTIONS)
    first = import_mailboxes(database, [many(tmp_path / "b", range(40, _COUNT + 5))], OPTIONS)
    assert first.status == "held"
    partly = apply_run(database, first.run_id, OPTIONS, without_removals=True)
    assert (partly.status, len(addresses(database))) == ("applied", _COUNT + 5)
    wholly = apply_run(database, first.run_id, OPTIONS)
    assert (wholly.status, len(addresses(database))) == ("applied", _COUNT - 35)


def test_a_held_run_whose_file_has_changed_is_refused(database: Database, tmp_path: Path) -> None:
    import_mailboxes(database, [many(tmp_path / "a", range(_COUNT))], OPTIONS)
    path = many(tmp_path / "b", range(40, _COUNT))
    held = import_mailboxes(database, [path], OPTIONS)
    many(tmp_path / "b", range(100, _COUNT))
    with pytest.raises(ImportRefused) as caught:
        apply_run(database, held.run_id, OPTIONS)
    assert caught.value.reason == "plan-changed"
    assert len(addresses(database)) == _COUNT


def test_only_a_held_run_can_be_applied(database: Database, tmp_path: Path) -> None:
    done = import_mailboxes(database, [many(tmp_path / "a", range(5))], OPTIONS)
    with pytest.raises(InvalidInput, match="not held"):
        apply_run(database, done.run_id, OPTIONS)


def test_a_shrunken_file_is_held_even_when_little_is_removed(database: Database, tmp_path: Path) -> None:
    import_mailboxes(database, [many(tmp_path / "a", range(2000))], OPTIONS)
    report = import_mailboxes(database, [many(tmp_path / "b", range(60, 2000))], OPTIONS)
    assert report.status == "held"
    assert any("the mailbox file has 1940 rows, the last one had 2000" in reason for reason in report.reasons)


def test_too_many_rejected_lines_are_held(database: Database, tmp_path: Path) -> None:
    import_mailboxes(database, [many(tmp_path / "a", range(_COUNT))], OPTIONS)
    path = many(tmp_path / "b", range(_COUNT))
    path.write_text(path.read_text() + "PER|nonsense\n" * 30)
    report = import_mailboxes(database, [path], OPTIONS)
    assert report.status == "held"
    assert any("30 of 430 lines were rejected" in reason for reason in report.reasons)


def test_a_run_can_be_reverted_to(database: Database, tmp_path: Path) -> None:
    first = import_mailboxes(database, [many(tmp_path / "a", range(10))], OPTIONS)
    later = "Extraction_Correspondance_MSSante_202601160315.txt"
    import_mailboxes(database, [many(tmp_path / "b", range(5, 15), later)], OPTIONS)
    back = revert_run(database, first.run_id, OPTIONS)
    assert back.status == "applied"
    assert back.revision == 3
    assert addresses(database) == {f"n{number}@x.mssante.fr" for number in range(10)}


_IMPORT = """
import sys
from pathlib import Path
from directory.registry import loading
from directory.registry.database import connect
from importers.mailboxes import import_mailboxes
from importers.report import ImportOptions
merge = loading.Merge.merge
def slow(self, plans, **more):
    merge(self, plans, **more)
    print("merged", flush=True)
    sys.stdin.readline()
loading.Merge.merge = slow
report = import_mailboxes(connect(sys.argv[1]), [Path(sys.argv[2])], ImportOptions())
print(report.status, flush=True)
"""


def _paused_import(database: Database, path: Path) -> subprocess.Popen[bytes]:
    """An import that has merged everything and waits before its commit."""
    process = subprocess.Popen(
        [sys.executable, "-c", _IMPORT, database.url, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"merged\n"
    return process


def test_an_import_killed_before_its_commit_leaves_yesterday_and_the_next_just_works(
    database: Database, tmp_path: Path
) -> None:
    import_mailboxes(database, [many(tmp_path / "a", range(10))], OPTIONS)
    path = many(tmp_path / "b", range(5, 15))
    process = _paused_import(database, path)
    process.kill()
    process.wait()
    assert addresses(database) == {f"n{number}@x.mssante.fr" for number in range(10)}
    deadline = time.monotonic() + 10
    while True:
        try:
            report = import_mailboxes(database, [path], OPTIONS)
            break
        except ImportRefused:
            # The server notices a moment later that the killed import's connection is gone.
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert report.status == "applied"
    assert addresses(database) == {f"n{number}@x.mssante.fr" for number in range(5, 15)}
    statuses = [run.status for run in runs.list_runs(database)]
    assert statuses.count("failed") == 1
    assert "running" not in statuses


def test_what_was_applied_stays_applied_when_it_is_interrupted_after_its_commit(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(**_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("importers.pipeline.ImportReport", interrupted)
    with pytest.raises(KeyboardInterrupt):
        import_mailboxes(database, [many(tmp_path / "a", range(10))], OPTIONS)
    [run] = runs.list_runs(database)
    assert (run.status, run.revision) == ("applied", 1)
    assert len(addresses(database)) == 10


def test_a_second_import_is_refused_at_once(database: Database, tmp_path: Path) -> None:
    process = _paused_import(database, many(tmp_path / "a", range(10)))
    with pytest.raises(ImportRefused) as caught:
        import_mailboxes(database, [many(tmp_path / "b", range(3))], OPTIONS)
    assert caught.value.reason == "already-running"
    out, _ = process.communicate(b"\n", timeout=30)
    assert out == b"applied\n"
    assert len(addresses(database)) == 10


def _undated(record: Record) -> Record:
    return record if isinstance(record, Mailbox) else dataclasses.replace(record, modified_at=None)


def _tables(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Everything the register says, without when it was said."""
    found: dict[str, list[tuple[object, ...]]] = {}
    with RegistryRegister(database.url).open() as source:
        for kind in (Kind.PRACTITIONER, Kind.ORGANIZATION):
            records = source.read_range(kind, "", None)
            found[kind] = [(repr(_undated(record)),) for record in records]
    with database.reading() as connection:
        for table in ("digest", "mailbox_holder", "expertise", "activity"):
            rows = connection.execute(text(f"SELECT * FROM {table}"))
            found[table] = sorted(tuple(map(str, row)) for row in rows)
    return found


_ROWS = st.lists(
    st.builds(
        lambda number, key, family, mode: (
            person(number, family_name=family) | structure(f"F69990001{key}", practice_mode=mode, name=f"CH {key}")
        ),
        st.integers(1, 6),
        st.integers(1, 3),
        st.sampled_from(["DUPONT", "D'ARVILLE", "LE*GALL", "ÉLIE\\"]),
        st.sampled_from(["S", "L", ""]),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=_ROWS, second=_ROWS)
def test_going_from_one_file_to_another_and_back_returns_to_the_first_state(
    database: Database, tmp_path: Path, first: list[dict[str, str]], second: list[dict[str, str]]
) -> None:
    options = ImportOptions(guards=False)
    import_rpps(database, [write(tmp_path / "a", columns.ACTIVITY, first)], options)
    before = _tables(database)
    import_rpps(database, [write(tmp_path / "b", columns.ACTIVITY, second)], options)
    again = import_rpps(database, [write(tmp_path / "b", columns.ACTIVITY, list(reversed(second)))], options)
    assert again.status == "unchanged"  # what was applied is what is planned from
    import_rpps(database, [write(tmp_path / "a", columns.ACTIVITY, first)], options)
    assert _tables(database) == before
