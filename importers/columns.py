"""The columns of the extract files, each beside the field it feeds (DOMAIN section 7)."""

from __future__ import annotations

from typing import Final

from importers.extract import Layout

_PERSON: Final = {
    "identifier_type": "Type d'identifiant PP",
    "identifier": "Identifiant PP",
    "national_id": "Identification nationale PP",
}
_NAMES: Final = {"family_name": "Nom d'exercice", "given_name": "Prénom d'exercice"}

ACTIVITY: Final = Layout(
    name="activity",
    columns={
        **_PERSON,
        "practice_civility": "Code civilité d'exercice",
        "practice_civility_label": "Libellé civilité d'exercice",
        "civility": "Code civilité",
        "civility_label": "Libellé civilité",
        **_NAMES,
        "profession": "Code profession",
        "profession_label": "Libellé profession",
        "category": "Code catégorie professionnelle",
        "category_label": "Libellé catégorie professionnelle",
        "expertise_type": "Code type savoir-faire",
        "expertise_type_label": "Libellé type savoir-faire",
        "expertise": "Code savoir-faire",
        "expertise_label": "Libellé savoir-faire",
        "practice_mode": "Code mode exercice",
        "practice_mode_label": "Libellé mode exercice",
        "siret": "Numéro SIRET site",
        "siren": "Numéro SIREN site",
        "finess": "Numéro FINESS site",
        "legal_entity_finess": "Numéro FINESS établissement juridique",
        "key": "Identifiant technique de la structure",
        "name": "Raison sociale site",
        "trade_name": "Enseigne commerciale site",
        "address_recipient": "Complément destinataire (coord. structure)",
        "address_location": "Complément point géographique (coord. structure)",
        "street_number": "Numéro Voie (coord. structure)",
        "street_repeat": "Indice répétition voie (coord. structure)",
        "street_type": "Code type de voie (coord. structure)",
        "street_type_label": "Libellé type de voie (coord. structure)",
        "street_name": "Libellé Voie (coord. structure)",
        "address_distribution": "Mention distribution (coord. structure)",
        "post_office_line": "Bureau cedex (coord. structure)",
        "postal_code": "Code postal (coord. structure)",
        "commune": "Code commune (coord. structure)",
        "commune_label": "Libellé commune (coord. structure)",
        "country": "Code pays (coord. structure)",
        "country_label": "Libellé pays (coord. structure)",
        "phone": "Téléphone (coord. structure)",
        "phone_2": "Téléphone 2 (coord. structure)",
        "fax": "Télécopie (coord. structure)",
        "email": "Adresse e-mail (coord. structure)",
        "department": "Code Département (structure)",
        "department_label": "Libellé Département (structure)",
        "former_id": "Ancien identifiant de la structure",
        "registration_authority": "Autorité d'enregistrement",
        "sector": "Code secteur d'activité",
        "sector_label": "Libellé secteur d'activité",
        "pharmacy_section": "Code section tableau pharmaciens",
        "pharmacy_section_label": "Libellé section tableau pharmaciens",
        "role": "Code rôle",
        "role_label": "Libellé rôle",
        "activity_genre": "Code genre activité",
        "activity_genre_label": "Libellé genre activité",
    },
    # The last four were appended between 2023 and 2026 (DOMAIN section 8).
    optional=frozenset({"role", "role_label", "activity_genre", "activity_genre_label"}),
)

DIPLOMA: Final = Layout(
    name="diploma",
    columns={
        **_PERSON,
        **_NAMES,
        "diploma_type": "Code type diplôme obtenu",
        "diploma_type_label": "Libellé type diplôme obtenu",
        "diploma": "Code diplôme obtenu",
        "diploma_label": "Libellé diplôme obtenu",
        "authorisation_type": "Code type autorisation",
        "authorisation_type_label": "Libellé type autorisation",
        "authorisation_discipline": "Code discipline autorisation",
        "authorisation_discipline_label": "Libellé discipline autorisation",
    },
)

EXPERTISE: Final = Layout(
    name="expertise",
    columns={
        **_PERSON,
        **_NAMES,
        "profession": "Code profession",
        "profession_label": "Libellé profession",
        "category": "Code catégorie professionnelle",
        "category_label": "Libellé catégorie professionnelle",
        "expertise_type": "Code type savoir-faire",
        "expertise_type_label": "Libellé type savoir-faire",
        "expertise": "Code savoir-faire",
        "expertise_label": "Libellé savoir-faire",
    },
)

MAILBOX: Final = Layout(
    name="mailbox",
    columns={
        "kind": "Type de BAL",
        "address": "Adresse BAL",
        "identifier_type": "Type Identifiant PP",
        "identifier": "Identifiant PP",
        "national_id": "Identification nationale PP",
        "organization_identifier_type": "Type identifiant structure",
        "organization_identifier": "Identification Structure",
        "service": "Service de rattachement",
        "practice_civility": "Civilité d'exercice",
        **_NAMES,
        "category": "Catégorie profession",
        "category_label": "Libellé de catégorie profession",
        "profession": "Code Profession",
        "profession_label": "Libellé Profession",
        "expertise": "Code savoir-faire",
        "expertise_label": "Libellé savoir-faire",
        "paperless": "Dématérialisation",
        "organization_name": "Raison Sociale structure BAL",
        "trade_name": "Enseigne commerciale structure BAL",
        "address_location": "L2COMPLEMENTLOCALISATION structure BAL",
        "address_distribution": "L3COMPLEMENTDISTRIBUTION structure BAL",
        "street_number": "L4NUMEROVOIE structure BAL",
        "street_repeat": "L4COMPLEMENTNUMEROVOIE structure BAL",
        "street_type_label": "NL4TYPEVOIE structure BAL",  # the leading N is in the file
        "street_name": "L4LIBELLEVOIE structure BAL",
        "address_locality": "L5LIEUDITMENTION structure BAL",
        "post_office_line": "L6LIGNEACHEMINEMENT structure BAL",
        "postal_code": "Code postal structure BAL",
        "department": "Département structure BAL",
        "country_label": "Pays structure BAL",
    },
)

CODE_LISTS: Final = {
    "practice_civility": "practice-civilities",
    "civility": "civilities",
    "profession": "professions",
    "category": "professional-categories",
    "expertise_type": "expertise-types",
    "expertise": "expertises",
    "practice_mode": "practice-modes",
    "street_type": "street-types",
    "sector": "sectors",
    "pharmacy_section": "pharmacy-sections",
    "role": "roles",
    "activity_genre": "activity-genres",
}
"""The code list of each coded column of the RPPS files; the label is in `<column>_label`."""
