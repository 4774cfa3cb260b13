"""Published files: which kind of import each is for, and which of several is the newest."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, Protocol

KINDS: Final = ("trusted-domains", "rpps", "mailboxes")
"""In the order in which they are imported: whether a mailbox is trusted depends on the list."""

# How the names of a kind's files begin; the mirror writes hyphens for underscores (DOMAIN section 6).
_BEGINNINGS: Final = {
    "rpps": "ps_libreacces",
    "mailboxes": "extraction_correspondance_mssante",
    "trusted-domains": "listeblanche",
}
_WHOLE: Final = "ps_libreacces"  # the archive of all of the register's files
_DATE: Final = re.compile(r"[-_]?(20\d{10})(?!\d)")


class Opened(Protocol):
    """Bytes of a file from `start` on: 0 where the source cannot go on in the middle."""

    start: int

    def __iter__(self) -> Iterator[bytes]: ...


class Opener(Protocol):
    def __call__(self, offset: int) -> AbstractContextManager[Opened]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFile:
    """A file at its source. `stamp` changes with its content; `open(offset)` reads from there on, if the source can.

    `sha256` is the digest that the source publishes beside it, where it does.
    """

    name: str
    as_of: dt.datetime
    size: int | None
    stamp: str
    open: Opener
    sha256: str | None = None

    @property
    def kept_name(self) -> str:
        """The name under which it is kept: dated, so that one night's file never takes the place of another's."""
        if date_in(self.name) is not None:
            return self.name
        path = PurePosixPath(self.name)
        return f"{path.stem}_{self.as_of:%Y%m%d%H%M}{path.suffix}"


def date_in(name: str) -> dt.datetime | None:
    """The generation time in a name (`…_AAAAMMJJhhmm.zip`, read as UTC)."""
    found = _DATE.search(name)
    if found is None:
        return None
    try:
        return dt.datetime.strptime(found[1], "%Y%m%d%H%M").replace(tzinfo=dt.UTC)
    except ValueError:
        return None


def is_of(kind: str, name: str) -> bool:
    """Whether a file is for an import of this kind, by its name."""
    suffixes = (".xml",) if kind == "trusted-domains" else (".zip", ".txt")
    plain = name.lower().replace("-", "_")
    return plain.startswith(_BEGINNINGS[kind]) and PurePosixPath(plain).suffix in suffixes


def newest(files: Iterable[PublishedFile]) -> list[PublishedFile]:
    """The latest delivery among a kind's files: the newest of each name, or the newest archive of all of them."""
    latest: dict[str, PublishedFile] = {}
    for file in sorted(files, key=lambda one: one.as_of):
        latest[_name_without_date(file.name)] = file
    whole = latest.pop(_WHOLE, None)
    if whole is not None and all(whole.as_of >= file.as_of for file in latest.values()):
        return [whole]
    return sorted(latest.values(), key=lambda one: one.name)


def _name_without_date(name: str) -> str:
    return PurePosixPath(_DATE.sub("", name.lower().replace("-", "_"))).stem
