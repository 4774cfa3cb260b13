"""The slow peers' answers, kept: the same to the same queries of the same people, whatever becomes of the directory."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.retrieval.engines import Engine

Answers = Mapping[str, list[str]]


class Kept:
    """An engine that is asked only what it has not been asked before."""

    def __init__(self, make: Callable[[], Engine], answers: Answers) -> None:
        self._engine = make()
        self.name = self._engine.name
        self._answers = answers

    def search(self, text: str, limit: int = 10) -> list[str]:
        known = self._answers.get(text)
        return self._engine.search(text, limit) if known is None else known[:limit]


def read(path: Path) -> dict[str, Answers]:
    """The kept answers by engine and text, from a file with one JSON object a line: `engine`, `text`, `found`, the
    first ten or more national identifiers.

    Raises:
        FileNotFoundError: there is no such file.
    """
    answers: dict[str, dict[str, list[str]]] = defaultdict(dict)
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            one = json.loads(line)
            answers[one["engine"]][one["text"]] = one["found"]
    return dict(answers)
