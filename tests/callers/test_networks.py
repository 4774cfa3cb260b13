"""What addresses are counted as."""

from __future__ import annotations

import re

import pytest

from directory.callers.networks import Networks, read_allowances, read_networks, within
from directory.errors import InvalidInput
from directory.settings import Settings


def test_an_ipv4_address_counts_as_itself() -> None:
    assert Networks().of("192.0.2.7") == "192.0.2.7"


def test_ipv6_addresses_count_by_what_a_subscriber_cannot_change() -> None:
    networks = Networks()
    assert networks.of("2001:db8:1:2::1") == networks.of("2001:db8:1:2:ffff::9") == "2001:db8:1:2::/64"
    assert networks.of("2001:db8:1:3::1") != networks.of("2001:db8:1:2::1")


def test_an_ipv4_address_that_came_over_an_ipv6_socket_is_the_same_caller() -> None:
    assert Networks().of("::ffff:192.0.2.7") == "192.0.2.7"


def test_the_zone_of_a_link_local_address_does_not_make_it_another_caller() -> None:
    assert Networks().of("fe80::1%eth0") == Networks().of("fe80::2%eth1")


def test_a_network_that_the_operator_names_counts_as_one_with_its_budget() -> None:
    networks = Networks(read_allowances("10.1.0.0/16=20000, 2001:db8:7::/48=5000"))
    assert networks.of("10.1.2.3") == networks.of("10.1.255.1") == "10.1.0.0/16"
    assert networks.granted("10.1.0.0/16") == 20_000
    assert networks.granted(networks.of("2001:db8:7:9::1")) == 5000
    assert networks.granted(networks.of("10.2.0.1")) is None


def test_the_smallest_of_several_networks_is_meant() -> None:
    networks = Networks(read_allowances("10.0.0.0/8=1,10.1.0.0/16=2,10.1.2.3=3"))
    assert [networks.granted(networks.of(address)) for address in ("10.9.0.1", "10.1.0.1", "10.1.2.3")] == [1, 2, 3]


@pytest.mark.parametrize("text", ["10.1.0.0/16", "10.1.0.0/16=many", "10.1.0.1/16=5", "hospital=5"])
def test_an_allowance_that_cannot_be_read_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(text.partition("=")[0])):
        read_allowances(text)


def test_the_setting_is_refused_by_its_name() -> None:
    with pytest.raises(InvalidInput, match=r"ANNUAIRE_NETWORK_ENTRIES_PER_DAY.*10\.1\.0\.1/16"):
        _with_environment("10.1.0.1/16=5")


def _with_environment(value: str) -> Settings:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANNUAIRE_NETWORK_ENTRIES_PER_DAY", value)
        return Settings.load()


def test_an_address_is_within_networks_or_not() -> None:
    networks = read_networks("10.0.0.0/8, ::1")
    assert within("10.2.3.4", networks)
    assert within("::1", networks)
    assert within("::ffff:10.1.1.1", networks)
    assert not within("11.0.0.1", networks)
    assert not within("", networks)


@pytest.mark.parametrize(
    ("address", "profile", "public"),
    [
        ("127.0.0.1", None, False),
        ("::1", None, False),
        ("localhost", None, False),
        ("0.0.0.0", None, True),
        ("192.0.2.1", None, True),
        ("directory.example", None, True),
        ("0.0.0.0", "open", False),
        ("127.0.0.1", "public", True),
    ],
)
def test_the_profile_is_public_unless_only_this_machine_is_served_or_the_operator_says_so(
    address: str, profile: str | None, public: bool
) -> None:
    assert Settings.model_validate({"bind_address": address, "profile": profile}).public is public
