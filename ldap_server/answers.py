"""What an operation comes to: entries, then the result (RFC 4511 section 4.1.9)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple

from directory.callers.caller import Caller
from directory.errors import (
    BudgetExceeded,
    DirectoryError,
    InvalidInput,
    NotAllowed,
    QueryTooComplex,
    TimeLimitExceeded,
    Unavailable,
)
from directory.query import Predicate
from ldap_server import messages


class Answer(NamedTuple):
    """Encoded entries, then the result. A bind also says who asks from now on."""

    entries: Sequence[bytes] = ()
    """Each by itself, or all mailboxes one after the other."""
    code: int = messages.SUCCESS
    message: str = ""
    matched: str = ""
    controls: Sequence[tuple[str, bytes]] = ()
    extra: bytes = b""  # what an operation's response has behind the result
    caller: Caller | None = None
    documents: Sequence[int] = ()
    """The mailboxes that it tells of, by their numbers in the index: what budgets count."""
    asked: Predicate | None = None
    """The filter that it answers."""
    secures: bool = False  # what follows is TLS

    @property
    def results(self) -> int:
        """How many entries it sends."""
        return len(self.documents) if self.entries and self.documents else len(self.entries)


class Waiting(NamedTuple):
    """A turn after which nothing can be done until a thread has ended; the client's other operations wait as well."""

    work: Future[Any]


Course = Iterator[Answer | Waiting | None]
"""An operation under way: None after each turn that was not enough, or what it waits for; then the answer. To close it
before its end gives the operation up."""


def refused(code: int, message: str = "", *, matched: str = "") -> Answer:
    return Answer((), code, message, matched)


def failed(error: DirectoryError) -> Answer:
    """The answer that an error of the tree makes."""
    return refused(result_code(error), in_both_languages(error))


def in_both_languages(error: DirectoryError) -> str:
    """An error's sentence. LDAP has no way to ask for a language: what is written in French too is said in both."""
    return error.message if error.fr == error.message else f"{error.fr} / {error.message}"


def result_code(error: DirectoryError) -> int:
    """The result code of an error of the tree (DESIGN section 6)."""
    if isinstance(error, InvalidInput):
        return messages.PROTOCOL_ERROR
    if isinstance(error, QueryTooComplex | BudgetExceeded):
        return messages.ADMIN_LIMIT
    if isinstance(error, NotAllowed):
        return messages.INSUFFICIENT_ACCESS
    if isinstance(error, TimeLimitExceeded):
        return messages.TIME_LIMIT
    return messages.UNAVAILABLE if isinstance(error, Unavailable) else messages.OTHER
