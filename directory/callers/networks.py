"""What an address is counted as: itself, its /64 in IPv6, or a network that the operator has named."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Sequence
from typing import Final, NamedTuple

from directory.errors import InvalidInput

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_SUBSCRIBER_BITS: Final = 64
"""The part of an IPv6 address that a subscriber does not choose: the rest is theirs to change at will."""
_KNOWN: Final = 4096  # addresses whose network is remembered


class Allowance(NamedTuple):
    """What the operator grants a network as a whole, a hospital behind one address for instance."""

    network: Network
    entries_per_day: int


def read_networks(text: str) -> tuple[Network, ...]:
    """Networks, or lone addresses, separated by commas.

    Raises:
        InvalidInput: one of them is none.
    """
    return tuple(_network(part) for part in map(str.strip, text.split(",")) if part)


def read_allowances(text: str) -> tuple[Allowance, ...]:
    """`network=entries per day`, separated by commas: `10.1.0.0/16=20000`.

    Raises:
        InvalidInput: one of them cannot be read.
    """
    return tuple(_allowance(part) for part in map(str.strip, text.split(",")) if part)


def within(address: str, networks: Sequence[Network]) -> bool:
    """Whether an address is of one of some networks; a text that is no address is of none."""
    found = _address(address)
    return found is not None and any(found in network for network in networks)


class Networks:
    """Tells what addresses are counted as, and what is granted to it."""

    def __init__(self, allowances: Sequence[Allowance] = ()) -> None:
        # The smallest network that an address is of is the one that is meant.
        self._allowances = sorted(allowances, key=lambda allowance: -allowance.network.prefixlen)
        self._granted = {str(network): entries for network, entries in allowances}
        self.of = functools.lru_cache(_KNOWN)(self._of)
        """What an address is counted as."""

    def granted(self, network: str) -> int | None:
        """Entries per day that the operator grants to what an address is counted as; None for no word about it."""
        return self._granted.get(network)

    def _of(self, address: str) -> str:
        found = _address(address)
        if found is None:
            return address
        for network, _ in self._allowances:
            if found in network:
                return str(network)
        if found.version == 4:
            return str(found)
        return str(ipaddress.ip_network((int(found), _SUBSCRIBER_BITS), strict=False))


def _address(text: str) -> Address | None:
    """An address; one of IPv4 that came in over an IPv6 socket is what it was."""
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if found.version == 6 else None
    return mapped or found


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise InvalidInput(f"{text} is no network: {error}") from error


def _allowance(text: str) -> Allowance:
    network, separator, entries = text.partition("=")
    if not separator or not entries.strip().isdecimal():
        raise InvalidInput(f"{text} is not of the form network=entries per day")
    return Allowance(_network(network.strip()), int(entries))
