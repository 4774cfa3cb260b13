"""Withdrawals in the register: decided and lifted here, in force on every node within moments."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Connection, Row, insert, select, text, update

from directory.errors import InvalidInput, NotFound
from directory.identifiers import rpps_ok
from directory.model import Kind
from directory.registry import feed
from directory.registry.database import Database
from directory.registry.records import ORGANIZATION_KEY
from directory.registry.tables import mailbox, organization, practitioner, record_change, withdrawal
from directory.withdrawal import Withdrawal, Withdrawn

_IN_FORCE: Final = withdrawal.c.lifted_at.is_(None)

_OF_WITHDRAWN: Final = f"""
    SELECT h.address_key, m.kind, h.national_id, {ORGANIZATION_KEY}
    FROM mailbox_holder h JOIN mailbox m USING (address_key)
    WHERE h.address_key IN (
        SELECT address_key FROM mailbox_holder WHERE national_id = ANY (:practitioners)
        UNION
        SELECT h.address_key FROM organization o
        CROSS JOIN LATERAL (VALUES (o.finess), (o.siret), (substr(o.key, 2))) AS named (identifier)
        JOIN mailbox_holder h ON h.organization_identifier = named.identifier
        WHERE o.key = ANY (:organizations) AND named.identifier <> ''
    )
"""


def withdraw(database: Database, key: str, reason: str, author: str) -> tuple[Withdrawal, bool]:
    """Hide a record from everybody; returns the withdrawal, and whether the register holds such a record now.

    `key` is an address, an RPPS or national identifier, or a structure's key, FINESS or SIRET. An address or an RPPS
    that the register does not hold is hidden should it come.

    Raises:
        InvalidInput: no reason; a key that is none of those, or names several records; already withdrawn.
    """
    if not reason.strip():
        raise InvalidInput("a withdrawal needs a reason")
    with database.writing() as connection:
        kind, found, held = _record(connection, key)
        if _current(connection, kind, found) is not None:
            raise InvalidInput(f"{kind} {found} is withdrawn already")
        feed.begin(connection)
        row = connection.execute(
            insert(withdrawal)
            .values(kind=kind, key=found, reason=reason.strip(), author=author)
            .returning(*withdrawal.c)
        ).one()
        _publish(connection, kind, found, lifted=False)
        return _withdrawal(row), held


def lift(database: Database, key: str, reason: str, author: str) -> Withdrawal:
    """Show a record again.

    Raises:
        InvalidInput: no reason.
        NotFound: it is not withdrawn.
    """
    if not reason.strip():
        raise InvalidInput("lifting a withdrawal needs a reason")
    with database.writing() as connection:
        kind, found, _ = _record(connection, key)
        if _current(connection, kind, found) is None:
            raise NotFound(f"{kind} {found} is not withdrawn")
        feed.begin(connection)
        row = connection.execute(
            update(withdrawal)
            .where(_IN_FORCE, withdrawal.c.kind == kind, withdrawal.c.key == found)
            .values(lifted_at=dt.datetime.now(dt.UTC), lifted_by=author, lifted_reason=reason.strip())
            .returning(*withdrawal.c)
        ).one()
        _publish(connection, kind, found, lifted=True)
        return _withdrawal(row)


def list_withdrawals(database: Database, *, lifted: bool = False) -> list[Withdrawal]:
    """The withdrawals in force, the latest first; with `lifted`, those that were lifted too."""
    statement = select(withdrawal).order_by(withdrawal.c.id.desc())
    with database.reading() as connection:
        rows = connection.execute(statement if lifted else statement.where(_IN_FORCE))
        return [_withdrawal(row) for row in rows]


def record_of(database: Database, key: str) -> tuple[Kind, str]:
    """The kind and key of the record that people name by an address, an identifier or a key, in the register or not.

    Raises:
        InvalidInput: it names none, or several.
    """
    with database.reading() as connection:
        kind, found, _ = _record(connection, key)
        return kind, found


def read_withdrawn(connection: Connection) -> Withdrawn:
    """What must not be shown, as this transaction sees it."""
    rows = connection.execute(select(withdrawal.c.kind, withdrawal.c.key).where(_IN_FORCE)).all()
    keys = {kind: frozenset(row.key for row in rows if row.kind == kind) for kind in Kind}
    direct = Withdrawn(
        practitioners=keys[Kind.PRACTITIONER],
        organizations=keys[Kind.ORGANIZATION],
        mailboxes=keys[Kind.MAILBOX],
        names=frozenset(_names(connection, keys[Kind.ORGANIZATION])),
    )
    if not direct.practitioners and not direct.organizations:
        return direct
    return Withdrawn(
        practitioners=direct.practitioners,
        organizations=direct.organizations,
        mailboxes=direct.mailboxes | _held_by_withdrawn_only(connection, direct),
        names=direct.names,
    )


def _names(connection: Connection, keys: Iterable[str]) -> set[str]:
    columns = (organization.c.name, organization.c.trade_name)
    rows = connection.execute(select(*columns).where(organization.c.key.in_(list(keys))))
    return {name for row in rows for name in row if name}


def _held_by_withdrawn_only(connection: Connection, direct: Withdrawn) -> frozenset[str]:
    """The mailboxes that no holder is left to show of."""
    hidden: set[str] = set()
    shown: set[str] = set()
    keys = {"practitioners": list(direct.practitioners), "organizations": list(direct.organizations)}
    for address, kind, national_id, organization_key in connection.execute(text(_OF_WITHDRAWN), keys):
        (hidden if direct.hides(kind, national_id, organization_key) else shown).add(address)
    return frozenset(hidden - shown)


def _publish(connection: Connection, kind: Kind, key: str, *, lifted: bool) -> None:
    feed.touch(connection, [(kind, key)])
    # The mailboxes that come and go with their holder: their dependants are touched as well.
    other = Withdrawn(
        practitioners=frozenset({key} if kind is Kind.PRACTITIONER else ()),
        organizations=frozenset({key} if kind is Kind.ORGANIZATION else ()),
    )
    if other:
        addresses = connection.execute(
            text(_OF_WITHDRAWN),
            {"practitioners": list(other.practitioners), "organizations": list(other.organizations)},
        )
        feed.touch(connection, {(Kind.MAILBOX, row.address_key) for row in addresses})
    if kind is Kind.ORGANIZATION:
        feed.touch_ended(connection, key)
    feed.expand(connection)
    feed.publish_withdrawal(connection, lifted=lifted)


def _record(connection: Connection, key: str) -> tuple[Kind, str, bool]:
    """The record that a key names, and whether the register holds it."""
    key = key.strip()
    if "@" in key:
        address = key.lower()
        held = connection.execute(select(mailbox.c.address_key).where(mailbox.c.address_key == address)).first()
        return Kind.MAILBOX, address, held is not None
    found = _named(connection, key)
    if len(found) > 1:
        named = ", ".join(f"{kind} {one}" for kind, one in found)
        raise InvalidInput(f"{key} names several records, withdraw one of them by its key: {named}")
    if found:
        return *found[0], True
    digits = key.removeprefix("8") if len(key) == 12 else key
    if rpps_ok(digits):
        return Kind.PRACTITIONER, f"8{digits}", False
    # One that has left the register can still be lifted; one that is told to have left lately, withdrawn.
    lifted = select(withdrawal.c.kind).where(_IN_FORCE, withdrawal.c.key == key)
    left = select(record_change.c.kind).where(record_change.c.gone, record_change.c.key == key)
    row = connection.execute(lifted.union(left)).first()
    if row is not None:
        return Kind(row.kind), key, False
    raise InvalidInput(
        f"{key} is no address, and no identifier of a professional or structure of the register",
        fr=f"{key} n'est ni une adresse, ni l'identifiant d'un professionnel ou d'une structure du registre",
    )


def _named(connection: Connection, key: str) -> list[tuple[Kind, str]]:
    persons = select(practitioner.c.national_id).where(
        (practitioner.c.national_id == key) | (practitioner.c.identifier == key)
    )
    structures = select(organization.c.key).where(
        (organization.c.key == key) | (organization.c.finess == key) | (organization.c.siret == key)
    )
    return [
        *((Kind.PRACTITIONER, found) for found in connection.execute(persons).scalars()),
        *((Kind.ORGANIZATION, found) for found in connection.execute(structures).scalars()),
    ]


def _current(connection: Connection, kind: Kind, key: str) -> Row[Any] | None:
    of_record = (withdrawal.c.kind == kind) & (withdrawal.c.key == key)
    return connection.execute(select(withdrawal).where(_IN_FORCE, of_record).with_for_update()).first()


def _withdrawal(row: Row[Any]) -> Withdrawal:
    return Withdrawal(
        kind=Kind(row.kind),
        key=row.key,
        reason=row.reason,
        author=row.author,
        at=row.at.astimezone(dt.UTC),
        lifted_at=row.lifted_at.astimezone(dt.UTC) if row.lifted_at else None,
        lifted_by=row.lifted_by,
        lifted_reason=row.lifted_reason,
    )
