"""Certificate revocation lists: whether a client certificate is still good when it is used to bind.

A list counts when an authority of ours has signed it and its next one is not due yet. Where there are lists at all, a
certificate whose authority has none that counts is refused: no news is not good news.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from directory.logs import pairs

log = logging.getLogger("annuaire.ldap")

_ISSUES = {".pem", ".crl", ".der"}


@dataclass(frozen=True, slots=True)
class RevocationList:
    """One list: whose certificates, which of them are withdrawn, and until when it counts."""

    serials: frozenset[int]
    next_update: dt.datetime | None


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True, slots=True)
class Revocation:
    """The lists of all authorities; `checked` is False where none are configured."""

    checked: bool = False
    lists: dict[bytes, RevocationList] = field(default_factory=dict)  # by the authority's encoded name
    now: Callable[[], dt.datetime] = _now

    def refusal(self, certificate: bytes) -> str | None:
        """Why a client certificate (DER) is not good now; None when it is."""
        found = x509.load_der_x509_certificate(certificate)
        now = self.now()
        if not found.not_valid_before_utc <= now <= found.not_valid_after_utc:
            return "the client certificate has expired"
        return self._withdrawn(found, now) if self.checked else None

    def _withdrawn(self, found: x509.Certificate, now: dt.datetime) -> str | None:
        held = self.lists.get(found.issuer.public_bytes())
        if held is None:
            return "there is no revocation list of the client certificate's authority"
        if held.next_update is not None and now > held.next_update:
            return "the revocation list of the client certificate's authority has expired"
        return "the client certificate has been revoked" if found.serial_number in held.serials else None


def read_revocation(path: Path | None, authorities: Path | None) -> Revocation:
    """The lists in a file or a folder that an authority in a PEM file has signed.

    Raises:
        ValueError, OSError: they cannot be read.
    """
    if path is None or authorities is None:
        return Revocation()
    issuers = x509.load_pem_x509_certificates(authorities.read_bytes())
    lists: dict[bytes, RevocationList] = {}
    for one in _in_order_of_issue(_lists(path)):
        if any(_signed(one, issuer) for issuer in issuers):
            lists[one.issuer.public_bytes()] = _kept(one)
        else:
            log.warning("a revocation list is of no authority of ours %s", pairs(issuer=one.issuer.rfc4514_string()))
    return Revocation(checked=True, lists=lists)


def files_of(path: Path | None) -> Sequence[Path]:
    """The files that lists are read from."""
    if path is None:
        return ()
    return sorted(file for file in path.iterdir() if file.suffix in _ISSUES) if path.is_dir() else (path,)


def _lists(path: Path) -> Iterable[x509.CertificateRevocationList]:
    for file in files_of(path):
        data = file.read_bytes()
        if b"-----BEGIN" not in data:
            yield x509.load_der_x509_crl(data)
            continue
        for part in data.split(b"-----BEGIN X509 CRL-----")[1:]:
            yield x509.load_pem_x509_crl(b"-----BEGIN X509 CRL-----" + part)


def _in_order_of_issue(found: Iterable[x509.CertificateRevocationList]) -> list[x509.CertificateRevocationList]:
    """The latest of an authority comes last, and counts."""
    return sorted(found, key=lambda one: one.last_update_utc)


def _signed(found: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    try:
        return found.issuer == issuer.subject and found.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
    except (InvalidSignature, UnsupportedAlgorithm, TypeError):
        return False


def _kept(found: x509.CertificateRevocationList) -> RevocationList:
    return RevocationList(frozenset(one.serial_number for one in found), found.next_update_utc)
