"""Technical ids of resources: stable as long as the business key is, and read back without looking anything up.

FHIR ids are letters, digits, `-` and `.` (R4 section 2.24.0.1). A key is written as it is, other characters as `-` and
their UTF-8 bytes in hexadecimal. An activity has no key in the open extracts: its id is its person's, and a digest of
profession, category and structure.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from directory.index.facets import mark

_PLAIN: Final = re.compile(r"[A-Za-z0-9]")
_ESCAPE: Final = re.compile(r"((?:-[0-9a-f]{2})+)")
_WRITTEN: Final = re.compile(r"(?:[A-Za-z0-9]|-[0-9a-f]{2})+")


def id_of(key: str) -> str:
    """The id of a practitioner or an organization with this key."""
    if key.isalnum() and key.isascii():
        return key
    return "".join(one if _PLAIN.match(one) else _escaped(one) for one in key)


def key_of(written: str) -> str | None:
    """The key of an id; None for what is no id of ours."""
    if not _WRITTEN.fullmatch(written):
        return None
    try:
        return _ESCAPE.sub(_unescaped, written)
    except UnicodeDecodeError:
        return None


def role_ids(record: Mapping[str, Any]) -> list[str]:
    """The ids of a practitioner's activities, in the record's order; those that differ in nothing that counts are told
    apart by a number."""
    known: Counter[tuple[str, str, str]] = Counter()
    ids = []
    for exercise, activity in activities(record):
        category, organization = exercise["category"], activity["organization"]
        told = (
            exercise["profession"]["code"] or "",
            (category and category["code"]) or "",
            (organization and organization["key"]) or "",
        )
        known[told] += 1
        ids.append(role_id(record["national_id"], mark(*told, known[told])))
    return ids


def role_id(person: str, mark: str) -> str:
    """The id of the activity of a person that has this mark."""
    return f"{id_of(person)}.{mark}"


def person_of_role(written: str) -> str | None:
    """The practitioner's key in the id of an activity; None for what is no such id."""
    person, dot, _ = written.partition(".")
    return key_of(person) if dot else None


def activities(record: Mapping[str, Any]) -> Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """A practitioner's activities in order, each behind its exercise."""
    return [(exercise, activity) for exercise in record["professions"] for activity in exercise["activities"]]


def _escaped(character: str) -> str:
    return "".join(f"-{byte:02x}" for byte in character.encode())


def _unescaped(found: re.Match[str]) -> str:
    return bytes.fromhex(found[1].replace("-", "")).decode()
