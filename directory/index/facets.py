"""What FHIR searches find records and their activities by: short tags, each a term of the document.

An activity is no document of its own: a practitioner's tags say which of its activities has what, by their place in
the record. "0:r23:l" is a first activity with practice mode L, "1:mail:per" a second one that bears a mailbox, and
"1:@medecin.mssante.fr" says in which domain; "p:…" is the person's, "g:…" a structure's. A search of activities asks
for the first ones, the second ones, and so on. Mailboxes stand behind their bearer likewise, "0:address". All of them
are folded texts.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from typing import Final

from directory import nomenclature, text
from directory.model import Activity, Coded, Organization, Practitioner

PERSON: Final = "p"
STRUCTURE: Final = "g"
MAIL: Final = "mail"
LEGAL: Final = "legal"  # a legal entity (EJ), with its FINESS
PART: Final = "of"  # a site of the legal entity with this FINESS
PLACE: Final = "at"  # an activity at this structure; only where a person has several activities
SEVERAL: Final = "several"  # a person with several activities
TITLE: Final = "title"
AUTHORITY: Final = "ra"


def tag(bearer: str | int, *parts: str) -> str:
    """A tag of a person, a structure or, by its place, an activity."""
    return text.fold(":".join((str(bearer), *parts)))


_known: Final = functools.lru_cache(maxsize=50_000)(tag)
"""The same for tags that recur from record to record."""


def mark(profession: str, category: str, organization_key: str, number: int) -> str:
    """What tells an activity from the others of its person, as the extracts give it no number: a digest of what it is,
    and its number among those alike, from the second one on."""
    told = "\x1f".join((profession, category, organization_key))
    digest = hashlib.blake2b(told.encode(), digest_size=6).hexdigest()
    return digest if number == 1 else f"{digest}.{number}"


def role_list(code: str) -> str:
    """The terminology of an activity's function or role, of which the extracts give the code alone."""
    if code in nomenclature.codes("functions"):
        return "r21"
    return "r85" if code in nomenclature.codes("roles") else "r96"


def bearer(kind: str, organization_key: str | None, places: Sequence[str | None]) -> str | None:
    """Who bears a mailbox of a practitioner's record: the activity at the structure that it names, else the person;
    None for mailboxes of structures, which these bear. `places` are the keys of the structures of its activities."""
    if kind == "PER" and organization_key is not None and organization_key in places:
        return str(places.index(organization_key))
    return PERSON if kind in ("PER", "CAB") else None


def of_practitioner(record: Practitioner) -> list[str]:
    activities = [activity for exercise in record.exercises for activity in exercise.activities]
    found = [_known(PERSON, TITLE, coded.code) for coded in (record.civility, record.practice_civility) if coded]
    types = {found.type.code for exercise in record.exercises for found in exercise.expertises if found.type}
    found += [_known(PERSON, "r04", code) for code in sorted(types)]
    several = len(activities) > 1
    if several:
        found.append(_known(PERSON, SEVERAL))
    for place, activity in enumerate(activities):
        found += _activity(str(place), activity, several=several)
    found += [_known(PERSON, AUTHORITY, told[0]) for activity in activities if (told := _authorities(activity))]
    for holder, kind, address in _mailboxes(record, activities):
        found += _mail(holder, kind, address)
    return list(dict.fromkeys(found))


def borne_by_practitioner(record: Practitioner) -> list[str]:
    """The person's mailboxes, each behind its bearer."""
    activities = [activity for exercise in record.exercises for activity in exercise.activities]
    return [tag(holder, address) for holder, _, address in _mailboxes(record, activities)]


def of_organization(record: Organization) -> list[str]:
    found = [_known(STRUCTURE, "r02", record.sector.code)] if record.sector else []
    if is_legal_entity(record.finess, record.legal_entity_finess):
        found.append(_known(STRUCTURE, LEGAL))
        found.append(tag(STRUCTURE, LEGAL, record.legal_entity_finess or ""))
    elif record.legal_entity_finess:
        found.append(tag(STRUCTURE, PART, record.legal_entity_finess))
    for mailbox in record.mailboxes:
        if mailbox.kind in ("ORG", "APP"):
            found += _mail(STRUCTURE, mailbox.kind, mailbox.address)
    return list(dict.fromkeys(found))


def borne_by_organization(record: Organization) -> list[str]:
    return [tag(STRUCTURE, mailbox.address) for mailbox in record.mailboxes if mailbox.kind in ("ORG", "APP")]


def is_legal_entity(finess: str | None, legal_entity_finess: str | None) -> bool:
    """Whether a structure is a legal entity (EJ): it has the number of one, and none of a site."""
    return legal_entity_finess is not None and finess is None


def _activity(place: str, activity: Activity, *, several: bool) -> list[str]:
    found = [place]
    role: Coded | None = activity.role
    for list_name, coded in (
        ("r23", activity.mode),
        ("r22", activity.genre),
        (role_list(role.code) if role else "", role),
        ("r06", activity.pharmacy_section),
    ):
        if coded is not None:
            found.append(_known(place, list_name, coded.code))
    told = _authorities(activity)
    if len(told) > 1:
        found.append(_known(place, AUTHORITY, told[1]))
    if several and activity.organization:
        found.append(tag(place, PLACE, activity.organization.key))
    return found


def _mail(holder: str, kind: str, address: str) -> tuple[str, str, str]:
    """That somebody bears a mailbox, of which type and in which domain."""
    return _known(holder, MAIL), _known(holder, MAIL, kind), _known(holder, "@" + address.rpartition("@")[2])


def _authorities(activity: Activity) -> list[str]:
    """Who registered the person, the activity and the structure (DOMAIN section 5), as far as it is told."""
    told = activity.registration_authority
    return told.split("/") if told else []


def _mailboxes(record: Practitioner, activities: Sequence[Activity]) -> list[tuple[str, str, str]]:
    """Bearer, type and address of the mailboxes of a practitioner's record."""
    if not record.mailboxes:
        return []
    places = [activity.organization.key if activity.organization else None for activity in activities]
    found = ((bearer(one.kind, one.organization_key, places), one.kind, one.address) for one in record.mailboxes)
    return [(holder, kind, address) for holder, kind, address in found if holder is not None]
