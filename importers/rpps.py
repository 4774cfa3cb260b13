"""Imports the register of professionals: Personne_activite, SavoirFaire, Dipl_AutExerc (DOMAIN section 7)."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import polars as pl

from directory import nomenclature
from directory.registry import loading
from directory.registry.database import Database
from directory.registry.loading import Filled, Merge, Plan, Source
from importers import columns, extract, pipeline
from importers.digests import Election, row_digests
from importers.doubts import Doubts
from importers.extract import Extract
from importers.keyed import KeyedFile
from importers.pipeline import Job
from importers.places import places
from importers.progress import Progress, Silent
from importers.report import ImportOptions, ImportReport


def import_rpps(
    database: Database, paths: Sequence[Path], options: ImportOptions, progress: Progress | None = None
) -> ImportReport:
    """Import what the paths hold of the three files; sources whose file is not there are left alone.

    Raises:
        ImportRefused: nothing changed; the message names the file and, where known, line and column.
    """
    return pipeline.run_import(database, lambda: RppsReading(paths), "rpps", options, progress or Silent())


class RppsReading(pipeline.Reading):
    """The three files read as one import."""

    kind = "rpps"

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._readers: list[PersonFile] = []
        self._labels = Labels()
        self._doubts = Doubts()

    def open(self) -> None:
        layouts = (columns.ACTIVITY, columns.EXPERTISE, columns.DIPLOMA)
        found = extract.find(self._paths, layouts)
        make = {"activity": ActivityReader, "expertise": ExpertiseReader, "diploma": DiplomaReader}
        self._readers = [make[one.layout.name](one, self._labels, self._doubts) for one in found]
        self.as_of: dt.datetime = min(one.as_of for one in found)

    def compare(self, merge: Merge, job: Job) -> list[Plan]:
        plans = [plan for reader in self._readers for plan in reader.compare(merge, job)]
        job.warnings += [*self._labels.warnings(), *self._doubts.warnings()]
        return plans

    def stage(self, merge: Merge, plans: Sequence[Plan], job: Job) -> None:
        wanted = {plan.source.name: plan for plan in plans if plan.changes.height}
        for reader in self._readers:
            reader.stage(merge, wanted, job)

    def labels(self) -> pl.DataFrame:
        return self._labels.frame()

    def close(self) -> None:
        for reader in self._readers:
            reader.file.close()


class PersonFile:
    """A file whose lines are summed up per person."""

    source: Source
    semantic: tuple[str, ...]

    def __init__(self, extract: Extract, labels: Labels, doubts: Doubts) -> None:
        self.file = KeyedFile(extract, self.source, "national_id", self.semantic)
        self.key_column = extract.layout.columns["national_id"]
        self._labels, self._doubts = labels, doubts

    def compare(self, merge: Merge, job: Job) -> list[Plan]:
        """Sum up the lines that are new or differ; on a first load, stage them at once."""
        self.file.sift(merge, job)
        reject = self.file.rejecting(job)
        for batch in self.file.read(job):
            # Lines without a national identifier cannot be kept; odd ones are kept and reported.
            nobody = pl.col("national_id") == ""
            checked = batch.without(nobody, "no national identifier", reject, column=self.key_column)
            self._labels.note(checked.frame)
            self._doubts.note(checked)
            frame = self.seen(checked.frame)
            self.file.add(frame["national_id"], frame)
            if self.file.straight:
                self.stage_rows(merge, frame)
        self.file.tell(job)
        return [self.file.plan(merge)]

    def stage(self, merge: Merge, wanted: dict[str, Plan], job: Job) -> None:
        plan = wanted.get(self.source.name)
        if plan is not None and not self.file.straight:
            for batch in self.file.again(plan.changes["key"], job):
                self.stage_rows(merge, self.complete(batch.frame))

    def seen(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Lines that are read for the first time, with what the file's records need besides."""
        return self.complete(frame)

    def complete(self, frame: pl.DataFrame) -> pl.DataFrame:
        return frame

    def stage_rows(self, merge: Merge, frame: pl.DataFrame) -> None:
        raise NotImplementedError


class ExpertiseReader(PersonFile):
    """SavoirFaire: the complete list of a person's expertises."""

    source = loading.EXPERTISE
    # Names are the person's, not the expertise's; labels drift (anomaly 24).
    semantic = ("national_id", "profession", "category", "expertise_type", "expertise")

    def stage_rows(self, merge: Merge, frame: pl.DataFrame) -> None:
        _stage_expertises(merge, frame, "expertise")


class DiplomaReader(PersonFile):
    """Dipl_AutExerc: the label is often all that tells a diploma."""

    source = loading.DIPLOMA
    semantic = (
        "national_id",
        "diploma_type",
        "diploma_type_label",
        "diploma",
        "diploma_label",
        "authorisation_type",
        "authorisation_type_label",
        "authorisation_discipline",
        "authorisation_discipline_label",
    )

    def stage_rows(self, merge: Merge, frame: pl.DataFrame) -> None:
        filled = frame.filter(pl.any_horizontal(pl.col(name) != "" for name in self.semantic[1:]))
        digest, _ = row_digests(filled, self.semantic)
        merge.stage(loading.DIPLOMA.tables[0], filled.select(*self.semantic, digest.alias("digest")))


_ACTIVITY_COLUMNS: Final = (
    "profession",
    "category",
    "practice_mode",
    "organization_key",
    "registration_authority",
    "sector",
    "pharmacy_section",
    "role",
    "activity_genre",
)
_PERSON_COLUMNS: Final = (
    "national_id",
    "identifier_type",
    "identifier",
    "civility",
    "practice_civility",
    "family_name",
    "given_name",
)
_ORGANIZATION_COLUMNS: Final = (
    "name",
    "trade_name",
    "siret",
    "siren",
    "finess",
    "legal_entity_finess",
    "former_id",
    "sector",
    "address_recipient",
    "address_location",
    "street_number",
    "street_repeat",
    "street_type",
    "street_type_label",
    "street_name",
    "address_distribution",
    "post_office_line",
    "postal_code",
    "commune",
    "commune_label",
    "country",
    "country_label",
    "phone",
    "phone_2",
    "fax",
    "email",
    "department",
)
# What tells a structure when it has no technical identifier (anomaly 12).
_ORGANIZATION_SIGNS: Final = ("name", "trade_name", "siret", "finess", "street_name", "postal_code", "post_office_line")


class ActivityReader(PersonFile):
    """Personne_activite: persons with exercises and activities, and the structures that their lines describe."""

    source = loading.ACTIVITY
    semantic = (*_PERSON_COLUMNS, *_ACTIVITY_COLUMNS, "expertise_type", "expertise")

    def __init__(self, extract: Extract, labels: Labels, doubts: Doubts) -> None:
        super().__init__(extract, labels, doubts)
        self._organizations = Election()
        self._elected: pl.DataFrame

    def compare(self, merge: Merge, job: Job) -> list[Plan]:
        plans = super().compare(merge, job)
        touched = self._touched(merge)
        if touched is not None:
            self._read_colleagues(merge, touched)
        self._elected = self._organizations.elected()
        digests = self._elected.select("key", "high", "low", raw=pl.lit(None, pl.Int64))
        return [*plans, merge.plan(loading.ORGANIZATION, digests, touched)]

    def seen(self, frame: pl.DataFrame) -> pl.DataFrame:
        frame = self.complete(frame)
        self._organizations.add(_variants(_organizations(frame)))
        return frame

    def complete(self, frame: pl.DataFrame) -> pl.DataFrame:
        return _with_organization_key(frame)

    def _touched(self, merge: Merge) -> pl.DataFrame | None:
        """The structures that today's changed lines name, and those that yesterday's did; None when all were read."""
        if self.file.considered is None:
            return None
        now = self._organizations.elected().select("key")
        return pl.concat([now, merge.workplaces(self.file.considered)]).unique()

    def _read_colleagues(self, merge: Merge, touched: pl.DataFrame) -> None:
        """The unchanged lines that describe those structures have their say as well."""
        assert self.file.considered is not None
        there = merge.working_at(touched).join(self.file.considered, on="key", how="anti")
        lines = self.file.lines
        for batch in lines.batches(lines.of_keys(there["key"]), lambda _: None, known=True):
            structures = _organizations(self.complete(batch.frame))
            named = structures.join(touched, left_on="organization_key", right_on="key", how="semi")
            self._organizations.add(_variants(named))

    def stage(self, merge: Merge, wanted: dict[str, Plan], job: Job) -> None:
        super().stage(merge, wanted, job)
        plan = wanted.get("organization")
        if plan is not None:
            chosen = self._elected.join(plan.changes, on="key", how="semi")
            for batch in self.file.at(chosen["line"]):
                self._stage_organizations(merge, _organizations(self.complete(batch.frame)))

    def stage_rows(self, merge: Merge, frame: pl.DataFrame) -> None:
        persons, exercises, activities, _ = (filled for filled in loading.ACTIVITY.tables)
        merge.stage(persons, frame.select(_PERSON_COLUMNS))
        merge.stage(exercises, frame.select("national_id", "profession", "category"))
        # A registration authority alone is no activity (anomaly 10); a mode alone is one (anomaly 11).
        signs = [name for name in _ACTIVITY_COLUMNS if name not in ("profession", "category", "registration_authority")]
        active = frame.filter(pl.any_horizontal(pl.col(name) != "" for name in signs))
        digest, _ = row_digests(active, _ACTIVITY_COLUMNS)
        merge.stage(activities, active.select("national_id", *_ACTIVITY_COLUMNS, digest.alias("digest")))
        _stage_expertises(merge, frame, "activity")

    def _stage_organizations(self, merge: Merge, elected: pl.DataFrame) -> None:
        city, department = places(
            elected,
            country="country",
            commune="commune",
            commune_label="commune_label",
            department="department",
        )
        rows = elected.select(pl.col("organization_key").alias("key"), *_ORGANIZATION_COLUMNS)
        merge.stage(loading.ORGANIZATION.tables[0], rows.with_columns(city, department))


def _with_organization_key(frame: pl.DataFrame) -> pl.DataFrame:
    """Adds `organization_key`: the technical identifier, or X and a digest of the fields where it is missing."""
    nameless = (pl.col("key") == "") & pl.any_horizontal(pl.col(name) != "" for name in _ORGANIZATION_SIGNS)
    frame = frame.with_columns(pl.col("key").alias("organization_key"), nameless=nameless)
    if not frame["nameless"].any():
        return frame.drop("nameless")
    high, _ = row_digests(frame.filter("nameless"), _ORGANIZATION_COLUMNS)
    keys = iter(f"X{value & 0xFFFFFFFFFFFFFFFF:016x}" for value in high)
    made = [next(keys) if bare else key for bare, key in zip(frame["nameless"], frame["key"], strict=True)]
    return frame.with_columns(pl.Series("organization_key", made, pl.String)).drop("nameless")


def _organizations(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(pl.col("organization_key") != "").select("organization_key", *_ORGANIZATION_COLUMNS, "line")


def _variants(structures: pl.DataFrame) -> pl.DataFrame:
    """What lines say of structures: key, high, low, how many say so, and the first that does."""
    high, low = row_digests(structures, _ORGANIZATION_COLUMNS)
    said = structures.select(pl.col("organization_key").alias("key"), high, low, "line")
    return said.group_by("key", "high", "low").agg(votes=pl.len(), line=pl.col("line").min())


def _stage_expertises(merge: Merge, frame: pl.DataFrame, source: str) -> None:
    filled: Filled = loading.EXPERTISE.tables[0]
    rows = frame.filter(pl.col("expertise") != "").select(
        pl.lit(source).alias("source"), "national_id", "profession", "category", "expertise_type", "expertise"
    )
    merge.stage(filled, rows)


class Labels:
    """Labels that the files give to codes the nomenclature does not know (anomaly 25)."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Counter[str]] = {}
        self._known = {column: ["", *nomenclature.codes(name)] for column, name in columns.CODE_LISTS.items()}
        self._known["role"] += nomenclature.codes("functions")

    def note(self, frame: pl.DataFrame) -> None:
        for column, list_name in columns.CODE_LISTS.items():
            label = f"{column}_label"
            if column not in frame.columns or label not in frame.columns:
                continue
            unknown = frame.select(column, label).filter(~pl.col(column).is_in(self._known[column]))
            for code, text, number in unknown.group_by(column, label).len().iter_rows():
                self._found.setdefault((list_name, code), Counter())[text] += number

    def frame(self) -> pl.DataFrame:
        rows = [
            {"list": list_name, "code": code, "label": max(labels.items(), key=lambda item: (item[1], item[0]))[0]}
            for (list_name, code), labels in sorted(self._found.items())
        ]
        return pl.DataFrame(rows, schema={"list": pl.String(), "code": pl.String(), "label": pl.String()})

    def warnings(self) -> list[str]:
        return [
            f"unknown code {row['code']} in {row['list']}, kept with its label {row['label']!r}"
            for row in self.frame().iter_rows(named=True)
        ]
