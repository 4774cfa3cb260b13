"""The keys of TLS session tickets, alike in all workers, so that a session goes on at whichever one answers.

The supervisor makes them and puts new ones in their place now and then; each worker looks at the memory they share. A
ticket of earlier keys merely costs its client a whole handshake.

Python's `ssl` has no way to set ticket keys: OpenSSL's own is called (`SSL_CTX_set_tlsext_ticket_keys`), on the context
that Python's object holds. Where Python or OpenSSL is not laid out as expected, each worker keeps keys of its own.
"""

from __future__ import annotations

import ctypes
import functools
import logging
import mmap
import os
import platform
import secrets
import ssl
import sys
from typing import Any, Final

log = logging.getLogger("annuaire.ldap")

KEY_BYTES: Final = 80  # name, MAC key and encryption key, as OpenSSL lays them out
_GET_TICKET_KEYS, _SET_TICKET_KEYS = 58, 59  # SSL_CTX_ctrl commands
_KNOWN_PYTHONS: Final = (3, 11), (3, 14)  # in which an SSLContext holds its SSL_CTX first


def shared() -> int:
    """The file descriptor of the memory that holds the keys; it is inherited."""
    memory = os.memfd_create("annuaire-tickets", 0)
    rotate(memory)
    return memory


def rotate(memory: int) -> None:
    """Put new keys in the place of the present ones."""
    os.pwrite(memory, secrets.token_bytes(KEY_BYTES), 0)


class TicketKeys:
    """The keys as a worker sees them."""

    def __init__(self, memory: int) -> None:
        self._memory = mmap.mmap(memory, KEY_BYTES, prot=mmap.PROT_READ)

    def current(self) -> bytes:
        return self._memory[:]


def apply(context: ssl.SSLContext, keys: bytes) -> bool:
    """Let a context seal and open tickets with these keys; False where that cannot be done here."""
    library = _library()
    if library is None:
        return False
    held = _held(context)
    if library.SSL_CTX_ctrl(held, _GET_TICKET_KEYS, 0, None) != len(keys):
        return False
    return bool(library.SSL_CTX_ctrl(held, _SET_TICKET_KEYS, len(keys), keys) == 1)


def _held(context: ssl.SSLContext) -> ctypes.c_void_p:
    """The SSL_CTX of a context: it stands right behind the head that all objects have."""
    return ctypes.c_void_p.from_address(id(context) + object.__basicsize__)


@functools.cache
def _library() -> Any | None:
    """The OpenSSL that Python's `ssl` itself uses; None where it cannot be called."""
    try:
        if platform.python_implementation() != "CPython":
            raise OSError("this is not CPython")
        if not _KNOWN_PYTHONS[0] <= sys.version_info[:2] <= _KNOWN_PYTHONS[1]:
            raise OSError("this Python has not been looked at")
        library = ctypes.CDLL(sys.modules["_ssl"].__file__)
        library.SSL_CTX_ctrl.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_char_p]
        library.SSL_CTX_ctrl.restype = ctypes.c_long
    except (OSError, AttributeError, KeyError, TypeError) as error:
        log.warning("TLS sessions go on at the worker they began with only: %s", error)
        return None
    return library
