"""What an import is asked to do, and what it answers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from directory.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """`guards` off applies what was held; the limits are shares of records or rows (settings `import_*`).
    `fetched_s` is how long it took to fetch the files, for the report."""

    dry_run: bool = False
    allow_older: bool = False
    guards: bool = True
    without_removals: bool = False
    at_generation_date: bool = False
    allow_unsigned: bool = False
    of_run: int | None = None
    fetched_s: float | None = None
    removal_limit: float = 0.05
    row_floor: float = 0.98
    rejected_limit: float = 0.01
    history_days: int = 1826
    whitelist_ca_file: Path | None = None
    whitelist_signer: str = "alb.mssante.fr"

    @classmethod
    def of(cls, settings: Settings, **more: Any) -> Self:
        return cls(
            removal_limit=settings.import_removal_limit,
            row_floor=settings.import_row_floor,
            rejected_limit=settings.import_rejected_limit,
            history_days=settings.history_days,
            whitelist_ca_file=settings.whitelist_ca_file,
            whitelist_signer=settings.whitelist_signer,
            **more,
        )

    def but(self, **changes: Any) -> Self:
        return replace(self, **changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """One import's outcome. `counts` is per kind of record: created, changed, removed, unchanged; `rejected` is the
    number of lines per reason; `durations_s` the seconds per stage; `samples` some keys per kind and verb."""

    run_id: int
    kind: str
    status: str
    as_of: dt.datetime | None
    sources: Sequence[Mapping[str, Any]] = ()
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    rejected: Mapping[str, int] = field(default_factory=dict)
    reasons: Sequence[str] = ()
    warnings: Sequence[str] = ()
    revision: int | None = None
    durations_s: Mapping[str, float] = field(default_factory=dict)
    samples: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}
