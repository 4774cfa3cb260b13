"""URIs of the national FHIR profiles, identifiers and code systems (docs/fhir.md says where each is published)."""

from __future__ import annotations

import functools
from typing import Final

from directory import nomenclature

RPPS: Final = "https://rpps.esante.gouv.fr"
NATIONAL_PERSON: Final = "urn:oid:1.2.250.1.71.4.2.1"
NATIONAL_STRUCTURE: Final = "urn:oid:1.2.250.1.71.4.2.2"
FINESS: Final = "https://finess.esante.gouv.fr"
RPPS_RANG: Final = "https://rppsrang.esante.gouv.fr"
ACTIVITY: Final = "urn:annuaire:activity"
"""Ours: the open extracts do not give the business identifier of an activity."""
IDENTIFIER_TYPE: Final = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203"
STRUCTURE_TYPE: Final = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-3307"
SUBSETTED: Final = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
SOURCE: Final = "https://annuaire.sante.fr"

# Older pages of the national guide show these: read in searches, never written.
ALIASES: Final = {
    "http://rpps.fr": RPPS,
    "http://interopsante.org/CodeSystem/v2-0203": IDENTIFIER_TYPE,
}

_ANS: Final = "https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition/"
_FRENCH: Final = "https://hl7.fr/ig/fhir/core/StructureDefinition/"
PROFILES: Final = {
    "Practitioner": [_FRENCH + "fr-core-practitioner", _ANS + "as-dp-practitioner"],
    "PractitionerRole": [_FRENCH + "fr-core-practitioner-role", _ANS + "as-dp-practitionerrole"],
    "Organization": [_FRENCH + "fr-core-organization", _ANS + "as-dp-organization"],
}
ORGANIZATION_TYPES: Final = _ANS + "as-ext-organization-types"
MAILBOX: Final = _ANS + "as-ext-mailbox-mss-metadata"
EMAIL_TYPE: Final = _FRENCH + "fr-core-contact-point-email-type"
INSEE: Final = _FRENCH + "fr-core-address-insee-code"
ADDRESS_PART: Final = "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-"


def terminology(name: str) -> str:
    """The URI of a national terminology, `TRE_R02-SecteurActivite`."""
    return f"https://mos.esante.gouv.fr/NOS/{name}/FHIR/{name.replace('_', '-', 1)}"


TERMINOLOGIES: Final = {
    list_name: terminology(name)
    for list_name, name in {
        "r02": "TRE_R02-SecteurActivite",
        "r04": "TRE_R04-TypeSavoirFaire",
        "r06": "TRE_R06-SectionTableauCNOP",
        "r09": "TRE_R09-CategorieProfessionnelle",
        "r13": "TRE_R13-Commune",
        "r21": "TRE_R21-Fonction",
        "r22": "TRE_R22-GenreActivite",
        "r23": "TRE_R23-ModeExercice",
        "r85": "TRE_R85-RolePriseCharge",
        "r94": "TRE_R94-ProfessionSocial",
        "r95": "TRE_R95-UsagerTitre",
        "r96": "TRE_R96-AutreFonction",
        "r256": "TRE_R256-TypeMessagerie",
        "r257": "TRE_R257-TypeBAL",
        "r291": "TRE_R291-AutreProfession",
        "g15": "TRE_G15-ProfessionSante",
    }.items()
}
"""The terminologies by the short name that searches and facets know them by."""
LIST_OF: Final = {uri: list_name for list_name, uri in TERMINOLOGIES.items()}
PROFESSIONS: Final = ("g15", "r94", "r95", "r291")
ROLES: Final = ("r21", "r85", "r96", "r22", "r23", "r06")

EXPERTISES: Final = {
    kind: terminology(name)
    for kind, name in {
        "S": "TRE_R38-SpecialiteOrdinale",
        "C": "TRE_R39-Competence",
        "CEX": "TRE_R40-CompetenceExclusive",
        "DNQ": "TRE_R42-DESCnonQualifiant",
        "CAPA": "TRE_R43-CapaciteSavoirFaire",
        "PAC": "TRE_R44-QualificationPAC",
        "FQ": "TRE_R45-FonctionQualifiee",
        "DEC": "TRE_R97-DroitExerciceCompl",
        "OP": "TRE_G13-OrientationParticuliere",
    }.items()
}
"""The terminology of a savoir-faire, by its type."""


def profession_list(code: str) -> str:
    """The terminology of a profession: of the four that together are the value set of professions (JDV_J106)."""
    name = nomenclature.terminology_of_profession(code)
    return name.removeprefix("TRE_").lower() if name else "g15"


def canonical(system: str) -> str:
    """A system as we write it, for one that is written otherwise in older pages."""
    return ALIASES.get(system, system)


@functools.cache
def codes_of_professions(list_name: str) -> frozenset[str]:
    """The professions of one of their four terminologies."""
    return frozenset(code for code in nomenclature.codes("professions") if profession_list(code) == list_name)


@functools.cache
def codes_of_expertises(system: str) -> frozenset[str]:
    """The savoir-faire of a terminology."""
    return frozenset(
        code
        for code in nomenclature.codes("expertises")
        if EXPERTISES.get(nomenclature.type_of_expertise(code) or "") == system
    )
