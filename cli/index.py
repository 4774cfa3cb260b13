"""`annuaire index build|status|verify`: the node's read copy."""

from __future__ import annotations

from typing import Final

import typer

from cli.output import print_json, say, table
from cli.progress import bars
from directory.settings import Settings

commands: Final = typer.Typer(help="The node's index: build, status, verify.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="index")


@commands.command()
def build(context: typer.Context) -> None:
    """Build the index afresh from the register, beside the one being served, and swap it in."""
    from directory.index.build import build_index
    from directory.registry.database import open_database
    from directory.registry.source import RegistryRegister

    settings: Settings = context.obj
    with open_database(settings, reader=True) as database, bars() as progress:
        register = RegistryRegister(database.url)
        state = build_index(register, settings.index_path, map_bytes=settings.index_map_bytes, progress=progress)
    say(f"index built at revision {state.revision}")


@commands.command()
def status(context: typer.Context, json: bool = typer.Option(False, "--json", help="For machines.")) -> None:
    """Revision, age, counts and size of the index."""
    from cli.checkup import index_status

    found = index_status(context.obj)
    if json:
        print_json(found)
    else:
        table(["", ""], found.items())


@commands.command()
def verify(context: typer.Context, json: bool = typer.Option(False, "--json", help="For machines.")) -> None:
    """Compare index and register, every record, and name every difference; exit code 1 if there is one."""
    from directory.index.verify import verify as find_differences
    from directory.registry.database import open_database
    from directory.registry.source import RegistryRegister

    settings: Settings = context.obj
    with open_database(settings, reader=True) as database, bars() as progress:
        differences = find_differences(
            RegistryRegister(database.url),
            settings.index_path,
            map_bytes=settings.index_map_bytes,
            workers=None,
            progress=progress,
        )
    if json:
        print_json([str(difference) for difference in differences])
    else:
        for difference in differences:
            print(difference)
        say("the index equals the register" if not differences else f"{len(differences)} differences")
    if differences:
        raise typer.Exit(1)
