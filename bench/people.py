"""The people whose mailboxes an extract publishes: what queries are drawn from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_FILE: Final = "Extraction_Correspondance_MSSante_*.txt"
_ADDRESS: Final = re.compile(r"[^@\s|]+@[^@\s|]+\.[a-z]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A person with a mailbox, as the extract spells them."""

    address: str
    identifier: str
    national_id: str
    family_name: str
    given_name: str


def read_holders(extract: Path) -> list[Holder]:
    """Everybody with a personal mailbox, in the order of the file; malformed lines are left out.

    Raises:
        FileNotFoundError: the folder holds no file of mailboxes.
    """
    return [holder for fields in read_mailboxes(extract) if (holder := _holder(fields)) is not None]


def read_addresses(extract: Path) -> list[str]:
    """Every address that the extract publishes, of people and of services, in the order of the file.

    Raises:
        FileNotFoundError: the folder holds no file of mailboxes.
    """
    found = (fields["Adresse BAL"] for fields in read_mailboxes(extract))
    return list(dict.fromkeys(address for address in found if _ADDRESS.fullmatch(address)))


def read_mailboxes(extract: Path) -> Iterator[dict[str, str]]:
    """The rows of the file of mailboxes, by the names of its columns; malformed lines are left out."""
    files = sorted(extract.glob(_FILE))
    if not files:
        raise FileNotFoundError(f"no {_FILE} in {extract}")
    return _rows(files[-1])


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open("rb") as file:
        names = file.readline().decode().rstrip("\r\n").split("|")
        for line in file:
            try:
                fields = line.decode().rstrip("\r\n").split("|")
            except UnicodeDecodeError:
                continue
            if len(fields) == len(names):
                yield dict(zip(names, fields, strict=True))


def _holder(fields: dict[str, str]) -> Holder | None:
    if fields["Type de BAL"] != "PER" or not _ADDRESS.fullmatch(fields["Adresse BAL"]):
        return None
    return Holder(
        address=fields["Adresse BAL"],
        identifier=fields["Identifiant PP"].strip(),
        national_id=fields["Identification nationale PP"].strip(),
        family_name=fields["Nom d'exercice"].strip(),
        given_name=fields["Prénom d'exercice"].strip(),
    )
