"""`annuaire history`: who was published where, when, and from which file."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import typer

from cli.output import print_json, say, table
from cli.withdrawals import KEY
from directory.model import Kind

if TYPE_CHECKING:
    from directory.registry.database import Database
    from directory.registry.history import Version
    from directory.registry.runs import Run


def register(app: typer.Typer) -> None:
    app.command()(history)


def history(
    context: typer.Context,
    key: str = KEY,
    on: dt.datetime | None = typer.Option(
        None, "--on", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M"], help="Only what was published at that time (UTC)."
    ),
    json: bool = typer.Option(False, "--json", help="For machines."),
) -> None:
    """Every version of a record that is remembered, with the runs, and their files, that opened and closed it."""
    from directory.registry import history as past
    from directory.registry.database import open_database
    from directory.registry.withdrawals import record_of

    at = on.replace(tzinfo=dt.UTC) if on is not None else None
    with open_database(context.obj, reader=True) as database:
        kind, found = record_of(database, key)
        versions = [one for one in past.versions(database, kind, found) if at is None or _in_force(one, at)]
        mailboxes = _mailboxes(database, kind, found)
    if json:
        print_json(
            {"kind": kind, "key": found, "versions": [_version(one) for one in versions], "mailboxes": mailboxes}
        )
        return
    columns = ["from", "until", "run", "file", "what"]
    table(columns, [_row(kind, one) for one in versions])
    if at is not None and not versions:
        say(f"{found} was not published then")
    if mailboxes:
        say(f"mailboxes, now or earlier: {', '.join(mailboxes)} (annuaire history ADDRESS tells when)")


def _mailboxes(database: Database, kind: Kind, key: str) -> list[str]:
    from directory.registry.history import held_by

    if kind is Kind.MAILBOX:
        return []
    return held_by(database, key if kind is Kind.PRACTITIONER else key[1:])


def _in_force(version: Version, at: dt.datetime) -> bool:
    opened, closed = _moment(version.opened), _moment(version.closed)
    return (opened is None or opened <= at) and (closed is None or at < closed)


def _moment(run: Run | None) -> dt.datetime | None:
    return run.finished_at if run is not None else None


def _row(kind: Kind, version: Version) -> list[object]:
    opened = version.opened
    files = (
        ", ".join(source["member"] for source in opened.sources) if opened is not None else "before what is remembered"
    )
    moments = [f"{at:%Y-%m-%d %H:%M}" if (at := _moment(run)) else None for run in (version.opened, version.closed)]
    return [*moments, opened.run_id if opened else None, files, _what(kind, version.rows)]


def _what(kind: Kind, rows: Any) -> str:
    if kind is Kind.MAILBOX:
        holders = (
            " ".join(filter(None, (row.get("given_name"), row.get("family_name"), row.get("national_id"),
                                   row.get("organization_name"), row.get("service"))))
            for row in rows["mailbox_holder"]
        )  # fmt: skip
        return f"{rows['mailbox'][0]['kind']}: {'; '.join(holders)}"
    if kind is Kind.ORGANIZATION:
        own = rows["organization"][0]
        return " ".join(filter(None, (own.get("name"), own.get("street_name"), own.get("city"))))
    own = rows["practitioner"][0]
    places = ", ".join(sorted({row["organization_key"] for row in rows["activity"] if row.get("organization_key")}))
    return " ".join(filter(None, (own.get("given_name"), own.get("family_name"), places)))


def _version(version: Version) -> dict[str, object]:
    return {"opened": _run(version.opened), "closed": _run(version.closed), "rows": version.rows}


def _run(run: Run | None) -> dict[str, object] | None:
    if run is None:
        return None
    files = [{name: source.get(name) for name in ("member", "as_of", "digest")} for source in run.sources]
    return {"run": run.run_id, "at": run.finished_at, "data_of": run.as_of, "files": files}
