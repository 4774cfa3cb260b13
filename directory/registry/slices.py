"""Parts of the register that are looked at on their own: a département, a profession, a mail domain."""

from __future__ import annotations

from typing import Final

import polars as pl

from directory.model import Kind

# Per kind of record: the rows that place a key in a département.
PLACED: Final = {
    Kind.PRACTITIONER: "(SELECT a.national_id AS key, o.department FROM activity a "
    "JOIN organization o ON o.key = a.organization_key)",
    Kind.ORGANIZATION: "(SELECT key, department FROM organization)",
    Kind.MAILBOX: "(SELECT address_key AS key, department FROM mailbox_holder)",
}

# The same for professions; structures have none.
PROFESSED: Final = {
    Kind.PRACTITIONER: "(SELECT national_id AS key, profession FROM exercise)",
    Kind.MAILBOX: "(SELECT address_key AS key, profession FROM mailbox_holder)",
}


def domains_of(addresses: pl.DataFrame) -> pl.DataFrame:
    """local, domain: the two parts of addresses (column key)."""
    parts = pl.col("key").str.split_exact("@", 1).struct
    return addresses.select(local=parts.field("field_0"), domain=parts.field("field_1"))


def moves(gone: pl.DataFrame, came: pl.DataFrame) -> pl.DataFrame:
    """old, new, number: how many local parts left one domain and came up at another, the most first."""
    pairs = gone.join(came, on="local", suffix="_new").select(old="domain", new="domain_new")
    return pairs.group_by("old", "new").len("number").sort("number", "old", "new", descending=[True, False, False])
