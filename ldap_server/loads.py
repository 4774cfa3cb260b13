"""How many connections each worker of a port has: known to all of them, so that the least loaded one accepts next."""

from __future__ import annotations

import mmap
import os
from typing import Final

_SIZE: Final = 4  # bytes of a count


def shared(workers: int) -> int:
    """The file descriptor of the memory that some workers will share; it is inherited."""
    memory = os.memfd_create("annuaire-loads", 0)
    os.ftruncate(memory, _SIZE * workers)
    return memory


class Loads:
    """The counts, as one of the workers sees them. A worker that died leaves its last count behind until the one that
    takes its place has begun: the others merely accept the sooner."""

    def __init__(self, memory: int, place: int) -> None:
        self._counts = memoryview(mmap.mmap(memory, 0)).cast("I")
        self._place = place
        self.note(0)

    def note(self, connections: int) -> None:
        """Tell the others how many connections this worker has."""
        self._counts[self._place] = connections

    @property
    def outdone(self) -> bool:
        """Whether another worker has fewer connections than this one."""
        return min(self._counts) < self._counts[self._place]
