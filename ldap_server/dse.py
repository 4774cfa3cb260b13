"""The entries of the server itself: the root DSE, the subschema, and the containers of the tree (RFC 4512)."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Final

import directory
from directory.errors import Unavailable
from directory.index.reader import Index
from directory.model import Kind
from directory.settings import Settings
from ldap_server import controls, dit, messages
from ldap_server.dit import Container, Name, Tree
from ldap_server.entries import Selection, framed
from ldap_server.messages import Search
from ldap_server.schema import OPERATIONAL, SCHEMA_CHANGED, SUBSCHEMA_DN, subschema_attributes

SUPPORTED_EXTENSIONS: Final = (messages.CANCEL, messages.WHO_AM_I)  # and StartTLS where there is a certificate
SUPPORTED_FEATURES: Final = (
    "1.3.6.1.4.1.4203.1.5.1",  # all operational attributes (RFC 3673)
    "1.3.6.1.4.1.4203.1.5.2",  # attributes of an object class (RFC 4529)
    "1.3.6.1.4.1.4203.1.5.3",  # absolute true and false filters (RFC 4526)
)
_SUBSCHEMA: Final = dit.parse(SUBSCHEMA_DN)
_IDS: Final = uuid.UUID("0b0f3a3e-52b5-4f0a-9c44-0d4c9a1d7a6e")  # entryUUID of containers, by their names


@dataclass(frozen=True, slots=True)
class OwnEntry:
    """An entry with its values."""

    dn: str
    attributes: dict[str, list[str]]

    def encoded(self, message_id: bytes, search: Search) -> bytes:
        selection = Selection.of(search.attributes, types_only=search.types_only)
        if not self.dn and not search.attributes:
            # Asked for nothing by name, a root DSE shows all it has: what browsers of directories expect.
            selection = Selection(True, True, frozenset(), search.types_only)
        return framed(message_id, self.dn.encode(), b"", selection.encode(self.attributes.items(), OPERATIONAL))


class OwnEntries:
    """All of them, by their names."""

    def __init__(self, tree: Tree, index: Index, settings: Settings) -> None:
        self._tree = tree
        self._security = _security(settings)
        self._index = index

    def entry(self, name: Name) -> OwnEntry | None:
        if not name:
            return self._root()
        if name == _SUBSCHEMA:
            return self._subschema()
        container = self._tree.container(name)
        return None if container is None else self._container(container)

    def selected(self, name: Name, scope: int) -> list[OwnEntry]:
        """Those that a base and a scope select, below a base that is one of them."""
        if scope == dit.ONE:
            return [self._container(container) for container in self._tree.children(name)]
        found = self.entry(name)
        return [] if found is None else [found]

    def _root(self) -> OwnEntry:
        return OwnEntry(
            "",
            {
                "objectClass": ["top"],
                "namingContexts": [self._tree.suffix],
                "supportedControl": list(controls.SUPPORTED),
                **self._security,
                "supportedFeatures": list(SUPPORTED_FEATURES),
                "supportedLDAPVersion": ["2", "3"],
                "vendorName": ["annuaire"],
                "vendorVersion": [directory.__version__],
                "subschemaSubentry": [SUBSCHEMA_DN],
            },
        )

    @staticmethod
    def _subschema() -> OwnEntry:
        return OwnEntry(
            SUBSCHEMA_DN,
            {
                "objectClass": ["top", "subentry", "subschema"],
                "cn": ["Subschema"],
                "subtreeSpecification": ["{ }"],
                **subschema_attributes(),
                "createTimestamp": [SCHEMA_CHANGED],
                "modifyTimestamp": [SCHEMA_CHANGED],
                **_computed(SUBSCHEMA_DN, "subentry", has_subordinates=False),
            },
        )

    def _container(self, container: Container) -> OwnEntry:
        attributes = {
            **container.attributes,
            "entryUUID": [str(uuid.uuid5(_IDS, container.dn))],
            **_computed(container.dn, container.attributes["objectClass"][-1], has_subordinates=True),
        }
        try:
            with self._index.read() as snapshot:
                if container.name == self._tree.base_name:
                    attributes["numSubordinates"] = [str(snapshot.counts()[Kind.MAILBOX])]
                else:
                    attributes["numSubordinates"] = [str(len(self._tree.children(container.name)))]
                if snapshot.state.committed_at is not None:
                    attributes["modifyTimestamp"] = [f"{snapshot.state.committed_at:%Y%m%d%H%M%SZ}"]
        except Unavailable:
            pass  # the tree is there before the first index is
        return OwnEntry(container.dn, attributes)


def _security(settings: Settings) -> dict[str, list[str]]:
    """What the root DSE says of extensions and authentication; without a certificate nothing is said of TLS."""
    if settings.tls_certificate_file is None:
        return {"supportedExtension": list(SUPPORTED_EXTENSIONS)}
    mechanisms = ["PLAIN"] if settings.tls_client_ca_file is None else ["EXTERNAL", "PLAIN"]
    return {
        "supportedExtension": [*SUPPORTED_EXTENSIONS, messages.START_TLS],
        "supportedSASLMechanisms": mechanisms,
    }


def _computed(dn: str, structural: str, *, has_subordinates: bool) -> dict[str, list[str]]:
    return {
        "entryDN": [dn],
        "structuralObjectClass": [structural],
        "subschemaSubentry": [SUBSCHEMA_DN],
        "hasSubordinates": ["TRUE" if has_subordinates else "FALSE"],
    }
