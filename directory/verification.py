"""Passwords checked off the event loop: in a few threads, within limits, and once a minute for who asks often.

Wrong ones are counted in a file that all processes of the node share, so that there is nothing to be won by trying at
each of them.
What was found right is remembered under a key of this process, never as a password, and counts only as long as the
account still has the very credential that it was checked against: a revocation ends it at once.
"""

from __future__ import annotations

import contextlib
import ctypes
import datetime as dt
import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

from directory import credentials
from directory.accounts import Identity, password_of, still
from directory.callers.ledger import Account, Ledger
from directory.errors import BudgetExceeded, Unavailable
from directory.index.reader import Index
from directory.settings import Settings

_MMAP_THRESHOLD: Final = -3  # M_MMAP_THRESHOLD of <malloc.h>
_LARGE: Final = 1 << 20  # bytes from which memory is asked of the system, and given back, each time
_WINDOW_S: Final = 60
_COUNTED: Final = 4096  # names and addresses that wrong passwords are counted of
_MOST: Final = 10_000  # passwords found right that are remembered


class Failures:
    """How often something has gone wrong for each of many keys within this minute, at all processes of the node."""

    def __init__(self, path: Path, *, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock
        self._ledger: Ledger | None = None

    def wait_s(self, key: str, most: int) -> int:
        """Seconds until another try is allowed where `most` are within a minute; 0 when it is now.

        Raises:
            Unavailable: the counts cannot be kept.
        """
        if self._count(key).marked < most:
            return 0
        return max(1, _WINDOW_S - int(self._clock()) % _WINDOW_S)

    def note(self, key: str) -> None:
        self._count(key).mark_next()

    def _count(self, key: str) -> Account:
        if self._ledger is None:
            self._ledger = Ledger.open(self._path, _COUNTED)
        return self._ledger.account(key, int(self._clock()) // _WINDOW_S)


class FoundRight:
    """Passwords found right lately."""

    def __init__(self, kept_s: float, *, clock: Callable[[], float]) -> None:
        self._kept_s = kept_s
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._found: OrderedDict[bytes, tuple[Identity, float]] = OrderedDict()

    def get(self, name: str, password: str) -> Identity | None:
        identity, until = self._found.get(self._digest(name, password), (None, 0.0))
        return identity if self._clock() < until else None

    def keep(self, name: str, password: str, identity: Identity) -> None:
        if self._kept_s > 0:
            self._found[self._digest(name, password)] = identity, self._clock() + self._kept_s
            if len(self._found) > _MOST:
                self._found.popitem(last=False)

    def _digest(self, name: str, password: str) -> bytes:
        return hmac.digest(self._key, f"{name}\0{password}".encode(), hashlib.sha256)


def give_memory_back() -> None:
    """Have the C library return the working memory of each check (19 MiB) to the system. Left alone, glibc takes the
    size of the first one for usual, and keeps as much for each thread for good."""
    with contextlib.suppress(AttributeError):  # another C library, which has no such habit
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE)


class Passwords:
    """The checks of one process; safe to use from several threads."""

    def __init__(self, settings: Settings, index: Index, *, clock: Callable[[], float] = time.time) -> None:
        give_memory_back()
        self._index = index
        self._lock = threading.Lock()
        self._waiting = 0
        self._most = settings.password_threads + settings.password_waiting
        self._threads = ThreadPoolExecutor(settings.password_threads, thread_name_prefix="password")
        self._right = FoundRight(settings.password_kept_s, clock=clock)
        self._failures = Failures(settings.data_dir / "failures", clock=clock)
        self._wrong_per_account = settings.password_failures_per_account
        self._wrong_per_address = settings.password_failures_per_address

    def remembered(self, name: str, password: str) -> Identity | None:
        """Who this is, when the password was found right a moment ago and the account is as it was."""
        with self._lock:
            found = self._right.get(name, password)
        if found is None:
            return None
        with self._index.read() as snapshot:
            return still(snapshot.accounts, found, dt.datetime.now(dt.UTC))

    def check(self, name: str, password: str, address: str) -> Future[Identity | None]:
        """Find out in a thread whose password this is.

        Raises:
            BudgetExceeded: too many wrong ones for this account, or from this address.
            Unavailable: too many are waiting to be checked.
        """
        with self._lock:
            wait_s = max(
                self._failures.wait_s(f"account {name}", self._wrong_per_account),
                self._failures.wait_s(f"address {address}", self._wrong_per_address),
            )
            if wait_s:
                raise BudgetExceeded(
                    "too many wrong passwords, try again later",
                    retry_after_s=wait_s,
                    fr="trop de mots de passe erronés, réessayez plus tard",
                )
            if self._waiting >= self._most:
                raise Unavailable("too many passwords are being checked", fr="trop de vérifications en cours")
            self._waiting += 1
        return self._threads.submit(self._checked, name, password, address)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _checked(self, name: str, password: str, address: str) -> Identity | None:
        found = None
        try:
            # The snapshot is closed before the slow part: none outlives its answer.
            with self._index.read() as snapshot:
                identity, kept = password_of(snapshot.accounts, name, dt.datetime.now(dt.UTC))
            found = identity if credentials.password_fits(kept, password) else None
            return found
        finally:
            with self._lock:
                self._waiting -= 1
                self._note(name, password, address, found)

    def _note(self, name: str, password: str, address: str, found: Identity | None) -> None:
        if found is not None:
            self._right.keep(name, password, found)
        else:
            self._failures.note(f"account {name}")
            self._failures.note(f"address {address}")
