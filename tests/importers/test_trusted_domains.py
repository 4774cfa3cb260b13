"""The signed white list: what is believed, what is refused and why, and what the register makes of it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from directory.errors import ImportRefused
from directory.registry.database import Database
from importers.report import ImportOptions, ImportReport
from importers.trusted_domains import import_trusted_domains
from importers.white_list import Trust, parse_operator, read_white_list
from importers.white_list_signing import DemoAuthority, signed_white_list, white_list_tree

GENUINE_AT = dt.datetime(2025, 3, 1, tzinfo=dt.UTC)
TODAY = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
OPERATOR = "CN=mss.exemple.fr,OU=399990001200017,O=EXEMPLE,ST=Paris (75),C=FR"
ENTRIES = [(f"d{number}.mssante.fr", f"Domaine {number}", OPERATOR) for number in range(3)]


@pytest.fixture(scope="module")
def authority() -> DemoAuthority:
    return DemoAuthority.make()


@pytest.fixture
def trust(authority: DemoAuthority, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    path.write_bytes(authority.ca_pem)
    return path


@pytest.fixture
def genuine(domain: Path) -> Path:
    return domain / "samples" / "liste-blanche-2025-02-28.xml"


def signed(path: Path, authority: DemoAuthority, entries: list[tuple[str, str, str]] = ENTRIES, day: int = 1) -> Path:
    path.write_bytes(signed_white_list(entries, dt.datetime(2026, 5, day, tzinfo=dt.UTC), authority))
    return path


def bring(database: Database, path: Path, trust: Path | None, **options: Any) -> ImportReport:
    return import_trusted_domains(database, [path], ImportOptions(whitelist_ca_file=trust, **options))


def domains(database: Database) -> set[str]:
    with database.reading() as connection:
        return {row[0] for row in connection.execute(text("SELECT domain FROM trusted_domain"))}


def reason(path: Path, trust: Path | None, now: dt.datetime = TODAY, **options: Any) -> str:
    with pytest.raises(ImportRefused) as caught:
        read_white_list(path, Trust.load(trust, "alb.mssante.fr"), now=now, **options)
    return caught.value.reason


def test_the_genuine_list_is_read_whole(genuine: Path) -> None:
    found = read_white_list(genuine, Trust.load(None, "alb.mssante.fr"), now=GENUINE_AT)
    assert len(found.entries) == 6494
    assert len({entry.domain for entry in found.entries}) == 4944
    assert len({entry.operator_dn for entry in found.entries}) == 391
    assert found.generated_at == dt.datetime(2025, 2, 28, 15, 42, 7, tzinfo=dt.UTC)


def test_the_genuine_list_imports_as_an_archive_and_twice_changes_nothing(database: Database, genuine: Path) -> None:
    report = bring(database, genuine, None, at_generation_date=True)
    assert (report.status, report.counts["trusted_domain"]["created"]) == ("applied", 4944)
    assert report.counts["operator"]["created"] == 391
    assert report.sources[0]["duplicates"] == 21
    assert bring(database, genuine, None, at_generation_date=True).status == "unchanged"


def test_a_certificate_that_has_expired_is_refused_today(genuine: Path) -> None:
    assert reason(genuine, None, dt.datetime(2026, 9, 1, tzinfo=dt.UTC)) == "expired"


def test_one_letter_altered_is_a_bad_signature(genuine: Path, tmp_path: Path) -> None:
    path = tmp_path / "list.xml"
    path.write_bytes(genuine.read_bytes().replace(b"2isa.mssante.fr", b"3isa.mssante.fr", 1))
    assert reason(path, None, GENUINE_AT) == "bad-signature"


def test_an_entry_slipped_in_beside_what_was_signed_is_a_bad_signature(
    authority: DemoAuthority, trust: Path, tmp_path: Path
) -> None:
    path = signed(tmp_path / "list.xml", authority)
    other = signed_white_list([("evil.mssante.fr", "", OPERATOR)], TODAY, authority)
    wrapped = other.partition(b"?>\n")[2]
    path.write_bytes(path.read_bytes().replace(b"</ListeBlancheMSSante>", wrapped + b"</ListeBlancheMSSante>"))
    assert reason(path, trust) in ("bad-signature", "wrong-file")


def test_an_unsigned_list_is_refused_unless_asked_for(trust: Path, tmp_path: Path) -> None:
    from lxml import etree

    path = tmp_path / "list.xml"
    path.write_bytes(etree.tostring(white_list_tree(ENTRIES, TODAY)))
    assert reason(path, trust) == "unsigned"
    found = read_white_list(path, Trust.load(trust, "alb.mssante.fr"), now=TODAY, allow_unsigned=True)
    assert (found.signed, len(found.entries)) == (False, 3)


def test_a_list_signed_by_somebody_else_is_untrusted(trust: Path, tmp_path: Path) -> None:
    path = signed(tmp_path / "list.xml", DemoAuthority.make())
    assert reason(path, trust) == "untrusted"


def test_the_signer_must_bear_the_expected_name(tmp_path: Path) -> None:
    stranger = DemoAuthority.make(common_name="autre.mssante.fr")
    ca = tmp_path / "ca.pem"
    ca.write_bytes(stranger.ca_pem)
    assert reason(signed(tmp_path / "list.xml", stranger), ca) == "untrusted"


def test_an_archive_is_checked_at_its_own_date_on_request(tmp_path: Path) -> None:
    ends = dt.datetime(2026, 5, 15, tzinfo=dt.UTC)
    old = DemoAuthority.make(ends=ends)
    ca = tmp_path / "ca.pem"
    ca.write_bytes(old.ca_pem)
    path = signed(tmp_path / "list.xml", old)
    assert reason(path, ca) == "expired"
    found = read_white_list(path, Trust.load(ca, "alb.mssante.fr"), now=TODAY, at_generation_date=True)
    assert len(found.entries) == 3


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "empty"),
        (b"<html><body>502</body></html>", "wrong-file"),
        (b"not xml at all", "truncated"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><ListeBlancheMSSante/>', "wrong-file"),
        (b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>', "wrong-file"),
    ],
    ids=["empty", "another page", "no XML", "entities", "outside entity"],
)
def test_what_is_no_list_is_refused(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "list.xml"
    path.write_bytes(content)
    assert reason(path, None) == expected


def test_a_truncated_list_is_refused(authority: DemoAuthority, trust: Path, tmp_path: Path) -> None:
    path = signed(tmp_path / "list.xml", authority)
    path.write_bytes(path.read_bytes()[:-400])
    assert reason(path, trust) == "truncated"


def test_absent_domains_are_removed_and_older_lists_refused(
    database: Database, authority: DemoAuthority, trust: Path, tmp_path: Path
) -> None:
    bring(database, signed(tmp_path / "a.xml", authority, day=2), trust)
    report = bring(database, signed(tmp_path / "b.xml", authority, ENTRIES[1:], day=3), trust)
    assert (report.status, domains(database)) == ("applied", {"d1.mssante.fr", "d2.mssante.fr"})
    with pytest.raises(ImportRefused) as caught:
        bring(database, tmp_path / "a.xml", trust)
    assert caught.value.reason == "older"
    assert domains(database) == {"d1.mssante.fr", "d2.mssante.fr"}


@pytest.mark.parametrize(
    ("dn", "organization", "unit"),
    [
        (OPERATOR, "EXEMPLE", "399990001200017"),
        ('CN=a,OU=1330000001,O="C.H. DE  CADILLAC",ST=Gironde (33),C=FR', "C.H. DE  CADILLAC", "1330000001"),
        ('CN=a,OU=1970000001,O=CENTRE "FRANCK-JOLY",ST=Guyane (973),C=FR', 'CENTRE "FRANCK-JOLY"', "1970000001"),
        ("CN=a, OU=3111, O=DUPONT, DURAND ET CIE, L=Lyon, C=FR", "DUPONT, DURAND ET CIE", "3111"),
    ],
)  # fmt: skip
def test_operator_names_survive_their_traps(dn: str, organization: str, unit: str) -> None:
    parts = parse_operator(dn)
    assert (parts["O"], parts["OU"], parts["C"]) == (organization, unit, "FR")
