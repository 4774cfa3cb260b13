"""What a lookup returns: matches, whether they are all of them, and why each one is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from directory.model import RegisterState

if TYPE_CHECKING:
    from directory.index.reader import StoredDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One document, with its score in [0, 1] (1.0 for filter searches) and, when asked, the named parts of the score.

    The document can be read while the snapshot that found it is open.
    """

    document: StoredDocument
    score: float = 1.0
    why: Mapping[str, float | str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The best matches in order; `complete` is False when more matched than were asked for.

    `steps` says what each step of a free-text search found, when an explanation was asked for.
    """

    matches: tuple[Match, ...]
    complete: bool
    state: RegisterState
    steps: tuple[Mapping[str, object], ...] = field(default=())
