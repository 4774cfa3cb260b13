"""The invented people that LDAP tests look for: about seventy mailboxes, every kind and oddity among them, and those
who hold them."""

from __future__ import annotations

import datetime as dt
import random

from directory.model import Address, Coded, Holder, Mailbox, MailboxSummary, Practitioner
from tests.index.strategies import CITIES, FAMILIES, GIVENS, STRUCTURES

_AT = dt.datetime(2026, 1, 1, 3, 15, tzinfo=dt.UTC)
_PROFESSIONS = [Coded(code="10", label="Médecin"), Coded(code="41", label="Assistant de service social"), None]


def _mailbox(number: int, dice: random.Random) -> Mailbox:
    person = number % 5 != 0
    identifier = f"109900{number:05d}"
    city = dice.choice([*CITIES, None])
    holder = Holder(
        identifier_type="8" if person else None,
        identifier=identifier if person else None,
        national_id="8" + identifier if person else None,
        family_name=dice.choice(FAMILIES) if person else None,
        given_name=dice.choice(GIVENS) if person else None,
        profession=dice.choice(_PROFESSIONS) if person else None,
        organization_identifier_type="FINESS",
        organization_identifier=f"69990{number:04d}",
        organization_name=dice.choice(STRUCTURES),
        service=None if person else dice.choice(["Urgences", "Cardiologie"]),
        address=Address(city=city, postal_code="69003" if city else None, department=Coded(code="69", label="Rhône")),
    )
    local = dice.choice(["martin", "o'kelleran", "J.Dupont", "secretariat"])
    return Mailbox(
        address=f"{local}{number}@{dice.choice(['medecin', 'CH-valmorin', 'a+b'])}.mssante.fr".replace("a+b", "a-b"),
        kind="PER" if person else "ORG",
        paperless=dice.choice([None, True, False]),
        holders=(holder,),
        created_at=_AT,
        modified_at=_AT + dt.timedelta(days=number),
    )


PEOPLE = [_mailbox(number, random.Random(number)) for number in range(1, 71)]


def _holder_of(mailbox: Mailbox) -> Practitioner:
    holder = mailbox.holders[0]
    return Practitioner(
        national_id=str(holder.national_id),
        identifier_type="8",
        identifier=str(holder.identifier),
        family_name=str(holder.family_name),
        given_name=holder.given_name,
        mailboxes=(MailboxSummary(address=mailbox.address, kind=mailbox.kind),),
    )


# In the same index, found by the same names and addresses, and never an LDAP entry.
HOLDERS = [_holder_of(mailbox) for mailbox in PEOPLE if mailbox.kind == "PER"]
