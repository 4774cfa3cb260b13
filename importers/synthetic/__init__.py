"""An invented country in the exact official file formats, reproducible by seed and day; nobody in it exists."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

import orjson

from importers import columns
from importers.extract import Layout
from importers.progress import Progress, Silent
from importers.synthetic.country import Activity, Country, Mailbox
from importers.synthetic.draws import Dice
from importers.synthetic.people import Person, with_check_digit
from importers.synthetic.structures import Structure

FIRST_DAY: Final = dt.datetime(2026, 1, 15, 3, 15)
_STEP: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What was written: rows per file, rejected lines to expect per reason, distinct records per kind."""

    professionals: int
    day: int
    seed: int
    files: dict[str, str]
    rows: dict[str, int]
    records: dict[str, int]
    rejected: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def generate(
    directory: Path, *, professionals: int, day: int = 1, seed: int = 1, progress: Progress | None = None
) -> Manifest:
    """Write the three register files, the mailbox file, a signed white list with its authority, and manifest.json."""
    directory.mkdir(parents=True, exist_ok=True)
    watch = progress or Silent()
    country = Country(professionals, seed, day)
    stamp = f"{FIRST_DAY + dt.timedelta(days=day - 1):%Y%m%d%H%M}"
    names = {
        "activity": f"PS_LibreAcces_Personne_activite_{stamp}.txt",
        "diploma": f"PS_LibreAcces_Dipl_AutExerc_{stamp}.txt",
        "expertise": f"PS_LibreAcces_SavoirFaire_{stamp}.txt",
        "mailbox": f"Extraction_Correspondance_MSSante_{stamp}.txt",
    }
    rows: Counter[str] = Counter()
    kept: dict[str, set[str]] = {"activity": set(), "organization": set(), "mailbox": set()}
    with (
        _Table(directory / names["activity"], columns.ACTIVITY) as activities,
        _Table(directory / names["diploma"], columns.DIPLOMA) as diplomas,
        _Table(directory / names["expertise"], columns.EXPERTISE) as expertises,
    ):
        watch.stage("inventing professionals", professionals)
        for count, who in enumerate(country.persons(), 1):
            _write_person(country, who, activities, diplomas, expertises, kept)
            if count % _STEP == 0:
                watch.advance(_STEP)
        rows.update(activity=activities.rows, diploma=diplomas.rows, expertise=expertises.rows)
    domains: set[str] = set()
    with _Table(directory / names["mailbox"], columns.MAILBOX) as mailboxes:
        watch.stage("inventing mailboxes", int(professionals * 0.2745))
        for count, mailbox in enumerate(country.mailboxes(), 1):
            mailboxes.write(_mailbox_row(mailbox))
            if mailbox.holder is not None and Dice(seed, "double", mailbox.address).chance(0.0003):
                # The same address under a second structure (anomaly 28).
                mailboxes.write({**_mailbox_row(mailbox), "service": "Consultations"})
            kept["mailbox"].add(mailbox.address.lower())
            domains.add(mailbox.address.rpartition("@")[2].lower())
            if count % _STEP == 0:
                watch.advance(_STEP)
        rejected = _broken_lines(mailboxes, seed)
        rows["mailbox"] = mailboxes.rows
    _write_white_list(directory, sorted(domains), country)
    manifest = Manifest(
        professionals=professionals,
        day=day,
        seed=seed,
        files=names,
        rows=dict(rows),
        records={kind: len(keys) for kind, keys in kept.items()},
        rejected=rejected,
    )
    (directory / "manifest.json").write_bytes(orjson.dumps(manifest.as_json(), option=orjson.OPT_INDENT_2))
    return manifest


class _Table:
    """Writes one extract file: `|` between fields, no quoting, LF."""

    def __init__(self, path: Path, layout: Layout) -> None:
        self._fields = tuple(layout.columns)
        self._file: IO[bytes] = path.open("wb", buffering=1 << 20)
        self._file.write("|".join(layout.columns.values()).encode() + b"\n")
        self.rows = 0

    def write(self, row: dict[str, str]) -> None:
        get = row.get
        self._file.write("|".join([get(name, "") for name in self._fields]).encode() + b"\n")
        self.rows += 1

    def write_raw(self, line: bytes) -> None:
        self._file.write(line + b"\n")

    def __enter__(self) -> _Table:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _write_person(
    country: Country,
    who: Person,
    activities: _Table,
    diplomas: _Table,
    expertises: _Table,
    kept: dict[str, set[str]],
) -> None:
    dice = Dice(country.seed, "rows", who.number)
    identity = {
        "identifier_type": who.identifier_type,
        "identifier": who.identifier,
        "national_id": who.national_id,
        "family_name": who.family_name,
        "given_name": who.given_name,
    }
    # Students and newly registered people may hold a mailbox before they are in this file (anomaly 31).
    if not dice.chance(0.004):
        kept["activity"].add(who.national_id)
        for activity in country.activities(who):
            row = {**identity, **_titles(who), **_activity_row(who, activity)}
            activities.write(row)
            if activity.structure is not None:
                kept["organization"].add(activity.structure.key)
            if dice.chance(0.001):
                activities.write(row)  # an exact duplicate (anomaly 6)
    for row in _expertise_rows(who, dice):
        expertises.write({**identity, **row})
    for row in _diploma_rows(who, dice):
        diplomas.write({**identity, **row})


def _titles(who: Person) -> dict[str, str]:
    titles = {"civility": "MME" if who.female else "M", "civility_label": "Madame" if who.female else "Monsieur"}
    if who.doctor and who.category[0] == "C":
        titles |= {"practice_civility": "DR", "practice_civility_label": "Docteur"}
    return titles


def _activity_row(who: Person, activity: Activity) -> dict[str, str]:
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


def _structure_columns(where: Structure) -> dict[str, str]:
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


def _expertise_rows(who: Person, dice: Dice) -> Iterator[dict[str, str]]:
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


def _diploma_rows(who: Person, dice: Dice) -> Iterator[dict[str, str]]:
    label = f"DE {who.profession[1]}" if not who.doctor else "DE Docteur en médecine"
    state = {"diploma_type": "DE", "diploma_type_label": "Diplôme d'Etat français", "diploma_label": label}
    yield {**state, "diploma": "DE05"} if who.doctor else state
    if dice.chance(0.1):
        yield {
            "diploma_type": "DU",
            "diploma_type_label": "Diplôme d'université (DU) ou inter-universitaire (DIU)",
            "diploma_label": f'DU "{dice.of(("Douleur", "Plaies", "Gériatrie"))}" \\ niveau {1 + dice.below(2)}',
        }


def _mailbox_row(mailbox: Mailbox) -> dict[str, str]:
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


def _broken_lines(table: _Table, seed: int) -> dict[str, int]:
    """A handful of lines that no importer can keep, so that quarantine shows: told by reason in the manifest."""
    blank = "|" * (len(columns.MAILBOX.columns) - 2)
    table.write_raw(f"PER|sans-arobase-{seed}{blank}".encode())
    table.write_raw(f"XYZ|type-inconnu-{seed}@exemple.mssante.fr{blank}".encode())
    table.write_raw(b"PER|coupee@exemple.mssante.fr|8|109")
    table.write_raw(b"PER|latin-1-\xe9@exemple.mssante.fr" + blank.encode())
    return {"malformed address": 1, "unknown mailbox type": 1, "too few fields": 1, "not UTF-8": 1}


def _write_white_list(directory: Path, domains: Sequence[str], country: Country) -> None:
    from importers.white_list_signing import DemoAuthority, write_signed_white_list

    generated_at = FIRST_DAY.replace(tzinfo=dt.UTC) + dt.timedelta(days=country.day - 1)
    authority = DemoAuthority.of(directory)
    # A few domains in use are not on the list (anomaly 32).
    listed = [domain for domain in domains if not Dice(country.seed, "unlisted", domain).chance(0.01)]
    operators = [
        f"CN=mss{number}.operateur-exemple.fr,OU=3{siret},O=OPERATEUR EXEMPLE {number},ST=Paris (75),C=FR"
        for number in range(1, 8)
        for siret in [with_check_digit(with_check_digit(f"9999{number:04d}") + "0001")]
    ]
    entries = [
        (domain, f"Domaine de {domain}", operators[int(len(operators) * Dice(country.seed, domain).share() ** 2)])
        for domain in listed
    ]
    write_signed_white_list(directory / "listeblanchemssante.xml", entries, generated_at, authority)
    (directory / "whitelist-ca.pem").write_bytes(authority.ca_pem)
