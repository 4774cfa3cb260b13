"""`annuaire account add|rotate|revoke|list`: who may ask for more than anybody."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from cli.output import print_json, say, table
from directory.errors import InvalidInput
from directory.settings import Settings

if TYPE_CHECKING:
    from directory.accounts import Account, Credential
    from directory.registry.database import Database

commands: Final = typer.Typer(help="Accounts: add, rotate, revoke, list.", no_args_is_help=True)

_SECRET = typer.Option(False, "--secret", help="A random secret, shown once (this is the default).")
_PASSWORD = typer.Option(False, "--password", help="A password, asked for, or read from standard input.")
_CERTIFICATE = typer.Option(None, "--certificate", help="A client certificate (PEM or DER): its issuer and subject.")
_ISSUER = typer.Option(None, "--issuer", help="Issuer of a client certificate, as RFC 4514 writes it.")
_SUBJECT = typer.Option(None, "--subject", help="Subject of a client certificate, as RFC 4514 writes it.")
_EXPIRES = typer.Option(None, "--expires", formats=["%Y-%m-%d"], help="The first day, in UTC, that it is not valid.")


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="account")


@commands.command()
def add(
    context: typer.Context,
    name: str,
    kind: str = typer.Option("application", help="gateway, application or person: whose limits apply."),
    scopes: str | None = typer.Option(None, help="search, resolve, export, changes, history; separated by commas."),
    secret: bool = _SECRET,
    password: bool = _PASSWORD,
    certificate: Path | None = _CERTIFICATE,
    issuer: str | None = _ISSUER,
    subject: str | None = _SUBJECT,
    expires: dt.datetime | None = _EXPIRES,
) -> None:
    """Make an account; a secret made for it is printed on standard output, once."""
    from directory.accounts import DEFAULT_SCOPES, AccountKind, account_name, scopes_of
    from directory.registry import accounts
    from directory.registry.database import open_database

    if kind not in list(AccountKind):
        raise InvalidInput(f"there is no kind {kind}; there are: {', '.join(AccountKind)}")
    of_kind = AccountKind(kind)
    wanted = DEFAULT_SCOPES[of_kind] if scopes is None else scopes_of(scopes.replace(",", " ").split())
    name = account_name(name)
    with open_database(context.obj) as database:
        given, shown = _credential(database, secret, password, certificate, issuer, subject)
        accounts.add(database, name, of_kind, wanted, given, expires_at=_utc(expires))
    _tell(f"account {name} added", given, shown)


@commands.command()
def rotate(
    context: typer.Context,
    name: str,
    secret: bool = _SECRET,
    password: bool = _PASSWORD,
    certificate: Path | None = _CERTIFICATE,
    issuer: str | None = _ISSUER,
    subject: str | None = _SUBJECT,
    grace_days: float | None = typer.Option(
        None, min=0, help="Days for which the earlier secret stays valid (ANNUAIRE_ACCOUNT_GRACE_DAYS)."
    ),
) -> None:
    """Give an account another secret, password or certificate."""
    from directory.accounts import account_name
    from directory.registry import accounts
    from directory.registry.database import open_database

    settings: Settings = context.obj
    name = account_name(name)
    grace = dt.timedelta(days=settings.account_grace_days if grace_days is None else grace_days)
    with open_database(settings) as database:
        given, shown = _credential(database, secret, password, certificate, issuer, subject)
        accounts.rotate(database, name, given, grace)
    _tell(f"account {name} has another {given.kind}", given, shown)


@commands.command()
def revoke(context: typer.Context, name: str) -> None:
    """Withdraw an account on every node, sessions under way included; its name is not given again."""
    from directory.accounts import account_name
    from directory.registry import accounts
    from directory.registry.database import open_database

    name = account_name(name)
    with open_database(context.obj) as database:
        accounts.revoke(database, name)
    say(f"account {name} is revoked")


@commands.command("list")
def show(context: typer.Context, json: bool = typer.Option(False, "--json", help="For machines.")) -> None:
    """All accounts, the revoked ones too; never a secret."""
    from directory.registry import accounts
    from directory.registry.database import open_database

    with open_database(context.obj, reader=True) as database:
        found = accounts.list_accounts(database)
    if json:
        print_json([_account(account) for account in found])
        return
    now = dt.datetime.now(dt.UTC)
    columns = ["name", "kind", "scopes", "state", "expires", "credentials"]
    table(columns, ([account.name, account.kind, " ".join(sorted(account.scopes)), _state(account, now),
                     account.expires_at, _credentials(account, now)] for account in found))  # fmt: skip


def _credential(
    database: Database,
    secret: bool,
    password: bool,
    certificate: Path | None,
    issuer: str | None,
    subject: str | None,
) -> tuple[Credential, str | None]:
    """The one credential that was asked for, and what to show of it."""
    from directory.accounts import new_certificate, new_password, new_secret
    from directory.credentials import certificate_names
    from directory.registry.accounts import pepper

    named = issuer is not None or subject is not None
    if sum((secret, password, certificate is not None, named)) > 1:
        raise InvalidInput("one of --secret, --password, --certificate, or --issuer with --subject")
    if password:
        return new_password(_typed_password()), None
    if certificate is not None:
        return new_certificate(*certificate_names(_content(certificate))), None
    if named:
        if issuer is None or subject is None:
            raise InvalidInput("--issuer and --subject go together")
        return new_certificate(issuer, subject), None
    return new_secret(pepper(database))


def _typed_password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    return sys.stdin.readline().rstrip("\r\n")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error


def _tell(what: str, given: Credential, shown: str | None) -> None:
    say(f"{what} (key id {given.key_id})")
    if shown is not None:
        say("its secret, which is not kept and not shown again:")
        print(shown)


def _state(account: Account, now: dt.datetime) -> str:
    if account.revoked_at is not None:
        return "revoked"
    return "valid" if account.valid(now) else "expired"


def _credentials(account: Account, now: dt.datetime) -> str:
    return ", ".join(
        f"{one.kind} {one.key_id}{f' until {one.expires_at:%Y-%m-%d %H:%M}' if one.expires_at else ''}"
        for one in account.credentials
        if one.valid(now)
    )


def _account(account: Account) -> dict[str, object]:
    """An account for machines, without what is kept of its secrets and passwords."""
    from directory.accounts import CredentialKind

    return {
        "name": account.name,
        "kind": account.kind,
        "scopes": sorted(account.scopes),
        "created_at": account.created_at,
        "expires_at": account.expires_at,
        "revoked_at": account.revoked_at,
        "credentials": [
            {"key_id": one.key_id, "kind": one.kind, "created_at": one.created_at, "expires_at": one.expires_at}
            | (_names(one) if one.kind is CredentialKind.CERTIFICATE else {})
            for one in account.credentials
        ],
    }


def _names(certificate: Credential) -> dict[str, object]:
    issuer, _, subject = certificate.verifier.partition("\n")
    return {"issuer": issuer, "subject": subject}


def _utc(day: dt.datetime | None) -> dt.datetime | None:
    return day.replace(tzinfo=dt.UTC) if day is not None else None
