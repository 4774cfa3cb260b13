"""How the index sees the register: the one seam between the write side and the read side, as protocols.

`directory.registry.source` implements them over PostgreSQL; tests implement them over lists of records.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from directory.accounts import AccountList
from directory.model import Changes, EndedActivity, Kind, Record, RegisterState
from directory.trust import WhiteList


class RecordSource(Protocol):
    """One consistent state of the register, open for reading."""

    @property
    def state(self) -> RegisterState:
        """The state that every read of this source sees."""

    def partitions(self, kind: Kind, size: int) -> Sequence[tuple[str, str | None]]:
        """Key ranges [first, end) of about `size` records that together hold every record of the kind; `end` is None
        in the last one."""

    def read_range(self, kind: Kind, first: str, end: str | None) -> Iterator[Record]:
        """The records of a key range, streamed in key order (byte order of the UTF-8 key)."""

    def read(self, kind: Kind, keys: Collection[str]) -> Iterator[Record]:
        """The records with these keys; those that do not exist are left out."""

    def accounts(self) -> AccountList:
        """All accounts that are not revoked."""

    def white_list(self) -> WhiteList:
        """The trusted domains and their operators."""

    def withdrawals(self) -> Sequence[tuple[int, Kind, str]]:
        """The records that the feed's withdrawals hide, dependants included, with the revision of each."""

    def left(self) -> Sequence[tuple[Kind, str, dt.datetime]]:
        """The practitioners and organizations that have left in the last 30 days, and when."""

    def ended(self, people: Collection[str] | None = None) -> Iterator[EndedActivity]:
        """The activities that have ended in the last 30 days, of some people or of all."""

    def changes(self, epoch: str, revision: int) -> Changes:
        """What changed between an index's (epoch, revision) and this state."""

    def pin(self) -> str:
        """A token by which other processes open this same state while this source stays open."""


class Listener(Protocol):
    def wait(self, timeout_s: float) -> bool:
        """Wait until a revision may have been committed; False after `timeout_s` without a sign of one."""

    def heard(self) -> bool:
        """Whether there is such a sign that nobody has waited for yet."""


class Register(Protocol):
    """Where sources are opened; a small picklable value, passed to worker processes.

    Every method raises `Unavailable` when the database cannot be reached.
    """

    def open(self, pinned: str | None = None) -> AbstractContextManager[RecordSource]:
        """Open the present state, or the one pinned by another process."""

    def listen(self) -> AbstractContextManager[Listener]:
        """Listen for committed revisions."""
