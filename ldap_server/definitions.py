"""The schema as definitions: syntaxes, matching rules, attribute types and object classes (RFC 2798, 4517, 4519, 4524).

Our own types live below a UUID-based OID (ITU-T X.667), an arc nobody has to grant: `2.25.<uuid>`. Attributes of
inetOrgPerson that mail clients ask about and that we never hold are known too: a filter on them is False, where one on
an unknown attribute is Undefined (RFC 4511 section 4.5.1.7).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from directory.query import Field

ARC: Final = f"2.25.{uuid.UUID('5c1e7a52-3d0b-4b5c-9a75-2f64a5b1c0de').int}"

SYNTAXES: Final[Mapping[str, str]] = {
    "1.3.6.1.1.15.1": "X.509 Certificate Exact Assertion",
    "1.3.6.1.1.16.1": "UUID",
    **{
        f"1.3.6.1.4.1.1466.115.121.1.{number}": name
        for number, name in (
            (3, "Attribute Type Description"),
            (4, "Audio"),
            (5, "Binary"),
            (6, "Bit String"),
            (7, "Boolean"),
            (8, "Certificate"),
            (11, "Country String"),
            (12, "DN"),
            (14, "Delivery Method"),
            (15, "Directory String"),
            (16, "DIT Content Rule Description"),
            (17, "DIT Structure Rule Description"),
            (22, "Facsimile Telephone Number"),
            (24, "Generalized Time"),
            (26, "IA5 String"),
            (27, "INTEGER"),
            (28, "JPEG"),
            (30, "Matching Rule Description"),
            (31, "Matching Rule Use Description"),
            (34, "Name And Optional UID"),
            (35, "Name Form Description"),
            (36, "Numeric String"),
            (37, "Object Class Description"),
            (38, "OID"),
            (40, "Octet String"),
            (41, "Postal Address"),
            (44, "Printable String"),
            (45, "Subtree Specification"),
            (50, "Telephone Number"),
            (51, "Teletex Terminal Identifier"),
            (52, "Telex Number"),
            (54, "LDAP Syntax Description"),
            (58, "Substring Assertion"),
        )
    },
}


def _syntax(number: int) -> str:
    return f"1.3.6.1.4.1.1466.115.121.1.{number}"


class Rules(NamedTuple):
    """How the values of a type are written and compared; `sorts` orders values where a type has no rule for that of its
    own: people sort by names, for which RFC 4519 has none."""

    syntax: str
    equality: str = ""
    substrings: str = ""
    ordering: str = ""
    sorts: str = ""


_TEXT: Final = Rules(_syntax(15), "caseIgnoreMatch", "caseIgnoreSubstringsMatch", sorts="caseIgnoreOrderingMatch")
_PRINTABLE: Final = _TEXT._replace(syntax=_syntax(44))
_IA5: Final = Rules(_syntax(26), "caseIgnoreIA5Match", "caseIgnoreIA5SubstringsMatch", sorts="caseIgnoreOrderingMatch")
_PHONE: Final = Rules(
    _syntax(50), "telephoneNumberMatch", "telephoneNumberSubstringsMatch", sorts="caseIgnoreOrderingMatch"
)
_OID: Final = Rules(_syntax(38), "objectIdentifierMatch")
_TIME: Final = Rules(_syntax(24), "generalizedTimeMatch", "", "generalizedTimeOrderingMatch")
_DN: Final = Rules(_syntax(12), "distinguishedNameMatch")
_BOOLEAN: Final = Rules(_syntax(7), "booleanMatch")
_UUID: Final = Rules("1.3.6.1.1.16.1", "uuidMatch", "", "uuidOrderingMatch")
_INTEGER: Final = Rules(_syntax(27), "integerMatch")
_ADDRESS: Final = Rules(_syntax(41), "caseIgnoreListMatch", "caseIgnoreListSubstringsMatch")
_OCTETS: Final = Rules(_syntax(40), "octetStringMatch")


def _described_by(number: int) -> Rules:
    """Descriptions of a schema are found by their identifier."""
    return Rules(_syntax(number), "objectIdentifierFirstComponentMatch")


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeType:
    """An attribute type; `field` is None for types that no mailbox holds. `usage` is empty for user attributes."""

    oid: str
    names: tuple[str, ...]
    field: Field | None = None
    rules: Rules = _TEXT
    single: bool = False
    usage: str = ""

    @property
    def name(self) -> str:
        return self.names[0]

    @property
    def operational(self) -> bool:
        return bool(self.usage)

    @property
    def has_substrings(self) -> bool:
        return bool(self.rules.substrings)

    @property
    def ordering(self) -> str:
        """The rule that entries are sorted by; empty where there is none."""
        return self.rules.ordering or self.rules.sorts

    def description(self) -> str:
        """As RFC 4512 section 4.1.2 writes it."""
        rules = self.rules
        listed = (("EQUALITY", rules.equality), ("ORDERING", rules.ordering), ("SUBSTR", rules.substrings))
        parts = [f"( {self.oid} NAME {_names(self.names)}", *(f"{kind} {rule}" for kind, rule in listed if rule)]
        parts.append(f"SYNTAX {rules.syntax}")
        if self.single:
            parts.append("SINGLE-VALUE")
        if self.usage:
            parts.append(f"NO-USER-MODIFICATION USAGE {self.usage}")
        return " ".join(parts) + " )"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectClass:
    """An object class."""

    oid: str
    name: str
    superior: str = "top"
    kind: str = "STRUCTURAL"
    must: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    about: str = ""

    def description(self) -> str:
        """As RFC 4512 section 4.1.1 writes it."""
        parts = [f"( {self.oid} NAME '{self.name}'"]
        if self.about:
            parts.append(f"DESC '{self.about}'")
        if self.superior:
            parts.append(f"SUP {self.superior}")
        parts.append(self.kind)
        parts += [f"{what} {oids(names)}" for what, names in (("MUST", self.must), ("MAY", self.may)) if names]
        return " ".join(parts) + " )"


def _names(names: tuple[str, ...]) -> str:
    quoted = [f"'{name}'" for name in names]
    return quoted[0] if len(quoted) == 1 else f"( {' '.join(quoted)} )"


def oids(names: tuple[str, ...]) -> str:
    """One or more names as RFC 4512 section 4.1 writes a list of them."""
    return names[0] if len(names) == 1 else f"( {' $ '.join(names)} )"


def _ours(number: int, name: str, field: Field, **more: object) -> AttributeType:
    return AttributeType(oid=f"{ARC}.1.{number}", names=(name,), field=field, **more)  # type: ignore[arg-type]


def _operational(oid: str, name: str, rules: Rules, **more: object) -> AttributeType:
    return AttributeType(oid=oid, names=(name,), rules=rules, **{"usage": "directoryOperation", **more})  # type: ignore[arg-type]


def _of_server(oid: str, name: str, rules: Rules, **more: object) -> AttributeType:
    return _operational(oid, name, rules, usage="dSAOperation", **more)


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
    _operational("1.3.6.1.1.16.4", "entryUUID", _UUID, field=Field.ENTRY_UUID, single=True),
    _operational("2.5.18.1", "createTimestamp", _TIME, field=Field.CREATED, single=True),
    _operational("2.5.18.2", "modifyTimestamp", _TIME, field=Field.MODIFIED, single=True),
    _operational("1.3.6.1.1.20", "entryDN", _DN, single=True),
    _operational("2.5.21.9", "structuralObjectClass", _OID, single=True),
    _operational("2.5.18.10", "subschemaSubentry", _DN, single=True),
    _operational("2.5.18.9", "hasSubordinates", _BOOLEAN, single=True),
    _operational("1.3.1.1.4.1.453.16.2.103", "numSubordinates", _INTEGER, single=True),
    # Root DSE and subschema (RFC 4512 sections 4.2 and 5.1).
    _of_server("1.3.6.1.4.1.1466.101.120.5", "namingContexts", _DN),
    _of_server("1.3.6.1.4.1.1466.101.120.6", "altServer", Rules(_syntax(26))),
    _of_server("1.3.6.1.4.1.1466.101.120.13", "supportedControl", _OID),
    _of_server("1.3.6.1.4.1.1466.101.120.7", "supportedExtension", _OID),
    _of_server("1.3.6.1.4.1.4203.1.3.5", "supportedFeatures", _OID),
    _of_server("1.3.6.1.4.1.1466.101.120.15", "supportedLDAPVersion", _INTEGER),
    _of_server("1.3.6.1.4.1.1466.101.120.14", "supportedSASLMechanisms", _TEXT),
    _of_server("1.3.6.1.1.4", "vendorName", _TEXT, single=True),
    _of_server("1.3.6.1.1.5", "vendorVersion", _TEXT, single=True),
    _operational("2.5.18.6", "subtreeSpecification", Rules(_syntax(45)), single=True),
    _operational("2.5.21.5", "attributeTypes", _described_by(3)),
    _operational("2.5.21.6", "objectClasses", _described_by(37)),
    _operational("2.5.21.4", "matchingRules", _described_by(30)),
    _operational("2.5.21.8", "matchingRuleUse", _described_by(31)),
    _operational("1.3.6.1.4.1.1466.101.120.16", "ldapSyntaxes", _described_by(54)),
    _operational("2.5.21.2", "dITContentRules", _described_by(16)),
    _operational("2.5.21.1", "dITStructureRules", Rules(_syntax(17), "integerFirstComponentMatch")),
    _operational("2.5.21.7", "nameForms", _described_by(35)),
    # Of the standard classes of our entries (RFC 2798, 4519, 4524), and never held here.
    _standard("2.5.4.6", "c", "countryName", rules=_TEXT._replace(syntax=_syntax(11)), single=True),
    _standard("2.5.4.14", "searchGuide", rules=Rules(_syntax(15))),
    _standard("2.5.4.15", "businessCategory"),
    _standard("2.5.4.16", "postalAddress", rules=_ADDRESS),
    _standard("2.5.4.18", "postOfficeBox"),
    _standard("2.5.4.19", "physicalDeliveryOfficeName"),
    _standard("2.5.4.21", "telexNumber", rules=Rules(_syntax(52))),
    _standard("2.5.4.22", "teletexTerminalIdentifier", rules=Rules(_syntax(51))),
    _standard("2.5.4.23", "facsimileTelephoneNumber", "fax", rules=Rules(_syntax(22))),
    _standard(
        "2.5.4.24", "x121Address", rules=Rules(_syntax(36), "numericStringMatch", "numericStringSubstringsMatch")
    ),
    _standard(
        "2.5.4.25",
        "internationalISDNNumber",
        rules=Rules(_syntax(36), "numericStringMatch", "numericStringSubstringsMatch"),
    ),
    _standard("2.5.4.26", "registeredAddress", rules=_ADDRESS),
    _standard("2.5.4.27", "destinationIndicator", rules=_PRINTABLE),
    _standard("2.5.4.28", "preferredDeliveryMethod", rules=Rules(_syntax(14)), single=True),
    _standard("2.5.4.34", "seeAlso", rules=_DN),
    _standard("2.5.4.35", "userPassword", rules=_OCTETS),
    _standard("2.5.4.36", "userCertificate", rules=Rules(_syntax(8), "certificateExactMatch")),
    _standard("2.5.4.43", "initials"),
    _standard("2.5.4.45", "x500UniqueIdentifier", rules=Rules(_syntax(6), "bitStringMatch")),
    _standard("0.9.2342.19200300.100.1.6", "roomNumber"),
    _standard("0.9.2342.19200300.100.1.7", "photo", rules=Rules(_syntax(5))),
    _standard("0.9.2342.19200300.100.1.10", "manager", rules=_DN),
    _standard("0.9.2342.19200300.100.1.20", "homePhone", "homeTelephoneNumber", rules=_PHONE),
    _standard("0.9.2342.19200300.100.1.21", "secretary", rules=_DN),
    _standard("0.9.2342.19200300.100.1.39", "homePostalAddress", rules=_ADDRESS),
    _standard("0.9.2342.19200300.100.1.41", "mobile", "mobileTelephoneNumber", rules=_PHONE),
    _standard("0.9.2342.19200300.100.1.42", "pager", "pagerTelephoneNumber", rules=_PHONE),
    _standard("0.9.2342.19200300.100.1.55", "audio", rules=Rules(_syntax(4))),
    _standard("0.9.2342.19200300.100.1.60", "jpegPhoto", rules=Rules(_syntax(28))),
    _standard("1.3.6.1.4.1.250.1.57", "labeledURI", rules=Rules(_syntax(15), "caseExactMatch")),
    _standard("2.16.840.1.113730.3.1.1", "carLicense"),
    _standard("2.16.840.1.113730.3.1.2", "departmentNumber"),
    _standard("2.16.840.1.113730.3.1.3", "employeeNumber", single=True),
    _standard("2.16.840.1.113730.3.1.4", "employeeType"),
    _standard("2.16.840.1.113730.3.1.39", "preferredLanguage", single=True),
    _standard("2.16.840.1.113730.3.1.40", "userSMIMECertificate", rules=Rules(_syntax(5))),
    _standard("2.16.840.1.113730.3.1.216", "userPKCS12", rules=Rules(_syntax(5))),
)

_POSTAL: Final = (
    "x121Address", "registeredAddress", "destinationIndicator", "preferredDeliveryMethod", "telexNumber",
    "teletexTerminalIdentifier", "telephoneNumber", "internationalISDNNumber", "facsimileTelephoneNumber", "street",
    "postOfficeBox", "postalCode", "postalAddress", "physicalDeliveryOfficeName", "st", "l",
)  # fmt: skip
_OF_UNITS: Final = ("userPassword", "searchGuide", "seeAlso", "businessCategory", *_POSTAL, "description")

OBJECT_CLASSES: Final[tuple[ObjectClass, ...]] = (
    ObjectClass(oid="2.5.6.0", name="top", superior="", kind="ABSTRACT", must=("objectClass",)),
    ObjectClass(
        oid="2.5.6.6",
        name="person",
        must=("sn", "cn"),
        may=("userPassword", "telephoneNumber", "seeAlso", "description"),
    ),
    ObjectClass(
        oid="2.5.6.7", name="organizationalPerson", superior="person", may=("title", *_POSTAL[:-2], "ou", "st", "l")
    ),
    ObjectClass(
        oid="2.16.840.1.113730.3.2.2",
        name="inetOrgPerson",
        superior="organizationalPerson",
        may=(
            "audio", "businessCategory", "carLicense", "departmentNumber", "displayName", "employeeNumber",
            "employeeType", "givenName", "homePhone", "homePostalAddress", "initials", "jpegPhoto", "labeledURI",
            "mail", "manager", "mobile", "o", "pager", "photo", "roomNumber", "secretary", "uid",
            "userCertificate", "x500UniqueIdentifier", "preferredLanguage", "userSMIMECertificate", "userPKCS12",
        ),
    ),
    ObjectClass(
        oid=f"{ARC}.2.1",
        name="mssanteMailbox",
        superior="inetOrgPerson",
        about="A mailbox of the MSSante trust space",
        must=("mail", "TypeBAL"),
        may=(
            "IdentifiantPP", "TypeIdentifiantPP", "profession", "savoirFaire", "specialite", "IdentifiantPM",
            "TypeIdentifiantPM", "dematerialisation",
        ),
    ),
    ObjectClass(oid="2.5.6.4", name="organization", must=("o",), may=_OF_UNITS),
    ObjectClass(oid="2.5.6.5", name="organizationalUnit", must=("ou",), may=_OF_UNITS),
    ObjectClass(oid="2.5.17.0", name="subentry", must=("cn", "subtreeSpecification")),
    ObjectClass(
        oid="2.5.20.1",
        name="subschema",
        superior="",
        kind="AUXILIARY",
        may=(
            "dITStructureRules", "nameForms", "dITContentRules", "objectClasses", "attributeTypes", "matchingRules",
            "matchingRuleUse",
        ),
    ),
)  # fmt: skip

MATCHING_RULES: Final[Mapping[str, tuple[str, str]]] = {
    "objectIdentifierMatch": ("2.5.13.0", _syntax(38)),
    "distinguishedNameMatch": ("2.5.13.1", _syntax(12)),
    "caseIgnoreMatch": ("2.5.13.2", _syntax(15)),
    "caseIgnoreOrderingMatch": ("2.5.13.3", _syntax(15)),
    "caseIgnoreSubstringsMatch": ("2.5.13.4", _syntax(58)),
    "caseExactMatch": ("2.5.13.5", _syntax(15)),
    "numericStringMatch": ("2.5.13.8", _syntax(36)),
    "numericStringSubstringsMatch": ("2.5.13.10", _syntax(58)),
    "caseIgnoreListMatch": ("2.5.13.11", _syntax(41)),
    "caseIgnoreListSubstringsMatch": ("2.5.13.12", _syntax(58)),
    "booleanMatch": ("2.5.13.13", _syntax(7)),
    "integerMatch": ("2.5.13.14", _syntax(27)),
    "bitStringMatch": ("2.5.13.16", _syntax(6)),
    "octetStringMatch": ("2.5.13.17", _syntax(40)),
    "telephoneNumberMatch": ("2.5.13.20", _syntax(50)),
    "telephoneNumberSubstringsMatch": ("2.5.13.21", _syntax(58)),
    "generalizedTimeMatch": ("2.5.13.27", _syntax(24)),
    "generalizedTimeOrderingMatch": ("2.5.13.28", _syntax(24)),
    "integerFirstComponentMatch": ("2.5.13.29", _syntax(27)),
    "objectIdentifierFirstComponentMatch": ("2.5.13.30", _syntax(38)),
    "certificateExactMatch": ("2.5.13.34", "1.3.6.1.1.15.1"),
    "uuidMatch": ("1.3.6.1.1.16.2", "1.3.6.1.1.16.1"),
    "uuidOrderingMatch": ("1.3.6.1.1.16.3", "1.3.6.1.1.16.1"),
    "caseIgnoreIA5Match": ("1.3.6.1.4.1.1466.109.114.2", _syntax(26)),
    "caseIgnoreIA5SubstringsMatch": ("1.3.6.1.4.1.1466.109.114.3", _syntax(58)),
}
"""Rules by their names, each with its identifier and the syntax of what is asserted (RFC 4517 section 4.2)."""
