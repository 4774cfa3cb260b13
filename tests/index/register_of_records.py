"""A register over plain records: what the index is tested on where PostgreSQL does not matter."""

from __future__ import annotations

import contextlib
import copyreg
import datetime as dt
import functools
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

from directory import model
from directory.accounts import Account, AccountList
from directory.errors import Unavailable
from directory.index.documents import key_of, record_kind
from directory.model import Changes, EndedActivity, Kind, Record, RegisterState
from directory.source import Listener, RecordSource
from directory.trust import WhiteList

Key = tuple[Kind, str]


def _made_again(value: Any) -> tuple[Callable[[], Any], tuple[()]]:
    """How a record is sent to a process of a build: frozen values of compiled classes cannot be filled in afterwards."""
    kind: Callable[..., Any] = type(value)
    return functools.partial(kind, **{one.name: getattr(value, one.name) for one in fields(value)}), ()


for _kind in vars(model).values():
    if isinstance(_kind, type) and is_dataclass(_kind):
        copyreg.pickle(_kind, _made_again)


@dataclass
class RegisterOfRecords:
    """Implements `directory.source.Register`; `commit` is a new revision."""

    records: dict[Key, Record] = field(default_factory=dict)
    revisions: list[frozenset[Key]] = field(default_factory=list)
    epoch: str = "00000000-0000-0000-0000-000000000001"
    held: AccountList = field(default_factory=lambda: AccountList(b"a pepper of tests"))
    renewed: bool = False  # some account is not as it was at an earlier revision
    withdrawn: list[tuple[int, Kind, str]] = field(default_factory=list)
    gone: dict[Key, dt.datetime] = field(default_factory=dict)
    ended: list[EndedActivity] = field(default_factory=list)
    known_since: dt.datetime | None = None
    as_of: dt.datetime | None = None
    listed: WhiteList = field(default_factory=WhiteList)
    lost: bool = False  # as a database that cannot be reached

    @classmethod
    def of(cls, records: Iterable[Record]) -> RegisterOfRecords:
        register = cls()
        register.commit(records)
        return register

    def commit(self, changed: Iterable[Record] = (), removed: Collection[Key] = ()) -> None:
        touched = set(removed)
        for key in removed:
            self.records.pop(key, None)
        for record in changed:
            key = (record_kind(record), key_of(record))
            self.records[key] = record
            touched.add(key)
        self.revisions.append(frozenset(touched))

    def commit_accounts(self, *accounts: Account) -> None:
        self.held = replace(self.held, accounts=tuple(sorted(accounts, key=lambda account: account.name)))
        self.renewed = True
        self.commit()

    @property
    def state(self) -> RegisterState:
        return RegisterState(
            epoch=self.epoch,
            revision=len(self.revisions),
            as_of=self.as_of,
            committed_at=None,
            known_since=self.known_since,
        )

    @contextlib.contextmanager
    def open(self, pinned: str | None = None) -> Iterator[RecordSource]:
        self._check()
        yield _Source(replace(self, records=dict(self.records), revisions=list(self.revisions)))

    @contextlib.contextmanager
    def listen(self) -> Iterator[Listener]:
        self._check()
        yield _Listener(self, len(self.revisions))

    def _check(self) -> None:
        if self.lost:
            raise Unavailable("the register is lost")


@dataclass
class _Listener:
    register: RegisterOfRecords
    known: int

    def heard(self) -> bool:
        self.register._check()
        return len(self.register.revisions) > self.known

    def wait(self, timeout_s: float) -> bool:
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            if self.heard():
                self.known = len(self.register.revisions)
                return True
            time.sleep(0.005)
        return False


@dataclass
class _Source:
    register: RegisterOfRecords

    @property
    def state(self) -> RegisterState:
        return self.register.state

    def _sorted(self, kind: Kind) -> list[tuple[str, Record]]:
        return sorted((key, record) for (found, key), record in self.register.records.items() if found is kind)

    def partitions(self, kind: Kind, size: int) -> Sequence[tuple[str, str | None]]:
        keys = [key for key, _ in self._sorted(kind)]
        if not keys:
            return []
        cuts = keys[size::size]
        return list(zip(["", *cuts], [*cuts, None], strict=True))

    def read_range(self, kind: Kind, first: str, end: str | None) -> Iterator[Record]:
        return (record for key, record in self._sorted(kind) if key >= first and (end is None or key < end))

    def read(self, kind: Kind, keys: Collection[str]) -> Iterator[Record]:
        return (self.register.records[kind, key] for key in keys if (kind, key) in self.register.records)

    def white_list(self) -> WhiteList:
        return self.register.listed

    def withdrawals(self) -> Sequence[tuple[int, Kind, str]]:
        return self.register.withdrawn

    def left(self) -> Sequence[tuple[Kind, str, dt.datetime]]:
        return sorted((kind, key, at) for (kind, key), at in self.register.gone.items())

    def ended(self, people: Collection[str] | None = None) -> Iterator[EndedActivity]:
        return (one for one in self.register.ended if people is None or one.national_id in people)

    def changes(self, epoch: str, revision: int) -> Changes:
        if epoch != self.register.epoch or revision > self.state.revision:
            return Changes(state=self.state, reset=True)
        keys = frozenset[Key]().union(*self.register.revisions[revision:])
        passed = revision < len(self.register.revisions)
        return Changes(state=self.state, keys=keys, accounts=self.register.renewed, white_list=passed)

    def accounts(self) -> AccountList:
        return self.register.held

    def pin(self) -> str:
        return "now"
