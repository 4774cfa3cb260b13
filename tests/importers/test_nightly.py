"""A night: what is new is imported, what is not costs nothing, and what goes wrong is told and leaves the rest alone."""

from __future__ import annotations

import datetime as dt
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message

from directory.errors import InvalidInput
from directory.registry.database import Database
from directory.registry.status import counts, state_of
from directory.settings import Settings
from importers import columns
from importers.nightly.night import Night, Outcome, run_night, sources_of
from importers.nightly.notices import notices, tell
from importers.report import ImportOptions
from importers.runs import apply_run, revert_run
from tests.importers.files import mailbox, person, write

NOW = dt.datetime.now(dt.UTC)


def days_ago(days: int) -> str:
    return f"{NOW - dt.timedelta(days=days):%Y%m%d%H%M}"


def published(folder: Path, days: int, numbers: range) -> None:
    """A delivery of the register and of the mailboxes, made some days ago."""
    stamp = days_ago(days)
    write(folder, columns.ACTIVITY, [person(n) for n in numbers], name=f"PS_LibreAcces_Personne_activite_{stamp}.txt")
    rows = [mailbox(f"n{n}@medecin.mssante.fr", n) for n in numbers]
    write(folder, columns.MAILBOX, rows, name=f"Extraction_Correspondance_MSSante_{stamp}.txt")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    source = str(tmp_path / "source")
    return Settings(data_dir=tmp_path / "data", rpps_source=source, mailboxes_source=source, spool_kept=2)


def night(database: Database, settings: Settings, **more: Any) -> dict[str, str]:
    return statuses(run_night(database, settings, sources_of(settings), **more))


def statuses(found: Night) -> dict[str, str]:
    return {outcome.kind: outcome.status for outcome in found.outcomes}


def test_a_night_imports_what_is_new_and_the_next_one_nothing(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    published(tmp_path / "source", 1, range(30))
    assert night(database, settings) == {"rpps": "applied", "mailboxes": "applied"}
    assert (counts(database)["practitioner"], counts(database)["mailbox"]) == (30, 30)
    revision = state_of(database).revision
    assert night(database, settings) == {"rpps": "up-to-date", "mailboxes": "up-to-date"}
    assert state_of(database).revision == revision
    published(tmp_path / "source", 0, range(31))
    assert night(database, settings) == {"rpps": "applied", "mailboxes": "applied"}
    assert counts(database)["mailbox"] == 31


def test_one_bad_file_leaves_the_other_kinds_alone(database: Database, settings: Settings, tmp_path: Path) -> None:
    published(tmp_path / "source", 1, range(30))
    file = next((tmp_path / "source").glob("PS_*"))
    file.write_bytes(file.read_bytes()[:-40])
    found = run_night(database, settings, sources_of(settings))
    assert statuses(found) == {"rpps": "failed", "mailboxes": "applied"}
    assert found.status == "failed"
    assert "the file is truncated" in found.outcomes[0].reasons[0]


def test_a_held_night_is_not_imported_again_and_waits_for_its_remedy(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    published(tmp_path / "source", 2, range(400))
    night(database, settings)
    published(tmp_path / "source", 1, range(40, 400))
    first = run_night(database, settings, sources_of(settings))
    assert (first.status, statuses(first)) == ("held", {"rpps": "held", "mailboxes": "held"})
    again = run_night(database, settings, sources_of(settings))
    assert [one.run_id for one in again.outcomes] == [one.run_id for one in first.outcomes]
    assert f"annuaire runs apply {first.outcomes[0].run_id}" in again.outcomes[0].reasons[-1]
    assert counts(database)["mailbox"] == 400
    for outcome in again.outcomes:
        assert outcome.run_id is not None
        apply_run(database, outcome.run_id, ImportOptions())
    assert counts(database)["mailbox"] == 360
    assert night(database, settings) == {"rpps": "up-to-date", "mailboxes": "up-to-date"}


def test_a_kept_night_can_be_returned_to_when_its_source_has_moved_on(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    published(tmp_path / "source", 2, range(30))
    first = run_night(database, settings, sources_of(settings))
    for file in (tmp_path / "source").iterdir():
        file.unlink()
    published(tmp_path / "source", 1, range(31))
    night(database, settings)
    run_id = first.outcomes[1].run_id
    assert run_id is not None
    revert_run(database, run_id, ImportOptions())
    assert counts(database)["mailbox"] == 30


def test_only_the_last_deliveries_are_kept(database: Database, settings: Settings, tmp_path: Path) -> None:
    for days in (4, 3, 2, 1):
        published(tmp_path / "source", days, range(30 + days))
        night(database, settings)
    kept = {file.name for file in (settings.spool_path / "mailboxes").glob("*.txt")}
    assert kept == {f"Extraction_Correspondance_MSSante_{days_ago(days)}.txt" for days in (1, 2)}


def test_a_dry_run_changes_nothing(database: Database, settings: Settings, tmp_path: Path) -> None:
    published(tmp_path / "source", 1, range(30))
    assert night(database, settings, dry_run=True) == {"rpps": "dry-run", "mailboxes": "dry-run"}
    assert counts(database)["mailbox"] == 0


def test_a_source_that_is_not_set_is_asked_for_by_name(settings: Settings) -> None:
    with pytest.raises(InvalidInput, match="ANNUAIRE_TRUSTED_DOMAINS_SOURCE"):
        sources_of(settings, ["trusted-domains"])
    with pytest.raises(InvalidInput, match="ANNUAIRE_RPPS_SOURCE or"):
        sources_of(Settings(data_dir=settings.data_dir, rpps_source=None, mailboxes_source=None))


def test_an_old_file_is_late(database: Database, settings: Settings, tmp_path: Path) -> None:
    published(tmp_path / "source", 11, range(30))
    found = run_night(database, settings, sources_of(settings))
    assert [outcome.late for outcome in found.outcomes] == [True, True]


# -- notices -----------------------------------------------------------------------------------------------------------


def a_night(status: str, *, late: bool = False) -> Night:
    outcome = Outcome(kind="mailboxes", status=status, files=["a.txt"], as_of=NOW, run_id=7, reasons=["why"], late=late)
    return Night(started_at=NOW, finished_at=NOW, outcomes=[outcome])


@pytest.mark.parametrize(
    ("before", "status", "late", "events"),
    [
        ("", "applied", False, []),
        ("applied", "up-to-date", False, []),
        ("applied", "held", False, ["held"]),
        ("held", "held", False, ["held"]),
        ("applied", "failed", False, ["failed"]),
        ("applied", "up-to-date", True, ["late"]),
        ("failed", "applied", False, ["recovered"]),
        ("late", "applied", False, ["recovered"]),
    ],
)
def test_what_is_told_of_a_night(before: str, status: str, late: bool, events: list[str]) -> None:
    found = notices(a_night(status, late=late), {"mailboxes": before})
    assert [notice.event for notice in found] == events


@contextmanager
def mail_server() -> Iterator[tuple[str, list[EmailMessage]]]:
    received: list[Any] = []

    class Keep(Message):
        def handle_message(self, message: Any) -> None:
            received.append(message)

    with socket.create_server(("127.0.0.1", 0)) as free:  # the controller wants to know its port beforehand
        port = free.getsockname()[1]
    server = Controller(Keep(), hostname="127.0.0.1", port=port)
    server.start()
    try:
        yield f"127.0.0.1:{port}", received
    finally:
        server.stop()


@contextmanager
def webhook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    received: list[dict[str, Any]] = []

    class Keep(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

    server = HTTPServer(("127.0.0.1", 0), Keep)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", received
    finally:
        server.shutdown()
        server.server_close()


def test_a_held_night_is_told_by_mail_and_webhook_and_told_again_when_it_is_well(tmp_path: Path) -> None:
    with mail_server() as (smtp, mails), webhook() as (address, posts):
        settings = Settings(
            data_dir=tmp_path,
            notice_webhook=address,
            notice_mail="gestion@exemple.fr, garde@exemple.fr",
            notice_from="annuaire@exemple.fr",
            smtp_server=smtp,
        )
        settings.spool_path.mkdir()
        for status in ("held", "applied", "applied"):
            tell(settings, a_night(status))
    subjects = [mail["Subject"] for mail in mails]
    assert subjects == ["[annuaire] mailboxes: held for a decision", "[annuaire] mailboxes: well again"]
    assert mails[0]["To"] == "gestion@exemple.fr, garde@exemple.fr"
    text = mails[0].get_payload(decode=True).decode("utf-8")  # type: ignore[union-attr]
    assert "annuaire runs apply 7" in text
    assert "why" in text
    assert [[one["event"] for one in post["notices"]] for post in posts] == [["held"], ["recovered"]]


def test_a_notice_that_cannot_be_sent_is_logged_and_the_other_way_is_tried(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with webhook() as (address, posts):
        settings = Settings(
            data_dir=tmp_path, notice_webhook=address, notice_mail="a@exemple.fr", smtp_server="127.0.0.1:1"
        )
        settings.spool_path.mkdir()
        tell(settings, a_night("failed"))
    assert len(posts) == 1
    assert "no notice" in caplog.text
