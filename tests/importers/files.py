"""Small extract files written by tests, in the official format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from importers import columns
from importers.extract import Layout

NAMES = {
    "activity": "PS_LibreAcces_Personne_activite_202601150315.txt",
    "expertise": "PS_LibreAcces_SavoirFaire_202601150315.txt",
    "diploma": "PS_LibreAcces_Dipl_AutExerc_202601150315.txt",
    "mailbox": "Extraction_Correspondance_MSSante_202601150315.txt",
}


def line(layout: Layout, row: Mapping[str, str]) -> str:
    assert set(row) <= set(layout.columns), set(row) - set(layout.columns)
    return "|".join(row.get(name, "") for name in layout.columns)


def write(folder: Path, layout: Layout, rows: Sequence[Mapping[str, str]], *, name: str | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (name or NAMES[layout.name])
    header = "|".join(layout.columns.values())
    path.write_text("".join(text + "\n" for text in [header, *(line(layout, row) for row in rows)]), "utf-8")
    return path


def person(number: int = 1, **more: str) -> dict[str, str]:
    identifier = f"109900{number:05d}"
    return {
        "identifier_type": "8",
        "identifier": identifier,
        "national_id": "8" + identifier,
        "civility": "M",
        "civility_label": "Monsieur",
        "family_name": f"NOM{number}",
        "given_name": "Jean",
        "profession": "10",
        "profession_label": "Médecin",
        "category": "C",
        "category_label": "Civil",
        **more,
    }


def structure(key: str = "F699900015", **more: str) -> dict[str, str]:
    return {
        "practice_mode": "S",
        "practice_mode_label": "Salarié",
        "key": key,
        "name": "CH DE VALMORIN",
        "finess": key[1:],
        "postal_code": "69003",
        "commune": "69383",
        "commune_label": "Lyon 3e Arrondissement",
        **more,
    }


def mailbox(address: str, number: int | None = 1, **more: str) -> dict[str, str]:
    holder = {}
    if number is not None:
        who = person(number)
        holder = {name: who[name] for name in who if name in columns.MAILBOX.columns and not name.startswith("civil")}
    return {"kind": "PER" if number is not None else "ORG", "address": address, **holder, **more}
