"""What searches find: the parameters of the national API, with the divergences that docs/fhir.md tells of."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.fhir.client import Fhir
from tests.fhir.world import (
    ANNEXE,
    AT_A_REGISTER,
    BY_ADELI,
    FRASLIN,
    IDLE,
    LE_GALL,
    LEGAL,
    MARTIN_DUBOIS,
    PEOPLE,
    PHARMACIST,
    PRACTICE,
    STRUCTURES,
    VALMORIN,
)

G15 = "https://mos.esante.gouv.fr/NOS/TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante"
R09 = "https://mos.esante.gouv.fr/NOS/TRE_R09-CategorieProfessionnelle/FHIR/TRE-R09-CategorieProfessionnelle"
R38 = "https://mos.esante.gouv.fr/NOS/TRE_R38-SpecialiteOrdinale/FHIR/TRE-R38-SpecialiteOrdinale"
R23 = "https://mos.esante.gouv.fr/NOS/TRE_R23-ModeExercice/FHIR/TRE-R23-ModeExercice"
R256 = "https://mos.esante.gouv.fr/NOS/TRE_R256-TypeMessagerie/FHIR/TRE-R256-TypeMessagerie"
R257 = "https://mos.esante.gouv.fr/NOS/TRE_R257-TypeBAL/FHIR/TRE-R257-TypeBAL"
RPPS = "https://rpps.esante.gouv.fr"
FINESS = "https://finess.esante.gouv.fr"
IDNPS = "urn:oid:1.2.250.1.71.4.2.1"
TYPES = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203"

ALL = set(PEOPLE)


@pytest.mark.parametrize(
    ("query", "people"),
    [
        ("", ALL),
        ("family=fra", {FRASLIN}),
        ("family=fras", {FRASLIN}),
        ("family=frasl", {FRASLIN}),
        ("family=martin", {MARTIN_DUBOIS, IDLE}),
        ("family=dubois", {MARTIN_DUBOIS}),  # the second half of a double name
        ("family=ubois", set()),
        ("family=le gall", {LE_GALL}),
        ("family=gall", {LE_GALL}),
        ("family:contains=ubo", {MARTIN_DUBOIS}),
        ("family:contains=tin-du", {MARTIN_DUBOIS}),
        ("family:exact=Martin", {IDLE}),
        ("family:exact=MARTIN", set()),
        ("family=oeuvrard", {PHARMACIST}),
        ("given=benedicte", {LE_GALL, MARTIN_DUBOIS}),  # accents and case do not count
        ("given=bénédicte", {LE_GALL, MARTIN_DUBOIS}),
        ("given:exact=BÉNÉDICTE", {LE_GALL}),
        ("given:exact=Benedicte", {MARTIN_DUBOIS}),
        ("given=pierre", {FRASLIN}),
        ("name=noel", {PHARMACIST}),
        ("name=dr", {LE_GALL}),  # prefix and suffix are parts of the name
        ("name:family=martin", {MARTIN_DUBOIS, IDLE}),
        ("name:given=martin", set()),
        ("name:exact=Martin", {IDLE}),
        ("name:exact=DR", {LE_GALL}),
        ("name:contains=gal,duboi", {LE_GALL, MARTIN_DUBOIS}),
        ("name:contains=benedicte&name:contains=gall", {LE_GALL}),
        ("family=martin&given=lucie", {IDLE}),
        ("family=nobody", set()),
        ("family=", ALL),  # nothing is asked for
        ("active=true", ALL),
        ("active=false", set()),
        ("_id=810990000001,810990000005", {LE_GALL, IDLE}),
        ("identifier=10990000001", {LE_GALL}),
        ("identifier=810990000001,10990000002", {LE_GALL, MARTIN_DUBOIS}),
        (f"identifier={RPPS}|10990000001", {LE_GALL}),
        (f"identifier={RPPS}|810990000001", set()),
        (f"identifier={IDNPS}|0699900042", {BY_ADELI}),
        (f"identifier={RPPS}|", ALL - {BY_ADELI, AT_A_REGISTER}),
        (f"identifier:not={RPPS}|", {BY_ADELI, AT_A_REGISTER}),
        ("identifier=http://rpps.fr|10990000001", {LE_GALL}),  # as older pages of the guide have it
        ("identifier=|10990000001", set()),
        (f"identifier:of-type={TYPES}|RPPS|10990000001", {LE_GALL}),
        (f"identifier:of-type={TYPES}|IDNPS|10990000001", set()),
        ("identifier-type=RPPS", ALL - {BY_ADELI, AT_A_REGISTER}),
        ("identifier-type=IDNPS", ALL),
        ("qualification-code=10", {LE_GALL}),
        (f"qualification-code={G15}|21", {PHARMACIST}),
        (f"qualification-code={G15}|", {LE_GALL, MARTIN_DUBOIS, FRASLIN, PHARMACIST, IDLE}),
        (f"qualification-code={R09}|10", set()),
        (f"qualification-code={R09}|C", {LE_GALL, MARTIN_DUBOIS, FRASLIN, PHARMACIST, IDLE}),
        ("qualification-code=SM42", {LE_GALL}),
        (f"qualification-code={R38}|SM42", {LE_GALL}),
        ("qualification-code=S", {LE_GALL}),
        ("qualification-code=10,21", {LE_GALL, PHARMACIST}),
        ("qualification-code:not=60,93&qualification-code=C", {LE_GALL, PHARMACIST}),
        ("mailbox-mss:contains=%40", {LE_GALL, FRASLIN}),
        ("mailbox-mss=benedicte", {LE_GALL}),
        ("mailbox-mss=legall", set()),
        ("mailbox-mss:contains=legall", {LE_GALL}),
        ("mailbox-mss:contains=LEGALL@med", {LE_GALL}),
        ("mailbox-mss:contains=medecin.mssante.fr", {LE_GALL}),
        ("mailbox-mss:contains=@infirmier.mssante.fr", {FRASLIN}),  # names a structure where he does not work
        ("mailbox-mss:contains=valmorin", set()),  # her activity bears it
        ("mailbox-mss:exact=benedicte.legall@medecin.mssante.fr", {LE_GALL}),
        ("mailbox-mss-type=CAB", {LE_GALL}),
        (f"mailbox-mss-type={R257}|PER,{R256}|CAB", {LE_GALL, FRASLIN}),
        ("mailbox-mss-type=ORG", set()),
        ("data-information-system=RPPS", ALL - {BY_ADELI, AT_A_REGISTER}),
        ("data-information-system=MSS", {LE_GALL, FRASLIN}),
        ("data-registration-authority=CNOM", {LE_GALL, MARTIN_DUBOIS, FRASLIN, PHARMACIST}),
    ],
)
def test_a_search_of_practitioners_finds(fhir: Fhir, query: str, people: set) -> None:  # type: ignore[type-arg]
    expected = {one.national_id.replace("/", "-2f") for one in people}
    assert fhir.ids(f"Practitioner?{query}&_count=2") == expected


@pytest.mark.parametrize(
    ("query", "structures"),
    [
        ("", set(STRUCTURES)),
        ("name=valmorin", {VALMORIN, ANNEXE, LEGAL}),
        ("name=etoile", {ANNEXE}),
        ("name=ch de val", {VALMORIN, ANNEXE}),
        ("name:contains=almor&name:contains=groupe", {LEGAL}),
        ("name:contains=cabinet,groupe", {PRACTICE, LEGAL}),
        ("name:contains=du dr le", {PRACTICE}),
        ("name:exact=CH DE VALMORIN", {VALMORIN}),
        ("name:exact=L'Étoile", {ANNEXE}),
        ("name:exact=l'etoile", set()),
        ("address=paris", {PRACTICE}),
        ("address=rhone", {VALMORIN, ANNEXE, PRACTICE}),
        ("address-city=lyon", {VALMORIN, ANNEXE}),
        ("address-city:exact=LYON", {VALMORIN}),
        ("address-postalcode=69", {VALMORIN, ANNEXE}),
        ("address-postalcode=75016&address-city=PARIS", {PRACTICE}),
        ("address-line:contains=tilleul", {VALMORIN, ANNEXE, PRACTICE}),
        ("address-line=bp 7&address-city=paris", {PRACTICE}),
        ("address-line:exact=bp 7", set()),
        ("identifier=690000013", {VALMORIN}),
        (f"identifier={FINESS}|", {VALMORIN, ANNEXE, LEGAL}),
        (f"identifier={FINESS}|690000005", {LEGAL}),
        ("identifier=1690000013", {VALMORIN}),
        ("identifier=urn:oid:1.2.250.1.71.4.2.2|1690000005", {LEGAL}),
        ("identifier=R10990000001001", {PRACTICE}),
        ("identifier-type=FINEJ", {LEGAL}),
        ("identifier-type=FINEG", {VALMORIN, ANNEXE}),
        ("partof=F690000005", {VALMORIN, ANNEXE}),
        ("partof=Organization/F690000005", {VALMORIN, ANNEXE}),
        ("partof=https://example.org/fhir/v2/Organization/F690000005", {VALMORIN, ANNEXE}),
        ("partof=F690000013", set()),
        ("type=LEGAL-ENTITY", {LEGAL}),
        ("type=GEOGRAPHICAL-ENTITY", {VALMORIN, ANNEXE, PRACTICE}),
        ("type=SA01,SA07", {VALMORIN, ANNEXE, PRACTICE}),
        ("type=SA01,SA07&type:not=SA07,159", {VALMORIN, ANNEXE}),
        ("type=SA01&mailbox-mss:contains=%40", {VALMORIN}),
        ("mailbox-mss:contains=valmorin.mssante.fr", {VALMORIN}),
        ("mailbox-mss-type=ORG,APP", {VALMORIN}),
        ("data-information-system=FINESS", {VALMORIN, ANNEXE, LEGAL}),
        ("_id=F690000013", {VALMORIN}),
    ],
)
def test_a_search_of_structures_finds(fhir: Fhir, query: str, structures: set) -> None:  # type: ignore[type-arg]
    assert fhir.ids(f"Organization?{query}&_count=2") == {one.key for one in structures}


@pytest.mark.parametrize(
    ("query", "activities"),
    [
        ("", ["LE GALL L", "LE GALL S", "MARTIN-DUBOIS S", "FRASLIN S", "FRASLIN L", "ŒUVRARD L"]),
        ("role=L", ["LE GALL L", "FRASLIN L", "ŒUVRARD L"]),
        (f"role={R23}|L", ["LE GALL L", "FRASLIN L", "ŒUVRARD L"]),
        (f"role={R23}|A", []),
        ("role=FON-01", ["LE GALL L"]),
        ("role=A", ["ŒUVRARD L"]),
        ("role:not=L", ["LE GALL S", "MARTIN-DUBOIS S", "FRASLIN S"]),
        ("role=GENR01&role=S", ["LE GALL S", "MARTIN-DUBOIS S", "FRASLIN S"]),
        ("practitioner=810990000001", ["LE GALL L", "LE GALL S"]),
        ("practitioner=Practitioner/810990000001&role=S", ["LE GALL S"]),
        ("organization=F690000013", ["LE GALL S", "MARTIN-DUBOIS S"]),
        ("organization=Organization/F690000021", ["FRASLIN S", "FRASLIN L"]),
        ("organization=F690000013,R10990000001001", ["LE GALL L", "LE GALL S", "MARTIN-DUBOIS S"]),
        ("mailbox-mss:contains=%40", ["LE GALL S"]),
        ("mailbox-mss:contains=@ch-valmorin", ["LE GALL S"]),
        ("mailbox-mss-type=PER", ["LE GALL S"]),
        ("active=true&role=A", ["ŒUVRARD L"]),
        ("data-registration-authority=CNOP&role=A", ["ŒUVRARD L"]),
        ("data-registration-authority=CNOM", []),
    ],
)
def test_a_search_of_activities_finds(fhir: Fhir, query: str, activities: list[str]) -> None:
    names = {one.national_id: one.family_name for one in PEOPLE}
    found = []
    for id_ in fhir.ids(f"PractitionerRole?{query}&_count=2"):
        role = fhir.get(f"PractitionerRole/{id_}")
        modes = [coding["code"] for code in role["code"] for coding in code["coding"] if coding["system"] == R23]
        found.append(f"{names[role['practitioner']['reference'].partition('/')[2]]} {modes[0]}")
    assert sorted(found) == sorted(activities)


def test_a_comma_in_a_value_is_escaped(fhir: Fhir) -> None:
    assert fhir.ids("Organization?name=valmorin\\,groupe") == set()
    assert len(fhir.ids("Organization?name=cabinet,groupe")) == 2


def test_a_search_can_be_posted_as_a_form(fhir: Fhir) -> None:
    form = {"family": "martin", "given": "lucie"}
    answer = fhir.http.post("/fhir/v2/Practitioner/_search", data=form, params={"active": "true"})
    assert [one["resource"]["id"] for one in answer.json()["entry"]] == [IDLE.national_id]
    assert fhir.http.post("/fhir/v2/Practitioner/_search", json=form).status_code == 400


def test_a_form_is_read_whether_its_letters_are_encoded_or_not(fhir: Fhir) -> None:
    for form, status in (("family=œuvrard", 200), ("family=%C5%93uvrard", 200)):
        answer = _posted(fhir, form.encode())
        assert (answer.status_code, answer.json()["total"]) == (status, 1)
    assert _posted(fhir, "family=mär".encode("latin-1")).status_code == 400
    assert _posted(fhir, b"family=m%E4r").status_code == 400


def _posted(fhir: Fhir, form: bytes) -> Any:
    sent = {"Content-Type": "application/x-www-form-urlencoded"}
    return fhir.http.post("/fhir/v2/Practitioner/_search", content=form, headers=sent)


def test_names_are_found_by_any_letters_however_they_are_written(fhir: Fhir) -> None:
    for typed in ("ŒUVRARD", "oeuvrard", "Oeuvr", "œuv"):
        assert fhir.ids(f"Practitioner?family={quote(typed)}") == {PHARMACIST.national_id}
