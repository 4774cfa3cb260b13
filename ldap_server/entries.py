"""Entries as they are sent: which attributes a client asked for, sliced from the prepared ones (RFC 4511 4.5.1.8)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from directory.index import layout
from directory.index.encoding import partial_attribute
from directory.index.reader import StoredDocument
from ldap_server.schema import SUBSCHEMA_DN, attribute_type

_COMPUTED: Final = ("entryDN", "structuralObjectClass", "subschemaSubentry", "hasSubordinates")


@dataclass(frozen=True, slots=True)
class Selection:
    """What a client asked for. `names` are attribute names as the schema spells them."""

    user: bool
    operational: bool
    names: frozenset[str]
    types_only: bool = False

    @classmethod
    def of(cls, asked: Iterable[str], *, types_only: bool = False) -> Selection:
        """Nothing asked: all user attributes; `*` these, `+` the operational ones, `1.1` none; unknown names and names
        with options are passed over."""
        asked = list(asked)
        if not asked:
            return cls(True, False, frozenset(), types_only)
        names = frozenset(known.name for name in asked if (known := attribute_type(name)) is not None)
        return cls("*" in asked, "+" in asked, names, types_only)

    def wants(self, name: str, *, operational: bool) -> bool:
        return (self.operational if operational else self.user) or name in self.names

    def encode(self, attributes: Iterable[tuple[str, list[str]]], operational: frozenset[str]) -> bytes:
        """The wanted ones of some attributes given as values."""
        return b"".join(
            partial_attribute(name, [] if self.types_only else values)
            for name, values in attributes
            if self.wants(name, operational=name in operational)
        )

    def of_document(self, document: StoredDocument, dn: bytes) -> bytes:
        """The wanted attributes of a mailbox, encoded."""
        parts = []
        entry = document.entry
        offsets = layout.ENTRY.unpack_from(entry)
        for place, name in enumerate(layout.ENTRY_ATTRIBUTES):
            if (self.user if place < layout.USER_ATTRIBUTES else self.operational) or name in self.names:
                encoded = bytes(entry[offsets[place] : offsets[place + 1]])
                parts.append(partial_attribute(name, []) if self.types_only and encoded else encoded)
        if self.operational or self.names:
            parts.append(self.encode(_computed(dn.decode()), frozenset(_COMPUTED)))
        return b"".join(parts)


def _computed(dn: str) -> list[tuple[str, list[str]]]:
    """What depends on this server's tree and is therefore not stored."""
    return [
        ("entryDN", [dn]),
        ("structuralObjectClass", ["mssanteMailbox"]),
        ("subschemaSubentry", [SUBSCHEMA_DN]),
        ("hasSubordinates", ["FALSE"]),
    ]
