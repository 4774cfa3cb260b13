"""`annuaire serve`, `status`, `check` and `migrate`: running a node and asking how it is."""

from __future__ import annotations

import datetime as dt

import typer

from cli.output import print_json, say, table
from directory import logs
from directory.errors import DirectoryError
from directory.settings import Settings


def register(app: typer.Typer) -> None:
    app.command()(serve)
    app.command()(status)
    app.command()(check)
    app.command()(migrate)


def serve(context: typer.Context) -> None:
    """Serve LDAP and REST from this node's index, and keep the index up to date, until SIGTERM or Ctrl-C."""
    from cli.supervisor import Endpoints, Supervisor

    settings: Settings = context.obj
    logs.setup(settings.log_level, file=settings.log_file, form=settings.log_format)

    def ready(served: Endpoints) -> None:
        say(announcement(served.ldap, served.http, served.ldaps))

    Supervisor(settings, ready=ready).run()


def announcement(
    ldap: tuple[str, int] | None, http: tuple[str, int] | None, ldaps: tuple[str, int] | None = None
) -> str:
    parts = []
    if ldap:
        parts.append(f"ldap://{ldap[0]}:{ldap[1]}")
    if ldaps:
        parts.append(f"ldaps://{ldaps[0]}:{ldaps[1]}")
    if http:
        parts.append(f"http://{http[0]}:{http[1]}/")
    return "serving " + " and ".join(parts or ["nothing: no workers are configured"])


def migrate(context: typer.Context) -> None:
    """Bring the register's schema up to this version (every writing command does so by itself)."""
    from directory.registry.database import open_database

    with open_database(context.obj):
        say("the register's schema is current")


def check(context: typer.Context, json: bool = typer.Option(False, "--json", help="For machines.")) -> None:
    """Check this node: database, schema, runs, index, disk; a hint for everything that fails."""
    from cli.checkup import checks

    results = checks(context.obj)
    if json:
        print_json([{"name": c.name, "ok": c.ok, "detail": c.detail, "hint": c.hint} for c in results])
    else:
        for result in results:
            print(f"{'ok  ' if result.ok else 'FAIL'}  {result.name}: {result.detail}")
            if not result.ok and result.hint:
                print(f"      → {result.hint}")
    if not all(result.ok for result in results):
        raise typer.Exit(1)


def status(context: typer.Context, json: bool = typer.Option(False, "--json", help="For machines.")) -> None:
    """What this node holds and how old it is; works with the database down."""
    from cli.checkup import index_status, register_status

    settings: Settings = context.obj
    index = index_status(settings)
    try:
        register = register_status(settings)
    except DirectoryError as error:
        register = {"available": False, "error": error.message}
    if json:
        print_json({"register": register, "index": index})
        return
    runs = register.pop("last_runs", [])
    of_register, of_index = dict(_flat(register)), dict(_flat(index))
    rows = [(name, of_register.get(name), of_index.get(name)) for name in {**of_register, **of_index}]
    table(["", "register", "index"], rows)
    if runs:
        print()
        table(list(runs[0]), [list(run.values()) for run in runs])


def _flat(value: object, prefix: str = "") -> list[tuple[str, object]]:
    """Names and values, one below the other; moments to the second."""
    if isinstance(value, dict):
        return [pair for name, part in value.items() for pair in _flat(part, f"{prefix}{name} ")]
    shown = f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, dt.datetime) else value
    return [(prefix.strip().replace("_", " "), shown)]
