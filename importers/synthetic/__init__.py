"""An invented country in the exact official file formats, reproducible by seed and day; nobody in it exists."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

import orjson

from importers import columns
from importers.extract import Layout
from importers.progress import Progress, Silent
from importers.synthetic.changes import changes_since_yesterday
from importers.synthetic.country import Country
from importers.synthetic.draws import Dice
from importers.synthetic.people import with_check_digit
from importers.synthetic.rows import Row, mailbox_rows, person_rows

FIRST_DAY: Final = dt.datetime(2026, 1, 15, 3, 15)
_STEP: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What was written: rows per file, rejected lines to expect per reason, distinct records per kind; and where asked
    for what has changed since the day before: records created, changed and removed per kind."""

    professionals: int
    day: int
    seed: int
    files: dict[str, str]
    rows: dict[str, int]
    records: dict[str, int]
    rejected: dict[str, int] = field(default_factory=dict)
    changes: dict[str, dict[str, int]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def generate(
    directory: Path,
    *,
    professionals: int,
    day: int = 1,
    seed: int = 1,
    changes: bool = False,
    progress: Progress | None = None,
) -> Manifest:
    """Write the three register files, the mailbox file, a signed white list with its authority, and manifest.json.

    `changes` has the manifest tell what differs from the day before, for which that day is invented as well.
    """
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
            found = person_rows(country, who)
            activities.write_all(found.activities)
            diplomas.write_all(found.diplomas)
            expertises.write_all(found.expertises)
            kept["activity"].update(row["national_id"] for row in found.activities)
            kept["organization"].update(row["key"] for row in found.activities if "key" in row)
            if count % _STEP == 0:
                watch.advance(_STEP)
        rows.update(activity=activities.rows, diploma=diplomas.rows, expertise=expertises.rows)
    domains: set[str] = set()
    with _Table(directory / names["mailbox"], columns.MAILBOX) as mailboxes:
        watch.stage("inventing mailboxes", int(professionals * 0.2745))
        for count, mailbox in enumerate(country.mailboxes(), 1):
            mailboxes.write_all(mailbox_rows(country, mailbox))
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
        changes=changes_since_yesterday(country, watch) if changes and day > 1 else {},
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

    def write_all(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self.write(row)

    def write_raw(self, line: bytes) -> None:
        self._file.write(line + b"\n")

    def __enter__(self) -> _Table:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


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
