"""What people read, in French and English: messages by name, and numbers and dates as each language writes them."""

from __future__ import annotations

import datetime as dt
import importlib.resources
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final
from zoneinfo import ZoneInfo

_PARIS: Final = ZoneInfo("Europe/Paris")  # the register is France's, and so are its nights


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

    def day(self, moment: dt.datetime | None) -> str:
        if moment is None:
            return self["undated"]
        local = moment.astimezone(_PARIS)
        day = self["first_day"] if local.day == 1 else str(local.day)
        return self.say("date", day=day, month=self["months"].split()[local.month - 1], year=local.year)

    def moment(self, moment: dt.datetime | None) -> str:
        if moment is None:
            return self["undated"]
        local = moment.astimezone(_PARIS)
        return self.say("time", date=self.day(moment), hour=f"{local.hour:02}", minute=f"{local.minute:02}")


def _read(tongue: str) -> Texts:
    content = (importlib.resources.files("api") / "web" / f"{tongue}.toml").read_text(encoding="utf-8")
    messages: dict[str, Any] = tomllib.loads(content)
    return Texts(tongue, MappingProxyType(messages))


TEXTS: Final[Mapping[str, Texts]] = MappingProxyType({tongue: _read(tongue) for tongue in ("fr", "en")})
