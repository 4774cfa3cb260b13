"""What resources look like: as the national profiles publish them, and valid FHIR."""

from __future__ import annotations

from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.operationoutcome import OperationOutcome

from tests.fhir.client import Fhir, Json
from tests.fhir.world import FRASLIN, LE_GALL, PEOPLE, STRUCTURES

PERSON = LE_GALL.national_id


def mailboxes(resource: Json) -> dict[str, str]:
    """Address and type of the mailboxes of a resource."""
    found = {}
    for contact in resource.get("telecom", []):
        for extension in contact.get("extension", []):
            if extension["url"].endswith("as-ext-mailbox-mss-metadata"):
                kind = extension["extension"][0]["valueCodeableConcept"]["coding"][0]["code"]
                found[contact["value"]] = kind
    return found


@pytest.mark.parametrize("kind", ["Practitioner", "PractitionerRole", "Organization"])
def test_every_answer_is_valid_fhir(fhir: Fhir, kind: str) -> None:
    bundle = fhir.get(f"{kind}?_include=*" if kind != "Practitioner" else kind)
    Bundle.model_validate(bundle)
    assert bundle["total"] >= 4
    OperationOutcome.model_validate(fhir.http.get(f"/fhir/v2/{kind}?unknown=1").json())


def test_a_person_is_named_numbered_and_qualified(fhir: Fhir) -> None:
    person = fhir.get(f"Practitioner/{PERSON}")
    assert person["name"] == [
        {"use": "usual", "family": "LE GALL", "given": ["BÉNÉDICTE"], "prefix": ["MME"], "suffix": ["DR"]}
    ]
    assert [(one["type"]["coding"][0]["code"], one["value"]) for one in person["identifier"]] == [
        ("IDNPS", PERSON),
        ("RPPS", LE_GALL.rpps),
    ]
    codes = [[coding["code"] for coding in one["code"]["coding"]] for one in person["qualification"]]
    assert codes == [["10", "C"], ["SM42", "S"]]
    assert (person["active"], person["language"]) == (True, "fr")
    assert person["meta"]["source"] == "https://annuaire.sante.fr"
    assert len(person["meta"]["profile"]) == 2


def test_a_mailbox_is_shown_exactly_as_the_national_directory_shows_it(fhir: Fhir) -> None:
    contact = fhir.get(f"Practitioner/{PERSON}")["telecom"][0]
    assert contact == {
        "extension": [
            {
                "url": "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-contact-point-email-type",
                "valueCoding": {
                    "system": "https://mos.esante.gouv.fr/NOS/TRE_R256-TypeMessagerie/FHIR/TRE-R256-TypeMessagerie",
                    "code": "MSSANTE",
                },
            },
            {
                "url": "https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition/as-ext-mailbox-mss-metadata",
                "extension": [
                    {
                        "url": "type",
                        "valueCodeableConcept": {
                            "coding": [
                                {
                                    "system": "https://mos.esante.gouv.fr/NOS/TRE_R257-TypeBAL/FHIR/TRE-R257-TypeBAL",
                                    "code": "PER",
                                }
                            ]
                        },
                    },
                    {"url": "listeRouge", "valueBoolean": False},
                ],
            },
        ],
        "system": "email",
        "value": "benedicte.legall@medecin.mssante.fr",
    }


def test_each_mailbox_hangs_on_its_bearer(fhir: Fhir) -> None:
    assert mailboxes(fhir.get(f"Practitioner/{PERSON}")) == {
        "benedicte.legall@medecin.mssante.fr": "PER",
        "secretariat@cabinet.mssante.fr": "CAB",
    }
    roles = fhir.get(f"PractitionerRole?practitioner={PERSON}")["entry"]
    assert [mailboxes(one["resource"]) for one in roles] == [{}, {"b.legall@ch-valmorin.mssante.fr": "PER"}]
    assert mailboxes(fhir.get("Organization/F690000013")) == {"cardio@ch-valmorin.mssante.fr": "ORG"}
    # A mailbox that names a structure where its holder does not work has no activity to hang on.
    assert mailboxes(fhir.get(f"Practitioner/{FRASLIN.national_id}")) == {"jp.fraslin@infirmier.mssante.fr": "PER"}


def test_a_structures_mailbox_names_its_service(fhir: Fhir) -> None:
    contact = fhir.get("Organization/F690000013")["telecom"][-1]
    assert {"url": "service", "valueString": "Cardiologie"} in contact["extension"][1]["extension"]
    assert "responsible" not in str(contact)


def test_a_structure_has_its_identifiers_types_contacts_and_address(fhir: Fhir) -> None:
    found = fhir.get("Organization/F690000013")
    assert {one["type"]["coding"][0]["code"]: one["value"] for one in found["identifier"]} == {
        "IDNST": "1690000013",
        "FINEG": "690000013",
        "RPPSRG": "F690000013",
    }
    assert [one["coding"][0]["code"] for one in found["type"]] == ["GEOGRAPHICAL-ENTITY", "SA01"]
    assert [(one["system"], one["value"]) for one in found["telecom"][:4]] == [
        ("phone", "0199000001"),
        ("phone", "0199000002"),
        ("fax", "0199000003"),
        ("email", "accueil@exemple.fr"),
    ]
    (address,) = found["address"]
    assert address["line"] == ["12 BIS Rue DES TILLEULS", "BP 7"]
    parts = [
        (part["url"].rpartition("-")[2], part["valueString"]) for line in address["_line"] for part in line["extension"]
    ]
    assert parts == [
        ("houseNumber", "12"),
        ("buildingNumberSuffix", "BIS"),
        ("streetNameType", "Rue"),
        ("streetNameBase", "DES TILLEULS"),
        ("postBox", "BP 7"),
    ]
    assert (address["city"], address["postalCode"], address["district"]) == ("LYON", "69003", "Rhône")


def test_a_site_refers_to_its_legal_entity(fhir: Fhir) -> None:
    assert fhir.get("Organization/F690000013")["partOf"] == {"reference": "Organization/F690000005"}
    legal = fhir.get("Organization/F690000005")
    assert [one["coding"][0]["code"] for one in legal["type"]] == ["LEGAL-ENTITY"]
    assert legal["identifier"][1]["type"]["coding"][0]["code"] == "FINEJ"
    assert "partOf" not in legal


def test_an_activity_has_its_codes_its_person_and_its_structure(fhir: Fhir) -> None:
    role = fhir.get(f"PractitionerRole?practitioner={PERSON}")["entry"][0]["resource"]
    assert [one["coding"][0]["code"] for one in role["code"]] == ["GENR01", "L", "FON-01"]
    assert role["practitioner"] == {"reference": f"Practitioner/{PERSON}"}
    assert role["organization"] == {"reference": "Organization/R10990000001001"}
    assert role["identifier"] == [{"system": "urn:annuaire:activity", "value": role["id"]}]
    assert fhir.ids(f"PractitionerRole?identifier={role['id']}") == {role["id"]}
    assert fhir.ids(f"PractitionerRole?_id={role['id']}") == {role["id"]}


def test_every_resource_is_read_under_the_id_that_searches_show(fhir: Fhir) -> None:
    for kind, number in (("Practitioner", len(PEOPLE)), ("PractitionerRole", 6), ("Organization", len(STRUCTURES))):
        ids = fhir.ids(kind)
        assert len(ids) == number
        for id_ in ids:
            resource = fhir.get(f"{kind}/{id_}")
            assert (resource["resourceType"], resource["id"]) == (kind, id_)


def test_a_resource_that_has_not_changed_is_not_sent_again(fhir: Fhir) -> None:
    first = fhir.http.get(f"/fhir/v2/Practitioner/{PERSON}")
    again = fhir.http.get(f"/fhir/v2/Practitioner/{PERSON}", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_only_some_elements_are_shown_and_that_is_said(fhir: Fhir) -> None:
    resource = fhir.get("Practitioner?_elements=name&_count=1")["entry"][0]["resource"]
    assert set(resource) == {"resourceType", "id", "meta", "identifier", "active", "name"}
    assert resource["meta"]["tag"][0]["code"] == "SUBSETTED"
    assert "tag" not in fhir.get(f"Practitioner/{PERSON}")["meta"]
    assert "_line" in fhir.get("Organization/F690000013?_elements=address")["address"][0]


def test_the_statement_lists_what_is_served_and_nothing_else(fhir: Fhir) -> None:
    statement: dict[str, Any] = fhir.get("metadata")
    CapabilityStatement.model_validate(statement)
    assert statement["fhirVersion"] == "4.0.1"
    resources = {one["type"]: one for one in statement["rest"][0]["resource"]}
    assert set(resources) == {"Practitioner", "PractitionerRole", "Organization"}
    for kind, resource in resources.items():
        for parameter in resource["searchParam"]:
            value = "lt2026" if parameter["type"] == "date" else "2026"
            answer = fhir.http.get(f"/fhir/v2/{kind}?{parameter['name']}={value}&_id=x")
            assert answer.status_code == 200, parameter
        for name in resource.get("searchInclude", []):
            assert fhir.get(f"{kind}?_include={name}")["total"]
        for name in resource.get("searchRevInclude", []):
            assert fhir.get(f"{kind}?_revinclude={name}")["total"]
