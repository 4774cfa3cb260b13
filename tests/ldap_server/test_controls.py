"""Controls over a real socket: sorting, windows, matched values, assertions, copies."""

from __future__ import annotations

from typing import Any

import pytest
from ldaptor.protocols import pureldap

from directory import text
from ldap_server import controls, messages
from ldap_server.ber import ENUMERATED, SEQUENCE, Reader
from ldap_server.messages import Control, integer, tlv
from tests.ldap_server.conftest import Server, serving
from tests.ldap_server.people import PEOPLE
from tests.ldap_server.wire import BASE, Reply, Talk, filter_of, request

PERSONS = pureldap.LDAPFilter_equalityMatch(
    attributeDesc=pureldap.LDAPAttributeDescription("TypeBAL"),
    assertionValue=pureldap.LDAPAssertionValue("PER"),
)


def sort(*keys: str, critical: bool = True) -> Control:
    """A sort control by keys as `ldapsearch -E sss=` writes them: `-` before a key turns it round, a rule follows `:`."""
    encoded = []
    for key in keys:
        attribute, _, rule = key.lstrip("-").partition(":")
        parts = tlv(4, attribute.encode()) + (tlv(0x80, rule.encode()) if rule else b"")
        encoded.append(tlv(SEQUENCE, parts + (tlv(0x81, b"\xff") if key.startswith("-") else b"")))
    return Control(controls.SORT_REQUEST, critical, tlv(SEQUENCE, b"".join(encoded)))


def window(
    before: int, after: int, *, at: tuple[int, int] | None = None, value: str = "", context: bytes = b""
) -> Control:
    target = tlv(0x81, value.encode()) if at is None else tlv(0xA0, integer(at[0]) + integer(at[1]))
    body = integer(before) + integer(after) + target + (tlv(4, context) if context else b"")
    return Control(controls.WINDOW_REQUEST, True, tlv(SEQUENCE, body))


def sort_result(done: Reply) -> tuple[int, bytes]:
    body = Reader(done.controls[controls.SORT_RESPONSE]).inside(SEQUENCE)
    return body.integer(ENUMERATED), body.octets(0x80) if body.more else b""


def window_result(done: Reply) -> tuple[int, int, int]:
    """Position, length of the list, code."""
    body = Reader(done.controls[controls.WINDOW_RESPONSE]).inside(SEQUENCE)
    return body.integer(), body.integer(), body.integer(ENUMERATED)


def values_filter(*written: str) -> Control:
    body = b"".join(bytes(filter_of(one).toWire()) for one in written)
    return Control(controls.MATCHED_VALUES, True, tlv(SEQUENCE, body))


def assertion(written: str, *, critical: bool = True) -> Control:
    return Control(controls.ASSERTION, critical, bytes(filter_of(written).toWire()))


def least(entry: Reply, attribute: str) -> str:
    return min(map(text.fold, entry.attributes[attribute]))


# -- sorting -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["cn", "cn:2.5.13.3", "CN:caseIgnoreOrderingMatch", "2.5.4.3"])
def test_entries_are_sorted_by_their_least_value_without_case_and_accents(server: Server, key: str) -> None:
    with Talk(server) as talk:
        entries, done = talk.search(PERSONS, sort(key), attributes=[b"cn"])
    names = [least(entry, "cn") for entry in entries]
    assert names == sorted(names)
    assert len(set(names)) > 10
    assert (done.code, sort_result(done)) == (0, (0, b""))


def test_a_key_can_be_turned_round_and_further_keys_decide_among_equals(server: Server) -> None:
    with Talk(server) as talk:
        entries, _ = talk.search(PERSONS, sort("-sn", "givenName"), attributes=[b"sn", b"givenName"])
    names = [(least(entry, "sn"), least(entry, "givenName")) for entry in entries]
    by_given = sorted(names, key=lambda name: name[1])
    assert names == sorted(by_given, key=lambda name: name[0], reverse=True)
    assert len({family for family, _ in names}) < len(names)


@pytest.mark.parametrize(("key", "place"), [("l", slice(-1, None)), ("-l", slice(0, 1))])
def test_entries_without_the_key_are_larger_than_all_others(server: Server, key: str, place: slice) -> None:
    with Talk(server) as talk:
        entries, _ = talk.search(PERSONS, sort(key), attributes=[b"l"])
    assert [entry.attributes for entry in entries][place] == [{}]


def test_the_whole_result_is_sorted_before_the_size_limit_cuts_it(server: Server) -> None:
    with Talk(server) as talk:
        whole, _ = talk.search(PERSONS, sort("sn", "mail"))
        first, done = talk.search(PERSONS, sort("sn", "mail"), sizeLimit=5)
    assert [entry.dn for entry in first] == [entry.dn for entry in whole[:5]]
    assert (done.code, sort_result(done)[0]) == (4, 0)


def test_beyond_what_may_be_sorted_the_best_are_sent_in_order_and_the_sort_is_said_to_have_failed(indexed: Any) -> None:
    for server in serving(indexed, LDAP_SORTABLE_ENTRIES="10", LDAP_SIZE_LIMIT="8"):
        with Talk(server) as talk:
            best, _ = talk.search(PERSONS)
            entries, done = talk.search(PERSONS, sort("mail"))
    assert {entry.dn for entry in entries} == {entry.dn for entry in best}
    assert [least(entry, "mail") for entry in entries] == sorted(least(entry, "mail") for entry in best)
    assert (done.code, sort_result(done)[0]) == (4, 11)  # "too many matching entries for the server to sort"


@pytest.mark.parametrize(
    ("keys", "code", "at_fault"),
    [
        (["nosuch"], 16, b"nosuch"),
        (["sn", "nosuch"], 16, b"nosuch"),
        (["sn:1.2.3.4"], 18, b"sn"),
        (["sn:2.5.13.28"], 18, b"sn"),  # generalizedTimeOrderingMatch
        (["objectClass"], 18, b"objectClass"),
        (["sn", "SN"], 53, b"SN"),
        (["sn", "cn", "mail", "o", "l", "uid", "title", "ou", "st"], 53, b""),
    ],
)
def test_keys_that_cannot_be_sorted_by_are_refused_when_critical_and_ignored_when_not(
    server: Server, keys: list[str], code: int, at_fault: bytes
) -> None:
    with Talk(server) as talk:
        entries, done = talk.search(PERSONS, sort(*keys))
        assert (entries, done.code, sort_result(done)) == ([], 12, (code, at_fault))
        entries, done = talk.search(PERSONS, sort(*keys, critical=False))
        assert (len(entries) > 10, done.code, sort_result(done)) == (True, 0, (code, at_fault))


def test_nothing_is_said_of_sorting_where_nothing_was_found(server: Server) -> None:
    with Talk(server) as talk:
        _, done = talk.search(filter_of("(sn=nobody)"), sort("sn"))
    assert (done.code, done.controls) == (0, {})


def test_moments_are_sorted_as_such(server: Server) -> None:
    with Talk(server) as talk:
        entries, _ = talk.search(PERSONS, sort("-modifyTimestamp:2.5.13.28"), attributes=[b"modifyTimestamp"])
    moments = [entry.attributes["modifyTimestamp"][0] for entry in entries]
    assert moments == sorted(moments, reverse=True)


@pytest.mark.parametrize("value", [None, b"", b"\x30\x00", b"\x30\x03\x04\x01x", b"junk"])
def test_a_sort_that_is_none_is_a_protocol_error(server: Server, value: bytes | None) -> None:
    with Talk(server) as talk:
        assert talk.search(PERSONS, Control(controls.SORT_REQUEST, False, value))[1].code == 2


# -- windows -----------------------------------------------------------------------------------------------------------


def listed(talk: Talk) -> list[str]:
    return [entry.dn for entry in talk.search(PERSONS, sort("sn", "mail"))[0]]


@pytest.mark.parametrize(
    ("at", "position"),
    [((1, 0), 1), ((1, 30), 1), ((10, 0), 10), ((10, 56), 10), ((20, 112), 10), ((56, 56), 56), ((7, 7), 56)],
)
def test_a_window_stands_around_the_place_asked_for(server: Server, at: tuple[int, int], position: int) -> None:
    with Talk(server) as talk:
        whole = listed(talk)
        assert len(whole) == 56
        entries, done = talk.search(PERSONS, sort("sn", "mail"), window(2, 3, at=at))
    assert [entry.dn for entry in entries] == whole[max(0, position - 3) : position + 3]
    assert (done.code, window_result(done), sort_result(done)[0]) == (0, (position, 56, 0), 0)


@pytest.mark.parametrize("value", ["a", "martin", "MARTIN", "lefèvre", "zzz"])
@pytest.mark.parametrize("key", ["sn", "-sn"])
def test_a_window_stands_where_a_typed_value_begins(server: Server, value: str, key: str) -> None:
    with Talk(server) as talk:
        whole, _ = talk.search(PERSONS, sort(key, "mail"), attributes=[b"sn"])
        entries, done = talk.search(PERSONS, sort(key, "mail"), window(0, 0, value=value), attributes=[b"sn"])
    asked = text.fold(value)
    reached = [
        at
        for at, one in enumerate(whole, 1)
        if (least(one, "sn") <= asked if key[0] == "-" else least(one, "sn") >= asked)
    ]
    position = reached[0] if reached else len(whole) + 1
    assert window_result(done) == (position, 56, 0)
    assert [entry.dn for entry in entries] == [one.dn for one in whole[position - 1 : position]]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ([window(0, 1, at=(1, 0))], 60),
        ([sort("nosuch", critical=False), window(0, 1, at=(1, 0))], 18),
        ([sort("sn"), window(0, 1, at=(0, 0))], 61),
        ([sort("sn"), window(0, 1, at=(57, 0))], 61),
        ([sort("sn"), window(0, 1, at=(9, 8))], 61),
        ([sort("sn"), window(0, 1, at=(1, 0), context=b"x")], 2),
    ],
    ids=["no sort", "no such key", "place 0", "beyond the end", "beyond the count", "context"],
)
def test_a_window_that_there_is_none_of_fails_the_search(server: Server, asked: list[Control], code: int) -> None:
    with Talk(server) as talk:
        entries, done = talk.search(PERSONS, *asked)
    assert (entries, done.code, window_result(done)[2]) == ([], 76, code)


def test_a_window_on_too_many_matches_is_refused(indexed: Any) -> None:
    for server in serving(indexed, LDAP_SORTABLE_ENTRIES="10"):
        with Talk(server) as talk:
            _, done = talk.search(PERSONS, sort("sn"), window(0, 1, at=(1, 0)))
        assert (done.code, window_result(done)[2]) == (76, 11)


def test_a_window_wider_than_the_size_limit_is_cut(server: Server) -> None:
    with Talk(server) as talk:
        entries, done = talk.search(PERSONS, sort("sn"), window(0, 50, at=(1, 0)), sizeLimit=5)
    assert (len(entries), done.code) == (5, 4)


def test_a_window_on_nothing_is_empty(server: Server) -> None:
    with Talk(server) as talk:
        entries, done = talk.search(filter_of("(sn=nobody)"), sort("sn"), window(0, 5, at=(1, 0)))
    assert (entries, done.code, window_result(done)) == ([], 0, (1, 0, 0))


def test_pages_and_windows_do_not_go_together(server: Server) -> None:
    pages = Control(controls.PAGED_RESULTS, False, tlv(SEQUENCE, integer(5) + tlv(4, b"")))
    with Talk(server) as talk:
        assert talk.search(PERSONS, sort("sn"), window(0, 1, at=(1, 0)), pages)[1].code == 53


# -- matched values ----------------------------------------------------------------------------------------------------


def test_only_values_that_match_are_sent_and_attributes_without_any_stay_empty(server: Server) -> None:
    with Talk(server) as talk:
        whole, _ = talk.search(filter_of("(&(TypeBAL=PER)(sn=martin))"), attributes=[b"cn", b"mail", b"sn"])
        some, _ = talk.search(
            filter_of("(&(TypeBAL=PER)(sn=martin))"),
            values_filter("(cn=martin*)", "(mail=*)"),
            attributes=[b"cn", b"mail", b"sn"],
        )
    assert any(not name.lower().startswith("martin") for entry in whole for name in entry.attributes["cn"])
    for entry, cut in zip(whole, some, strict=True):
        names = [name for name in entry.attributes["cn"] if name.lower().startswith("martin")]
        assert names
        assert cut == entry._replace(message_id=2, attributes={"cn": names, "mail": entry.attributes["mail"], "sn": []})


def test_a_definition_is_read_out_of_the_schema_by_its_identifier(server: Server) -> None:
    with Talk(server) as talk:
        (entry,), _ = talk.search(
            filter_of("(objectClass=subschema)"), values_filter("(attributeTypes=2.5.4.4)"),
            baseObject="cn=Subschema", scope=0, attributes=[b"attributeTypes"],
        )  # fmt: skip
    (definition,) = entry.attributes["attributeTypes"]
    assert definition.startswith("( 2.5.4.4 NAME ( 'sn' 'surname' )")


@pytest.mark.parametrize("more", [{"typesOnly": 1, "attributes": [b"cn"]}, {"attributes": [b"1.1"]}])
def test_values_are_not_chosen_where_none_are_sent(server: Server, more: dict[str, Any]) -> None:
    with Talk(server) as talk:
        plain, _ = talk.search(PERSONS, **more)
        chosen, _ = talk.search(PERSONS, values_filter("(cn=nobody)"), **more)
    assert [entry.attributes for entry in chosen] == [entry.attributes for entry in plain]


def test_only_simple_assertions_choose_values(server: Server) -> None:
    with Talk(server) as talk:
        assert talk.search(PERSONS, values_filter("(!(cn=x))"))[1].code == 2


# -- assertions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("written", "code"), [("(ou=bal)", 0), ("(ou=other)", 122), ("(unknown=x)", 122)])
def test_a_search_depends_on_an_assertion_about_its_base(server: Server, written: str, code: int) -> None:
    with Talk(server) as talk:
        entries, done = talk.search(PERSONS, assertion(written))
    assert (done.code, bool(entries)) == (code, code == 0)


def test_a_search_or_compare_of_a_mailbox_depends_on_an_assertion_about_it(server: Server) -> None:
    mailbox = next(one for one in PEOPLE if one.kind == "PER")
    named = f"mail={mailbox.address},{BASE}"
    with Talk(server) as talk:
        for written, code in (("(TypeBAL=PER)", 0), ("(TypeBAL=ORG)", 122)):
            assert talk.search(PERSONS, assertion(written), baseObject=named, scope=0)[1].code == code
        compare = pureldap.LDAPCompareRequest(
            entry=named,
            ava=pureldap.LDAPAttributeValueAssertion(
                pureldap.LDAPAttributeDescription("TypeBAL"), pureldap.LDAPAssertionValue("PER")
            ),
        )
        for written, code in (("(mail=*)", 6), ("(!(mail=*))", 122)):
            asked = [assertion(written, critical=False)]
            assert talk.ask(lambda number, asked=asked: request(compare, number, asked))[-1].code == code  # type: ignore[misc]
        missing = f"mail=nobody@x.fr,{BASE}"
        assert talk.search(PERSONS, assertion("(mail=*)"), baseObject=missing, scope=0)[1].code == 32


@pytest.mark.parametrize("value", [None, b"", b"\x87\x04mail\x87\x04mail", b"junk"])
def test_an_assertion_that_is_no_filter_is_a_protocol_error(server: Server, value: bytes | None) -> None:
    with Talk(server) as talk:
        assert talk.search(PERSONS, Control(controls.ASSERTION, True, value))[1].code == 2


# -- copies, and the rest ----------------------------------------------------------------------------------------------


def test_who_wants_no_copy_is_told_that_there_is_nothing_else(server: Server) -> None:
    no_copy = Control(controls.DONT_USE_COPY, True, None)
    with Talk(server) as talk:
        entries, done = talk.search(PERSONS, no_copy, baseObject=f"mail={PEOPLE[0].address},{BASE}", scope=0)
        assert (entries, done.code) == ([], 53)
        assert "copy" in done.text
        entries, done = talk.search(filter_of("(objectClass=*)"), no_copy, baseObject="", scope=0)
        assert (len(entries), done.code) == (1, 0)


@pytest.mark.parametrize("oid", controls.SUPPORTED)
def test_every_control_that_is_named_as_supported_may_be_critical(server: Server, oid: str) -> None:
    with Talk(server) as talk:
        assert talk.search(PERSONS, Control(oid, True, b"\x30\x00"))[1].code != 12


def test_a_control_that_does_not_belong_to_an_operation_is_refused_when_critical(server: Server) -> None:
    with Talk(server) as talk:
        bind = pureldap.LDAPBindRequest(version=3)
        for critical, code in ((True, 12), (False, 0)):
            asked = [Control(controls.PAGED_RESULTS, critical, b"\x30\x05\x02\x01\x01\x04\x00")]
            assert talk.ask(lambda number, asked=asked: request(bind, number, asked))[-1].code == code  # type: ignore[misc]
        assert messages.UNAVAILABLE_CRITICAL_EXTENSION == 12
