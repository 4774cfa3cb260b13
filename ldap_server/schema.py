"""The schema as clients meet it: what names and identifiers mean, and the subschema entry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ldap_server.definitions import (
    ATTRIBUTES,
    MATCHING_RULES,
    OBJECT_CLASSES,
    SYNTAXES,
    AttributeType,
    ObjectClass,
    oids,
)

SUBSCHEMA_DN: Final = "cn=Subschema"
SCHEMA_CHANGED: Final = "20261124000000Z"
"""When what is published here last changed: clients that keep a schema ask for that."""

_BY_NAME: Final[Mapping[str, AttributeType]] = {
    known.lower(): attribute for attribute in ATTRIBUTES for known in (*attribute.names, attribute.oid)
}
_BY_OCTETS: Final[Mapping[bytes, AttributeType]] = {name.encode(): attribute for name, attribute in _BY_NAME.items()}
_CLASSES: Final[Mapping[str, ObjectClass]] = {
    known.lower(): one for one in OBJECT_CLASSES for known in (one.name, one.oid)
}
_RULE_NAMES: Final[Mapping[str, str]] = {
    known.lower(): name for name, (oid, _) in MATCHING_RULES.items() for known in (name, oid)
}


def attribute_type(description: str) -> AttributeType | None:
    """The type that an attribute description names (in any case, by name, alias or OID); None when it is unknown or
    bears an option, of which we hold none."""
    return _BY_NAME.get(description.lower())


def described(description: bytes) -> AttributeType | None:
    """The same, for a description as it stands in a message."""
    return _BY_OCTETS.get(description.lower())


def rule_name(rule: str) -> str | None:
    """The matching rule of this name or OID; None when it is unknown."""
    return _RULE_NAMES.get(rule.lower())


def class_name(identifier: str) -> str | None:
    """The object class of this name or OID; None when it is unknown."""
    found = _CLASSES.get(identifier.lower())
    return None if found is None else found.name


def class_attributes(identifier: str) -> frozenset[str]:
    """The names of all attributes that a class allows, those of its superiors among them (RFC 4529); none when it is
    unknown."""
    names: set[str] = set()
    found = _CLASSES.get(identifier.lower())
    while found is not None:
        names.update(found.must, found.may)
        found = _CLASSES.get(found.superior.lower())
    return frozenset(names)


def subschema_attributes() -> dict[str, list[str]]:
    """What the subschema entry publishes (RFC 4512 section 4.2)."""
    return {
        "attributeTypes": [attribute.description() for attribute in ATTRIBUTES],
        "objectClasses": [known.description() for known in OBJECT_CLASSES],
        "matchingRules": [f"( {oid} NAME '{name}' SYNTAX {syntax} )" for name, (oid, syntax) in MATCHING_RULES.items()],
        "matchingRuleUse": [use for name, (oid, _) in MATCHING_RULES.items() if (use := _use(name, oid))],
        "ldapSyntaxes": [f"( {syntax} DESC '{about}' )" for syntax, about in SYNTAXES.items()],
    }


def _use(rule: str, oid: str) -> str:
    """Which attributes a rule may be named with in an extensible match; empty for none (RFC 4512 section 4.1.4)."""
    names = tuple(attribute.name for attribute in ATTRIBUTES if attribute.rules.equality == rule)
    return f"( {oid} NAME '{rule}' APPLIES {oids(names)} )" if names else ""


OPERATIONAL: Final = frozenset(attribute.name for attribute in ATTRIBUTES if attribute.operational)
