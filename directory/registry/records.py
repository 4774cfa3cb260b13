"""Rows to records: merges the register's tables, sorted by key, into whole practitioners, structures and mailboxes."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, text

from directory import nomenclature
from directory.model import (
    Activity,
    Address,
    Coded,
    Exercise,
    Expertise,
    Holder,
    Kind,
    Mailbox,
    MailboxSummary,
    Organization,
    Practitioner,
    Record,
)
from directory.registry.copying import Row, copied

_CACHED_ORGANIZATIONS: Final = 50_000
_PLACES: Final = 10  # structures of the holder that a mailbox is found by


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which records: those of a key range [first, end), or those with the given keys."""

    first: str = ""
    end: str | None = None
    keys: tuple[str, ...] | None = None

    def where(self, column: str) -> str:
        if self.keys is not None:
            return f"{column} = ANY (%(keys)s)"
        upper = "" if self.end is None else f" AND {column} < %(end)s"
        return f"{column} >= %(first)s{upper}"

    def parameters(self) -> dict[str, Any]:
        return {"first": self.first, "end": self.end, "keys": list(self.keys or ())}


_ORGANIZATION_COLUMNS: Final = """
    o.key, o.name, o.trade_name, o.siret, o.siren, o.finess, o.legal_entity_finess, o.former_id, o.sector,
    o.address_recipient, o.address_location, o.street_number, o.street_repeat, o.street_type, o.street_type_label,
    o.street_name, o.address_distribution, o.post_office_line, o.postal_code, o.commune, o.commune_label,
    o.country, o.country_label, o.phone, o.phone_2, o.fax, o.email, o.city, o.department
"""
# The one structure of the register that a mailbox row names; none where several fit (a SIRET is shared by sites, the
# FINESS of a legal entity is not that of a site): ambiguous joins are never guessed.
ORGANIZATION_KEY: Final = """
    CASE organization_identifier_type
    WHEN 'FINESS' THEN (SELECT CASE WHEN count(*) = 1 THEN min(key) END FROM organization
                        WHERE finess = organization_identifier)
    WHEN 'SIRET' THEN (SELECT CASE WHEN count(*) = 1 THEN min(key) END FROM organization
                       WHERE siret = organization_identifier)
    WHEN 'RPPS_RANG' THEN (SELECT key FROM organization WHERE key = 'R' || organization_identifier)
    WHEN 'ADELI_RANG' THEN (SELECT key FROM organization WHERE key = 'C' || organization_identifier)
    END AS organization_key
"""
# What a structure is named by in mailbox rows, each name once; joined by equality, which an index or a hash can serve.
_ORGANIZATION_IDENTIFIERS: Final = """
    SELECT o.key, v.identifier FROM organization o
    CROSS JOIN LATERAL (VALUES
        (o.finess), (nullif(o.legal_entity_finess, o.finess)), (o.siret),
        (nullif(nullif(substr(o.key, 2), o.finess), o.siret))
    ) AS v (identifier)
    WHERE {where}
"""
SHOWN_WITH_STRUCTURES: Final = "m.kind <> 'PER'"  # of the mailboxes `m` that name them
_TRUTH: Final = {"t": True, "f": False, "": None}  # a boolean as PostgreSQL writes it
_TRUSTED: Final = "EXISTS (SELECT FROM trusted_domain d WHERE d.domain = m.domain)"


class Assembler:
    """Reads records on one connection; codes and structures that recur are shared values."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        labels = {(r[0], r[1]): r[2] for r in connection.execute(text("SELECT list, code, label FROM code_label"))}
        codes = functools.partial(_Codes, labels)
        self._civilities, self._practice_civilities = codes("civilities"), codes("practice-civilities")
        self._professions, self._categories = codes("professions"), codes("professional-categories")
        self._expertise_types, self._expertise_codes = codes("expertise-types"), codes("expertises")
        self._modes, self._sectors, self._genres = codes("practice-modes"), codes("sectors"), codes("activity-genres")
        self._roles, self._sections = codes("functions", "roles"), codes("pharmacy-sections")
        self._departments = codes("departments")
        self._organizations: dict[str, Organization] = {}

    def read(self, kind: Kind, selection: Selection) -> Iterator[Record]:
        """Records of a kind, in the order of their keys."""
        match kind:
            case Kind.PRACTITIONER:
                return self.practitioners(selection)
            case Kind.ORGANIZATION:
                return self.organizations(selection)
            case Kind.MAILBOX:
                return self.mailboxes(selection)

    # -- practitioners -------------------------------------------------------------------------------------------

    def practitioners(self, selection: Selection) -> Iterator[Practitioner]:
        where = selection.where
        exercises = self._grouped(
            f"SELECT national_id, profession, category FROM exercise WHERE {where('national_id')} "
            "ORDER BY national_id, profession, category",
            selection,
        )
        expertises = self._grouped(
            "SELECT DISTINCT national_id AS id, profession, category, expertise_type, expertise "
            f"FROM expertise WHERE {where('national_id')} ORDER BY 1, 2, 3, 4, 5",
            selection,
        )
        activities = self._grouped(
            "SELECT a.national_id, a.profession, a.category, a.practice_mode, a.sector, a.role, a.activity_genre, "
            f"a.pharmacy_section, a.registration_authority, {_ORGANIZATION_COLUMNS} "
            "FROM activity a LEFT JOIN organization o ON o.key = a.organization_key "
            f"WHERE {where('a.national_id')} "
            "ORDER BY a.national_id, (o.key IS NULL), o.name, o.key, a.digest",
            selection,
        )
        mailboxes = self._grouped(
            "SELECT h.national_id, m.address, m.kind, h.organization_name, h.service, m.paperless, "
            f"{_TRUSTED}, {ORGANIZATION_KEY} FROM mailbox_holder h JOIN mailbox m USING (address_key) "
            f"WHERE {where('h.national_id')} AND h.national_id <> '' "
            "ORDER BY h.national_id, m.address_key, h.digest",
            selection,
        )
        changes = self._changes("practitioner", selection)
        rows = self._rows(
            "SELECT national_id, identifier_type, identifier, civility, practice_civility, family_name, given_name "
            f"FROM practitioner WHERE {where('national_id')} ORDER BY national_id",
            selection,
        )
        for national_id, type_, identifier, civility, practice_civility, family_name, given_name in rows:
            yield Practitioner(
                national_id=national_id,
                identifier_type=type_,
                identifier=identifier,
                civility=self._civilities[civility],
                practice_civility=self._practice_civilities[practice_civility],
                family_name=family_name,
                given_name=given_name or None,
                exercises=self._exercises(
                    exercises.take(national_id), expertises.take(national_id), activities.take(national_id)
                ),
                mailboxes=_preferred(mailboxes.take(national_id)),
                modified_at=_latest(changes.take(national_id)),
            )

    def _exercises(
        self, exercises: Sequence[Row], expertises: Sequence[Row], activities: Sequence[Row]
    ) -> tuple[Exercise, ...]:
        found: list[Exercise] = []
        for _, profession, category in exercises:
            own = [row for row in expertises if row[1] == profession and row[2] == category]
            found.append(
                Exercise(
                    profession=self._professions[profession] or Coded(code="", label=""),
                    category=self._categories[category],
                    expertises=self._expertises(own) if own else (),
                    activities=tuple(
                        [self._activity(row) for row in activities if row[1] == profession and row[2] == category]
                    ),
                )
            )
        return tuple(found)

    def _expertises(self, rows: Sequence[Row]) -> tuple[Expertise, ...]:
        found = {
            row[4]: Expertise(type=self._expertise_types[row[3]], expertise=coded)
            for row in rows
            if (coded := self._expertise_codes[row[4]]) is not None
        }
        # The ordinal specialty first: it is what a user means.
        return tuple(sorted(found.values(), key=lambda e: (e.type is None or e.type.code != "S", e.expertise.code)))

    def _activity(self, row: Row) -> Activity:
        return Activity(
            mode=self._modes[row[3]],
            sector=self._sectors[row[4]],
            role=self._roles[row[5]],
            genre=self._genres[row[6]],
            pharmacy_section=self._sections[row[7]],
            registration_authority=row[8] or None,
            organization=self._organization(row[9:]) if row[9] else None,
        )

    # -- structures ----------------------------------------------------------------------------------------------

    def organizations(self, selection: Selection) -> Iterator[Organization]:
        where = selection.where
        mailboxes = self._grouped(
            f"""
            SELECT DISTINCT ON (key, m.kind, m.address_key)
                   key, m.address, m.kind, h.organization_name, h.service, m.paperless, {_TRUSTED}
            FROM ({_ORGANIZATION_IDENTIFIERS.format(where=where("o.key"))}) AS named (key, identifier)
            JOIN mailbox_holder h ON h.organization_identifier = named.identifier
            JOIN mailbox m USING (address_key)
            WHERE named.identifier <> '' AND {SHOWN_WITH_STRUCTURES}
            ORDER BY key, m.kind DESC, m.address_key, h.digest
            """,
            selection,
        )
        changes = self._changes("organization", selection)
        rows = self._rows(
            f"SELECT {_ORGANIZATION_COLUMNS} FROM organization o WHERE {where('o.key')} ORDER BY o.key",
            selection,
        )
        for row in rows:
            summaries = tuple([_summary(found) for found in mailboxes.take(row[0])])
            organization, modified_at = self._organization(row), _latest(changes.take(row[0]))
            if summaries or modified_at:
                organization = replace(organization, mailboxes=summaries, modified_at=modified_at)
            yield organization

    def _organization(self, row: Row) -> Organization:
        known = self._organizations.get(row[0])
        if known is None:
            if len(self._organizations) >= _CACHED_ORGANIZATIONS:
                self._organizations.clear()
            known = self._organizations[row[0]] = self._new_organization(*row)
        return known

    def _new_organization(
        self, key: str, name: str, trade_name: str, siret: str, siren: str, finess: str, legal_entity_finess: str,
        former_id: str, sector: str, recipient: str, location: str, street_number: str, street_repeat: str,
        street_type: str, street_type_label: str, street_name: str, distribution: str, post_office_line: str,
        postal_code: str, commune: str, commune_label: str, country: str, country_label: str, phone: str,
        phone_2: str, fax: str, email: str, city: str, department: str,
    ) -> Organization:  # fmt: skip
        address = Address(
            recipient=recipient or None,
            location=location or None,
            street_number=street_number or None,
            street_repeat=street_repeat or None,
            street_type=street_type_label or nomenclature.label("street-types", street_type) or street_type or None,
            street_name=street_name or None,
            distribution=distribution or None,
            post_office_line=post_office_line or None,
            postal_code=postal_code or None,
            commune=_coded(commune, commune_label),
            country=_coded(country, country_label or (nomenclature.label("countries", country) or "")),
            department=self._departments[department],
            city=city or None,
        )
        return Organization(
            key=key,
            name=name or None,
            trade_name=trade_name or None,
            siret=siret or None,
            siren=siren or None,
            finess=finess or None,
            legal_entity_finess=legal_entity_finess or None,
            former_id=former_id or None,
            sector=self._sectors[sector],
            address=address,
            phones=tuple(number for number in (phone, phone_2) if number),
            fax=fax or None,
            email=email or None,
        )

    # -- mailboxes -----------------------------------------------------------------------------------------------

    def mailboxes(self, selection: Selection) -> Iterator[Mailbox]:
        where = selection.where
        holders = self._grouped(
            """
            SELECT address_key, identifier_type, identifier, national_id, family_name, given_name, practice_civility,
                   profession, profession_label, expertise, expertise_label, organization_identifier_type,
                   organization_identifier, """
            f"{ORGANIZATION_KEY}"
            """, organization_name, trade_name, service,
                   address_location, address_distribution, street_number, street_repeat, street_type_label, street_name,
                   address_locality, post_office_line, postal_code, country_label, city, department
            """
            f"FROM mailbox_holder WHERE {where('address_key')} "
            # RPPS before ADELI: the number that stays.
            "ORDER BY address_key, identifier_type DESC, national_id, organization_identifier, digest",
            selection,
        )
        places = self._grouped(
            f"""
            SELECT named.id, {_ORGANIZATION_COLUMNS}
            FROM (
                SELECT DISTINCT h.address_key AS id, a.organization_key AS key
                FROM mailbox_holder h JOIN activity a ON a.national_id = h.national_id
                WHERE {where("h.address_key")} AND h.national_id <> ''
            ) AS named JOIN organization o USING (key) ORDER BY named.id, o.name, o.key
            """,
            selection,
        )
        expertises = self._grouped(
            f"""
            SELECT DISTINCT h.address_key AS id, x.profession, x.category, x.expertise_type, x.expertise
            FROM mailbox_holder h JOIN expertise x ON x.national_id = h.national_id
            WHERE {where("h.address_key")} AND h.national_id <> '' ORDER BY 1, 2, 3, 4, 5
            """,
            selection,
        )
        rows = self._rows(
            f"SELECT m.address_key, m.address, m.kind, m.paperless, {_TRUSTED}, m.created_at, m.modified_at "
            f"FROM mailbox m WHERE {where('m.address_key')} ORDER BY m.address_key",
            selection,
        )
        for key, address, kind, paperless, trusted, created_at, modified_at in rows:
            yield Mailbox(
                address=address,
                kind=kind,
                paperless=_TRUTH[paperless],
                trusted=trusted == "t",
                holders=tuple([self._holder(row) for row in holders.take(key)]),
                places=tuple([self._organization(row[1:]) for row in places.take(key)[:_PLACES]]),
                expertises=self._expertises(expertises.take(key)),
                created_at=_instant(created_at),
                modified_at=_instant(modified_at),
            )

    def _holder(self, row: Row) -> Holder:
        return Holder(
            identifier_type=row[1] or None,
            identifier=row[2] or None,
            national_id=row[3] or None,
            family_name=row[4] or None,
            given_name=row[5] or None,
            practice_civility=row[6] or None,
            profession=_coded(row[7], row[8]),
            expertise=_coded(row[9], row[10]),
            organization_identifier_type=row[11] or None,
            organization_identifier=row[12] or None,
            organization_key=row[13] or None,
            organization_name=row[14] or None,
            trade_name=row[15] or None,
            service=row[16] or None,
            address=Address(
                location=row[17] or None,
                distribution=row[18] or row[23] or None,
                street_number=row[19] or None,
                street_repeat=row[20] or None,
                street_type=row[21] or None,
                street_name=row[22] or None,
                post_office_line=row[24] or None,
                postal_code=row[25] or None,
                country=_coded("", row[26]),
                city=row[27] or None,
                department=self._departments[row[28]],
            ),
        )

    def _changes(self, kind: str, selection: Selection) -> Grouped:
        return self._grouped(
            f"SELECT key, at FROM record_change WHERE kind = '{kind}' AND {selection.where('key')} ORDER BY key",
            selection,
        )

    # -- reading -------------------------------------------------------------------------------------------------

    def _rows(self, statement: str, selection: Selection) -> Iterator[Row]:
        return copied(self._connection, statement, selection.parameters())

    def _grouped(self, statement: str, selection: Selection) -> Grouped:
        return Grouped(self._rows(statement, selection))


class Grouped:
    """Rows sorted by their first column, taken key by key in the same order; keys nobody asks for are passed over."""

    __slots__ = ("_next", "_rows")

    def __init__(self, rows: Iterator[Row]) -> None:
        self._rows = rows
        self._next: Row | None = None

    def take(self, key: str) -> Sequence[Row]:
        row = self._next if self._next is not None else next(self._rows, None)
        while row is not None and row[0] < key:
            row = next(self._rows, None)
        # A finished stream answers next() with None again and again.
        self._next = row
        return self._group(key) if row is not None and row[0] == key else ()

    def _group(self, key: str) -> list[Row]:
        found: list[Row] = []
        row = self._next
        while row is not None and row[0] == key:
            found.append(row)
            row = next(self._rows, None)
        self._next = row
        return found


class _Codes(dict[str, Coded | None]):
    """The codes of a list with their label: the official one of any of these lists, else the extracts' of the last,
    else the code itself."""

    def __init__(self, extracts: Mapping[tuple[str, str], str], *lists: str) -> None:
        super().__init__({"": None})
        self._extracts = extracts
        self._lists = lists

    def __missing__(self, code: str) -> Coded:
        official = next(filter(None, (nomenclature.label(name, code) for name in self._lists)), None)
        label = official or self._extracts.get((self._lists[-1], code)) or code
        made = self[code] = Coded(code=code, label=label)
        return made


def _latest(rows: Sequence[Row]) -> dt.datetime | None:
    return _instant(rows[0][1]) if rows else None


@functools.lru_cache(maxsize=10_000)
def _instant(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).astimezone(dt.UTC)


def _coded(code: str, label: str) -> Coded | None:
    return Coded(code=code, label=label or code) if code or label else None


def _summary(row: Row) -> MailboxSummary:
    _, address, kind, organization, service, paperless, trusted, *organization_key = row
    return MailboxSummary(
        address=address,
        kind=kind,
        organization=organization or None,
        service=service or None,
        paperless=_TRUTH[paperless],
        trusted=trusted == "t",
        organization_key=(organization_key[0] or None) if organization_key else None,
    )


def _preferred(rows: Sequence[Row]) -> tuple[MailboxSummary, ...]:
    """One line per address; those of profession domains first, then by address (DOMAIN section 4 rule 6)."""
    if not rows:
        return ()
    distinct = {summary.address.lower(): summary for summary in map(_summary, reversed(rows))}
    return tuple(sorted(distinct.values(), key=lambda s: (not _of_profession(s.address), s.address.lower())))


def _of_profession(address: str) -> bool:
    """Whether the domain is one of the profession domains, `medecin.mssante.fr` and the like: one label before."""
    domain = address.rpartition("@")[2].lower()
    label = domain.removesuffix(".mssante.fr")
    return label != domain and label in _PROFESSION_DOMAINS


_PROFESSION_DOMAINS: Final = frozenset(
    [
        "medecin",
        "infirmier",
        "pharmacien",
        "sage-femme",
        "chirurgien-dentiste",
        "masseur-kinesitherapeute",
        "pedicure-podologue",
        "orthophoniste",
        "orthoptiste",
        "psychologue",
        "psychomotricien",
        "ergotherapeute",
        "dieteticien",
        "audioprothesiste",
        "opticien-lunetier",
        "manipulateur-erm",
        "technicien-laboratoire",
        "osteopathe",
        "assistant-social",
        "pro",
    ]
)
