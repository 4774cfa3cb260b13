"""The register's tables, as SQLAlchemy Core values; Alembic migrations create them.

Texts are NOT NULL and '' when absent, as in the extracts: COPY and comparison stay plain. Codes are keys, labels are
data (`code_label`), except where a label is the only thing the extract gives (diplomas, mailbox rows). Digests are
xxh3 values in bigint columns, which COPY and compare natively.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata: Final = MetaData()


# Texts compare by their bytes on every server: keys and codes are no words, and the index reads in key order.
_BYTES: Final = Text(collation="C")


def _text(name: str) -> Column[str]:
    return Column(name, _BYTES, nullable=False, server_default="")


def _texts(*names: str) -> list[Column[str]]:
    return [_text(name) for name in names]


practitioner = Table(
    "practitioner",
    metadata,
    Column("national_id", _BYTES, primary_key=True),
    *_texts("identifier_type", "identifier", "civility", "practice_civility", "family_name", "given_name"),
    Index("practitioner_identifier", "identifier"),
)

exercise = Table(
    "exercise",
    metadata,
    *_texts("national_id", "profession", "category"),
    PrimaryKeyConstraint("national_id", "profession", "category"),
)

expertise = Table(
    "expertise",
    metadata,
    # The file that says so: `activity` (Personne_activite repeats some) or `expertise` (SavoirFaire, complete).
    *_texts("source", "national_id", "profession", "category", "expertise_type", "expertise"),
    PrimaryKeyConstraint("national_id", "source", "profession", "category", "expertise_type", "expertise"),
)

diploma = Table(
    "diploma",
    metadata,
    # Not bound to practitioner: the file may name persons that Personne_activite does not (anomaly 36).
    _text("national_id"),
    Column("digest", BigInteger, nullable=False),  # of the row: tells a record's lines apart
    *_texts("diploma_type", "diploma_type_label", "diploma", "diploma_label"),
    *_texts("authorisation_type", "authorisation_type_label"),
    *_texts("authorisation_discipline", "authorisation_discipline_label"),
    PrimaryKeyConstraint("national_id", "digest"),
)

activity = Table(
    "activity",
    metadata,
    _text("national_id"),
    Column("digest", BigInteger, nullable=False),  # of the row: tells a record's lines apart
    *_texts("profession", "category", "practice_mode", "organization_key", "registration_authority", "sector"),
    *_texts("pharmacy_section", "role", "activity_genre"),
    PrimaryKeyConstraint("national_id", "digest"),
    Index("activity_organization_key", "organization_key"),
)

organization = Table(
    "organization",
    metadata,
    Column("key", _BYTES, primary_key=True),
    *_texts("name", "trade_name", "siret", "siren", "finess", "legal_entity_finess", "former_id", "sector"),
    *_texts("address_recipient", "address_location", "street_number", "street_repeat"),
    *_texts("street_type", "street_type_label", "street_name", "address_distribution", "post_office_line"),
    *_texts("postal_code", "commune", "commune_label", "country", "country_label"),
    *_texts("phone", "phone_2", "fax", "email"),
    # Derived while importing (DOMAIN section 9 lines 19-23).
    *_texts("city", "department"),
    Index("organization_finess", "finess"),
    Index("organization_legal_entity_finess", "legal_entity_finess"),
    Index("organization_siret", "siret"),
)

mailbox = Table(
    "mailbox",
    metadata,
    Column("address_key", _BYTES, primary_key=True),  # the address in lower case: it compares without case
    *_texts("address", "domain", "kind"),  # the spelling received; its domain in lower case; PER, ORG, APP, CAB
    Column("paperless", Boolean),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("modified_at", DateTime(timezone=True), nullable=False),
    Index("mailbox_domain", "domain"),
)

mailbox_holder = Table(
    "mailbox_holder",
    metadata,
    _text("address_key"),
    Column("digest", BigInteger, nullable=False),  # of the row: tells a record's lines apart
    *_texts("identifier_type", "identifier", "national_id"),
    *_texts("organization_identifier_type", "organization_identifier"),
    *_texts("service", "practice_civility", "family_name", "given_name"),
    *_texts("category", "category_label", "profession", "profession_label", "expertise", "expertise_label"),
    *_texts("organization_name", "trade_name", "address_location", "address_distribution"),
    *_texts("street_number", "street_repeat", "street_type_label", "street_name", "address_locality"),
    *_texts("post_office_line", "postal_code", "country_label", "city", "department"),
    PrimaryKeyConstraint("address_key", "digest"),
    Index("mailbox_holder_national_id", "national_id"),
    Index("mailbox_holder_organization_identifier", "organization_identifier"),
)

operator = Table(
    "operator",
    metadata,
    Column("dn", _BYTES, primary_key=True),
    *_texts("common_name", "organization_name", "identifier_type", "identifier", "locality", "country"),
)

trusted_domain = Table(
    "trusted_domain",
    metadata,
    *_texts("domain", "operator_dn", "description", "responsible_contact", "support_contact"),
    Column("updated_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("domain", "operator_dn"),
)

code_label = Table(
    "code_label",
    metadata,
    *_texts("list", "code", "label"),  # labels the extracts give, per code list
    PrimaryKeyConstraint("list", "code"),
)

digest = Table(
    "digest",
    metadata,
    # One line per record and source file: what an import compares with instead of the rows themselves.
    *_texts("source", "key"),
    Column("high", BigInteger, nullable=False),
    Column("low", BigInteger, nullable=False),
    # Of the very bytes of the record's lines: while it stays, they need not be parsed to know that all is as it was.
    Column("raw", BigInteger),
    PrimaryKeyConstraint("source", "key"),
)

import_run = Table(
    "import_run",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    *_texts("kind", "status"),  # rpps|mailboxes|trusted-domains; running|applied|unchanged|held|refused|failed|dry-run
    Column("started_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    Column("finished_at", DateTime(timezone=True)),
    Column("as_of", DateTime(timezone=True)),  # generation time of the source
    Column("sources", JSONB, nullable=False, server_default="[]"),  # [{path, member, bytes, sha256}]
    Column("counts", JSONB, nullable=False, server_default="{}"),  # rows, duplicates, created/changed/removed per kind
    Column("reasons", JSONB, nullable=False, server_default="[]"),  # why held, refused or failed
    Column("warnings", JSONB, nullable=False, server_default="[]"),  # appended columns, unknown codes …
    Column("revision", BigInteger),  # what it committed, if anything
    Column("of_run", BigInteger),  # the run that this one applies or reverts to
    Column("details", JSONB, nullable=False, server_default="{}"),  # for its report: see runs.finish_run
)

rejected_line = Table(
    "rejected_line",
    metadata,
    Column("run_id", BigInteger, nullable=False),
    _text("file"),
    Column("line", BigInteger, nullable=False),
    _text("reason"),
    Column("raw", LargeBinary, nullable=False),  # at most 4 KiB of it
    _text("column_name"),  # the one at fault, as its file names it; '' where it is the whole line
    PrimaryKeyConstraint("run_id", "file", "line"),
)

register_state = Table(
    "register_state",
    metadata,
    # One row. Its lock orders commits: a revision is taken last and committed before the next one can be taken.
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("epoch", Uuid, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("committed_at", DateTime(timezone=True)),
    Column("rpps_as_of", DateTime(timezone=True)),
    Column("mailboxes_as_of", DateTime(timezone=True)),
    Column("trusted_domains_as_of", DateTime(timezone=True)),
    Column("demo", Boolean, nullable=False, server_default="false"),  # holds invented people only
    Column("known_since", DateTime(timezone=True)),  # what `record_change` does not hold has not changed since then
)

record_change = Table(
    "record_change",
    metadata,
    # When the own content of a practitioner or an organization last changed, their mailboxes included; where the record
    # is gone, when it left. What is only quoted of others does not count.
    *_texts("kind", "key"),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("gone", Boolean, nullable=False, server_default="false"),
    PrimaryKeyConstraint("kind", "key"),
    Index("record_change_gone", "kind", "key", postgresql_where=text("gone")),
)

ended_activity = Table(
    "ended_activity",
    metadata,
    # What persons did until lately: the activity of that number among those alike, and when it was there no longer.
    *_texts("national_id", "profession", "category", "organization_key"),
    Column("number", BigInteger, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("national_id", "profession", "category", "organization_key", "number"),
    Index("ended_activity_at", "at"),
)

feed = Table(
    "feed",
    metadata,
    # The published records that a revision touched, dependants included; kind `reset` with key '' asks for a rebuild.
    Column("revision", BigInteger, nullable=False),
    *_texts("kind", "key"),
    Column("at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    PrimaryKeyConstraint("revision", "kind", "key"),
    Index("feed_at", "at"),
)

account = Table(
    "account",
    metadata,
    # A revoked account stays: its name stands in journals and is not given twice.
    Column("name", _BYTES, primary_key=True),
    *_texts("kind", "scopes"),  # gateway|application|person; scopes separated by blanks
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("expires_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
)

account_credential = Table(
    "account_credential",
    metadata,
    Column("key_id", _BYTES, primary_key=True),
    Column("account", _BYTES, ForeignKey("account.name"), nullable=False),
    *_texts("kind", "verifier"),  # secret|password|certificate; see directory.accounts.Credential
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("expires_at", DateTime(timezone=True)),
    Index("account_credential_account", "account"),
)

account_pepper = Table(
    "account_pepper",
    metadata,
    # One row: the key of the digests of secrets.
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("pepper", LargeBinary, nullable=False),
)

withdrawal = Table(
    "withdrawal",
    metadata,
    # Records that are not shown, whatever the extracts say; those lifted again stay, as the journal of it.
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    *_texts("kind", "key", "reason", "author"),  # the kind and key of a record, in the register or not
    Column("at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    Column("lifted_at", DateTime(timezone=True)),
    Column("lifted_by", _BYTES),
    Column("lifted_reason", _BYTES),
    Index("withdrawal_in_force", "kind", "key", unique=True, postgresql_where=text("lifted_at IS NULL")),
)

history = Table(
    "history",
    metadata,
    # What a record was before a run changed it; body null where it was not there. What has not changed costs nothing:
    # the present version is in the tables above, and begins where the last of these ends.
    *_texts("kind", "key"),
    Column("until_run", BigInteger, nullable=False),
    Column("until_at", DateTime(timezone=True), nullable=False),
    Column("body", JSONB),  # rows by table, without what is empty in them
    Column("about", ARRAY(_BYTES), nullable=False, server_default="{}"),  # identifiers of who holds a mailbox
    PrimaryKeyConstraint("kind", "key", "until_run"),
    Index("history_about", "about", postgresql_using="gin"),
    Index("history_until_at", "until_at"),
)

IMPORT_LOCK: Final = 0x616E_6E75  # "annu": the advisory lock of the one import that may run
SCHEMA_LOCK: Final = 0x616E_6E76
FEED_CHANNEL: Final = "annuaire_feed"
