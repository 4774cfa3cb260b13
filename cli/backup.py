"""`annuaire backup|restore`: the register in one file, and back again."""

from __future__ import annotations

from pathlib import Path

import typer

from cli.output import say


def register(app: typer.Typer) -> None:
    app.command()(backup)
    app.command()(restore)


def backup(context: typer.Context, file: Path = typer.Argument(help="File to write, in pg_dump's format.")) -> None:
    """Write the register to a file with pg_dump, while everything goes on."""
    from directory.registry.backup import dump

    dump(context.obj, file)
    say(f"{file}: {file.stat().st_size / 2**20:.1f} MiB")


def restore(
    context: typer.Context, file: Path = typer.Argument(help="File that backup or pg_dump wrote.", exists=True)
) -> None:
    """Fill an empty register from such a file; every node then builds its index anew."""
    from directory.registry.backup import restore

    restore(context.obj, file)
    say("the register is restored; nodes build their index anew")
