"""Invented authorities, their certificates and revocation lists, as files."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = dt.timedelta(days=1)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "FR"), x509.NameAttribute(NameOID.COMMON_NAME, common)])


@dataclass
class Authority:
    """One authority; everything it makes goes to files of `folder`."""

    folder: Path
    common: str = "AC de test"
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        builder = self._builder(_name(self.common), self.key.public_key(), 3650)
        self.certificate = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).sign(
            self.key, hashes.SHA256()
        )
        self.file = self.folder / f"{self.common}.pem"
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, days: float) -> x509.CertificateBuilder:
        ends = _now() + days * DAY
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(_name(self.common))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(min(_now(), ends) - DAY)
            .not_valid_after(ends)
        )

    def issue(self, common: str, *, days: float = 365, file: str | None = None) -> Path:
        """A certificate for a host or a client, its key in the same file."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName(
            [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        )
        signed = (
            self._builder(_name(common), key.public_key(), days)
            .add_extension(names, critical=False)
            .sign(self.key, hashes.SHA256())
        )
        path = self.folder / (file or f"{common}.pem")
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
        return path

    def revoke(self, withdrawn: Iterable[Path], *, days: float = 30, file: str = "list.crl") -> Path:
        """A revocation list."""
        last = min(_now(), _now() + days * DAY) - DAY
        builder = x509.CertificateRevocationListBuilder().issuer_name(_name(self.common)).last_update(last)
        builder = builder.next_update(_now() + days * DAY)
        for path in withdrawn:
            serial = x509.load_pem_x509_certificate(path.read_bytes()).serial_number
            one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(last).build()
            builder = builder.add_revoked_certificate(one)
        path = self.folder / file
        path.write_bytes(builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        return path
