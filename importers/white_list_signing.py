"""Signs a demonstration's white list with an authority of its own, in the form of the national list."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, SignatureConstructionMethod
from signxml.signer import XMLSigner

NAMESPACE: Final = "https://listeblanche.mssante.fr/schema"
SIGNER: Final = "alb.mssante.fr"
_ENTERED: Final = "2025-01-06T09:00:00Z"  # of every entry: one that says the same tomorrow has not changed


@dataclass(frozen=True, slots=True)
class DemoAuthority:
    """A certification authority made for one demonstration, and the certificate it gave to the signer."""

    key_pem: bytes
    certificate_pem: bytes
    ca_pem: bytes

    @classmethod
    def of(cls, directory: Path) -> Self:
        """The authority kept in a folder; made the first time, so that the lists of later days are trusted alike."""
        file = directory / "whitelist-authority.pem"
        if not file.exists():
            made = cls.make()
            file.touch(mode=0o600)
            file.write_bytes(b"".join((made.key_pem, made.certificate_pem, made.ca_pem)))
        text = file.read_bytes()
        key, _, rest = text.partition(b"-----END PRIVATE KEY-----\n")
        certificate, _, ca = rest.partition(b"-----END CERTIFICATE-----\n")
        return cls(key + b"-----END PRIVATE KEY-----\n", certificate + b"-----END CERTIFICATE-----\n", ca)

    @classmethod
    def make(
        cls, *, common_name: str = SIGNER, begins: dt.datetime | None = None, ends: dt.datetime | None = None
    ) -> Self:
        """A new authority; `begins` and `ends` bound the signer's certificate (30 years around 2035 by default)."""
        begins = begins or dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
        ends = ends or dt.datetime(2050, 1, 1, tzinfo=dt.UTC)
        ca_key = rsa.generate_private_key(65537, 2048)
        ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "AC de démonstration")])
        ca = _certificate(ca_name, ca_name, ca_key.public_key(), ca_key, None, None, authority=True)
        key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        leaf = _certificate(name, ca_name, key.public_key(), ca_key, begins, ends, authority=False)
        pem = serialization.Encoding.PEM
        private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return cls(private, leaf.public_bytes(pem), ca.public_bytes(pem))


def write_signed_white_list(
    path: Path, entries: Sequence[tuple[str, str, str]], generated_at: dt.datetime, authority: DemoAuthority
) -> None:
    """Write a signed list of (domain, description, operator DN)."""
    path.write_bytes(signed_white_list(entries, generated_at, authority))


def signed_white_list(
    entries: Sequence[tuple[str, str, str]], generated_at: dt.datetime, authority: DemoAuthority
) -> bytes:
    """The signed XML: enveloped signature, exclusive canonicalization, rsa-sha256 (DOMAIN section 10)."""
    signer = XMLSigner(
        method=SignatureConstructionMethod.enveloped,
        signature_algorithm="rsa-sha256",
        digest_algorithm="sha256",
        c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    )
    root = white_list_tree(entries, generated_at)
    signed = signer.sign(root, key=authority.key_pem, cert=authority.certificate_pem.decode())
    return etree.tostring(signed, xml_declaration=True, encoding="UTF-8")


def white_list_tree(entries: Sequence[tuple[str, str, str]], generated_at: dt.datetime) -> etree._Element:
    """The list without its signature."""
    root = etree.Element(f"{{{NAMESPACE}}}ListeBlancheMSSante", nsmap={None: NAMESPACE})  # type: ignore[dict-item]
    moment = f"{generated_at.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
    etree.SubElement(root, f"{{{NAMESPACE}}}DateDeGeneration").text = moment
    listed = etree.SubElement(root, f"{{{NAMESPACE}}}ListeDomaines")
    for domain, description, operator in entries:
        entry = etree.SubElement(listed, f"{{{NAMESPACE}}}Domaine")
        texts = {
            "Nom": domain,
            "Description": description,
            "DNCertificatOperateur": operator,
            "ResponsableContact": "contact@exemple.fr",
            "SupportContact": "support@exemple.fr",
            "DateMAJ": _ENTERED,
        }
        for name, text in texts.items():
            etree.SubElement(entry, f"{{{NAMESPACE}}}{name}").text = text
    return root


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: rsa.RSAPublicKey,
    issuer_key: rsa.RSAPrivateKey,
    begins: dt.datetime | None,
    ends: dt.datetime | None,
    *,
    authority: bool,
) -> x509.Certificate:
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins or dt.datetime(2010, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(ends or dt.datetime(2060, 1, 1, tzinfo=dt.UTC))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
