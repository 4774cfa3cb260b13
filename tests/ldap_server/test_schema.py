"""The published schema: whole in itself, what entries hold, and what the documentation says."""

from __future__ import annotations

import re
from pathlib import Path

import ldap3
import pytest

from directory.index.layout import ENTRY_ATTRIBUTES
from ldap_server.definitions import ARC, ATTRIBUTES, MATCHING_RULES, OBJECT_CLASSES, SYNTAXES
from ldap_server.schema import class_attributes, subschema_attributes
from tests.ldap_server.conftest import Server
from tests.ldap_server.people import PEOPLE
from tests.ldap_server.wire import BASE, Talk, filter_of

NAMES = {name for attribute in ATTRIBUTES for name in attribute.names}
NAME = f"mail={PEOPLE[0].address.lower()},{BASE}"
PAGE = (Path(__file__).parents[2] / "docs" / "ldap-schema.md").read_text()


def test_every_definition_stands_on_definitions_that_are_there() -> None:
    for attribute in ATTRIBUTES:
        assert attribute.rules.syntax in SYNTAXES, attribute.name
        used = (attribute.rules.equality, attribute.rules.substrings, attribute.rules.ordering, attribute.rules.sorts)
        assert {rule for rule in used if rule} <= set(MATCHING_RULES), attribute.name
    assert {syntax for _, syntax in MATCHING_RULES.values()} <= set(SYNTAXES)
    for known in OBJECT_CLASSES:
        assert {*known.must, *known.may} <= NAMES, known.name
        assert known.superior in {"", *(other.name for other in OBJECT_CLASSES)}


def test_no_name_and_no_identifier_is_given_twice() -> None:
    names = [name.lower() for attribute in ATTRIBUTES for name in (*attribute.names, attribute.oid)]
    assert len(names) == len(set(names))


def test_every_attribute_that_an_entry_may_hold_is_of_its_classes_or_operational() -> None:
    allowed = class_attributes("mssanteMailbox") | {one.name for one in ATTRIBUTES if one.operational}
    assert {str(field) for field in ENTRY_ATTRIBUTES} <= allowed


def test_a_client_that_checks_every_definition_reads_the_schema(server: Server) -> None:
    where = ldap3.Server(server.host, server.port, get_info=ldap3.ALL)
    ldap3.Connection(where, auto_bind=True)
    schema = where.schema
    assert {name for one in schema.attribute_types.values() for name in one.name} == NAMES
    assert set(schema.object_classes) == {known.name for known in OBJECT_CLASSES}
    assert set(schema.matching_rules) == set(MATCHING_RULES)
    assert set(schema.ldap_syntaxes) == set(SYNTAXES)
    assert schema.object_classes["mssanteMailbox"].oid == f"{ARC}.2.1"
    assert schema.attribute_types["createTimestamp"].usage == "DIRECTORY_OPERATION"


def test_a_rule_may_be_used_with_the_attributes_that_have_it() -> None:
    uses = subschema_attributes()["matchingRuleUse"]
    (names,) = [use for use in uses if use.startswith("( 2.5.13.27 ")]
    assert "createTimestamp $ modifyTimestamp" in names


@pytest.mark.parametrize(
    ("base", "scope"),
    [("", 0), ("cn=Subschema", 0), ("o=mssante,c=fr", 0), (BASE, 0), ("o=mssante,c=fr", 1), (BASE, 2)],
)
def test_every_entry_names_its_subschema(server: Server, base: str, scope: int) -> None:
    with Talk(server) as talk:
        (entry, *_), _ = talk.search(
            filter_of("(objectClass=*)"), baseObject=base, scope=scope, attributes=["subschemaSubentry"]
        )
    assert entry.attributes == {"subschemaSubentry": ["cn=Subschema"]}


def test_a_browser_walks_down_from_the_root(server: Server) -> None:
    """As Apache Directory Studio does: by one level at a time, with `hasSubordinates` and `numSubordinates`."""
    with Talk(server) as talk:
        asked = ["objectClass", "hasSubordinates", "numSubordinates", "structuralObjectClass", "entryUUID", "entryDN"]
        base, seen = "", []
        while base != BASE:
            (entry,), done = talk.search(filter_of("(objectClass=*)"), baseObject=base, scope=1, attributes=asked)
            assert done.code == 0
            assert entry.attributes["hasSubordinates"] == ["TRUE"]
            assert entry.attributes["entryDN"] == [entry.dn]
            assert entry.attributes["structuralObjectClass"][0] in entry.attributes["objectClass"]
            seen.append(entry.attributes["numSubordinates"])
            base = entry.dn
        assert seen == [["1"], [str(len(PEOPLE))]]
        entries, done = talk.search(filter_of("(objectClass=*)"), baseObject=BASE, scope=1, attributes=asked)
        assert {tuple(entry.attributes["hasSubordinates"]) for entry in entries} == {("FALSE",)}


@pytest.mark.parametrize(
    "attribute", ["objectClasses", "attributeTypes", "matchingRules", "matchingRuleUse", "ldapSyntaxes"]
)
def test_a_client_that_asks_for_one_part_of_the_schema_gets_that(server: Server, attribute: str) -> None:
    """As Evolution asks for `objectClasses`."""
    with Talk(server) as talk:
        (entry,), _ = talk.search(
            filter_of("(objectClass=subschema)"), baseObject="cn=Subschema", scope=0, attributes=[attribute]
        )
    assert set(entry.attributes) == {attribute}
    assert all(value.startswith("( ") for value in entry.attributes[attribute])


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("(objectClass=2.16.840.1.113730.3.2.2)", True),
        ("(objectClass=INETORGPERSON)", True),
        ("(objectClass=2.5.6.4)", False),
        ("(structuralObjectClass=mssanteMailbox)", True),
        ("(hasSubordinates=FALSE)", True),
        ("(hasSubordinates=TRUE)", False),
        ("(subschemaSubentry=cn=Subschema)", True),
        ("(entryDN=*)", True),
        ("(jpegPhoto=x)", False),
        ("(!(jpegPhoto=x))", False),  # it has no equality rule: undefined
        ("(!(entryUUID=no-uuid))", False),
        ("(!(dematerialisation=perhaps))", False),
        ("(createTimestamp>=20000101000000Z)", True),
        ("(!(createTimestamp>=yesterday))", False),
    ],
)
def test_what_a_filter_says_of_operational_and_unheld_attributes(server: Server, written: str, found: bool) -> None:
    with Talk(server) as talk:
        entries, done = talk.search(filter_of(written), attributes=["1.1"])
    assert (done.code, len(entries)) == (0, len(PEOPLE) if found else 0)


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("(entryDN={name})", {NAME}),
        ("(entryDN=MAIL = {address},ou=BAL,o=MSSante,c=FR)", {NAME}),
        (
            "(&(objectClass=person)(!(entryDN={name})))",
            {f"mail={one.address.lower()},{BASE}" for one in PEOPLE} - {NAME},
        ),
        ("(entryDN=mail=nobody@x.fr,{base})", set()),
        ("(entryDN={base})", set()),
        ("(!(entryDN=no name))", set()),
    ],
)
def test_entries_are_found_by_their_names(server: Server, written: str, found: set[str]) -> None:
    asked = written.format(name=NAME, address=PEOPLE[0].address, base=BASE)
    with Talk(server) as talk:
        entries, done = talk.search(filter_of(asked), attributes=["1.1"])
    assert (done.code, {entry.dn for entry in entries}) == (0, found)


@pytest.mark.parametrize(
    ("base", "written", "found"),
    [
        ("", "(supportedControl=1.3.6.1.1.12)", 1),
        ("", "(namingContexts=O=MSSante, C=FR)", 1),
        ("", "(supportedLDAPVersion=4)", 0),
        ("cn=Subschema", "(attributeTypes=sn)", 1),
        ("cn=Subschema", "(objectClasses=2.5.6.6)", 1),
        ("cn=Subschema", "(objectClasses=2.5.6.60)", 0),
        (BASE, "(numSubordinates=70)", 1),
        (BASE, "(structuralObjectClass=organizationalUnit)", 1),
        (BASE, "(&(ou=b*l)(!(ou=x)))", 1),
    ],
)
def test_the_servers_own_entries_are_filtered_by_their_own_values(
    server: Server, base: str, written: str, found: int
) -> None:
    with Talk(server) as talk:
        entries, _ = talk.search(filter_of(written), baseObject=base, scope=0)
    assert len(entries) == found


# -- the page ----------------------------------------------------------------------------------------------------------


def test_the_page_names_every_attribute_that_an_entry_may_hold() -> None:
    operational = {"entryDN", "structuralObjectClass", "subschemaSubentry", "hasSubordinates", "numSubordinates"}
    documented = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    assert documented == {str(field) for field in ENTRY_ATTRIBUTES} | operational


def test_the_page_gives_our_own_attributes_their_identifiers_and_syntaxes() -> None:
    assert f"`{ARC}`" in PAGE
    rows = dict(re.findall(r"^\| `(\w+)` \| `(1\.\d+)` \|", PAGE, re.MULTILINE))
    assert rows == {one.name: one.oid.removeprefix(f"{ARC}.") for one in ATTRIBUTES if one.oid.startswith(ARC)}
    for one in ATTRIBUTES:
        if one.name in rows:
            assert f"| `{one.name}` | `{rows[one.name]}` | {SYNTAXES[one.rules.syntax]}" in PAGE
