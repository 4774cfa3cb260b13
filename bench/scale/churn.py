"""Months of nights: what the file grows to when a share of all records changes again and again, and what of it is in
use."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.scale.build import file_bytes
from bench.scale.changes import Register, register_of
from directory.index import layout, store
from directory.index.build import build_index
from directory.index.follow import Follower
from directory.index.wear import pages_in_use
from directory.model import Kind
from directory.registry.source import RegistryRegister
from directory.settings import Settings

NIGHTS: Final = 60
SHARE: Final = 0.003  # of the persons and of the mailboxes, each night
GROWTH_BAR: Final = 1.5  # times what it was when it was built, on the worst night


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """The index after a night; `used` leaves out pages that the next change may take."""

    changes: int
    seconds: float
    file_bytes: int
    used_bytes: int
    late: int  # documents out of the static order

    def as_json(self) -> dict[str, Any]:
        return {
            "changes": self.changes,
            "seconds": round(self.seconds, 2),
            "file_mib": round(self.file_bytes / 2**20, 1),
            "used_mib": round(self.used_bytes / 2**20, 1),
            "late": self.late,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Churned:
    """A fresh build, then nights."""

    built: Night
    nights: tuple[Night, ...]

    @property
    def growth(self) -> float:
        """The largest file of all nights, beside that of the build."""
        return max(night.file_bytes for night in self.nights) / self.built.file_bytes

    def as_json(self) -> dict[str, Any]:
        return {
            "built": self.built.as_json(),
            "nights": [night.as_json() for night in self.nights],
            "growth": round(self.growth, 3),
            "bars": {"growth": GROWTH_BAR},
            "met": self.growth < GROWTH_BAR,
        }


def churn(data: Path, *, nights: int = NIGHTS, share: float = SHARE) -> Churned:
    """Build the index of a data folder afresh and follow nights of changes to other records each; the register is put
    back as it was at last, and the index built again."""
    settings = Settings(data_dir=data)
    with register_of(data) as register:
        source = RegistryRegister(register.database.url)
        follower = Follower(source, settings.index_path, settings.index_map_bytes)
        build_index(source, settings.index_path, map_bytes=settings.index_map_bytes)
        built = _seen(settings, changes=0, seconds=0.0)
        seen = tuple(_night(settings, register, follower, night, share) for night in range(nights))
        register.restore()
        build_index(source, settings.index_path, map_bytes=settings.index_map_bytes)
    return Churned(built=built, nights=seen)


def _night(settings: Settings, register: Register, follower: Follower, night: int, share: float) -> Night:
    changed = {
        kind: register.draw(kind, round(share * register.count(kind)), seed=night)
        for kind in (Kind.PRACTITIONER, Kind.MAILBOX)
    }
    register.mark(changed, night)
    began = time.monotonic()
    follower.step()
    return _seen(settings, changes=sum(map(len, changed.values())), seconds=time.monotonic() - began)


def _seen(settings: Settings, *, changes: int, seconds: float) -> Night:
    build = store.current_build(settings.index_path)
    assert build is not None
    environment = store.open_environment(build, settings.index_map_bytes)
    try:
        with environment.lmdb.begin() as txn:
            pages = pages_in_use(environment, txn)
            late = layout.decode_posting(txn.get(layout.META_LATE, db=environment.databases["meta"]))
        return Night(
            changes=changes,
            seconds=seconds,
            file_bytes=file_bytes(settings.data_dir),
            used_bytes=pages * environment.lmdb.stat()["psize"],
            late=len(late),
        )
    finally:
        environment.close()
