"""The invented people of `annuaire demo` that examples name: there, every example can be run as it stands."""

from __future__ import annotations

from typing import Final

RPPS: Final = "10900000174"
NATIONAL_ID: Final = "810900000174"
FAMILY_NAME, GIVEN_NAME, CITY = "DIDELET", "KAREN", "Lille"
ADDRESS: Final = "karen.didelet17@operateur-32.exemple.mssante.fr"
FINESS: Final = "590000006"
STRUCTURE: Final = "F590000006"
