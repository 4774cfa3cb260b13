"""`annuaire ldap`: what there is to do about the LDAP server of a node."""

from __future__ import annotations

import typer

from cli.output import print_json
from directory.settings import Settings


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="The LDAP server of this node.", no_args_is_help=True)
    group.command()(healthcheck)
    app.add_typer(group, name="ldap")


def healthcheck(
    context: typer.Context,
    host: str = typer.Option("", help="Where it listens; ANNUAIRE_BIND_ADDRESS unless given."),
    port: int = typer.Option(0, help="Its port; ANNUAIRE_LDAP_PORT unless given."),
    timeout_s: float = typer.Option(5.0, "--timeout", min=0.1, help="Seconds to wait for each answer."),
    json: bool = typer.Option(False, "--json", help="For machines."),
) -> None:
    """Ask the LDAP server as a client does: bind, root DSE, search. Exit code 0 when it answers, 1 when not."""
    from ldap_server.health import check

    settings: Settings = context.obj
    where = host or _reachable(settings.bind_address)
    found = check(where, port or settings.ldap_port, settings.ldap_base_dn, timeout_s)
    if json:
        print_json({"ok": found.ok, "detail": found.detail, "seconds": found.seconds})
    else:
        print(f"{'ok' if found.ok else 'FAIL'}  ldap: {found.detail} ({found.seconds:.3f} s)")
    if not found.ok:
        raise typer.Exit(1)


def _reachable(bind_address: str) -> str:
    """An address by which a server is reached that listens on all."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind_address, bind_address)  # noqa: S104 - nothing is bound here
