"""Mail programs on a desk or a telephone: what their users see, with the filters of the guide pages."""

from __future__ import annotations

import pytest

from bench.ldap.encoding import SEQUENCE, tlv
from tests.clients.conversation import BASE, BASE_SCOPE, SORT, VLV, Client, Search, paged, sorted_by, view
from tests.clients.guides import sent
from tests.clients.people import DUPONT, KELLERAN, LEFEVRE, MERVEILLES, URGENCES
from tests.ldap_server.conftest import Server

# -- Thunderbird: a connection and a bind for each search, no attribute named, size limit 100 -------------------------


def completed(server: Server, name: str, **typed: str) -> list[str]:
    """What Thunderbird offers when this has been typed."""
    with Client(server) as client:
        assert client.bind() == 0
        found = client.search(Search(sent("thunderbird", name, **typed), size=100))
        assert found.code in (0, 4)  # any other is shown as a failure
        return found.addresses


@pytest.mark.parametrize("typed", ["dupont", "dup", "jean.dup", "jea"])
def test_thunderbird_completes_a_name_from_any_part_of_it(directory: Server, typed: str) -> None:
    assert DUPONT in completed(directory, "one-word", text=typed)


@pytest.mark.parametrize("typed", ["lefevre", "lefèvre", "hélène", "helene"])
def test_thunderbird_completes_with_and_without_accents(directory: Server, typed: str) -> None:
    assert completed(directory, "one-word", text=typed) == [LEFEVRE]


@pytest.mark.parametrize(("first", "second"), [("jean", "dupont"), ("dupont", "jean"), ("jea", "dup")])
def test_thunderbird_completes_two_words_in_either_order(directory: Server, first: str, second: str) -> None:
    assert completed(directory, "two-words", first=first, rest=second) == [DUPONT]


def test_thunderbird_shows_a_hundred_of_a_frequent_name_and_no_failure(directory: Server) -> None:
    assert len(set(completed(directory, "one-word", text="martin"))) == 100


def test_thunderbirds_address_book_finds_people_services_and_structures(directory: Server) -> None:
    for typed, address in (("dupont", DUPONT), ("urgences", URGENCES), ("valmorin", URGENCES), ("o'kell", KELLERAN)):
        assert address in completed(directory, "address-book", text=typed)


def test_thunderbirds_lone_star_finds_nothing_and_is_no_failure(directory: Server) -> None:
    # What it makes of `*`: substrings without any, which RFC 4511 does not allow.
    empty = tlv(0xA1, tlv(0xA4, tlv(4, b"cn") + tlv(SEQUENCE, b"")) + tlv(0xA4, tlv(4, b"sn") + tlv(SEQUENCE, b"")))
    with Client(directory) as client:
        assert client.bind() == 0
        found = client.search(Search(empty, size=100))
    assert (found.code, found.entries) == (0, [])


def test_thunderbirds_backslash_is_sent_as_it_is_and_finds_nobody(directory: Server) -> None:
    assert completed(directory, "one-word", text=r"\5c2a") == []


def test_thunderbird_typing_fast_gives_its_bind_up_and_leaves_the_connection_open(directory: Server) -> None:
    with Client(directory) as hasty:
        hasty.send(bytes.fromhex("600702010304008000"))
        hasty.abandon(1)
        assert completed(directory, "one-word", text="dupont") == [DUPONT]


def test_thunderbirds_download_holds_no_empty_card(directory: Server) -> None:
    with Client(directory) as client:
        client.bind()
        found = client.search(Search(sent("thunderbird", "download")))
    assert len(found.addresses) == 100
    assert all(entry.attributes["cn"] and entry.attributes["mail"] for entry in found.entries)


# -- Outlook: lengths in four octets, aliases to be followed, a bind with what may be no name at all ------------------

OUTLOOK_ATTRIBUTES = [
    "cn",
    "commonName",
    "mail",
    "roleOccupant",
    "display-name",
    "displayname",
    "sn",
    "surname",
    "co",
    "organizationName",
    "o",
    "givenName",
    "legacyExchangeDN",
    "objectClass",
    "uid",
    "mailNickname",
    "title",
    "company",
    "physicalDeliveryOfficeName",
    "telephoneNumber",
]


@pytest.mark.parametrize("block", ["default", "address-book", "to-line"])
def test_outlook_resolves_a_beginning_of_a_name(directory: Server, block: str) -> None:
    wanted = Search(sent("outlook", block, text="dupon"), OUTLOOK_ATTRIBUTES, size=100, time=60, aliases=3)
    with Client(directory, windows=True) as client:
        assert client.bind() == 0
        found = client.search(wanted)
    assert (found.code, found.addresses) == (0, [DUPONT])
    (entry,) = found.entries
    assert {"cn", "mail", "displayName", "sn", "givenName", "o", "title"} <= set(entry.attributes)


def test_outlook_resolves_an_ambiguous_name(directory: Server) -> None:
    with Client(directory, windows=True) as client:
        client.bind()
        for typed in ("dupont", "jean dupont", "dup"):
            assert DUPONT in client.search(Search(sent("outlook", "anr", text=typed), size=100)).addresses


def test_outlook_may_ask_for_more_than_the_directory_gives(directory: Server) -> None:
    wanted = Search(sent("outlook", "address-book", text="martin"), OUTLOOK_ATTRIBUTES, size=999, time=15, aliases=3)
    with Client(directory, windows=True) as client:
        client.bind()
        found = client.search(wanted)
    assert (found.code, len(found.entries)) == (4, 100)


def test_outlooks_free_form_name_is_refused_without_ending_the_conversation(directory: Server) -> None:
    with Client(directory, windows=True) as client:
        assert client.bind(name="admin", password="secret") in (34, 49)
        assert client.search(Search(sent("outlook", "default", text="dupont"), size=100)).addresses == [DUPONT]


def test_outlook_browses_as_the_directory_says_that_it_can(directory: Server) -> None:
    with Client(directory, windows=True) as client:
        client.bind()
        (root,) = client.search(Search("(objectClass=*)", ["supportedControl"], base="", scope=BASE_SCOPE)).entries
        controls = [sorted_by("cn", critical=True), view(1, 9)]
        page = client.search(Search("(mail=*)", OUTLOOK_ATTRIBUTES, controls=controls))
    assert {VLV, SORT} <= set(root.attributes["supportedControl"])
    assert (page.code, len(page.entries)) == (0, 10)


# -- Apple Contacts and Mail ------------------------------------------------------------------------------------------

APPLE_ATTRIBUTES = [
    "givenName",
    "sn",
    "cn",
    "mail",
    "telephoneNumber",
    "facsimileTelephoneNumber",
    "o",
    "title",
    "ou",
    "buildingName",
    "street",
    "l",
    "st",
    "postalCode",
    "c",
    "jpegPhoto",
    "mobile",
    "co",
    "pager",
    "destinationIndicator",
    "labeledURI",
    "IMHandle",
]


@pytest.mark.parametrize("base", [BASE, "o=mssante,c=fr", ""])
def test_apple_contacts_finds_a_whole_name_below_any_base_also_none(directory: Server, base: str) -> None:
    for typed, address in (("dupont", DUPONT), ("lefevre", LEFEVRE), (DUPONT, DUPONT)):
        with Client(directory) as client:
            client.bind()
            wanted = sent("apple", "search", text=typed)
            found = client.search(Search(wanted, APPLE_ATTRIBUTES, time=30, base=base))
        assert (found.code, found.addresses) == (0, [address])


# -- Evolution: one long connection, root DSE and schema first, an abandon behind each finished search ----------------


def test_evolution_reads_what_is_supported_and_the_schema_before_it_searches(directory: Server) -> None:
    asked = ["supportedControl", "supportedExtension", "supportedFeatures", "supportedLDAPVersion", "subschemaSubentry"]
    with Client(directory) as client:
        assert client.bind() == 0
        (root,) = client.search(Search("(objectclass=*)", asked, time=30, base="", scope=BASE_SCOPE)).entries
        (schema_dn,) = root.attributes["subschemaSubentry"]
        wanted = Search("(objectClass=subschema)", ["objectClasses"], base=schema_dn, scope=BASE_SCOPE)
        (schema,) = client.search(wanted).entries
        assert any("'inetOrgPerson'" in described for described in schema.attributes["objectClasses"])


def test_evolution_completes_and_gives_each_finished_search_up_once_more(directory: Server) -> None:
    with Client(directory) as client:
        client.bind()
        for typed, address in (("dupont", DUPONT), ("lefevre", LEFEVRE), ("urgences", URGENCES)):
            number = client.ask(Search(sent("evolution", "completion", text=typed), size=100))
            assert client.answer(number).addresses in ([address], [])
            client.abandon(number)
        number = client.ask(Search(sent("evolution", "any-field", text="kelleran"), size=100))
        assert client.answer(number).addresses == [KELLERAN]


def test_evolution_falls_back_to_version_2_where_version_3_is_refused(directory: Server) -> None:
    with Client(directory) as client:
        assert client.bind(version=2) == 0
        assert client.search(Search(sent("evolution", "completion", text="dupont"))).addresses == [DUPONT]


# -- KDE --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pages", [False, True], ids=["whole", "paged"])
def test_kde_completes_a_beginning_after_binding_twice(directory: Server, pages: bool) -> None:
    controls = [paged(50)] if pages else []
    wanted = sent("kde", "completion", text="merveilles")
    attributes = ["cn", "mail", "givenname", "sn", "objectClass"]
    with Client(directory) as client:
        assert (client.bind(), client.bind()) == (0, 0)
        assert client.search(Search(wanted, attributes, size=100, time=30, controls=controls)).addresses == []
        star = Search(sent("kde", "completion", text=r"7\2a"), attributes, size=100, time=30, controls=controls)
        assert client.search(star).addresses == [MERVEILLES]
