"""The invented country: official formats, real frequencies, the same for the same seed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from directory.identifiers import check_person, finess_ok, siret_ok
from directory.registry.database import Database
from importers.mailboxes import import_mailboxes
from importers.report import ImportOptions
from importers.rpps import import_rpps
from importers.synthetic import Manifest, generate
from importers.synthetic.people import person
from importers.trusted_domains import import_trusted_domains


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    folder = tmp_path_factory.mktemp("country")
    return folder, generate(folder, professionals=1500)


def rows(folder: Path, manifest: Manifest, kind: str) -> list[list[str]]:
    lines = (folder / manifest.files[kind]).read_bytes().split(b"\n")[1:-1]
    return [line.decode("utf-8", "replace").split("|") for line in lines]


def test_the_same_seed_writes_the_same_bytes(country: tuple[Path, Manifest], tmp_path: Path) -> None:
    folder, manifest = country
    assert generate(tmp_path, professionals=1500) == manifest
    for name in manifest.files.values():
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_another_seed_is_another_country(country: tuple[Path, Manifest], tmp_path: Path) -> None:
    _, manifest = country
    other = generate(tmp_path, professionals=1500, seed=2)
    assert rows(tmp_path, other, "activity") != rows(country[0], manifest, "activity")


def test_identifiers_pass_their_checks(country: tuple[Path, Manifest]) -> None:
    for row in rows(*country, "activity"):
        assert check_person(row[0], row[1]), row[:3]
        assert row[2] == row[0] + row[1]
        assert not row[19] or siret_ok(row[19])
        assert not row[21] or finess_ok(row[21])


def test_professions_and_names_are_as_frequent_as_in_reality() -> None:
    people = [person(1, number) for number in range(4000)]
    professions = Counter(one.profession[0] for one in people)
    assert 0.33 < professions["60"] / 4000 < 0.39
    assert 0.14 < professions["10"] / 4000 < 0.18
    names = Counter(one.family_name for one in people)
    assert "MARTIN" in [name for name, _ in names.most_common(6)]
    assert 0.02 < sum("-" in one.family_name for one in people) / 4000 < 0.06


def test_it_imports_as_its_manifest_says(country: tuple[Path, Manifest], database: Database) -> None:
    folder, manifest = country
    options = ImportOptions(whitelist_ca_file=folder / "whitelist-ca.pem")
    register = import_rpps(database, [folder], options)
    mailboxes = import_mailboxes(database, [folder], options)
    domains = import_trusted_domains(database, [folder], options)
    assert register.rejected == {}
    assert dict(mailboxes.rejected) == manifest.rejected
    assert register.counts["activity"]["created"] == manifest.records["activity"]
    assert register.counts["organization"]["created"] == manifest.records["organization"]
    assert mailboxes.counts["mailbox"]["created"] == manifest.records["mailbox"]
    assert domains.status == "applied"


def test_the_next_day_differs_by_a_few_rows_in_a_thousand(country: tuple[Path, Manifest], tmp_path: Path) -> None:
    folder, manifest = country
    following = generate(tmp_path, professionals=1500, day=2)
    before = Counter(map(tuple, rows(folder, manifest, "activity")))
    after = Counter(map(tuple, rows(tmp_path, following, "activity")))
    changed = sum(((before - after) + (after - before)).values())
    assert 0 < changed < 0.02 * sum(before.values())


def test_a_night_changes_exactly_what_the_manifest_says(tmp_path: Path, database: Database) -> None:
    """Counted by who invents the country, row by row of both days, and by who imports it."""
    for day in (1, 2):
        generate(tmp_path / str(day), professionals=4_000, day=day, changes=True)
    manifest = generate(tmp_path / "3", professionals=4_000, day=3, changes=True)
    options = ImportOptions(guards=False)
    for name in ("1", "2", "3"):
        register = import_rpps(database, [tmp_path / name], options)
        mailboxes = import_mailboxes(database, [tmp_path / name], options)
    counted = {**register.counts, **mailboxes.counts}
    verbs = ("created", "changed", "removed")
    assert {kind: {verb: counts[verb] for verb in verbs} for kind, counts in counted.items()} == manifest.changes
    assert {**register.rejected, **mailboxes.rejected} == manifest.rejected
    assert all(any(manifest.changes[kind].values()) for kind in ("activity", "organization", "mailbox"))
