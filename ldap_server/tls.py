"""What TLS sessions of a worker are made with: certificate, key, authorities, revocation lists; read again when a file
changes or when told to.

TLS 1.2 and 1.3 only, ephemeral keys and authenticated encryption only, no renegotiation, no compression.
"""

from __future__ import annotations

import datetime as dt
import logging
import ssl
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from cryptography import x509

from directory.errors import InvalidInput
from directory.settings import Settings
from ldap_server import tickets
from ldap_server.channel import Channel
from ldap_server.revocation import Revocation, files_of, read_revocation
from ldap_server.tickets import TicketKeys

log = logging.getLogger("annuaire.ldap")

_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"  # of TLS 1.2; those of 1.3 are all good
_TICKETS: Final = 1  # per session: mail clients come back with one connection

_Stamp = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class _Read:
    """What has been read together."""

    context: ssl.SSLContext
    revocation: Revocation


class Tls:
    """The present certificate and lists of a worker."""

    def __init__(self, settings: Settings, keys: TicketKeys | None) -> None:
        self._settings = settings
        self._keys = keys
        self._applied = b""
        self._stamp = _stamp(settings)
        self._reading = False
        self._read = _read(settings)
        self._share_tickets()

    @classmethod
    def of(cls, settings: Settings, keys: TicketKeys | None) -> Self | None:
        """None where no certificate is configured.

        Raises:
            InvalidInput: certificate, key, authorities or lists cannot be read, or do not fit one another.
        """
        return cls(settings, keys) if settings.tls_certificate_file is not None else None

    @property
    def revocation(self) -> Revocation:
        return self._read.revocation

    def channel(self) -> Channel:
        """A session that begins."""
        return Channel(self._read.context)

    def refresh(self, *, whatever: bool = False) -> None:
        """Take over what has changed: ticket keys at once, files when a thread has read them."""
        stamp = _stamp(self._settings)
        if (whatever or stamp != self._stamp) and not self._reading:
            self._stamp, self._reading = stamp, True
            threading.Thread(target=self._read_again, name="certificates", daemon=True).start()
        if self._keys is not None and self._keys.current() != self._applied:
            self._share_tickets()

    def _read_again(self) -> None:
        try:
            self._read = _read(self._settings)
            self._applied = b""  # the keys of tickets are set in the new context at the next look
            log.info("certificates read again")
        except InvalidInput as error:
            log.error("certificates cannot be read again, going on with the old ones: %s", error.message)
        finally:
            self._reading = False

    def _share_tickets(self) -> None:
        if self._keys is not None:
            keys = self._keys.current()
            tickets.apply(self._read.context, keys)
            self._applied = keys


def _read(settings: Settings) -> _Read:
    try:
        revocation = read_revocation(settings.tls_crl, settings.tls_client_ca_file)
        return _Read(server_context(settings), revocation)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
        raise InvalidInput(f"TLS is not ready: {reason}; see ANNUAIRE_TLS_* in docs/settings.md") from error


def server_context(settings: Settings) -> ssl.SSLContext:
    """A context with the certificate and the authorities of the settings.

    Raises:
        OSError, ValueError: they cannot be read, or do not fit one another.
    """
    assert settings.tls_certificate_file is not None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.num_tickets = _TICKETS
    context.load_cert_chain(settings.tls_certificate_file, settings.tls_key_file, password=_no_password)
    if settings.tls_client_ca_file is not None:
        context.load_verify_locations(settings.tls_client_ca_file)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def ends_at(settings: Settings) -> dt.datetime:
    """When the certificate of the settings ends, or the first of those between it and its authority."""
    assert settings.tls_certificate_file is not None
    found = x509.load_pem_x509_certificates(settings.tls_certificate_file.read_bytes())
    return min(one.not_valid_after_utc for one in found)


def _no_password() -> str:
    raise ValueError("the key is protected by a password")


def _stamp(settings: Settings) -> _Stamp:
    """Which files there are, and since when they are as they are."""
    return tuple(_stamps(_files(settings)))


def _files(settings: Settings) -> Iterable[Path]:
    named = (settings.tls_certificate_file, settings.tls_key_file, settings.tls_client_ca_file)
    yield from (path for path in named if path is not None)
    try:
        yield from files_of(settings.tls_crl)
    except OSError:
        return


def _stamps(files: Iterable[Path]) -> Iterable[tuple[str, int, int]]:
    for path in files:
        try:
            found = path.stat()
            yield str(path), found.st_mtime_ns, found.st_size
        except OSError:
            yield str(path), 0, 0
