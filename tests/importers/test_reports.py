"""The report of a run: all that was done and not done, exact, as JSON and as a page that stands alone."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from api.web.run_pages import run_page
from directory.registry import runs
from directory.registry.database import Database
from directory.registry.reports import report
from importers import columns
from importers.mailboxes import import_mailboxes
from importers.report import ImportOptions, ImportReport
from importers.rpps import import_rpps
from importers.runs import apply_run
from importers.synthetic import generate
from tests.importers.files import mailbox, person, structure, write

OPTIONS = ImportOptions()


def bring(database: Database, folder: Path, day: int, people: list[dict[str, str]]) -> ImportReport:
    name = f"PS_LibreAcces_Personne_activite_202601{day}0315.txt"
    return import_rpps(database, [write(folder / str(day), columns.ACTIVITY, people, name=name)], OPTIONS)


def bring_mailboxes(database: Database, folder: Path, day: int, addresses: list[str]) -> ImportReport:
    name = f"Extraction_Correspondance_MSSante_202601{day}0315.txt"
    rows = [mailbox(address, None) for address in addresses]
    return import_mailboxes(database, [write(folder / str(day), columns.MAILBOX, rows, name=name)], OPTIONS)


def test_the_generators_manifest_is_the_report_to_the_unit(database: Database, tmp_path: Path) -> None:
    for day in (1, 2):
        folder = tmp_path / str(day)
        told = generate(folder, professionals=1500, day=day, changes=True).as_json()
        number = {"rpps": import_rpps(database, [folder], OPTIONS).run_id}
        number["mailboxes"] = import_mailboxes(database, [folder], OPTIONS).run_id
        found = {kind: report(database, run) for kind, run in number.items()}
        assert {one["status"] for one in found.values()} == {"applied"}
        assert found["rpps"]["rejected"] | found["mailboxes"]["rejected"] == told["rejected"]
        records = found["rpps"]["records"] | found["mailboxes"]["records"]
        verbs = ("created", "changed", "removed")
        if day == 1:
            created = {kind: records[kind]["created"] for kind in told["records"]}
            assert created == told["records"]
        else:
            assert {kind: {verb: records[kind][verb] for verb in verbs} for kind in told["changes"]} == told["changes"]


def test_changes_are_told_by_profession_and_departement(database: Database, tmp_path: Path) -> None:
    lyon, marseille = structure(), structure("F130000015", commune="13055", postal_code="13001")
    bring(database, tmp_path, 15, [person(n) | lyon for n in range(9)] + [person(20) | marseille])
    midwife = {"profession": "50", "profession_label": "Sage-Femme"}
    people = [person(n) | lyon for n in range(2, 9)] + [person(20, family_name="AUTRE") | marseille]
    run = bring(database, tmp_path, 16, [*people, person(30, **midwife) | lyon]).run_id
    told = report(database, run)["changes"]["activity"]
    assert told["profession"] == [
        {"code": "10", "label": "Médecin", "created": 0, "changed": 1, "removed": 2},
        {"code": "50", "label": "Sage-Femme", "created": 1, "changed": 0, "removed": 0},
    ]
    assert [(one["code"], one["created"], one["changed"], one["removed"]) for one in told["department"]] == [
        ("69", 1, 0, 2),
        ("13", 0, 1, 0),
    ]


def test_addresses_that_moved_are_told_from_domain_to_domain(database: Database, tmp_path: Path) -> None:
    bring_mailboxes(database, tmp_path, 15, [f"n{n}@ancien.mssante.fr" for n in range(5)])
    run = bring_mailboxes(database, tmp_path, 16, [f"n{n}@nouveau.mssante.fr" for n in range(3)])
    found = report(database, run.run_id)
    assert [(one["from"], one["to"], one["addresses"]) for one in found["moves"]] == [
        ("ancien.mssante.fr", "nouveau.mssante.fr", 3)
    ]
    assert [(one["created"], one["removed"]) for one in found["nights"]] == [(5, 0), (3, 5)]
    assert {"checking", "merging"} <= found["durations_s"].keys()


def test_a_held_run_says_why_and_what_to_do_and_its_remedy_works(database: Database, tmp_path: Path) -> None:
    bring_mailboxes(database, tmp_path, 15, [f"n{n}@un.mssante.fr" for n in range(100)])
    run = bring_mailboxes(database, tmp_path, 16, [f"n{n}@un.mssante.fr" for n in range(60)]).run_id
    verdict = report(database, run)["verdicts"][0]
    assert verdict["reason"].startswith("it would remove 40 of 100 mailboxes")
    assert verdict["reason_fr"].startswith("il supprimerait 40 boîtes aux lettres sur 100")
    assert f"annuaire runs apply {run}" in verdict["remedies"]
    apply_run(database, run, OPTIONS)
    assert report(database, run + 1)["of_run"] == run


@pytest.mark.parametrize(
    ("broken", "reason", "column"),
    [
        (mailbox("nul part", None), "malformed address", "Adresse BAL"),
        (mailbox("a@b.mssante.fr", None, kind="XYZ"), "unknown mailbox type", "Type de BAL"),
        (mailbox("a@b.mssante.fr", None, service="un\x07deux"), "control character", "Service de rattachement"),
        (mailbox("a@b.mssante.fr", None, service="un|deux|trois"), "too many fields", ""),
    ],
)
def test_a_rejected_line_names_the_column_at_fault(
    database: Database, tmp_path: Path, broken: dict[str, str], reason: str, column: str
) -> None:
    path = write(tmp_path, columns.MAILBOX, [mailbox("bon@b.mssante.fr", None), broken])
    run = import_mailboxes(database, [path], OPTIONS).run_id
    (line,) = runs.show_run(database, run).rejected_lines
    assert (line.line, line.reason, line.column) == (3, reason, column)


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[tuple[str, str | None]] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [(name, value) for name, value in attrs if name in ("src", "srcset", "data", "style")]
        self.fetched += [("link", tag)] if tag in ("link", "script", "iframe") else []


@pytest.mark.parametrize(
    ("language", "words", "stage"), [("fr", "Lignes rejetées", "lecture"), ("en", "Rejected lines", "reading")]
)
def test_the_page_stands_alone_and_escapes_what_was_read(
    database: Database, tmp_path: Path, language: str, words: str, stage: str
) -> None:
    hostile = mailbox("<script>alert(1)</script>", None)
    path = write(tmp_path, columns.MAILBOX, [mailbox("bon@b.mssante.fr", None), hostile])
    told: dict[str, Any] = report(database, import_mailboxes(database, [path], OPTIONS).run_id)
    text = run_page(told, language)
    page = _Page(text)
    assert page.fetched == []
    assert page.tags.count("svg") >= 4
    assert words in text
    assert re.search(rf">{stage} Extraction_", text)
    assert "url(" not in text
    assert "&lt;script&gt;" in text
