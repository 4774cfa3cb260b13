"""The `annuaire` command: reads the settings once and hands each command what it needs.

Exit codes: 0 done, 1 failed or refused, 2 usage, 3 held for a human. Results go to standard output, everything said
about them to standard error. Commands import what they use when they run, so that `--help` answers at once.
"""

from __future__ import annotations

import sys
from typing import Final

import typer

import directory
from cli import accounts, backup, demo, history, imports, index, ldap, lookups, nightly, serving, withdrawals
from cli.output import print_json
from directory import logs
from directory.errors import DirectoryError, ImportRefused, InvalidInput
from directory.settings import Settings

app: Final = typer.Typer(
    name="annuaire",
    help="The national directory of French health professionals' secure mailboxes (MSSanté).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _tell_version(asked: bool) -> None:
    if asked:
        print(f"annuaire {directory.__version__}")
        raise typer.Exit


@app.callback()
def configure(
    context: typer.Context,
    _version: bool = typer.Option(False, "--version", callback=_tell_version, is_eager=True, help="Which one this is."),
) -> None:
    """Settings are read from ANNUAIRE_* in the environment and from .env; see docs/settings.md."""
    context.obj = Settings.load()
    logs.setup(context.obj.log_level, form=context.obj.log_format)


demo.register(app)
serving.register(app)
imports.register(app)
lookups.register(app)
index.register(app)
ldap.register(app)
accounts.register(app)
withdrawals.register(app)
backup.register(app)
nightly.register(app)
history.register(app)


def main() -> None:
    """Run the command line; every expected error is one plain sentence on standard error, and with `--json` an object
    on standard output as well."""
    try:
        app()
    except DirectoryError as error:
        if "--json" in sys.argv:
            print_json({"error": {"reason": _word(error), "message": error.message}})
        print(f"annuaire: {error.message}", file=sys.stderr)
        sys.exit(2 if isinstance(error, InvalidInput) else 1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output (head, less) has left: nothing more to say.
        sys.stderr.close()
        sys.exit(1)
    except Exception:
        logger = logs.setup("INFO", form="json" if logs.in_json() else "text")
        reference = logs.reference()
        logger.exception("internal error %s", logs.pairs(reference=reference))
        print(f"annuaire: internal error, reference {reference}", file=sys.stderr)
        sys.exit(1)


def _word(error: DirectoryError) -> str:
    """What went wrong in a stable word: an import's own, or the kind of error."""
    if isinstance(error, ImportRefused):
        return error.reason
    name = type(error).__name__
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).removeprefix("-")


if __name__ == "__main__":
    main()
