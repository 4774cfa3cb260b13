"""Where a walk through a search stands: the token in a `next` link, bound to its search and to one revision.

A token holds the search itself and the key of the last record sent, so that any worker of any node that is at the same
revision goes on from it: nothing is kept between two pages.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from dataclasses import astuple, dataclass
from typing import Any, Final

import orjson

from api.fhir.criteria import Pairs
from directory.errors import DirectoryError, InvalidInput
from directory.model import RegisterState

_VERSION: Final = 2
_LARGEST: Final = 65_536  # bytes that a token may hold

_OVER: Final = "this page belongs to an earlier revision of the register: start the search again"
_OVER_FR: Final = "cette page appartient à une révision antérieure du registre : recommencez la recherche"
_NONE: Final = "this is no page of ours"
_NONE_FR: Final = "cette page n'est pas de chez nous"


class PageGone(DirectoryError):
    """A page of a walk that cannot go on: HTTP 410."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a walk has come: in which section, behind which record, after how many resources; of which type, counted
    among those that are searched for."""

    section: int = 0
    key: str | None = None
    seen: int = 0
    kind: int = 0


def write(state: RegisterState, kind: str, pairs: Pairs, position: Position) -> str:
    held = [_VERSION, state.epoch, state.revision, kind, pairs, *astuple(position)]
    return base64.urlsafe_b64encode(zlib.compress(orjson.dumps(held), 6)).decode().rstrip("=")


def read(state: RegisterState, token: str) -> tuple[str, Pairs, Position]:
    """The search of a page, and where it goes on.

    Raises:
        InvalidInput: it is no token.
        PageGone: it is of another revision.
    """
    try:
        packed = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True)
        unpacked = zlib.decompressobj()
        version, epoch, revision, kind, pairs, *stood = orjson.loads(unpacked.decompress(packed, _LARGEST))
        position = _position(*stood)
        told = str(kind), tuple((str(name), str(value)) for name, value in pairs)
    except (ValueError, TypeError, zlib.error, binascii.Error) as error:
        raise InvalidInput(_NONE, fr=_NONE_FR) from error
    if (version, epoch, revision) != (_VERSION, state.epoch, state.revision):
        raise gone()
    return *told, position


def _position(section: Any, key: Any, seen: Any, kind: Any) -> Position:
    # Anybody can write a token: it is no use to who does, but must do no harm.
    numbers = [max(0, int(one)) for one in (section, seen, kind)]
    return Position(numbers[0], None if key is None else str(key), numbers[1], numbers[2])


def gone() -> PageGone:
    return PageGone(_OVER, fr=_OVER_FR)
