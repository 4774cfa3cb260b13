"""The register: persons, structures, mailboxes, trusted domains, runs and the change feed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "activity",
        sa.Column("national_id", sa.Text(), server_default="", nullable=False),
        sa.Column("digest", sa.BigInteger(), nullable=False),
        sa.Column("profession", sa.Text(), server_default="", nullable=False),
        sa.Column("category", sa.Text(), server_default="", nullable=False),
        sa.Column("practice_mode", sa.Text(), server_default="", nullable=False),
        sa.Column("organization_key", sa.Text(), server_default="", nullable=False),
        sa.Column("registration_authority", sa.Text(), server_default="", nullable=False),
        sa.Column("sector", sa.Text(), server_default="", nullable=False),
        sa.Column("pharmacy_section", sa.Text(), server_default="", nullable=False),
        sa.Column("role", sa.Text(), server_default="", nullable=False),
        sa.Column("activity_genre", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("national_id", "digest"),
    )
    op.create_index("activity_organization_key", "activity", ["organization_key"], unique=False)
    op.create_table(
        "code_label",
        sa.Column("list", sa.Text(), server_default="", nullable=False),
        sa.Column("code", sa.Text(), server_default="", nullable=False),
        sa.Column("label", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("list", "code"),
    )
    op.create_table(
        "digest",
        sa.Column("source", sa.Text(), server_default="", nullable=False),
        sa.Column("key", sa.Text(), server_default="", nullable=False),
        sa.Column("high", sa.BigInteger(), nullable=False),
        sa.Column("low", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source", "key"),
    )
    op.create_table(
        "diploma",
        sa.Column("national_id", sa.Text(), server_default="", nullable=False),
        sa.Column("digest", sa.BigInteger(), nullable=False),
        sa.Column("diploma_type", sa.Text(), server_default="", nullable=False),
        sa.Column("diploma_type_label", sa.Text(), server_default="", nullable=False),
        sa.Column("diploma", sa.Text(), server_default="", nullable=False),
        sa.Column("diploma_label", sa.Text(), server_default="", nullable=False),
        sa.Column("authorisation_type", sa.Text(), server_default="", nullable=False),
        sa.Column("authorisation_type_label", sa.Text(), server_default="", nullable=False),
        sa.Column("authorisation_discipline", sa.Text(), server_default="", nullable=False),
        sa.Column("authorisation_discipline_label", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("national_id", "digest"),
    )
    op.create_table(
        "exercise",
        sa.Column("national_id", sa.Text(), server_default="", nullable=False),
        sa.Column("profession", sa.Text(), server_default="", nullable=False),
        sa.Column("category", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("national_id", "profession", "category"),
    )
    op.create_table(
        "expertise",
        sa.Column("source", sa.Text(), server_default="", nullable=False),
        sa.Column("national_id", sa.Text(), server_default="", nullable=False),
        sa.Column("profession", sa.Text(), server_default="", nullable=False),
        sa.Column("category", sa.Text(), server_default="", nullable=False),
        sa.Column("expertise_type", sa.Text(), server_default="", nullable=False),
        sa.Column("expertise", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("national_id", "source", "profession", "category", "expertise_type", "expertise"),
    )
    op.create_table(
        "feed",
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), server_default="", nullable=False),
        sa.Column("key", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("revision", "kind", "key"),
    )
    op.create_index("feed_at", "feed", ["at"], unique=False)
    op.create_table(
        "import_run",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "started_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sources", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("counts", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("reasons", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("warnings", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=True),
        sa.Column("of_run", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "mailbox",
        sa.Column("address_key", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), server_default="", nullable=False),
        sa.Column("domain", sa.Text(), server_default="", nullable=False),
        sa.Column("kind", sa.Text(), server_default="", nullable=False),
        sa.Column("paperless", sa.Boolean(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("address_key"),
    )
    op.create_index("mailbox_domain", "mailbox", ["domain"], unique=False)
    op.create_table(
        "mailbox_holder",
        sa.Column("address_key", sa.Text(), server_default="", nullable=False),
        sa.Column("digest", sa.BigInteger(), nullable=False),
        sa.Column("identifier_type", sa.Text(), server_default="", nullable=False),
        sa.Column("identifier", sa.Text(), server_default="", nullable=False),
        sa.Column("national_id", sa.Text(), server_default="", nullable=False),
        sa.Column("organization_identifier_type", sa.Text(), server_default="", nullable=False),
        sa.Column("organization_identifier", sa.Text(), server_default="", nullable=False),
        sa.Column("service", sa.Text(), server_default="", nullable=False),
        sa.Column("practice_civility", sa.Text(), server_default="", nullable=False),
        sa.Column("family_name", sa.Text(), server_default="", nullable=False),
        sa.Column("given_name", sa.Text(), server_default="", nullable=False),
        sa.Column("category", sa.Text(), server_default="", nullable=False),
        sa.Column("category_label", sa.Text(), server_default="", nullable=False),
        sa.Column("profession", sa.Text(), server_default="", nullable=False),
        sa.Column("profession_label", sa.Text(), server_default="", nullable=False),
        sa.Column("expertise", sa.Text(), server_default="", nullable=False),
        sa.Column("expertise_label", sa.Text(), server_default="", nullable=False),
        sa.Column("organization_name", sa.Text(), server_default="", nullable=False),
        sa.Column("trade_name", sa.Text(), server_default="", nullable=False),
        sa.Column("address_location", sa.Text(), server_default="", nullable=False),
        sa.Column("address_distribution", sa.Text(), server_default="", nullable=False),
        sa.Column("street_number", sa.Text(), server_default="", nullable=False),
        sa.Column("street_repeat", sa.Text(), server_default="", nullable=False),
        sa.Column("street_type_label", sa.Text(), server_default="", nullable=False),
        sa.Column("street_name", sa.Text(), server_default="", nullable=False),
        sa.Column("address_locality", sa.Text(), server_default="", nullable=False),
        sa.Column("post_office_line", sa.Text(), server_default="", nullable=False),
        sa.Column("postal_code", sa.Text(), server_default="", nullable=False),
        sa.Column("country_label", sa.Text(), server_default="", nullable=False),
        sa.Column("city", sa.Text(), server_default="", nullable=False),
        sa.Column("department", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("address_key", "digest"),
    )
    op.create_index("mailbox_holder_national_id", "mailbox_holder", ["national_id"], unique=False)
    op.create_index(
        "mailbox_holder_organization_identifier", "mailbox_holder", ["organization_identifier"], unique=False
    )
    op.create_table(
        "operator",
        sa.Column("dn", sa.Text(), nullable=False),
        sa.Column("common_name", sa.Text(), server_default="", nullable=False),
        sa.Column("organization_name", sa.Text(), server_default="", nullable=False),
        sa.Column("identifier_type", sa.Text(), server_default="", nullable=False),
        sa.Column("identifier", sa.Text(), server_default="", nullable=False),
        sa.Column("locality", sa.Text(), server_default="", nullable=False),
        sa.Column("country", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("dn"),
    )
    op.create_table(
        "organization",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("trade_name", sa.Text(), server_default="", nullable=False),
        sa.Column("siret", sa.Text(), server_default="", nullable=False),
        sa.Column("siren", sa.Text(), server_default="", nullable=False),
        sa.Column("finess", sa.Text(), server_default="", nullable=False),
        sa.Column("legal_entity_finess", sa.Text(), server_default="", nullable=False),
        sa.Column("former_id", sa.Text(), server_default="", nullable=False),
        sa.Column("sector", sa.Text(), server_default="", nullable=False),
        sa.Column("address_recipient", sa.Text(), server_default="", nullable=False),
        sa.Column("address_location", sa.Text(), server_default="", nullable=False),
        sa.Column("street_number", sa.Text(), server_default="", nullable=False),
        sa.Column("street_repeat", sa.Text(), server_default="", nullable=False),
        sa.Column("street_type", sa.Text(), server_default="", nullable=False),
        sa.Column("street_type_label", sa.Text(), server_default="", nullable=False),
        sa.Column("street_name", sa.Text(), server_default="", nullable=False),
        sa.Column("address_distribution", sa.Text(), server_default="", nullable=False),
        sa.Column("post_office_line", sa.Text(), server_default="", nullable=False),
        sa.Column("postal_code", sa.Text(), server_default="", nullable=False),
        sa.Column("commune", sa.Text(), server_default="", nullable=False),
        sa.Column("commune_label", sa.Text(), server_default="", nullable=False),
        sa.Column("country", sa.Text(), server_default="", nullable=False),
        sa.Column("country_label", sa.Text(), server_default="", nullable=False),
        sa.Column("phone", sa.Text(), server_default="", nullable=False),
        sa.Column("phone_2", sa.Text(), server_default="", nullable=False),
        sa.Column("fax", sa.Text(), server_default="", nullable=False),
        sa.Column("email", sa.Text(), server_default="", nullable=False),
        sa.Column("city", sa.Text(), server_default="", nullable=False),
        sa.Column("department", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("organization_finess", "organization", ["finess"], unique=False)
    op.create_index("organization_legal_entity_finess", "organization", ["legal_entity_finess"], unique=False)
    op.create_index("organization_siret", "organization", ["siret"], unique=False)
    op.create_table(
        "practitioner",
        sa.Column("national_id", sa.Text(), nullable=False),
        sa.Column("identifier_type", sa.Text(), server_default="", nullable=False),
        sa.Column("identifier", sa.Text(), server_default="", nullable=False),
        sa.Column("civility", sa.Text(), server_default="", nullable=False),
        sa.Column("practice_civility", sa.Text(), server_default="", nullable=False),
        sa.Column("family_name", sa.Text(), server_default="", nullable=False),
        sa.Column("given_name", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("national_id"),
    )
    op.create_index("practitioner_identifier", "practitioner", ["identifier"], unique=False)
    op.create_table(
        "register_state",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("committed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rpps_as_of", sa.DateTime(timezone=True), nullable=True),
        sa.Column("mailboxes_as_of", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trusted_domains_as_of", sa.DateTime(timezone=True), nullable=True),
        sa.Column("demo", sa.Boolean(), server_default="false", nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "rejected_line",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("file", sa.Text(), server_default="", nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "file", "line"),
    )
    op.create_table(
        "trusted_domain",
        sa.Column("domain", sa.Text(), server_default="", nullable=False),
        sa.Column("operator_dn", sa.Text(), server_default="", nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("responsible_contact", sa.Text(), server_default="", nullable=False),
        sa.Column("support_contact", sa.Text(), server_default="", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("domain", "operator_dn"),
    )
    op.execute("INSERT INTO register_state (id, epoch, revision) VALUES (1, gen_random_uuid(), 0)")
    op.execute(_ROLES)


def downgrade() -> None:
    raise NotImplementedError("the first schema has nothing before it: drop the database instead")


# Group roles for a real server: grant one to each login. Left out where the owner may not create roles.
_ROLES = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'annuaire_importer') THEN
        CREATE ROLE annuaire_importer NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'annuaire_reader') THEN
        CREATE ROLE annuaire_reader NOLOGIN;
    END IF;
    GRANT USAGE ON SCHEMA public TO annuaire_importer, annuaire_reader;
    GRANT SELECT ON ALL TABLES IN SCHEMA public TO annuaire_reader;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO annuaire_importer;
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO annuaire_importer;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO annuaire_reader;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO annuaire_importer;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'the roles annuaire_importer and annuaire_reader were not created: no right to';
END
$$
"""
