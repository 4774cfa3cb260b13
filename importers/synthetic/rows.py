"""The rows that the extracts hold of a person and of a mailbox, as texts by our names of their columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from importers.synthetic.country import Activity, Country, Mailbox
from importers.synthetic.draws import Dice
from importers.synthetic.people import Person
from importers.synthetic.structures import Structure

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class PersonRows:
    """What the three files of the register hold of one person."""

    activities: list[Row]
    expertises: list[Row]
    diplomas: list[Row]


def person_rows(country: Country, who: Person) -> PersonRows:
    dice = Dice(country.seed, "rows", who.number)
    identity = {
        "identifier_type": who.identifier_type,
        "identifier": who.identifier,
        "national_id": who.national_id,
        "family_name": who.family_name,
        "given_name": who.given_name,
    }
    activities: list[Row] = []
    # Students and newly registered people may hold a mailbox before they are in this file (anomaly 31).
    if not dice.chance(0.004):
        for activity in country.activities(who):
            row = {**identity, **_titles(who), **_activity_row(who, activity)}
            activities.append(row)
            if dice.chance(0.001):
                activities.append(row)  # an exact duplicate (anomaly 6)
    expertises = [{**identity, **row} for row in _expertise_rows(who, dice)]
    return PersonRows(activities, expertises, [{**identity, **row} for row in _diploma_rows(who, dice)])


def mailbox_rows(country: Country, mailbox: Mailbox) -> list[Row]:
    row = _mailbox_row(mailbox)
    if mailbox.holder is not None and Dice(country.seed, "double", mailbox.address).chance(0.0003):
        # The same address under a second structure (anomaly 28).
        return [row, {**row, "service": "Consultations"}]
    return [row]


def _titles(who: Person) -> Row:
    titles = {"civility": "MME" if who.female else "M", "civility_label": "Madame" if who.female else "Monsieur"}
    if who.doctor and who.category[0] == "C":
        titles |= {"practice_civility": "DR", "practice_civility_label": "Docteur"}
    return titles


def _activity_row(who: Person, activity: Activity) -> Row:
    row = {
        "profession": activity.profession[0],
        "profession_label": activity.profession[1],
        "category": who.category[0],
        "category_label": who.category[1],
        "practice_mode": activity.mode[0],
        "practice_mode_label": activity.mode[1],
        "registration_authority": activity.authority,
        "role": activity.role[0],
        "role_label": activity.role[1],
        "activity_genre": activity.genre[0],
        "activity_genre_label": activity.genre[1],
    }
    if who.specialty and activity.profession == who.profession:
        row |= {
            "expertise_type": "S",
            "expertise_type_label": "Spécialité ordinale",
            "expertise": who.specialty[0],
            "expertise_label": who.specialty[1],
        }
    if activity.structure is not None:
        row |= _structure_columns(activity.structure)
    return row


def _structure_columns(where: Structure) -> Row:
    place = where.place
    row = {
        "siret": where.siret,
        "siren": where.siren,
        "finess": where.finess,
        "legal_entity_finess": where.legal_entity_finess,
        "key": where.key,
        "name": where.name,
        "trade_name": where.trade_name,
        "street_number": where.street_number,
        "street_name": where.street_name,
        "post_office_line": f"{place.postal_code} {place.name.upper()}",
        "postal_code": place.postal_code,
        "phone": where.phone,
        "former_id": where.former_id,
        "sector": where.sector[0],
        "sector_label": where.sector[1],
    }
    if where.detailed:
        row |= {
            "street_type": where.street_type[0],
            "street_type_label": where.street_type[1],
            "commune": place.commune,
            "commune_label": place.name,
        }
    else:
        # The type stands in the name, its columns are empty (anomaly 17).
        row["street_name"] = f"{where.street_type[1].upper()} {where.street_name}"
    return row


def _expertise_rows(who: Person, dice: Dice) -> Iterator[Row]:
    base = {
        "profession": who.profession[0],
        "profession_label": who.profession[1],
        "category": who.category[0],
        "category_label": who.category[1],
    }
    if who.specialty:
        yield {
            **base,
            "expertise_type": "S",
            "expertise_type_label": "Spécialité ordinale",
            "expertise": who.specialty[0],
            "expertise_label": who.specialty[1],
        }
        if dice.chance(0.2):
            yield {
                **base,
                "expertise_type": "CAPA",
                "expertise_type_label": "Capacité",
                "expertise": "CAPA06",
                "expertise_label": "Gérontologie",
            }


def _diploma_rows(who: Person, dice: Dice) -> Iterator[Row]:
    label = f"DE {who.profession[1]}" if not who.doctor else "DE Docteur en médecine"
    state = {"diploma_type": "DE", "diploma_type_label": "Diplôme d'Etat français", "diploma_label": label}
    yield {**state, "diploma": "DE05"} if who.doctor else state
    if dice.chance(0.1):
        yield {
            "diploma_type": "DU",
            "diploma_type_label": "Diplôme d'université (DU) ou inter-universitaire (DIU)",
            "diploma_label": f'DU "{dice.of(("Douleur", "Plaies", "Gériatrie"))}" \\ niveau {1 + dice.below(2)}',
        }


def _mailbox_row(mailbox: Mailbox) -> Row:
    row = {"kind": mailbox.kind, "address": mailbox.address, "service": mailbox.service, "paperless": mailbox.paperless}
    who, where = mailbox.holder, mailbox.structure
    if who is not None:
        row |= {
            "identifier_type": who.identifier_type,
            "identifier": who.identifier,
            "national_id": who.national_id,
            "practice_civility": "Docteur" if who.doctor else "",
            "family_name": who.family_name,
            "given_name": who.given_name,
            "category": who.category[0],
            "category_label": who.category[1],
            "profession": who.profession[0],
            "profession_label": who.profession[1],
        }
        if who.specialty:
            row |= {"expertise": who.specialty[0], "expertise_label": who.specialty[1]}
    if where is not None:
        row |= {
            "organization_identifier_type": where.identifier[0],
            "organization_identifier": where.identifier[1],
            "organization_name": where.name,
            "trade_name": where.trade_name,
            "street_number": where.street_number,
            "street_type_label": where.street_type[1],
            "street_name": where.street_name,
            "post_office_line": f"{where.place.postal_code} {where.place.name.upper()}",
            "postal_code": where.place.postal_code,
            "country_label": "France",
        }
    return row
