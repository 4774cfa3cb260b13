"""Imports the register of professionals: Personne_activite, SavoirFaire, Dipl_AutExerc (DOMAIN section 7)."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

import polars as pl

from directory import nomenclature
from directory.registry import loading
from directory.registry.database import Database
from directory.registry.loading import Filled, Merge, Plan, Source
from importers import columns, extract, pipeline
from importers.digests import Digests, Election, row_digests
from importers.extract import Batch, Extract
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
        self._readers: list[Reader] = []
        self._labels = Labels()

    def open(self) -> None:
        layouts = (columns.ACTIVITY, columns.EXPERTISE, columns.DIPLOMA)
        found = extract.find(self._paths, layouts)
        make: dict[str, Callable[[Extract], Reader]] = {
            "activity": ActivityReader,
            "expertise": ExpertiseReader,
            "diploma": DiplomaReader,
        }
        self._readers = [make[one.layout.name](one) for one in found]
        self.as_of: dt.datetime = min(one.as_of for one in found)

    def compare(self, merge: Merge, job: Job) -> list[Plan]:
        plans: list[Plan] = []
        for reader in self._readers:
            file = reader.file
            job.warnings += file.warnings
            job.stage(f"reading {file.member.name}", file.member.size)
            for batch in file.batches(job.reject, job.progress.advance):
                checked = _with_key(batch, job)
                self._labels.note(checked.frame)
                reader.sum_up(checked)
            job.rows[file.layout.name] = reader.rows
            job.sources.append(file.source(reader.rows, reader.duplicates()))
            plans += [merge.plan(source, digests) for source, digests in reader.digests()]
        job.warnings += self._labels.warnings()
        return plans

    def stage(self, merge: Merge, plans: Sequence[Plan], job: Job) -> None:
        for reader in self._readers:
            wanted = {plan.source.name: plan for plan in plans if plan.source in reader.sources and plan.changes.height}
            if not wanted:
                continue
            job.stage(f"staging {reader.file.member.name}", reader.file.member.size)
            for batch in reader.file.batches(lambda _: None, job.progress.advance):
                reader.stage(merge, wanted, _with_key(batch, None).frame)

    def labels(self) -> pl.DataFrame:
        return self._labels.frame()


def _with_key(batch: Batch, job: Job | None) -> Batch:
    """Lines without a national identifier cannot be kept; odd ones are kept and reported."""

    def ignore(_: object) -> None:
        pass

    batch = batch.without(pl.col("national_id") == "", "no national identifier", job.reject if job else ignore)
    if job is not None and batch.frame.height:
        mismatch = batch.frame.filter(pl.col("national_id") != pl.col("identifier_type") + pl.col("identifier"))
        if mismatch.height:
            first = mismatch["line"][0]
            job.warnings.append(
                f"{batch.file}: line {first}: the national identifier is not type and identifier together "
                f"({mismatch.height} such lines in one block)"
            )
    return batch


class Reader(Protocol):
    """Reads one of the files: sums up its lines per key, then stages the lines of changed keys."""

    @property
    def file(self) -> Extract: ...

    @property
    def sources(self) -> tuple[Source, ...]: ...

    @property
    def rows(self) -> int: ...

    def duplicates(self) -> int: ...

    def sum_up(self, batch: Batch) -> None: ...

    def digests(self) -> list[tuple[Source, pl.DataFrame]]: ...

    def stage(self, merge: Merge, wanted: dict[str, Plan], frame: pl.DataFrame) -> None: ...


class _PersonFile:
    """A file whose lines are summed up per person."""

    source: Source
    semantic: tuple[str, ...]

    def __init__(self, file: Extract) -> None:
        self.file = file
        self.sources: tuple[Source, ...] = (self.source,)
        self._digests = Digests()

    @property
    def rows(self) -> int:
        return self._digests.rows

    def duplicates(self) -> int:
        return self._digests.duplicates()

    def sum_up(self, batch: Batch) -> None:
        self._digests.add(batch.frame["national_id"], *row_digests(batch.frame, self.semantic))

    def digests(self) -> list[tuple[Source, pl.DataFrame]]:
        return [(self.source, self._digests.per_key())]

    def stage(self, merge: Merge, wanted: dict[str, Plan], frame: pl.DataFrame) -> None:
        keys = wanted[self.source.name].changes["key"]
        self.stage_rows(merge, frame.filter(pl.col("national_id").is_in(keys.implode())))

    def stage_rows(self, merge: Merge, frame: pl.DataFrame) -> None:
        raise NotImplementedError


class ExpertiseReader(_PersonFile):
    """SavoirFaire: the complete list of a person's expertises."""

    source = loading.EXPERTISE
    # Names are the person's, not the expertise's; labels drift (anomaly 24).
    semantic = ("national_id", "profession", "category", "expertise_type", "expertise")

    def stage_rows(self, merge: Merge, frame: pl.DataFrame) -> None:
        _stage_expertises(merge, frame, "expertise")


class DiplomaReader(_PersonFile):
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


class ActivityReader:
    """Personne_activite: persons with exercises and activities, and the structures that their lines describe."""

    sources = (loading.ACTIVITY, loading.ORGANIZATION)
    _semantic = (*_PERSON_COLUMNS, *_ACTIVITY_COLUMNS, "expertise_type", "expertise")

    def __init__(self, file: Extract) -> None:
        self.file = file
        self._persons = Digests()
        self._organizations = Election()
        self._elected: pl.DataFrame | None = None

    @property
    def rows(self) -> int:
        return self._persons.rows

    def duplicates(self) -> int:
        return self._persons.duplicates()

    def sum_up(self, batch: Batch) -> None:
        frame = _with_organization_key(batch.frame)
        self._persons.add(frame["national_id"], *row_digests(frame, self._semantic))
        structures = _organizations(frame)
        variants = structures.group_by("organization_key", *_ORGANIZATION_COLUMNS).len("votes")
        high, low = row_digests(variants, _ORGANIZATION_COLUMNS)
        self._organizations.add(variants.select(pl.col("organization_key").alias("key"), high, low, "votes"))

    def digests(self) -> list[tuple[Source, pl.DataFrame]]:
        self._elected = self._organizations.elected()
        return [(loading.ACTIVITY, self._persons.per_key()), (loading.ORGANIZATION, self._elected)]

    def stage(self, merge: Merge, wanted: dict[str, Plan], frame: pl.DataFrame) -> None:
        frame = _with_organization_key(frame)
        if "activity" in wanted:
            keys = wanted["activity"].changes["key"]
            self._stage_persons(merge, frame.filter(pl.col("national_id").is_in(keys.implode())))
        if "organization" in wanted:
            self._stage_organizations(merge, frame, wanted["organization"].changes)

    def _stage_persons(self, merge: Merge, frame: pl.DataFrame) -> None:
        persons, exercises, activities, _ = (filled for filled in loading.ACTIVITY.tables)
        merge.stage(persons, frame.select(_PERSON_COLUMNS).unique())
        merge.stage(exercises, frame.select("national_id", "profession", "category").unique())
        # A registration authority alone is no activity (anomaly 10); a mode alone is one (anomaly 11).
        signs = [name for name in _ACTIVITY_COLUMNS if name not in ("profession", "category", "registration_authority")]
        active = frame.filter(pl.any_horizontal(pl.col(name) != "" for name in signs))
        digest, _ = row_digests(active, _ACTIVITY_COLUMNS)
        rows = active.select("national_id", *_ACTIVITY_COLUMNS, digest.alias("digest"))
        merge.stage(activities, rows.unique())
        _stage_expertises(merge, frame, "activity")

    def _stage_organizations(self, merge: Merge, frame: pl.DataFrame, changes: pl.DataFrame) -> None:
        structures = _organizations(frame).join(
            changes.select("key", "high", "low"), left_on="organization_key", right_on="key"
        )
        structures = structures.unique()
        if not structures.height:
            return
        high, low = row_digests(structures, _ORGANIZATION_COLUMNS)
        elected = structures.filter((structures["high"] == high) & (structures["low"] == low))
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
    return frame.filter(pl.col("organization_key") != "").select("organization_key", *_ORGANIZATION_COLUMNS)


def _stage_expertises(merge: Merge, frame: pl.DataFrame, source: str) -> None:
    filled: Filled = loading.EXPERTISE.tables[0]
    rows = frame.filter(pl.col("expertise") != "").select(
        pl.lit(source).alias("source"), "national_id", "profession", "category", "expertise_type", "expertise"
    )
    merge.stage(filled, rows.unique())


class Labels:
    """Labels that the files give to codes the nomenclature does not know (anomaly 25)."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Counter[str]] = {}

    def note(self, frame: pl.DataFrame) -> None:
        for column, list_name in columns.CODE_LISTS.items():
            label = f"{column}_label"
            if column not in frame.columns or label not in frame.columns:
                continue
            known = nomenclature.codes(list_name)
            also = nomenclature.codes("functions") if column == "role" else {}
            for code, text, number in frame.group_by(column, label).len().iter_rows():
                if code and code not in known and code not in also:
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
