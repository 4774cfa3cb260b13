"""Compare over a real socket: every syntax, operational attributes, and entries of the server itself."""

from __future__ import annotations

import pytest
from ldaptor.protocols import pureldap

from ldap_server import dit
from ldap_server.filters import equality
from ldap_server.schema import attribute_type
from tests.ldap_server.conftest import Server
from tests.ldap_server.people import PEOPLE
from tests.ldap_server.wire import BASE, Talk, filter_of, request

TRUE, FALSE = 6, 5
MAILBOX = next(one for one in PEOPLE if one.kind == "PER" and one.paperless is not None)
NAME = f"mail={MAILBOX.address},{BASE}"


def compared(server: Server, entry: str, attribute: str, value: str) -> int:
    assertion = pureldap.LDAPAttributeValueAssertion(
        pureldap.LDAPAttributeDescription(attribute), pureldap.LDAPAssertionValue(value)
    )
    with Talk(server) as talk:
        return talk.ask(lambda number: request(pureldap.LDAPCompareRequest(entry=entry, ava=assertion), number))[
            -1
        ].code


def test_every_value_of_an_entry_compares_true_and_another_false(server: Server) -> None:
    with Talk(server) as talk:
        (entry,), _ = talk.search(filter_of("(objectClass=*)"), baseObject=NAME, scope=0, attributes=["*", "+"])
    assert {"objectClass", "mail", "cn", "TypeBAL", "dematerialisation", "entryUUID", "createTimestamp", "entryDN",
            "structuralObjectClass", "subschemaSubentry", "hasSubordinates"} <= set(entry.attributes)  # fmt: skip
    for attribute, values in entry.attributes.items():
        for value in values:
            assert compared(server, NAME, attribute, value) == TRUE, (attribute, value)
            assert compared(server, NAME, attribute.upper(), value) == TRUE
        if attribute_type(attribute).rules.syntax.endswith(".15"):  # type: ignore[union-attr]
            assert compared(server, NAME, attribute, f" {values[0].upper()} ") == TRUE
            assert compared(server, NAME, attribute, f"{values[0]}x") == FALSE


@pytest.mark.parametrize(
    ("attribute", "value", "code"),
    [
        ("objectClass", "2.5.6.6", TRUE),
        ("objectClass", "organization", FALSE),
        ("dematerialisation", str(not MAILBOX.paperless).upper(), FALSE),
        ("createTimestamp", "20260101041500+0100", TRUE),  # the same moment, written in another zone
        ("createTimestamp", "20260101031501Z", FALSE),
        ("entryDN", NAME.upper().replace(",", " , "), TRUE),
        ("entryDN", BASE, FALSE),
        ("entryDN", "no name", FALSE),
        ("hasSubordinates", "TRUE", FALSE),
        ("mobile", "1", 16),
        ("numSubordinates", "0", 16),
        ("nosuch", "x", 17),
        ("cn;lang-fr", "x", 17),
    ],
)
def test_a_compare_follows_the_syntax_of_the_attribute(server: Server, attribute: str, value: str, code: int) -> None:
    assert compared(server, NAME, attribute, value) == code


@pytest.mark.parametrize(
    ("entry", "attribute", "value", "code"),
    [
        (BASE, "ou", "BAL", TRUE),
        (BASE, "ou", "other", FALSE),
        (BASE, "hasSubordinates", "TRUE", TRUE),
        (BASE, "numSubordinates", str(len(PEOPLE)), TRUE),
        (BASE, "mail", "x", 16),
        ("o=mssante,c=fr", "objectClass", "organization", TRUE),
        ("cn=Subschema", "attributeTypes", "sn", TRUE),
        ("", "supportedLDAPVersion", "3", TRUE),
        ("", "supportedLDAPVersion", "1", FALSE),
        (f"mail=nobody@x.fr,{BASE}", "mail", "nobody@x.fr", 32),
        ("o=elsewhere", "o", "elsewhere", 32),
        ("no name", "o", "x", 34),
    ],
)
def test_containers_and_the_servers_own_entries_compare_too(
    server: Server, entry: str, attribute: str, value: str, code: int
) -> None:
    assert compared(server, entry, attribute, value) == code


@pytest.mark.parametrize(
    "typed", ["0472001122", "04 72 00 11 22", "04-72-00-11-22", " 04 7200 1122", "04\u201172 001122"]
)
def test_blanks_and_hyphens_do_not_count_in_telephone_numbers(typed: str) -> None:
    telephone = attribute_type("telephoneNumber")
    assert telephone is not None
    asked = equality(telephone, typed)
    for published in ("0472001122", "04 72 00 11 22", "04-72-00-11-22"):
        assert dit.satisfied(asked, {"telephoneNumber": [published]})
    assert not dit.satisfied(asked, {"telephoneNumber": ["0472001123"]})


def test_a_number_with_its_country_is_matched_as_the_french_write_it() -> None:
    telephone = attribute_type("telephoneNumber")
    assert telephone is not None
    assert dit.satisfied(equality(telephone, "+33472001122"), {"telephoneNumber": ["+33 4 72 00 11 22"]})
