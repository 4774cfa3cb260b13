"""Passwords checked off the event loop: in a few threads, within limits, and once a minute for who asks often.

What was found right is remembered under a key of this process, never as a password, and counts only as long as the
account still has the very credential that it was checked against: a revocation ends it at once.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from directory import credentials
from directory.accounts import Identity, password_of, still
from directory.errors import BudgetExceeded, Unavailable
from directory.index.reader import Index
from directory.settings import Settings

_WINDOW_S: Final = 60.0
_MOST: Final = 10_000  # names and addresses that failures are remembered of, and passwords found right


class Failures:
    """How often something has gone wrong for each of many keys within the last minute or so; bounded in memory."""

    def __init__(self, most: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()  # since when, and how many

    def wait_s(self, key: str) -> int:
        """Seconds until another try is allowed; 0 when it is now."""
        since, count = self._counts.get(key, (0.0, 0))
        left = since + _WINDOW_S - self._clock()
        return max(1, round(left)) if count >= self._most and left > 0 else 0

    def note(self, key: str) -> None:
        now = self._clock()
        since, count = self._counts.pop(key, (now, 0))
        self._counts[key] = (since, count + 1) if now - since < _WINDOW_S else (now, 1)
        if len(self._counts) > _MOST:
            self._counts.popitem(last=False)


class FoundRight:
    """Passwords found right lately."""

    def __init__(self, kept_s: float, *, clock: Callable[[], float] = time.monotonic) -> None:
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


class Passwords:
    """The checks of one process; safe to use from several threads."""

    def __init__(self, settings: Settings, index: Index, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._index = index
        self._lock = threading.Lock()
        self._waiting = 0
        self._most = settings.password_threads + settings.password_waiting
        self._threads = ThreadPoolExecutor(settings.password_threads, thread_name_prefix="password")
        self._right = FoundRight(settings.password_kept_s, clock=clock)
        self._accounts = Failures(settings.password_failures_per_account, clock=clock)
        self._addresses = Failures(settings.password_failures_per_address, clock=clock)

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
            wait_s = max(self._accounts.wait_s(name), self._addresses.wait_s(address))
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
            self._accounts.note(name)
            self._addresses.note(address)
