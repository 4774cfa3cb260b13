"""Imports the signed white list of trusted domains into the register."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl

from directory.errors import ImportRefused
from directory.identifiers import finess_ok, siret_ok
from directory.registry import loading
from directory.registry.database import Database
from directory.registry.loading import Merge, Plan
from importers import pipeline
from importers.digests import Digests, row_digests
from importers.extract import digest_of
from importers.pipeline import Job
from importers.progress import Progress, Silent
from importers.report import ImportOptions, ImportReport
from importers.white_list import Entry, Trust, parse_operator, read_white_list

_DOMAIN_COLUMNS: Final = (
    "domain",
    "operator_dn",
    "description",
    "responsible_contact",
    "support_contact",
    "updated_at",
)
_OPERATOR_COLUMNS: Final = (
    "dn",
    "common_name",
    "organization_name",
    "identifier_type",
    "identifier",
    "locality",
    "country",
)
_IDENTIFIERS: Final = {"1": ("FINESS", 9), "3": ("SIRET", 14)}


def import_trusted_domains(
    database: Database, paths: Sequence[Path], options: ImportOptions, progress: Progress | None = None
) -> ImportReport:
    """Import a white list; a domain that is no longer on it is not trusted any more.

    Raises:
        ImportRefused: nothing changed; the reason says what is wrong with file, signature or certificate.
    """
    return pipeline.run_import(
        database, lambda: WhiteListReading(paths, options), "trusted-domains", options, progress or Silent()
    )


class WhiteListReading(pipeline.Reading):
    """The one XML file."""

    kind = "trusted-domains"

    def __init__(self, paths: Sequence[Path], options: ImportOptions) -> None:
        self._path = _only(paths)
        self._options = options
        self._domains: pl.DataFrame
        self._operators: pl.DataFrame

    def open(self) -> None:
        options = self._options
        found = read_white_list(
            self._path,
            Trust.load(options.whitelist_ca_file, options.whitelist_signer),
            now=dt.datetime.now(dt.UTC),
            at_generation_date=options.at_generation_date,
            allow_unsigned=options.allow_unsigned,
        )
        self.as_of: dt.datetime = found.generated_at
        self._signed = found.signed
        self._rejected = found.rejected
        self._rows = len(found.entries)
        self._domains = _domains(found.entries)
        self._operators = _operators(sorted({entry.operator_dn for entry in found.entries}))

    def compare(self, merge: Merge, job: Job) -> list[Plan]:
        job.stage(f"reading {self._path.name}")
        if not self._signed:
            job.warnings.append(f"{self._path.name}: the list is not signed; accepted on request")
        doubtful = _doubtful(self._operators)
        if doubtful:
            some = ", ".join(doubtful[:3])
            job.warnings.append(f"{len(doubtful)} operators' identifiers fail their check, kept as they are: {some}")
        for line in self._rejected:
            job.reject(line)
        job.rows["white list"] = self._rows
        job.sources.append(
            {
                "path": str(self._path.absolute()),
                "member": self._path.name,
                "layout": "white list",
                "bytes": self._path.stat().st_size,
                "digest": digest_of(self._path),
                "as_of": self.as_of.isoformat(),
                "rows": self._rows,
                "duplicates": self._rows - self._domains.height,
            }
        )
        plans = []
        for source, frame, key in (
            (loading.TRUSTED_DOMAIN, self._domains, "domain"),
            (loading.OPERATOR, self._operators, "dn"),
        ):
            digests = Digests()
            digests.add(frame[key], *row_digests(frame, frame.columns))
            plans.append(merge.plan(source, digests.per_key()))
        return plans

    def stage(self, merge: Merge, plans: Sequence[Plan], job: Job) -> None:
        job.stage(f"staging {self._path.name}")
        for plan in plans:
            (filled,) = plan.source.tables
            rows = self._domains if plan.source is loading.TRUSTED_DOMAIN else self._operators
            changed = rows.filter(pl.col(filled.key).is_in(plan.changes["key"].implode()))
            if "updated_at" in changed.columns:
                changed = changed.with_columns(pl.col("updated_at").replace({"": None}))
            merge.stage(filled, changed)


def _only(paths: Sequence[Path]) -> Path:
    found = [file for path in paths for file in (sorted(path.glob("*.xml")) if path.is_dir() else [path])]
    if len(found) != 1:
        what = "no white list" if not found else "several white lists: " + ", ".join(file.name for file in found)
        raise ImportRefused(f"{what}; name the one file to import", reason="not-found" if not found else "wrong-file")
    return found[0]


def _domains(entries: Sequence[Entry]) -> pl.DataFrame:
    """One row per domain and operator; of two that say the same, the later one counts."""
    latest: dict[tuple[str, str], Entry] = {}
    for entry in sorted(entries, key=lambda e: (e.updated_at or dt.datetime.min.replace(tzinfo=dt.UTC), e.description)):
        latest[entry.domain, entry.operator_dn] = entry
    rows = [
        {
            "domain": entry.domain,
            "operator_dn": entry.operator_dn,
            "description": entry.description,
            "responsible_contact": entry.responsible_contact,
            "support_contact": entry.support_contact,
            "updated_at": entry.updated_at.isoformat() if entry.updated_at else "",
        }
        for entry in latest.values()
    ]
    return _plain(pl.DataFrame(rows, schema=dict.fromkeys(_DOMAIN_COLUMNS, pl.String())))


def _operators(dns: Sequence[str]) -> pl.DataFrame:
    rows: list[dict[str, Any]] = []
    for dn in dns:
        parts = parse_operator(dn)
        kind, identifier = _identifier(parts.get("OU", ""))
        rows.append(
            {
                "dn": dn,
                "common_name": parts.get("CN", ""),
                "organization_name": parts.get("O", ""),
                "identifier_type": kind,
                "identifier": identifier,
                "locality": parts.get("ST", "") or parts.get("L", ""),
                "country": parts.get("C", ""),
            }
        )
    return _plain(pl.DataFrame(rows, schema=dict.fromkeys(_OPERATOR_COLUMNS, pl.String())))


def _identifier(unit: str) -> tuple[str, str]:
    """Type and number out of an OU, which is a digit of TRE_G07 and the number; made-up ones have no type."""
    kind, length = _IDENTIFIERS.get(unit[:1], ("", 0))
    return (kind, unit[1:]) if kind and len(unit) == 1 + length else ("", unit)


def _doubtful(operators: pl.DataFrame) -> list[str]:
    """The operators' identifiers that fail the check of their type: worth a warning, never a refusal."""
    checks = {"FINESS": finess_ok, "SIRET": siret_ok}
    pairs = operators.select("identifier_type", "identifier").unique().sort("identifier").rows()
    return [identifier for kind, identifier in pairs if kind and not checks[kind](identifier)]


def _plain(frame: pl.DataFrame) -> pl.DataFrame:
    """Without the one sign that separates fields while staging."""
    return frame.with_columns(pl.all().str.replace_all("|", "/", literal=True))
