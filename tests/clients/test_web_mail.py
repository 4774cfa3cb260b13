"""Web mail and groupware: Roundcube, SOGo and Zimbra, with the filters of the guide pages."""

from __future__ import annotations

import pytest

from tests.clients.conversation import (
    BASE_SCOPE,
    PASSWORD_POLICY,
    SORT_RESPONSE,
    Client,
    Search,
    control,
    cookie,
    paged,
    sorted_by,
)
from tests.clients.guides import sent, snippet
from tests.clients.people import DUPONT, KELLERAN, LEFEVRE, MERVEILLES, PEOPLE
from tests.ldap_server.conftest import Server

ROUNDCUBE_ATTRIBUTES = [
    "cn",
    "sn",
    "givenname",
    "mail",
    "telephonenumber",
    "title",
    "l",
    "postalcode",
    "o",
    "objectClass",
]


# -- Roundcube: no bind at all, attributes in small letters ------------------------------------------------------------


@pytest.mark.parametrize("typed", ["dupont", "upon", "jean", "jean.dupont@"])
def test_roundcube_completes_from_any_part_of_a_name_without_a_bind(directory: Server, typed: str) -> None:
    with Client(directory) as client:
        found = client.search(Search(sent("roundcube", "completion", text=typed), ROUNDCUBE_ATTRIBUTES))
    assert found.addresses == [DUPONT]


def test_roundcube_searches_for_two_words(directory: Server) -> None:
    with Client(directory) as client:
        wanted = sent("roundcube", "two-words", first="jean", second="dupont")
        assert client.search(Search(wanted, ROUNDCUBE_ATTRIBUTES)).addresses == [DUPONT]


def test_roundcube_counts_entries_by_an_attribute_that_is_none(directory: Server) -> None:
    with Client(directory) as client:
        found = client.search(Search(sent("roundcube", "list"), ["dn"]))
    assert len(found.entries) == 100
    assert all(entry.dn and not entry.attributes for entry in found.entries)


def test_roundcube_reads_the_record_that_it_shows(directory: Server) -> None:
    with Client(directory) as client:
        (entry,) = client.search(Search(sent("roundcube", "completion", text="kelleran"), ["dn"])).entries
        (record,) = client.search(Search("(objectclass=*)", ROUNDCUBE_ATTRIBUTES, base=entry.dn, scope=0)).entries
    assert record.attributes["mail"] == [KELLERAN]
    # The fields that the page maps are those that are sent.
    mapped = snippet("roundcube", "config.inc.php")
    assert all(f"'{name}'" in mapped for name in ("cn", "sn", "givenName", "mail", "telephoneNumber", "title", "o"))


def test_roundcube_looking_for_windows_of_lists_is_told_that_there_is_no_configuration(directory: Server) -> None:
    with Client(directory) as client:
        found = client.search(Search("(objectclass=vlvsearch)", ["*"], base="cn=config"))
    assert (found.code, found.entries) == (32, [])


# -- SOGo: a sort that must be obeyed ----------------------------------------------------------------------------------


def test_sogo_is_shown_its_contacts_and_told_that_the_sort_it_insists_on_was_done(directory: Server) -> None:
    wanted = sent("sogo", "search", text="medecin")
    with Client(directory) as client:
        assert client.bind(controls=[control(PASSWORD_POLICY, critical=False)]) == 0
        order = [sorted_by("cn", "2.5.13.3", critical=True)]
        found = client.search(Search(wanted, ["*"], size=100, time=10, controls=order))
    assert found.code == 0
    assert set(found.addresses) == {DUPONT, KELLERAN, MERVEILLES}
    assert found.controls[SORT_RESPONSE] == bytes.fromhex("30030a0100")  # success


def test_sogo_lists_everybody_for_a_dot_and_is_told_when_there_are_more(directory: Server) -> None:
    with Client(directory) as client:
        client.bind()
        order = [sorted_by("cn", "2.5.13.3", critical=True)]
        found = client.search(Search(sent("sogo", "everybody"), ["*"], size=1000, time=10, controls=order))
    assert (found.code, len(found.entries)) == (4, 100)


def test_sogo_learns_the_classes_from_the_schema(directory: Server) -> None:
    with Client(directory) as client:
        client.bind()
        wanted = Search("(objectClass=*)", ["subschemaSubentry"], base="", scope=BASE_SCOPE)
        (root,) = client.search(wanted).entries
        name = root.attributes["subschemaSubentry"][0]
        (schema,) = client.search(Search("(objectClass=*)", ["objectclasses"], base=name, scope=BASE_SCOPE)).entries
    assert schema.attributes["objectClasses"]


# -- Zimbra: pages, the alias gn, changes since a moment ---------------------------------------------------------------

ZIMBRA_ATTRIBUTES = ["cn", "sn", "gn", "givenName", "mail", "modifyTimeStamp", "createTimeStamp", "objectClass"]


@pytest.mark.parametrize(("typed", "address"), [("dupo", DUPONT), ("hélè", LEFEVRE), ("lefe", LEFEVRE)])
def test_zimbra_completes_a_beginning(directory: Server, typed: str, address: str) -> None:
    wanted = sent("zimbra", "completion", text=typed)
    with Client(directory) as client:
        client.bind()
        found = client.search(Search(wanted, ZIMBRA_ATTRIBUTES, controls=[paged(1000)]))
    assert (found.code, found.addresses) == (0, [address])


def test_zimbra_reads_what_has_changed_page_by_page_up_to_the_limit_of_a_walk(directory: Server) -> None:
    wanted = sent("zimbra", "changes", moment="19900101000000Z")
    seen: list[str] = []
    token = b""
    with Client(directory) as client:
        client.bind()
        while True:
            found = client.search(Search(wanted, ZIMBRA_ATTRIBUTES, controls=[paged(40, token)]))
            seen += found.addresses
            token = cookie(found)
            if not token:
                break
    assert len(set(seen)) == len(seen) == 100 < len(PEOPLE)
    assert found.code == 4


def test_zimbra_sees_no_change_after_the_last_one(directory: Server) -> None:
    with Client(directory) as client:
        client.bind()
        found = client.search(Search(sent("zimbra", "changes", moment="20300101000000Z"), controls=[paged(1000)]))
    assert (found.code, found.entries) == (0, [])
