"""What `annuaire status` and `annuaire check` look at: the register, the index, and how far apart they are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

from directory import compiled
from directory.errors import DirectoryError
from directory.index.reader import Index
from directory.registry import checks as registry_checks
from directory.registry.checks import Check
from directory.registry.database import open_database
from directory.registry.runs import list_runs
from directory.registry.status import counts, state_of
from directory.settings import Settings

_CERTIFICATE_LEFT: Final = dt.timedelta(days=21)


def register_status(settings: Settings) -> dict[str, Any]:
    """Revision, dates, counts and last runs.

    Raises:
        Unavailable: the database cannot be reached.
    """
    with open_database(settings, reader=True) as database:
        state = state_of(database)
        return {
            "available": True,
            "revision": state.revision,
            "as_of": state.as_of,
            "committed_at": state.committed_at,
            "epoch": state.epoch,
            "counts": counts(database),
            "last_runs": [
                {name: getattr(run, name) for name in ("run_id", "kind", "status", "started_at", "as_of", "revision")}
                for run in list_runs(database, 5)
            ],
        }


def index_status(settings: Settings) -> dict[str, Any]:
    """Revision, dates, counts, size and the age of the last contact with the register."""
    try:
        index = Index.open(settings.index_path, map_bytes=settings.index_map_bytes)
        with index.read() as snapshot:
            state, found = snapshot.state, snapshot.counts()
            seen = index.seen()
    except DirectoryError as error:
        return {"available": False, "error": error.message}
    now = dt.datetime.now(dt.UTC)
    return {
        "available": True,
        "revision": state.revision,
        "as_of": state.as_of,
        "committed_at": state.committed_at,
        "epoch": state.epoch,
        "counts": {str(kind): number for kind, number in found.items()},
        "size_bytes": sum(file.stat().st_size for file in settings.index_path.rglob("*.mdb")),
        "last_contact": seen.at if seen else None,
        "last_contact_age_s": round((now - seen.at).total_seconds(), 1) if seen else None,
    }


def checks(settings: Settings) -> Sequence[Check]:
    """Every self-check of this node, the failing ones with a hint for the operator."""
    return [
        _program_check(),
        *registry_checks.run_checks(settings),
        *_index_checks(settings),
        *_tls_checks(settings),
        *_source_checks(settings),
    ]


def _program_check() -> Check:
    """Whether lookups run compiled, and by what the sources say."""
    if changed := compiled.outdated():
        detail = f"compiled before these changed: {', '.join(changed)}"
        return Check(name="program", ok=False, detail=detail, hint="make compiled, or make interpreted")
    detail = "compiled" if compiled.is_compiled() else "interpreted: `make compiled` speeds them up"
    return Check(name="program", ok=True, detail=f"lookups are {detail}")


def _source_checks(settings: Settings) -> list[Check]:
    """Whether each source of the nights that is set can be reached, and what its latest files are."""
    from importers.nightly.files import KINDS
    from importers.nightly.night import source_setting, sources_of

    found = []
    for kind in (kind for kind in KINDS if source_setting(settings, kind)):
        name, hint = f"source of {kind}", "docs/operations.md, Nights, tells what each message means"
        try:
            files = sources_of(settings, (kind,))[kind].latest()
        except DirectoryError as error:
            found.append(Check(name=name, ok=False, detail=error.message, hint=hint))
        else:
            detail = ", ".join(file.name for file in files) or "no files"
            found.append(Check(name=name, ok=bool(files), detail=detail, hint=hint))
    return found


def _tls_checks(settings: Settings) -> list[Check]:
    """The certificate of LDAP, where there is one: that it serves, and does not end soon."""
    from ldap_server.tls import Tls, ends_at

    try:
        tls = Tls.of(settings, None)
    except DirectoryError as error:
        return [Check(name="certificate", ok=False, detail=error.message, hint="put it right: docs/tls.md")]
    if tls is None:
        return []
    left = ends_at(settings) - dt.datetime.now(dt.UTC)
    hint = "put a new one in its place: it is taken over without a restart (docs/tls.md)"
    detail = f"valid for {left.days} days more" if left > dt.timedelta() else "has ended"
    return [Check(name="certificate", ok=left > _CERTIFICATE_LEFT, detail=detail, hint=hint)]


def _index_checks(settings: Settings) -> list[Check]:
    found = index_status(settings)
    if not found["available"]:
        hint = "start annuaire serve, or run: annuaire index build"
        return [Check(name="index", ok=False, detail=str(found["error"]), hint=hint)]
    age = found["last_contact_age_s"]
    fresh = age is not None and age < settings.stale_after_s
    return [
        Check(name="index", ok=True, detail=f"revision {found['revision']}, {sum(found['counts'].values())} documents"),
        Check(
            name="index freshness",
            ok=fresh,
            detail="never compared with the register" if age is None else f"last contact {age:.0f} s ago",
            hint=None if fresh else "is annuaire serve running, and can it reach the database?",
        ),
    ]
