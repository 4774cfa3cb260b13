"""All entries of a server as LDIF (RFC 2849), read over LDAP: the peer gets what our clients would get."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

from bench.ldap.client import Client, Entry

EVERYTHING: Final = "(objectClass=*)"
_SAFE: Final = re.compile(r"[!-9;=-~]([ -~]*[!-~])?")  # a printable value that needs no base64


@dataclass(frozen=True, slots=True)
class Dump:
    """How many mailboxes were written, and a digest of them that does not depend on their order."""

    mailboxes: int
    digest: str


def write_ldif(client: Client, suffix: str, path: Path) -> Dump:
    """Write the containers and every mailbox below a suffix.

    Raises:
        Refused: the server does not return everything, because of its size limit for instance.
        ValueError: it returned an entry twice.
    """
    seen: set[str] = set()
    total = 0
    with path.open("w", encoding="ascii") as file:
        for container in _containers(client, suffix):
            file.write(record(container.dn, container.attributes))
        for entry in client.walk(suffix, EVERYTHING):
            if entry.dn in seen:
                raise ValueError(f"returned twice: {entry.dn}")
            seen.add(entry.dn)
            text = record(entry.dn, entry.attributes)
            total = (total + int.from_bytes(blake2b(text.encode(), digest_size=16).digest(), "big")) % 2**128
            file.write(text)
    return Dump(len(seen), f"{total:032x}")


def _containers(client: Client, suffix: str) -> Iterator[Entry]:
    for dn in (suffix, f"ou=bal,{suffix}"):
        yield from client.search(dn, EVERYTHING, scope=0).entries


def record(dn: str, attributes: Mapping[str, Sequence[str]]) -> str:
    """One entry, its attributes in order, followed by a blank line."""
    lines = [_line("dn", dn)]
    lines += (_line(name, value) for name, values in sorted(attributes.items()) for value in values)
    return "".join(lines) + "\n"


def _line(name: str, value: str) -> str:
    if _SAFE.fullmatch(value):
        return f"{name}: {value}\n"
    return f"{name}:: {base64.b64encode(value.encode()).decode()}\n"
