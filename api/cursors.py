"""Cursors: opaque tokens by which a walk through a search goes on, at the revision with which it began or not at all.

A token names the revision, the search and the place to go on from, and is signed with a key that follows from the
register's own, which every node has in its index: any worker of any node can go on with it, and nothing is kept for it.
Once the register is at another revision the token is refused (410): an answer never mixes two.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
from typing import Final

from api.access import Visit
from directory.accounts import Scope
from directory.errors import DirectoryError, InvalidInput
from directory.index.reader import Snapshot
from directory.settings import Settings

_TOKEN: Final = struct.Struct(">8sQI8s")  # epoch, revision, place, search
_SIGNATURE_BYTES: Final = 12


class Gone(DirectoryError):
    """What was asked for was there once and is no more: HTTP 410."""


def cursor(snapshot: Snapshot, search: str, place: int) -> str:
    """The token of a place in a search, which some text stands for."""
    token = _TOKEN.pack(_epoch(snapshot), snapshot.state.revision, place, _digest(search))
    return base64.urlsafe_b64encode(token + _signature(snapshot, token)).decode().rstrip("=")


def place_of(snapshot: Snapshot, search: str, cursor: str) -> int:
    """The place that a token stands for.

    Raises:
        InvalidInput: it is none of ours, or another search's.
        Gone: it is of another revision.
    """
    try:
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        token, signature = data[: _TOKEN.size], data[_TOKEN.size :]
        epoch, revision, place, asked = _TOKEN.unpack(token)
    except (binascii.Error, struct.error, ValueError) as error:
        raise _foreign() from error
    if not hmac.compare_digest(signature, _signature(snapshot, token)) or asked != _digest(search):
        raise _foreign()
    if (epoch, revision) != (_epoch(snapshot), snapshot.state.revision):
        raise Gone(
            "the register has moved on to another revision since this walk began: begin it again",
            fr="le registre est passé à une autre révision depuis le début de ce parcours : recommencez-le",
        )
    return int(place)


def check_walk(settings: Settings, asking: Visit, end: int) -> None:
    """Whether a walk may go as far as some record: beyond what anybody needs it is for who may export; and for all of
    France there are exports.

    Raises:
        NotAuthenticated, NotAllowed: the caller may go no further.
        InvalidInput: nobody may.
    """
    if end > settings.http_walk_records:
        asking.needs(Scope.EXPORT)
    most = settings.http_walk_records_export
    if end > most:
        raise InvalidInput(
            f"a walk ends after {most} records: use /v1/exports",
            fr=f"un parcours s'arrête après {most} fiches : utilisez /v1/exports",
        )


def _foreign() -> InvalidInput:
    return InvalidInput("cursor: it is not one of this search", fr="cursor : ce n'en est pas un de cette recherche")


def _epoch(snapshot: Snapshot) -> bytes:
    return hashlib.blake2b(snapshot.state.epoch.encode(), digest_size=8).digest()


def _digest(search: str) -> bytes:
    return hashlib.blake2b(search.encode(), digest_size=8).digest()


def _signature(snapshot: Snapshot, token: bytes) -> bytes:
    key = hashlib.blake2b(snapshot.accounts.pepper, person=b"annuaire cursors").digest()
    return hmac.digest(key, token, "sha256")[:_SIGNATURE_BYTES]
