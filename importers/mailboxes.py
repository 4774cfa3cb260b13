"""Imports the published mailboxes: Extraction_Correspondance_MSSante (DOMAIN sections 4 and 7.4)."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import polars as pl

from directory import nomenclature
from directory.registry import loading
from directory.registry.database import Database
from directory.registry.loading import Merge, Plan
from importers import columns, extract, pipeline
from importers.digests import row_digests
from importers.extract import Batch, Reject
from importers.keyed import KeyedFile
from importers.pipeline import Job
from importers.places import places
from importers.progress import Progress, Silent
from importers.report import ImportOptions, ImportReport

KINDS: Final = ("PER", "ORG", "APP", "CAB")

# Local part up to 64, domain up to 255, whole up to 256 (DOMAIN section 4); atoms of RFC 5321, UTF-8 tolerated.
_ADDRESS: Final = re.compile(
    r"""[^\s@,;:<>()\[\]\\"|\x00-\x20]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9-]{2,63}"""
)
_PAPERLESS: Final = {
    **dict.fromkeys(("o", "oui", "true", "1"), True),
    **dict.fromkeys(("n", "non", "false", "0"), False),
}
_IDENTIFIER_TYPES: Final = {"0": "ADELI_RANG", "1": "FINESS", "2": "SIREN", "3": "SIRET", "4": "RPPS_RANG"}
_COLUMNS: Final = columns.MAILBOX.columns
_SEMANTIC: Final = tuple(_COLUMNS)
_HOLDER_COLUMNS: Final = tuple(name for name in _SEMANTIC if name not in ("kind", "address", "paperless", "department"))


def import_mailboxes(
    database: Database, paths: Sequence[Path], options: ImportOptions, progress: Progress | None = None
) -> ImportReport:
    """Import the file of published mailboxes; an address that is no longer in it is removed.

    Raises:
        ImportRefused: nothing changed; the message names the file and, where known, line and column.
    """
    return pipeline.run_import(database, lambda: MailboxReading(paths), "mailboxes", options, progress or Silent())


class MailboxReading(pipeline.Reading):
    """The one file, summed up per address."""

    kind = "mailboxes"

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._file: KeyedFile

    def open(self) -> None:
        (found,) = extract.find(self._paths, [columns.MAILBOX])
        self._file = KeyedFile(found, loading.MAILBOX, "address", _SEMANTIC)
        self.as_of: dt.datetime = found.as_of

    def compare(self, merge: Merge, job: Job) -> list[Plan]:
        file = self._file
        file.sift(merge, job)
        reject = file.rejecting(job)
        for batch in file.read(job):
            frame = _checked(batch, reject).frame
            file.add(frame["address_key"], frame)
            if file.straight:
                _stage(merge, frame)
        file.tell(job)
        return [file.plan(merge)]

    def stage(self, merge: Merge, plans: Sequence[Plan], job: Job) -> None:
        if not self._file.straight:
            for batch in self._file.again(plans[0].changes["key"], job):
                _stage(merge, _checked(batch, lambda _: None).frame)

    def close(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()


def _checked(batch: Batch, reject: Reject) -> Batch:
    """The usable lines, with `address_key`; the others are quarantined (anomaly 35)."""
    addresses = [_address_ok(address) for address in batch.frame["address"]]
    batch = Batch(
        frame=batch.frame.with_columns(
            pl.col("kind").str.strip_chars().str.to_uppercase(),
            pl.col("address").str.to_lowercase().alias("address_key"),
            pl.Series("address_ok", addresses, dtype=pl.Boolean),
        ),
        file=batch.file,
        raw=batch.raw,
    )
    batch = batch.without(pl.col("address") == "", "no address", reject, column=_COLUMNS["address"])
    batch = batch.without(~pl.col("address_ok"), "malformed address", reject, column=_COLUMNS["address"])
    return batch.without(~pl.col("kind").is_in(KINDS), "unknown mailbox type", reject, column=_COLUMNS["kind"])


def _address_ok(address: str) -> bool:
    return len(address) <= 256 and _ADDRESS.fullmatch(address) is not None


def _stage(merge: Merge, frame: pl.DataFrame) -> None:
    mailboxes, holders = loading.MAILBOX.tables
    paperless = [_PAPERLESS.get(text.strip().casefold()) for text in frame["paperless"]]
    rows = frame.select(
        "address_key",
        "address",
        pl.col("address_key").str.split("@").list.last().alias("domain"),
        "kind",
        pl.Series("paperless", paperless, dtype=pl.Boolean),
        created_at=pl.lit(merge.now),
        modified_at=pl.lit(merge.now),
    )
    merge.stage(mailboxes, rows)
    digest, _ = row_digests(frame, _SEMANTIC)
    types = pl.col("organization_identifier_type").str.strip_chars().str.to_uppercase()
    city, department = places(frame, country="country_label", department="department")
    normalised = frame.select(
        "address_key",
        digest.alias("digest"),
        *(name for name in _HOLDER_COLUMNS if name not in ("organization_identifier_type", "country_label")),
        types.replace(_IDENTIFIER_TYPES).alias("organization_identifier_type"),
        pl.col("country_label").map_elements(_country, return_dtype=pl.String),
        city,
        department,
    )
    merge.stage(holders, normalised)


def _country(text: str) -> str:
    """The column holds a label or a code (DOMAIN section 7.4, unverified): kept as a label."""
    return (nomenclature.label("countries", text) or text) if text.isdigit() else text
