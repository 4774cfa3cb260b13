"""The schema: attribute types and object classes, what they are called, and which field of the index each one is.

Our own types live below a UUID-based OID (ITU-T X.667), an arc nobody has to grant: `2.25.<uuid>`. Attributes of
inetOrgPerson that mail clients ask about and that we never hold are known too: a filter on them is False, where one on
an unknown attribute is Undefined (RFC 4511 section 4.5.1.7).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from directory.query import Field

ARC: Final = f"2.25.{uuid.UUID('5c1e7a52-3d0b-4b5c-9a75-2f64a5b1c0de').int}"
SUBSCHEMA_DN: Final = "cn=Subschema"

_TEXT: Final = ("caseIgnoreMatch", "caseIgnoreSubstringsMatch", "1.3.6.1.4.1.1466.115.121.1.15")
_IA5: Final = ("caseIgnoreIA5Match", "caseIgnoreIA5SubstringsMatch", "1.3.6.1.4.1.1466.115.121.1.26")
_PHONE: Final = ("telephoneNumberMatch", "telephoneNumberSubstringsMatch", "1.3.6.1.4.1.1466.115.121.1.50")
_OID: Final = ("objectIdentifierMatch", "", "1.3.6.1.4.1.1466.115.121.1.38")
_TIME: Final = ("generalizedTimeMatch", "", "1.3.6.1.4.1.1466.115.121.1.24")
_DN: Final = ("distinguishedNameMatch", "", "1.3.6.1.4.1.1466.115.121.1.12")
_BOOLEAN: Final = ("booleanMatch", "", "1.3.6.1.4.1.1466.115.121.1.7")
_UUID: Final = ("uuidMatch", "", "1.3.6.1.1.16.1")


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeType:
    """An attribute type; `field` is None for types that no entry of ours holds."""

    oid: str
    names: tuple[str, ...]
    field: Field | None = None
    rules: tuple[str, str, str] = _TEXT  # equality, substrings, syntax
    single: bool = False
    operational: bool = False

    @property
    def name(self) -> str:
        return self.names[0]

    @property
    def has_substrings(self) -> bool:
        return bool(self.rules[1])

    def description(self) -> str:
        """As RFC 4512 section 4.1.2 writes it."""
        equality, substrings, syntax = self.rules
        names = f"'{self.name}'" if len(self.names) == 1 else "( " + " ".join(f"'{n}'" for n in self.names) + " )"
        parts = [f"( {self.oid} NAME {names}", f"EQUALITY {equality}"]
        if self.rules is _TIME:
            parts.append("ORDERING generalizedTimeOrderingMatch")
        if substrings:
            parts.append(f"SUBSTR {substrings}")
        parts.append(f"SYNTAX {syntax}")
        if self.single:
            parts.append("SINGLE-VALUE")
        if self.operational:
            parts.append("NO-USER-MODIFICATION USAGE directoryOperation")
        return " ".join(parts) + " )"


def _ours(number: int, name: str, field: Field, **more: object) -> AttributeType:
    return AttributeType(oid=f"{ARC}.1.{number}", names=(name,), field=field, **more)  # type: ignore[arg-type]


def _standard(oid: str, *names: str, field: Field | None = None, **more: object) -> AttributeType:
    return AttributeType(oid=oid, names=names, field=field, **more)  # type: ignore[arg-type]


ATTRIBUTES: Final[tuple[AttributeType, ...]] = (
    _standard("2.5.4.0", "objectClass", field=Field.OBJECT_CLASS, rules=_OID),
    _standard("0.9.2342.19200300.100.1.3", "mail", "rfc822Mailbox", field=Field.MAIL, rules=_IA5),
    _standard("2.5.4.3", "cn", "commonName", field=Field.CN),
    _standard("2.16.840.1.113730.3.1.241", "displayName", field=Field.DISPLAY_NAME),
    _standard("2.5.4.4", "sn", "surname", field=Field.SN),
    _standard("2.5.4.42", "givenName", "gn", field=Field.GIVEN_NAME),
    _standard("2.5.4.12", "title", field=Field.TITLE),
    _standard("2.5.4.10", "o", "organizationName", field=Field.ORGANIZATION),
    _standard("2.5.4.11", "ou", "organizationalUnitName", field=Field.SERVICE),
    _standard("2.5.4.13", "description", field=Field.DESCRIPTION),
    _standard("2.5.4.9", "street", "streetAddress", field=Field.STREET),
    _standard("2.5.4.17", "postalCode", field=Field.POSTAL_CODE),
    _standard("2.5.4.7", "l", "localityName", field=Field.CITY),
    _standard("2.5.4.8", "st", "stateOrProvinceName", field=Field.DEPARTMENT),
    _standard("2.5.4.20", "telephoneNumber", field=Field.TELEPHONE, rules=_PHONE),
    _standard("0.9.2342.19200300.100.1.1", "uid", "userid", field=Field.NATIONAL_ID),
    _ours(1, "TypeBAL", Field.MAILBOX_TYPE, single=True),
    _ours(2, "IdentifiantPP", Field.IDENTIFIER),
    _ours(3, "TypeIdentifiantPP", Field.IDENTIFIER_TYPE),
    _ours(4, "profession", Field.PROFESSION),
    _ours(5, "savoirFaire", Field.EXPERTISE),
    _ours(6, "specialite", Field.SPECIALTY),
    _ours(7, "IdentifiantPM", Field.ORGANIZATION_IDENTIFIER),
    _ours(8, "TypeIdentifiantPM", Field.ORGANIZATION_IDENTIFIER_TYPE),
    _ours(9, "dematerialisation", Field.PAPERLESS, rules=_BOOLEAN, single=True),
    _standard("1.3.6.1.1.16.4", "entryUUID", field=Field.ENTRY_UUID, rules=_UUID, single=True, operational=True),
    _standard("2.5.18.1", "createTimestamp", field=Field.CREATED, rules=_TIME, single=True, operational=True),
    _standard("2.5.18.2", "modifyTimestamp", field=Field.MODIFIED, rules=_TIME, single=True, operational=True),
    _standard("1.3.6.1.1.20", "entryDN", rules=_DN, single=True, operational=True),
    _standard("2.5.21.9", "structuralObjectClass", rules=_OID, single=True, operational=True),
    _standard("2.5.18.10", "subschemaSubentry", rules=_DN, single=True, operational=True),
    _standard("2.5.18.9", "hasSubordinates", rules=_BOOLEAN, single=True, operational=True),
    # Root DSE and subschema (RFC 4512 sections 4.2 and 5.1).
    _standard("1.3.6.1.4.1.1466.101.120.5", "namingContexts", rules=_DN, operational=True),
    _standard("1.3.6.1.4.1.1466.101.120.13", "supportedControl", rules=_OID, operational=True),
    _standard("1.3.6.1.4.1.1466.101.120.7", "supportedExtension", rules=_OID, operational=True),
    _standard("1.3.6.1.4.1.4203.1.3.5", "supportedFeatures", rules=_OID, operational=True),
    _standard("1.3.6.1.4.1.1466.101.120.15", "supportedLDAPVersion", operational=True),
    _standard("1.3.6.1.4.1.1466.101.120.14", "supportedSASLMechanisms", operational=True),
    _standard("1.3.6.1.1.4", "vendorName", single=True, operational=True),
    _standard("1.3.6.1.1.5", "vendorVersion", single=True, operational=True),
    _standard("2.5.21.5", "attributeTypes", operational=True),
    _standard("2.5.21.6", "objectClasses", operational=True),
    _standard("2.5.21.4", "matchingRules", operational=True),
    _standard("1.3.6.1.4.1.1466.101.120.16", "ldapSyntaxes", operational=True),
    # Known to clients, never held here.
    _standard("2.5.4.6", "c", "countryName"),
    _standard("2.5.4.23", "facsimileTelephoneNumber", "fax"),
    _standard("0.9.2342.19200300.100.1.41", "mobile", "mobileTelephoneNumber"),
    _standard("0.9.2342.19200300.100.1.42", "pager", "pagerTelephoneNumber"),
    _standard("0.9.2342.19200300.100.1.20", "homePhone", "homeTelephoneNumber"),
    _standard("0.9.2342.19200300.100.1.6", "roomNumber"),
    _standard("1.3.6.1.4.1.250.1.57", "labeledURI"),
    _standard("2.5.4.16", "postalAddress"),
    _standard("2.5.4.18", "postOfficeBox"),
    _standard("2.5.4.19", "physicalDeliveryOfficeName"),
    _standard("2.5.4.25", "internationaliSDNNumber"),
    _standard("2.5.4.27", "destinationIndicator"),
    _standard("2.5.4.34", "seeAlso", rules=_DN),
    _standard("2.5.4.35", "userPassword"),
    _standard("2.5.4.43", "initials"),
    _standard("2.16.840.1.113730.3.1.2", "departmentNumber"),
    _standard("2.16.840.1.113730.3.1.3", "employeeNumber"),
    _standard("2.16.840.1.113730.3.1.4", "employeeType"),
    _standard("0.9.2342.19200300.100.1.10", "manager", rules=_DN),
    _standard("0.9.2342.19200300.100.1.60", "jpegPhoto"),
)

OBJECT_CLASS_DESCRIPTIONS: Final = (
    "( 2.5.6.0 NAME 'top' ABSTRACT MUST objectClass )",
    "( 2.5.6.6 NAME 'person' SUP top STRUCTURAL MUST ( sn $ cn ) "
    "MAY ( userPassword $ telephoneNumber $ seeAlso $ description ) )",
    "( 2.5.6.7 NAME 'organizationalPerson' SUP person STRUCTURAL MAY ( title $ facsimileTelephoneNumber $ street $ "
    "postOfficeBox $ postalCode $ postalAddress $ physicalDeliveryOfficeName $ ou $ st $ l $ "
    "internationaliSDNNumber $ destinationIndicator ) )",
    "( 2.16.840.1.113730.3.2.2 NAME 'inetOrgPerson' SUP organizationalPerson STRUCTURAL MAY ( mail $ displayName $ "
    "givenName $ o $ uid $ mobile $ pager $ homePhone $ roomNumber $ labeledURI $ initials $ departmentNumber $ "
    "employeeNumber $ employeeType $ manager $ jpegPhoto ) )",
    f"( {ARC}.2.1 NAME 'mssanteMailbox' DESC 'A mailbox of the MSSante trust space' SUP inetOrgPerson STRUCTURAL "
    "MUST ( mail $ TypeBAL ) MAY ( IdentifiantPP $ TypeIdentifiantPP $ profession $ savoirFaire $ specialite $ "
    "IdentifiantPM $ TypeIdentifiantPM $ dematerialisation ) )",
    "( 2.5.6.4 NAME 'organization' SUP top STRUCTURAL MUST o MAY description )",
    "( 2.5.6.5 NAME 'organizationalUnit' SUP top STRUCTURAL MUST ou MAY description )",
    "( 2.5.20.1 NAME 'subschema' AUXILIARY MAY ( attributeTypes $ objectClasses $ matchingRules $ ldapSyntaxes ) )",
)

MATCHING_RULES: Final[Mapping[str, str]] = {
    "caseIgnoreMatch": "2.5.13.2",
    "caseIgnoreOrderingMatch": "2.5.13.3",
    "caseIgnoreSubstringsMatch": "2.5.13.4",
    "caseIgnoreIA5Match": "1.3.6.1.4.1.1466.109.114.2",
    "caseIgnoreIA5SubstringsMatch": "1.3.6.1.4.1.1466.109.114.3",
    "telephoneNumberMatch": "2.5.13.20",
    "telephoneNumberSubstringsMatch": "2.5.13.21",
    "objectIdentifierMatch": "2.5.13.0",
    "generalizedTimeMatch": "2.5.13.27",
    "generalizedTimeOrderingMatch": "2.5.13.28",
    "distinguishedNameMatch": "2.5.13.1",
    "booleanMatch": "2.5.13.13",
    "uuidMatch": "1.3.6.1.1.16.2",
}

_BY_NAME: Final[Mapping[str, AttributeType]] = {
    known.lower(): attribute for attribute in ATTRIBUTES for known in (*attribute.names, attribute.oid)
}
_BY_OCTETS: Final[Mapping[bytes, AttributeType]] = {name.encode(): attribute for name, attribute in _BY_NAME.items()}
_RULE_NAMES: Final[Mapping[str, str]] = {
    known.lower(): name for name, oid in MATCHING_RULES.items() for known in (name, oid)
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


def subschema_attributes() -> dict[str, list[str]]:
    """What the subschema entry publishes (RFC 4512 section 4.2)."""
    syntaxes = sorted({attribute.rules[2] for attribute in ATTRIBUTES})
    syntax_of = {rule: attribute.rules[2] for attribute in ATTRIBUTES for rule in attribute.rules[:2] if rule}
    return {
        "objectClass": ["top", "subschema"],
        "cn": ["Subschema"],
        "attributeTypes": [attribute.description() for attribute in ATTRIBUTES],
        "objectClasses": list(OBJECT_CLASS_DESCRIPTIONS),
        "matchingRules": [
            f"( {oid} NAME '{name}' SYNTAX {syntax_of.get(name, _TEXT[2])} )" for name, oid in MATCHING_RULES.items()
        ],
        "ldapSyntaxes": [f"( {syntax} )" for syntax in syntaxes],
    }
