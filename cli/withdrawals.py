"""`annuaire block|unblock|blocks`: emergency withdrawal of a record from every surface, and its end."""

from __future__ import annotations

import getpass
import time
from typing import TYPE_CHECKING, Any, Final

import typer

from cli.output import print_json, say, table
from directory.errors import DirectoryError
from directory.settings import Settings

if TYPE_CHECKING:
    from directory.withdrawal import Withdrawal

_PATIENCE_S: Final = 5.0
KEY: Any = typer.Argument(help="An address, an RPPS or national identifier, or a structure's key, FINESS or SIRET.")
_REASON = typer.Option(..., "--reason", help="Why; it is kept.")
_AUTHOR = typer.Option(None, "--by", help="Who decided it (your account on this machine).")


def register(app: typer.Typer) -> None:
    app.command()(block)
    app.command()(unblock)
    app.command()(blocks)


def block(context: typer.Context, key: str = KEY, reason: str = _REASON, by: str | None = _AUTHOR) -> None:
    """Hide a record from LDAP, REST, FHIR, pages and exports within seconds, whatever later imports say of it."""
    from directory.registry.database import open_database
    from directory.registry.withdrawals import withdraw

    with open_database(context.obj) as database:
        made, held = withdraw(database, key, reason, by or getpass.getuser())
        say(f"{made.kind} {made.key} is withdrawn" + ("" if held else "; the register does not hold it today"))
        _tell_when_hidden(context.obj, made)


def unblock(context: typer.Context, key: str = KEY, reason: str = _REASON, by: str | None = _AUTHOR) -> None:
    """Show a withdrawn record again."""
    from directory.registry.database import open_database
    from directory.registry.withdrawals import lift

    with open_database(context.obj) as database:
        lifted = lift(database, key, reason, by or getpass.getuser())
    say(f"{lifted.kind} {lifted.key} is shown again, as far as the register holds it")


def blocks(
    context: typer.Context,
    lifted: bool = typer.Option(False, "--all", help="Those lifted again too."),
    json: bool = typer.Option(False, "--json", help="For machines."),
) -> None:
    """The withdrawals in force: which records, since when, by whom and why."""
    from directory.registry.database import open_database
    from directory.registry.withdrawals import list_withdrawals

    with open_database(context.obj, reader=True) as database:
        found = list_withdrawals(database, lifted=lifted)
    if json:
        print_json(found)
        return
    columns = ["kind", "key", "since", "by", "reason", *(["lifted", "lifted by", "because"] if lifted else [])]
    table(columns, (_row(one)[: len(columns)] for one in found))


def _row(one: Withdrawal) -> list[object]:
    since = f"{one.at:%Y-%m-%d %H:%M}"
    until = f"{one.lifted_at:%Y-%m-%d %H:%M}" if one.lifted_at else None
    return [one.kind, one.key, since, one.author, one.reason, until, one.lifted_by, one.lifted_reason]


def _tell_when_hidden(settings: Settings, made: Withdrawal) -> None:
    """Say when this node no longer shows the record; other nodes hear of it at the same moment."""
    from directory.index.reader import Index

    index, began = Index.open(settings.index_path, map_bytes=settings.index_map_bytes), time.monotonic()
    while time.monotonic() - began < _PATIENCE_S:
        try:
            with index.read() as snapshot:
                hidden = snapshot.get(made.kind, made.key) is None
        except DirectoryError:
            return  # nothing is served here
        if hidden:
            say(f"this node does not show it any more (after {time.monotonic() - began:.1f} s)")
            return
        time.sleep(0.05)
    say("this node's index still shows it: is annuaire serve running? annuaire status tells")
