"""Records of the index as FHIR resources: Practitioner, PractitionerRole, Organization (docs/fhir.md, section 6)."""

from __future__ import annotations

import datetime as dt
import functools
import zoneinfo
from collections.abc import Mapping
from typing import Any, Final

import orjson

from api.fhir import systems
from api.fhir.addresses import address
from api.fhir.identity import activities, id_of, role_ids
from api.fhir.telecom import of_activity, of_organization, of_person
from directory.index.facets import is_legal_entity, role_list
from directory.index.reader import StoredDocument
from directory.query import Field

Resource = dict[str, Any]
Record = Mapping[str, Any]


def record_of(document: StoredDocument) -> Record:
    record: Record = orjson.loads(document.json)
    return record


def practitioner(record: Record, changed: str, *, repeated: bool = False) -> Resource:
    """A person; `repeated`: with the mailboxes of its activities, too."""
    found = bare("Practitioner", id_of(record["national_id"]), changed)
    found["identifier"] = person_identifiers(record["national_id"], record["rpps"])
    found["name"] = [_name(record)]
    if telecom := of_person(record, repeated=repeated):
        found["telecom"] = telecom
    if qualification := _qualifications(record):
        found["qualification"] = qualification
    return found


def roles(record: Record, changed: str) -> list[Resource]:
    """All activities of a person, in the record's order."""
    ids = role_ids(record)
    return [_role(record, place, ids[place], changed) for place in range(len(ids))]


def role(record: Record, place: int, changed: str) -> Resource:
    """One activity of a person."""
    return _role(record, place, role_ids(record)[place], changed)


def organization(record: Record, changed: str, legal_entity: str | None = None) -> Resource:
    """A structure; `legal_entity` is the id of the resource that it is a site of."""
    found = bare("Organization", id_of(record["key"]), changed)
    found["identifier"] = structure_identifiers(record)
    found["type"] = _types(record)
    if name := record["name"] or record["trade_name"]:
        found["name"] = name
    if record["trade_name"] and record["trade_name"] != name:
        found["alias"] = [record["trade_name"]]
    if telecom := of_organization(record):
        found["telecom"] = telecom
    if where := address(record):
        found["address"] = where
    if part_of := _part_of(record, legal_entity):
        found["partOf"] = part_of
    return found


def person_identifiers(national_id: str, rpps: str | None) -> list[Resource]:
    found = [_identifier("IDNPS", systems.NATIONAL_PERSON, national_id)]
    if rpps:
        found.append(_identifier("RPPS", systems.RPPS, rpps))
    return found


def structure_identifiers(record: Record) -> list[Resource]:
    found = [_identifier("IDNST", systems.NATIONAL_STRUCTURE, told)] if (told := national_structure_id(record)) else []
    if record["finess"]:
        found.append(_identifier("FINEG", systems.FINESS, record["finess"]))
    elif record["legal_entity_finess"]:
        found.append(_identifier("FINEJ", systems.FINESS, record["legal_entity_finess"]))
    found.append(_identifier("RPPSRG", systems.RPPS_RANG, record["key"]))
    return found


def activity_identifiers(id_: str) -> list[Resource]:
    return [{"system": systems.ACTIVITY, "value": id_}]


def national_structure_id(record: Record) -> str | None:
    """The national identifier of a structure: a digit for what kind of number follows (TRE_G07), and that number."""
    if record["former_id"]:
        return str(record["former_id"])
    numbers = (
        (record["finess"], "1"),
        (record["legal_entity_finess"], "1"),
        (record["siret"], "3"),
        (record["siren"], "2"),
    )
    return next((digit + number for number, digit in numbers if number), None)


def changed_at(document: StoredDocument, otherwise: dt.datetime | None) -> str:
    """When a record last changed, as FHIR writes instants; the revision's own time for one that does not say so."""
    held = document.field(Field.MODIFIED)
    return instant(held[0]) if held else _unchanged(otherwise)


@functools.lru_cache(maxsize=16)
def _unchanged(since: dt.datetime | None) -> str:
    return instant_of((since or dt.datetime.fromtimestamp(0, dt.UTC)).replace(microsecond=0))


@functools.lru_cache(maxsize=4096)
def instant(generalized: str) -> str:
    return instant_of(dt.datetime.strptime(generalized[:14] + "+0000", "%Y%m%d%H%M%S%z"))


def instant_of(moment: dt.datetime) -> str:
    return moment.astimezone(PARIS).isoformat(timespec="milliseconds")


def _paris() -> dt.tzinfo:
    try:
        return zoneinfo.ZoneInfo("Europe/Paris")
    except zoneinfo.ZoneInfoNotFoundError:
        return dt.UTC  # a system without time zones: the same instant, written otherwise


PARIS: Final = _paris()


def bare(kind: str, id_: str, changed: str, *, active: bool = True) -> Resource:
    """What every resource has."""
    version = str(int(dt.datetime.fromisoformat(changed).timestamp()))
    return {
        "resourceType": kind,
        "id": id_,
        "meta": {
            "versionId": version,
            "lastUpdated": changed,
            "source": systems.SOURCE,
            "profile": systems.PROFILES[kind],
        },
        "language": "fr",
        "active": active,
    }


def _identifier(code: str, system: str, value: str) -> Resource:
    kind = {"coding": [{"system": systems.IDENTIFIER_TYPE, "code": code}]}
    return {"use": "official", "type": kind, "system": system, "value": value}


def _name(record: Record) -> Resource:
    found: Resource = {"use": "usual", "family": record["family_name"]}
    if record["given_name"]:
        found["given"] = [record["given_name"]]
    if record["civility"]:
        found["prefix"] = [record["civility"]["code"]]
    if record["practice_civility"]:
        found["suffix"] = [record["practice_civility"]["code"]]
    return found


def _qualifications(record: Record) -> list[Resource]:
    found: list[Resource] = []
    for exercise in record["professions"]:
        profession, category = exercise["profession"], exercise["category"]
        codings = [_coding(systems.profession_list(profession["code"]), profession)] if profession["code"] else []
        if category:
            codings.append(_coding("r09", category))
        if codings:
            found.append({"code": {"coding": codings}})
        found += [{"code": {"coding": _expertise(one)}} for one in exercise["expertises"]]
    return found


def _expertise(held: Record) -> list[Resource]:
    kind = held["type"]
    system = systems.EXPERTISES.get(kind["code"]) if kind else None
    coding = {"code": held["code"], "display": held["label"]}
    return [{"system": system, **coding} if system else coding, *([_coding("r04", kind)] if kind else [])]


def _role(record: Record, place: int, id_: str, changed: str) -> Resource:
    _, activity = activities(record)[place]
    found = bare("PractitionerRole", id_, changed)
    found["identifier"] = activity_identifiers(id_)
    found["practitioner"] = {"reference": f"Practitioner/{id_of(record['national_id'])}"}
    if activity["organization"]:
        found["organization"] = {"reference": f"Organization/{id_of(activity['organization']['key'])}"}
    if codes := _role_codes(activity):
        found["code"] = codes
    if telecom := of_activity(record, place):
        found["telecom"] = telecom
    return found


def _role_codes(activity: Record) -> list[Resource]:
    function = activity["role"]
    told = (
        ("r22", activity["genre"]),
        ("r23", activity["mode"]),
        (role_list(function["code"]) if function else "", function),
        ("r06", activity["pharmacy_section"]),
    )
    return [{"coding": [_coding(list_name, coded)]} for list_name, coded in told if coded]


def _types(record: Record) -> list[Resource]:
    legal = is_legal_entity(record["finess"], record["legal_entity_finess"])
    kind = {"system": systems.STRUCTURE_TYPE, "code": "LEGAL-ENTITY" if legal else "GEOGRAPHICAL-ENTITY"}
    found = [_type("organizationType", kind)]
    if record["sector"]:
        found.append(_type("secteurActiviteRASS", _coding("r02", record["sector"])))
    return found


def _type(told: str, coding: Resource) -> Resource:
    return {"extension": [{"url": systems.ORGANIZATION_TYPES, "valueCode": told}], "coding": [coding]}


def _part_of(record: Record, legal_entity: str | None) -> Resource | None:
    number = record["legal_entity_finess"]
    if not number or not record["finess"]:
        return None
    if legal_entity:
        return {"reference": f"Organization/{legal_entity}"}
    # The legal entity is no record of the open extracts: its number is all that is known.
    return {"identifier": _identifier("FINEJ", systems.FINESS, number)}


def _coding(list_name: str, coded: Record) -> Resource:
    return {"system": systems.TERMINOLOGIES[list_name], "code": coded["code"], "display": coded["label"]}
