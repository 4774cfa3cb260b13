"""Towns and départements read out of addresses (DOMAIN section 9 lines 19-23)."""

from __future__ import annotations

import re
from typing import Final

import polars as pl

from directory import nomenclature

_LAST_LINE: Final = re.compile(
    r"^\s*(?:(?P<code>\d{5})\s+)?(?P<town>.+?)(?:\s+CEDEX(?:\s+\d{1,2})?)?\s*$", re.IGNORECASE
)
_ARTICLE: Final = re.compile(r"^(?P<name>.+?)\s*\((?P<article>LA|LE|LES|L')\)$", re.IGNORECASE)


def town_of(post_office_line: str) -> str:
    """The town in the last postal line: "69399 LYON CEDEX 03" is LYON, "69890 TOUR DE SALVAGNY (LA)" is LA TOUR DE
    SALVAGNY; '' where there is no postal code to trust (foreign lines)."""
    match = _LAST_LINE.match(post_office_line)
    if match is None or match["code"] is None:
        return ""
    town = match["town"]
    inverted = _ARTICLE.match(town)
    if inverted:
        article = inverted["article"]
        town = f"{article}{'' if article.endswith(chr(39)) else ' '}{inverted['name']}"
    return town


def places(
    frame: pl.DataFrame, *, country: str, commune: str | None = None, commune_label: str | None = None,
    department: str | None = None, department_label: str | None = None,
) -> list[pl.Series]:  # fmt: skip
    """The columns `city` and `department` (code) of a frame of addresses.

    The arguments name the frame's columns. Town: the commune's label, else the last postal line's. Département: from
    the commune, else the postal code, else what the file says; none abroad.
    """
    names = ["postal_code", "post_office_line", country]
    names += [name for name in (commune, commune_label, department, department_label) if name]
    distinct = frame.select(names).unique()
    cities, departments = [], []
    for row in distinct.iter_rows(named=True):
        home = row[country] in nomenclature.FRANCE or row[country].casefold() == "france"
        cities.append((row[commune_label] if commune_label else "") or (town_of(row["post_office_line"])))
        found = nomenclature.department_of(row[commune] if commune else None, row["postal_code"]) if home else None
        if found is None and home:
            stated = (department and row[department]) or (department_label and row[department_label]) or ""
            found = nomenclature.department_code(stated) if stated else None
        departments.append(found or "")
    derived = distinct.with_columns(pl.Series("city", cities, pl.String), pl.Series("found", departments, pl.String))
    joined = frame.select(names).join(derived, on=names, how="left", maintain_order="left")
    return [joined["city"], joined["found"].alias("department")]
