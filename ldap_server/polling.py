"""The reactor of LDAP workers: Twisted's own on epoll, without a context for logging around each event."""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.main import installReactor


class PromptReactor(EPollReactor):
    """Hands each event on at once. Twisted wraps each in a context that says which connection its log lines are about,
    which takes longer than reading the bytes, and our lines say it themselves."""

    def doPoll(self, timeout: float | None) -> None:  # noqa: N802 - Twisted's name
        """Wait for events, at most so many seconds, and hand them on."""
        selectables = self._selectables
        # Since PEP 475 a signal does not interrupt it.
        for number, event in self._poller.poll(-1 if timeout is None else timeout, len(selectables) or 1):
            selectable = selectables.get(number)
            if selectable is not None:
                self._doReadOrWrite(selectable, number, event)  # type: ignore[no-untyped-call]

    doIteration = doPoll  # noqa: N815


def reactor() -> Any:
    """The reactor of this process: a `PromptReactor`, unless another one is there already."""
    if "twisted.internet.reactor" not in sys.modules:
        installReactor(PromptReactor())  # type: ignore[no-untyped-call]
    from twisted.internet import reactor as installed

    return installed
