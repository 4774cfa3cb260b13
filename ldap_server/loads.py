"""How many connections each worker of a port has, in all and by network: known to all of them, so that the least loaded
one accepts next, and a limit per network holds whichever workers its connections went to."""

from __future__ import annotations

import hashlib
import mmap
import os
from typing import Final

_KEY: Final = 16
_NETWORKS: Final = 32_768
"""Counts of networks of a worker. Networks that share one by chance are counted together: with some thousand
connections that is rare, and matters only when the limit is near."""


def shared(workers: int) -> int:
    """The file descriptor of the memory that some workers will share; it is inherited."""
    memory = os.memfd_create("annuaire-loads", 0)
    os.ftruncate(memory, _networks_at(workers) + workers * _NETWORKS * 2)
    # Behind the counts of the workers: the key by which networks are told apart, so that nobody can aim at another's.
    os.pwrite(memory, os.urandom(_KEY), _networks_at(workers) - _KEY)
    return memory


def _networks_at(workers: int) -> int:
    return workers * 4 + _KEY


class Loads:
    """The counts, as one of the workers sees them. A worker that died leaves its last counts behind until the one that
    takes its place has begun: the others merely accept the sooner."""

    def __init__(self, memory: int, place: int) -> None:
        mapped = mmap.mmap(memory, 0)
        workers = (len(mapped) - _KEY) // (4 + _NETWORKS * 2)
        at = _networks_at(workers)
        self._counts = memoryview(mapped)[: workers * 4].cast("I")
        self._key = mapped[at - _KEY : at]
        self._networks = memoryview(mapped)[at:].cast("H")
        self._mine = place * _NETWORKS
        self._place = place
        self._networks[self._mine : self._mine + _NETWORKS] = memoryview(bytes(_NETWORKS * 2)).cast("H")
        self._counts[place] = 0

    @classmethod
    def alone(cls) -> Loads:
        """The counts of a worker that has its port to itself."""
        memory = shared(1)
        try:
            return cls(memory, 0)
        finally:
            os.close(memory)

    def enter(self, network: str) -> int:
        """A connection has begun: how many there are of its network, at all workers."""
        place = self._place_of(network)
        self._counts[self._place] += 1
        self._networks[self._mine + place] += 1
        return sum(self._networks[place::_NETWORKS])

    def leave(self, network: str) -> None:
        """A connection has ended."""
        self._counts[self._place] -= 1
        self._networks[self._mine + self._place_of(network)] -= 1

    @property
    def connections(self) -> int:
        """How many this worker has."""
        return self._counts[self._place]

    @property
    def outdone(self) -> bool:
        """Whether another worker has fewer connections than this one."""
        return min(self._counts) < self._counts[self._place]

    def _place_of(self, network: str) -> int:
        digest = hashlib.blake2b(network.encode(), digest_size=4, key=self._key).digest()
        return int.from_bytes(digest, "little") % _NETWORKS
