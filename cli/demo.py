"""`annuaire demo`: an invented small country, imported and served, with lookups to copy and paste."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from cli.progress import bars
from directory.errors import InvalidInput
from directory.settings import Settings

if TYPE_CHECKING:
    from directory.registry.database import Database


def register(app: typer.Typer) -> None:
    app.command()(demo)


def demo(
    context: typer.Context,
    professionals: int = typer.Option(20_000, min=10, help="How many professionals the country has."),
) -> None:
    """Generate, import and serve an invented small country until Ctrl-C."""
    from cli.supervisor import Endpoints, Supervisor
    from directory.registry.database import open_database

    settings: Settings = context.obj
    files = settings.data_dir / "demo-files"
    with open_database(settings) as database:
        _claim(database)
        _load(settings, database, files, professionals)
        _build(settings, database)

    def ready(endpoints: Endpoints) -> None:
        # Without a frame, and not wrapped: commands can be copied as they stand.
        Console(stderr=True, highlight=False, soft_wrap=True).print("", *_lookups(settings, endpoints), sep="\n")

    Supervisor(settings, ready=ready).run()


def _claim(database: Database) -> None:
    """Mark the register as a demonstration, or refuse: invented people never mix with real ones."""
    from directory.registry.status import claim_demo

    if not claim_demo(database):
        raise InvalidInput(
            "this data directory holds a real register; give the demo one of its own with ANNUAIRE_DATA_DIR"
        )


def _load(settings: Settings, database: Database, files: Path, professionals: int) -> None:
    """Import what the register holds nothing of yet: who has imported a later day goes on from there."""
    from directory.registry.status import dates_of
    from importers.mailboxes import import_mailboxes
    from importers.report import ImportOptions
    from importers.rpps import import_rpps
    from importers.synthetic import generate
    from importers.trusted_domains import import_trusted_domains

    options = ImportOptions.of(settings.model_copy(update={"whitelist_ca_file": files / "whitelist-ca.pem"}))
    with bars() as progress:
        if not (files / "manifest.json").exists():
            generate(files, professionals=professionals, progress=progress)
        held = dates_of(database)
        if "rpps" not in held:
            import_rpps(database, [files], options, progress)
        if "mailboxes" not in held:
            import_mailboxes(database, [files], options, progress)
        if "trusted-domains" not in held:
            import_trusted_domains(database, [files / "listeblanchemssante.xml"], options, progress)


def _build(settings: Settings, database: Database) -> None:
    """Bring the index to the register's state before serving, so that the first lookup finds everything."""
    from directory.index.follow import Follower
    from directory.registry.source import RegistryRegister

    with bars() as progress:
        register = RegistryRegister(database.url)
        Follower(register, settings.index_path, map_bytes=settings.index_map_bytes, progress=progress).step()


def _lookups(settings: Settings, endpoints: object) -> Sequence[str]:
    from cli.supervisor import Endpoints
    from directory.index.reader import Index
    from directory.query import Field, Has, Query

    assert isinstance(endpoints, Endpoints)
    with Index.open(settings.index_path, map_bytes=settings.index_map_bytes).read() as snapshot:
        page = snapshot.find(Query(predicate=Has(Field.IDENTIFIER), limit=1))
        values = page.matches[0].document.values()
        count = sum(snapshot.counts().values())
    surname, address = values[Field.SN][0], values[Field.MAIL][0]
    lines = [f"[bold]{count:,} records of an invented country are served.[/bold] In another terminal:", ""]
    if endpoints.ldap:
        server = f"ldapsearch -x -H ldap://{endpoints.ldap[0]}:{endpoints.ldap[1]} -b ou=bal,{settings.ldap_base_dn}"
        lines += [f"{server} '(sn=*mar*)'", f"{server} '(mail={address})'", ""]
    if endpoints.http:
        base = f"{endpoints.http[0]}:{endpoints.http[1]}"
        typo = surname[:2] + surname[3:] if len(surname) > 4 else surname
        lines += [f"curl '{base}/v1/search?q={typo.replace(' ', '+')}'", f"curl '{base}/v1/mailboxes/{address}'", ""]
        lines += [f"search page  http://{base}/", f"API guide    http://{base}/docs", ""]
    return [*lines, "Ctrl-C stops it. The data stays in " + str(settings.data_dir) + "."]
