"""What differs between an invented country's day and the day before: told by who invents it, not by who imports it."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from importers.progress import Progress
from importers.synthetic.country import Country
from importers.synthetic.rows import Row, mailbox_rows, person_rows

# Columns of the lines on expertises and diplomas that belong to the person.
_NAMES: Final = ("family_name", "given_name")
_STRUCTURE: Final = (
    "siret", "siren", "finess", "legal_entity_finess", "name", "trade_name", "street_number", "street_type",
    "street_name", "post_office_line", "postal_code", "commune", "phone", "former_id", "sector",
)  # fmt: skip

Records = dict[str, dict[str, int]]
"""Per kind: a record's key, and a hash of what its rows say (of this process: to be compared within it)."""


def changes_since_yesterday(country: Country, progress: Progress) -> dict[str, dict[str, int]]:
    """Records created, changed and removed per kind."""
    yesterday, today = (_records(one, progress) for one in (replace(country, day=country.day - 1), country))
    return {kind: _counts(yesterday[kind], today[kind]) for kind in today}


def _counts(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    return {
        "created": len(after.keys() - before.keys()),
        "changed": sum(before[key] != said for key, said in after.items() if key in before),
        "removed": len(before.keys() - after.keys()),
    }


def _records(country: Country, progress: Progress) -> Records:
    found: Records = {kind: {} for kind in ("activity", "organization", "expertise", "diploma", "mailbox")}
    progress.stage(f"recounting day {country.day}")
    for who in country.persons():
        rows = person_rows(country, who)
        for row in rows.activities:
            if "key" in row:
                found["organization"][row["key"]] = hash(tuple(row.get(name, "") for name in _STRUCTURE))
        for kind, said in (
            ("activity", rows.activities),
            ("expertise", _without_names(rows.expertises)),
            ("diploma", _without_names(rows.diplomas)),
        ):
            if said:
                found[kind][who.national_id] = _hash(said)
    for mailbox in country.mailboxes():
        key = mailbox.address.lower()
        found["mailbox"][key] = hash((found["mailbox"].get(key), _hash(mailbox_rows(country, mailbox))))
    return found


def _without_names(rows: Sequence[Row]) -> list[Row]:
    return [{name: text for name, text in row.items() if name not in _NAMES} for row in rows]


def _hash(rows: Sequence[Row]) -> int:
    return hash(frozenset(_frozen(rows)))


def _frozen(rows: Sequence[Row]) -> Iterator[Hashable]:
    return (tuple(sorted(row.items())) for row in rows)
