"""The signed white list: what is believed, what is refused and why, and what the register makes of it."""

from __future__ import annotations

import base64
import copy
import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from sqlalchemy import text

from directory.errors import ImportRefused
from directory.registry.database import Database
from importers.report import ImportOptions, ImportReport
from importers.trusted_domains import import_trusted_domains
from importers.white_list import NAMESPACE, Trust, parse_operator, read_white_list
from importers.white_list_signing import DemoAuthority, signed_white_list, white_list_tree

GENUINE_AT = dt.datetime(2025, 3, 1, tzinfo=dt.UTC)
TODAY = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
OPERATOR = "CN=mss.exemple.fr,OU=399990001200017,O=EXEMPLE,ST=Paris (75),C=FR"
DSIG = "http://www.w3.org/2000/09/xmldsig#"
LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e0 "ha">'
    + "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    + "]><x>&e9;</x>"
)
ENTRIES = [(f"d{number}.mssante.fr", f"Domaine {number}", OPERATOR) for number in range(3)]


@pytest.fixture(scope="module")
def authority() -> DemoAuthority:
    return DemoAuthority.make()


@pytest.fixture(scope="module")
def right(authority: DemoAuthority) -> bytes:
    return signed_white_list(ENTRIES, TODAY, authority)


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


def test_what_is_shipped_is_the_certificate_of_the_genuine_signer(genuine: Path) -> None:
    element = etree.parse(str(genuine)).getroot().find(f".//{{{DSIG}}}X509Certificate")
    assert element is not None
    signer = x509.load_der_x509_certificate(base64.b64decode(element.text or ""))
    assert Trust.load(None, "alb.mssante.fr").certificates == (signer,)


def wrapped_beside(evil: etree._Element, good: etree._Element, signature: etree._Element) -> None:
    evil.append(good)
    evil.append(signature)


def wrapped_in_the_signature(evil: etree._Element, good: etree._Element, signature: etree._Element) -> None:
    etree.SubElement(signature, f"{{{DSIG}}}Object").append(good)
    evil.append(signature)


def wrapped_in_an_entry(evil: etree._Element, good: etree._Element, signature: etree._Element) -> None:
    entry = evil.find(f".//{{{NAMESPACE}}}Domaine")
    assert entry is not None
    entry.append(good)
    evil.append(signature)


def signed_twice(evil: etree._Element, good: etree._Element, signature: etree._Element) -> None:
    evil.append(copy.deepcopy(signature))
    evil.append(signature)


def wrapped_whole(evil: etree._Element, good: etree._Element, signature: etree._Element) -> None:
    good.append(signature)
    evil.append(good)


@pytest.mark.parametrize(
    ("wrap", "expected"),
    [
        (wrapped_beside, "bad-signature"),
        (wrapped_in_the_signature, "bad-signature"),
        (wrapped_in_an_entry, "bad-signature"),
        (signed_twice, "bad-signature"),
        (wrapped_whole, "unsigned"),
    ],
)
def test_a_list_wrapped_around_a_signed_one_is_refused(
    wrap: Any, expected: str, authority: DemoAuthority, trust: Path, tmp_path: Path
) -> None:
    good = etree.fromstring(signed_white_list(ENTRIES, TODAY, authority))
    signature = good.find(f"{{{DSIG}}}Signature")
    assert signature is not None
    good.remove(signature)
    evil = white_list_tree([("evil.mssante.fr", "", OPERATOR)], TODAY)
    wrap(evil, good, signature)
    path = tmp_path / "list.xml"
    path.write_bytes(etree.tostring(evil))
    assert reason(path, trust) == expected


def test_what_stands_inside_the_signature_is_not_read(authority: DemoAuthority, trust: Path, tmp_path: Path) -> None:
    good = etree.fromstring(signed_white_list(ENTRIES, TODAY, authority))
    evil = white_list_tree([("evil.mssante.fr", "", OPERATOR)], TODAY)
    # The enveloped-signature transform leaves the signature, and whatever it holds, out of what is signed.
    etree.SubElement(good[-1], f"{{{DSIG}}}Object").append(evil)
    path = tmp_path / "list.xml"
    path.write_bytes(etree.tostring(good))
    found = read_white_list(path, Trust.load(trust, "alb.mssante.fr"), now=TODAY)
    assert [entry.domain for entry in found.entries] == [domain for domain, _, _ in ENTRIES]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_makes_a_list_say_something_else(
    data: st.DataObject, right: bytes, trust: Path, tmp_path: Path
) -> None:
    path = tmp_path / "list.xml"
    begins = data.draw(st.integers(0, len(right) - 1))
    ends = data.draw(st.integers(begins, min(begins + 20, len(right))))
    path.write_bytes(right[:begins] + data.draw(st.binary(max_size=4)) + right[ends:])
    try:
        found = read_white_list(path, Trust.load(trust, "alb.mssante.fr"), now=TODAY)
    except ImportRefused:
        return
    assert [(entry.domain, entry.description, entry.operator_dn) for entry in found.entries] == ENTRIES
    assert found.generated_at == TODAY


@pytest.mark.parametrize("method", [b"hmac-sha256", b"rsa-sha1", b"unheard-of"])
def test_a_weaker_signature_method_is_not_accepted(
    method: bytes, authority: DemoAuthority, trust: Path, tmp_path: Path
) -> None:
    path = signed(tmp_path / "list.xml", authority)
    path.write_bytes(path.read_bytes().replace(b"rsa-sha256", method))
    assert reason(path, trust) == "bad-signature"


def test_an_entry_slipped_in_beside_what_was_signed_is_a_bad_signature(
    authority: DemoAuthority, trust: Path, tmp_path: Path
) -> None:
    path = signed(tmp_path / "list.xml", authority)
    other = signed_white_list([("evil.mssante.fr", "", OPERATOR)], TODAY, authority)
    wrapped = other.partition(b"?>\n")[2]
    path.write_bytes(path.read_bytes().replace(b"</ListeBlancheMSSante>", wrapped + b"</ListeBlancheMSSante>"))
    assert reason(path, trust) in ("bad-signature", "wrong-file")


def test_an_unsigned_list_is_refused_unless_asked_for(trust: Path, tmp_path: Path) -> None:
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


def test_a_list_may_bring_its_authority_along(authority: DemoAuthority, trust: Path, tmp_path: Path) -> None:
    chained = DemoAuthority(authority.key_pem, authority.ca_pem + authority.certificate_pem, authority.ca_pem)
    found = read_white_list(signed(tmp_path / "list.xml", chained), Trust.load(trust, "alb.mssante.fr"), now=TODAY)
    assert len(found.entries) == 3


def test_a_signer_cannot_vouch_for_another_signer(authority: DemoAuthority, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority.certificate_pem)
    assert reason(signed(tmp_path / "list.xml", DemoAuthority.make()), ca) == "untrusted"
    assert read_white_list(signed(tmp_path / "list.xml", authority), Trust.load(ca, "alb.mssante.fr"), now=TODAY).signed


def test_an_authority_that_has_expired_vouches_for_nobody(
    authority: DemoAuthority, trust: Path, tmp_path: Path
) -> None:
    lasting = DemoAuthority.make(ends=dt.datetime(2070, 1, 1, tzinfo=dt.UTC))  # its authority ends in 2060
    ca = tmp_path / "lasting.pem"
    ca.write_bytes(lasting.ca_pem)
    path = signed(tmp_path / "list.xml", lasting)
    assert reason(path, ca, dt.datetime(2065, 1, 1, tzinfo=dt.UTC)) == "expired"
    assert read_white_list(path, Trust.load(ca, "alb.mssante.fr"), now=TODAY).signed


def test_a_certificate_is_not_yet_valid_before_its_time(authority: DemoAuthority, trust: Path, tmp_path: Path) -> None:
    early = dt.datetime(2015, 1, 1, tzinfo=dt.UTC)
    assert reason(signed(tmp_path / "list.xml", authority), trust, early) == "expired"


def test_a_file_without_certificates_is_no_trust(authority: DemoAuthority, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("nothing")
    assert reason(signed(tmp_path / "list.xml", authority), ca) == "untrusted"


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
        (b"not xml at all", "wrong-file"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><ListeBlancheMSSante/>', "wrong-file"),
        (b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>', "wrong-file"),
        (b"  \n", "empty"),
        (b"<ListeBlancheMSSante/>", "wrong-file"),
        (b'<?xml version="1.0"?>\n<ListeBlancheMSSante xmlns="urn:another"/>', "wrong-file"),
        (LAUGHS.encode(), "wrong-file"),
        (LAUGHS.encode("utf-16"), "wrong-file"),
        (LAUGHS.replace("<x>&e9;</x>", '<x a="&e9;"/>').encode(), "wrong-file"),
    ],
    ids=[
        "empty", "another page", "no XML", "entities", "outside entity", "blanks", "no namespace", "another namespace",
        "a billion laughs", "a billion laughs in UTF-16", "a billion laughs in an attribute",
    ],
)  # fmt: skip
def test_what_is_no_list_is_refused(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "list.xml"
    path.write_bytes(content)
    assert reason(path, None) == expected


def test_what_is_broken_is_said_with_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "list.xml"
    path.write_bytes(b"<a>\n<b>\n</a>")
    with pytest.raises(ImportRefused, match=r"list\.xml: line 3, column \d+: ") as caught:
        read_white_list(path, Trust.load(None, "alb.mssante.fr"), now=TODAY)
    assert caught.value.reason == "wrong-file"


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_list_cut_anywhere_is_truncated(share: float, authority: DemoAuthority, trust: Path, tmp_path: Path) -> None:
    path = signed(tmp_path / "list.xml", authority)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert reason(path, trust) == "truncated"


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


def test_broken_entries_are_quarantined_with_their_line(
    database: Database, authority: DemoAuthority, trust: Path, tmp_path: Path
) -> None:
    entries = [
        *ENTRIES,
        ("no domain\n", "", OPERATOR),
        ("nobody.mssante.fr", "", " "),
        ("UPPER.mssante.fr", "", OPERATOR),
    ]
    path = tmp_path / "list.xml"
    path.write_bytes(signed_white_list(entries, TODAY, authority))
    report = bring(database, path, trust)
    assert (report.status, report.rejected) == ("applied", {"malformed domain": 1, "no operator": 1})
    assert domains(database) == {"d0.mssante.fr", "d1.mssante.fr", "d2.mssante.fr", "upper.mssante.fr"}
    with database.reading() as connection:
        rows = connection.execute(text("SELECT reason, line FROM rejected_line"))
        lines = {row.reason: row.line for row in rows}
    # The list stands on line 2; the line feed in the first bad name puts what follows on line 3.
    assert lines == {"malformed domain": 2, "no operator": 3}


def test_of_two_entries_that_say_the_same_the_later_one_counts(database: Database, trust: Path, tmp_path: Path) -> None:
    tree = white_list_tree(
        [(name, f"n° {n}", OPERATOR) for n, name in enumerate(("A.mssante.fr", "a.mssante.fr"))], TODAY
    )
    for element, day in zip(tree.iterfind(f".//{{{NAMESPACE}}}DateMAJ"), (9, 3), strict=True):
        element.text = f"2026-05-0{day}T00:00:00Z"
    path = tmp_path / "list.xml"
    path.write_bytes(etree.tostring(tree))
    report = bring(database, path, trust, allow_unsigned=True)
    assert report.sources[0]["duplicates"] == 1
    assert any("not signed" in warning for warning in report.warnings)
    with database.reading() as connection:
        rows = connection.execute(text("SELECT domain, description FROM trusted_domain")).all()
    assert rows == [("a.mssante.fr", "n° 0")]


def test_operators_are_kept_with_their_identifiers(
    database: Database, authority: DemoAuthority, trust: Path, tmp_path: Path
) -> None:
    units = {"399990001200017": "SIRET", "1699900015": "FINESS", "1699900016": "FINESS", "10": "", "X1": ""}
    entries = [
        (f"d{n}.mssante.fr", "", f"CN=n{n},OU={unit},O=A | B\n C,ST=Paris (75),C=FR") for n, unit in enumerate(units)
    ]
    path = tmp_path / "list.xml"
    path.write_bytes(signed_white_list(entries, TODAY, authority))
    report = bring(database, path, trust)
    assert [warning for warning in report.warnings if "identifiers" in warning] == [
        "1 operators' identifiers fail their check, kept as they are: 699900016"
    ]
    with database.reading() as connection:
        rows = connection.execute(text("SELECT identifier, identifier_type, organization_name, locality FROM operator"))
        found = {identifier: rest for identifier, *rest in rows}
    expected = {unit[1:] if kind else unit: [kind, "A / B C", "Paris (75)"] for unit, kind in units.items()}
    assert found == expected


def test_a_mass_move_to_another_operator_waits_for_a_human(
    filled: Database, authority: DemoAuthority, trust: Path, tmp_path: Path
) -> None:
    many = [(f"d{number:03}.mssante.fr", "", OPERATOR) for number in range(100)]
    other = OPERATOR.replace("CN=mss", "CN=other")
    moved = [(domain, "", other if number < 30 else OPERATOR) for number, (domain, _, _) in enumerate(many)]
    bring(filled, signed(tmp_path / "a.xml", authority, many, day=1), trust)
    report = bring(filled, signed(tmp_path / "b.xml", authority, moved, day=2), trust)
    assert report.status == "held"
    assert any("30 of 100 trusted domains" in reason for reason in report.reasons)
    with filled.reading() as connection:
        assert set(connection.execute(text("SELECT operator_dn FROM trusted_domain")).scalars()) == {OPERATOR}
    assert bring(filled, tmp_path / "b.xml", trust, guards=False).counts["trusted_domain"]["changed"] == 30


def touched(database: Database, report: ImportReport) -> set[str]:
    with database.reading() as connection:
        statement = text("SELECT key FROM feed WHERE revision = :revision AND kind = 'mailbox'")
        return set(connection.execute(statement, {"revision": report.revision}).scalars())


def test_a_domain_that_enters_or_leaves_touches_its_mailboxes(
    filled: Database, authority: DemoAuthority, trust: Path, tmp_path: Path
) -> None:
    pharmacists = ("pharmacien.mssante.fr", "", OPERATOR)
    entered = bring(filled, signed(tmp_path / "a.xml", authority, [*ENTRIES, pharmacists], day=1), trust)
    assert touched(filled, entered) == {"b.lantremange@pharmacien.mssante.fr", "l.ferrandi@pharmacien.mssante.fr"}
    left = bring(filled, signed(tmp_path / "b.xml", authority, ENTRIES, day=2), trust)
    assert touched(filled, left) == touched(filled, entered)
    assert left.revision is not None
    assert entered.revision is not None
    assert left.revision > entered.revision


def test_a_domain_that_only_changes_hands_touches_no_mailbox(
    filled: Database, authority: DemoAuthority, trust: Path, tmp_path: Path
) -> None:
    domain, other = "pharmacien.mssante.fr", OPERATOR.replace("CN=mss", "CN=other")
    bring(filled, signed(tmp_path / "a.xml", authority, [(domain, "", OPERATOR)], day=1), trust)
    moved = bring(filled, signed(tmp_path / "b.xml", authority, [(domain, "", other)], day=2), trust)
    assert moved.counts["trusted_domain"]["changed"] == 1
    assert touched(filled, moved) == set()
