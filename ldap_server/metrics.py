"""What Prometheus is told of LDAP: operations by outcome, entries, time taken, connections.

The library's counters cost microseconds each, a lookup some tens. So operations are first counted in plain
dictionaries, and the counters are brought up to date once a second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import prometheus_client as prometheus

from directory.callers.trace import Done

_OVER_S: Final[Sequence[float]] = (0.01, 0.1, 1.0)
_OUTCOMES: Final = {
    0: "success", 2: "protocolError", 3: "timeLimitExceeded", 4: "sizeLimitExceeded", 5: "compareFalse",
    6: "compareTrue", 11: "adminLimitExceeded", 32: "noSuchObject", 49: "invalidCredentials",
    50: "insufficientAccessRights", 51: "busy", 52: "unavailable", 53: "unwillingToPerform", 80: "other",
}  # fmt: skip

OPERATIONS: Final = prometheus.Counter(
    "annuaire_ldap_operations_total", "LDAP operations that were answered", ["operation", "outcome"]
)
ENTRIES: Final = prometheus.Counter("annuaire_ldap_entries_total", "Entries that were sent")
SECONDS: Final = prometheus.Counter(
    "annuaire_ldap_operation_seconds_total", "Time from the first turns of operations to their answers", ["operation"]
)
SLOW: Final = prometheus.Counter(
    "annuaire_ldap_slow_operations_total", "Operations that took longer than so many seconds", ["operation", "over"]
)
CONNECTIONS: Final = prometheus.Gauge("annuaire_ldap_connections", "Open LDAP connections", multiprocess_mode="livesum")


class Metrics:
    """Counts operations until the next `publish`."""

    __slots__ = ("_counts", "_entries", "_seconds", "_slow")

    def __init__(self) -> None:
        self._counts: dict[tuple[str, int], int] = {}
        self._seconds: dict[str, float] = {}
        self._slow: Counter[tuple[str, float]] = Counter()
        self._entries = 0

    def note(self, done: Done) -> None:
        # A `Counter` is a class written in Python: half a microsecond for each of these.
        outcome = done.operation, done.code
        self._counts[outcome] = self._counts.get(outcome, 0) + 1
        self._seconds[done.operation] = self._seconds.get(done.operation, 0.0) + done.seconds
        self._entries += done.results
        if done.seconds > _OVER_S[0]:
            self._slow.update((done.operation, over) for over in _OVER_S if done.seconds > over)

    def publish(self, connections: int) -> None:
        """Bring the counters that Prometheus sees up to date."""
        for (operation, code), count in self._counts.items():
            OPERATIONS.labels(operation, _OUTCOMES.get(code, str(code))).inc(count)
        for operation, seconds in self._seconds.items():
            SECONDS.labels(operation).inc(seconds)
        for (operation, over), count in self._slow.items():
            SLOW.labels(operation, f"{over:g}").inc(count)
        ENTRIES.inc(self._entries)
        CONNECTIONS.set(connections)
        self._counts.clear()
        self._seconds.clear()
        self._slow.clear()
        self._entries = 0
