"""What people read, in French and English: messages by name, and numbers and dates as each language writes them."""

from __future__ import annotations

import datetime as dt
import importlib.resources
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final
from zoneinfo import ZoneInfo

PARIS: Final = ZoneInfo("Europe/Paris")  # the register is France's, and so are its nights
_FRENCH_NUMBER: Final = re.compile(r"(0[1-9]|\+33[1-9])([0-9]{8})")
_UNITS: Final = (("second", 1, 120), ("minute", 60, 120), ("hour", 3_600, 48), ("day", 86_400, math.inf))
"""Each with its length in seconds, and how many of it are sooner said in the next."""


@dataclass(frozen=True, slots=True)
class Texts:
    """The messages of one language; templates write `t.name`."""

    tongue: str
    messages: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.messages[name]

    def say(self, name: str, /, **values: object) -> str:
        return self.messages[name].format_map(values)

    def count(self, name: str, number: int) -> str:
        """The message for one, or for as many as there are."""
        return self[f"{name}_one"] if number == 1 else self.say(f"{name}_many", count=self.number(number))

    def number(self, number: int) -> str:
        return f"{number:,}".replace(",", self["thousands"])

    def share(self, part: int, whole: int) -> str:
        """A percentage, with one decimal where a whole number would say too little."""
        percent = 100 * part / whole if whole else 0.0
        text = f"{percent:.1f}" if 0 < percent < 10 else f"{percent:.0f}"
        return self.say("percent", number=text.replace(".", self["decimal"]))

    def span(self, seconds: float) -> str:
        """A span of time, in the unit that says it in few digits."""
        name, length = next(unit for unit in _UNITS if seconds < unit[2] * unit[1])[:2]
        return self.count(f"span_{name}", round(seconds / length))

    def day(self, moment: dt.datetime | None) -> str:
        if moment is None:
            return self["undated"]
        return self.date(moment.astimezone(PARIS).date())

    def date(self, date: dt.date) -> str:
        day = self["first_day"] if date.day == 1 else str(date.day)
        return self.say("date", day=day, month=self["months"].split()[date.month - 1], year=date.year)

    def moment(self, moment: dt.datetime | None) -> str:
        if moment is None:
            return self["undated"]
        local = moment.astimezone(PARIS)
        return self.say("time", date=self.day(moment), hour=f"{local.hour:02}", minute=f"{local.minute:02}")


def telephone(number: str) -> str:
    """A French number in pairs, as it is read aloud; another stays as it is written."""
    parts = _FRENCH_NUMBER.fullmatch(number)
    if parts is None:
        return number
    begin, rest = parts.groups()
    return "\u00a0".join([begin.replace("+33", "+33\u00a0"), *(rest[at : at + 2] for at in range(0, 8, 2))])


def _read(tongue: str) -> Texts:
    content = (importlib.resources.files("api") / "web" / f"{tongue}.toml").read_text(encoding="utf-8")
    messages: dict[str, Any] = tomllib.loads(content)
    return Texts(tongue, MappingProxyType(messages))


TEXTS: Final[Mapping[str, Texts]] = MappingProxyType({tongue: _read(tongue) for tongue in ("fr", "en")})
