"""Postal addresses as FHIR lays them out: lines, and what each line is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from api.fhir import systems

Resource = dict[str, Any]

# Which part of a French address stands in which line, and what ISO 21090 calls it.
_STREET: Final = {
    "street_number": "houseNumber",
    "street_repeat": "buildingNumberSuffix",
    "street_type": "streetNameType",
    "street_name": "streetNameBase",
}
_OTHERS: Final = {"recipient": "careOf", "location": "additionalLocator", "distribution": "postBox"}
_FRANCE: Final = frozenset({"99000", "99100"})


def address(record: Mapping[str, Any]) -> list[Resource]:
    """The address of a structure's record; none where it has none."""
    held = record["address"]
    if held is None:
        return []
    found: Resource = {}
    if held["commune"] and held["commune"]["code"]:
        coding = {"system": systems.TERMINOLOGIES["r13"], "code": held["commune"]["code"]}
        found["extension"] = [{"url": systems.INSEE, "valueCoding": coding}]
    found |= _lines(held)
    for name, member in (("city", "city"), ("postalCode", "postal_code")):
        if held[member]:
            found[name] = held[member]
    if held["department"]:
        found["district"] = held["department"]["label"]
    if held["country"] and held["country"]["code"] not in _FRANCE:
        found["country"] = held["country"]["label"]
    return [found] if found else []


def lines_of(held: Mapping[str, Any]) -> list[str]:
    """The lines before the town's."""
    return [line for line, _ in _told(held)]


def _lines(held: Mapping[str, Any]) -> Resource:
    told = _told(held)
    if not told:
        return {}
    return {"line": [line for line, _ in told], "_line": [{"extension": extension} for _, extension in told]}


def _told(held: Mapping[str, Any]) -> list[tuple[str, list[Resource]]]:
    parts = held.get("parts") or {}
    street = {_STREET[name]: value for name in _STREET if (value := parts.get(name))}
    found = [(value, [_part(_OTHERS[name], value)]) for name in ("recipient", "location") if (value := parts.get(name))]
    if street:
        found.append((_street(parts), [_part(name, value) for name, value in street.items()]))
    if box := parts.get("distribution"):
        found.append((box, [_part("postBox", box)]))
    return found


def _street(parts: Mapping[str, str]) -> str:
    """As the record's own line has it: the type is left out where the name begins with it."""
    name, kind = parts.get("street_name", ""), parts.get("street_type", "")
    if name.casefold().startswith(kind.casefold() + " "):
        kind = ""
    return " ".join(part for part in (parts.get("street_number"), parts.get("street_repeat"), kind, name) if part)


def _part(name: str, value: str) -> Resource:
    return {"url": systems.ADDRESS_PART + name, "valueString": value}
