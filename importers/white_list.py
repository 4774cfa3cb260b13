"""Reads the signed white list of trusted domains: what is believed is what was signed (DOMAIN section 10)."""

from __future__ import annotations

import base64
import datetime as dt
import importlib.resources
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml.exceptions import InvalidInput as SignatureInputError
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration, XMLVerifier

from directory.errors import ImportRefused

NAMESPACE: Final = "https://listeblanche.mssante.fr/schema"
_SIGNATURE: Final = "{http://www.w3.org/2000/09/xmldsig#}Signature"
_CERTIFICATE: Final = ".//{http://www.w3.org/2000/09/xmldsig#}X509Certificate"
_MOST_BYTES: Final = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Trust:
    """Who may sign: certificates trusted as signers or as authorities, and the common name a signer must bear."""

    certificates: tuple[x509.Certificate, ...]
    common_name: str

    @classmethod
    def load(cls, file: Path | None, common_name: str) -> Trust:
        """From a PEM file, or the certificates shipped.

        Raises:
            ImportRefused: the file cannot be read or holds no certificate.
        """
        shipped = importlib.resources.files("importers") / "trust" / "white-list-signers.pem"
        try:
            pem = file.read_bytes() if file is not None else shipped.read_bytes()
            return cls(tuple(x509.load_pem_x509_certificates(pem)), common_name)
        except (OSError, ValueError) as error:
            message = f"{file or shipped.name}: no certificate can be read from it"
            raise ImportRefused(message, reason="untrusted") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the list: a domain run by the holder of a certificate."""

    domain: str
    description: str
    operator_dn: str
    responsible_contact: str
    support_contact: str
    updated_at: dt.datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WhiteList:
    generated_at: dt.datetime
    entries: tuple[Entry, ...]
    signed: bool


def read_white_list(
    path: Path, trust: Trust, *, now: dt.datetime, at_generation_date: bool = False, allow_unsigned: bool = False
) -> WhiteList:
    """Read and check a list.

    `now` is the time that counts for the signer's certificate, unless `at_generation_date` asks for the list's own.

    Raises:
        ImportRefused: `wrong-file`, `truncated`, `unsigned`, `bad-signature`, `untrusted` or `expired`.
    """
    root = _parse(path)
    signed = root.find(_SIGNATURE) is not None
    if signed:
        certificate = _certificate(path, root)
        root = _verified(path, root, certificate)
        _check_trust(path, certificate, trust)
        moment = _generated_at(path, root) if at_generation_date else now
        _check_dates(path, certificate, moment)
    elif not allow_unsigned:
        raise ImportRefused(f"{path.name}: the list is not signed", reason="unsigned")
    return WhiteList(generated_at=_generated_at(path, root), entries=tuple(_entries(path, root)), signed=signed)


def _parse(path: Path) -> etree._Element:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImportRefused(f"{path}: {(error.strerror or 'cannot be read').lower()}", reason="not-found") from error
    if not data:
        raise ImportRefused(f"{path.name}: the file is empty", reason="empty")
    if len(data) > _MOST_BYTES:
        raise ImportRefused(f"{path.name}: {len(data)} bytes are too many for a white list", reason="wrong-file")
    # No entities, no outside reference, no network: nothing in the file is followed.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        cut = not data.rstrip().endswith(b">") or "Premature end" in str(error)
        raise ImportRefused(
            f"{path.name}: line {line}, column {column}: {error.msg}", reason="truncated" if cut else "wrong-file"
        ) from error
    if b"<!DOCTYPE" in data:
        raise ImportRefused(f"{path.name}: a document type declaration is not expected", reason="wrong-file")
    if root.tag != f"{{{NAMESPACE}}}ListeBlancheMSSante":
        raise ImportRefused(f"{path.name}: line 1: not a white list, but {root.tag!r}", reason="wrong-file")
    return root


def _certificate(path: Path, root: etree._Element) -> x509.Certificate:
    found = root.find(_CERTIFICATE)
    try:
        assert found is not None
        return x509.load_der_x509_certificate(base64.b64decode(re.sub(r"\s", "", found.text or "")))
    except (AssertionError, ValueError) as error:
        raise ImportRefused(f"{path.name}: the signature holds no certificate", reason="bad-signature") from error


def _verified(path: Path, root: etree._Element, certificate: x509.Certificate) -> etree._Element:
    """The tree that the signature covers; nothing outside it is looked at again."""
    try:
        result = XMLVerifier().verify(
            root,
            x509_cert=certificate,
            # The certificate's dates are checked apart, at the time that counts, so that "expired" and "altered" are
            # told apart: here any moment of its life will do.
            expect_config=SignatureConfiguration(
                require_x509=True,
                expect_references=1,
                location="./",
                verification_time=certificate.not_valid_before_utc,
            ),
        )
    except (SignXMLException, SignatureInputError, InvalidSignature, ValueError) as error:
        message = f"{path.name}: the signature is not right; the file has been altered"
        raise ImportRefused(message, reason="bad-signature") from error
    verified = (result[0] if isinstance(result, list) else result).signed_xml
    if verified is None or verified.tag != root.tag:
        raise ImportRefused(f"{path.name}: the signature covers something else", reason="bad-signature")
    return verified


def _check_trust(path: Path, certificate: x509.Certificate, trust: Trust) -> None:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    bears = str(names[0].value) if names else ""
    if bears != trust.common_name:
        message = f"{path.name}: signed by {bears or 'nobody named'}, not by {trust.common_name}"
        raise ImportRefused(message, reason="untrusted")
    if not any(_vouches(trusted, certificate) for trusted in trust.certificates):
        message = f"{path.name}: the signer's certificate is not one of those trusted (ANNUAIRE_WHITELIST_CA_FILE)"
        raise ImportRefused(message, reason="untrusted")


def _vouches(trusted: x509.Certificate, certificate: x509.Certificate) -> bool:
    if trusted == certificate:
        return True
    try:
        constraints = trusted.extensions.get_extension_for_class(x509.BasicConstraints).value
        if not constraints.ca:
            return False
        certificate.verify_directly_issued_by(trusted)
    except (x509.ExtensionNotFound, ValueError, TypeError, InvalidSignature):
        return False
    return True


def _check_dates(path: Path, certificate: x509.Certificate, moment: dt.datetime) -> None:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not begins <= moment <= ends:
        message = (
            f"{path.name}: the signer's certificate is valid from {begins:%Y-%m-%d} to {ends:%Y-%m-%d}, not on "
            f"{moment:%Y-%m-%d}; --at-generation-date checks an archive at its own date"
        )
        raise ImportRefused(message, reason="expired")


def _generated_at(path: Path, root: etree._Element) -> dt.datetime:
    text = root.findtext(f"{{{NAMESPACE}}}DateDeGeneration") or ""
    moment = _moment(text)
    if moment is None:
        raise ImportRefused(f"{path.name}: DateDeGeneration {text!r} is no date", reason="wrong-file")
    return moment


def _moment(text: str) -> dt.datetime | None:
    try:
        moment = dt.datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _entries(path: Path, root: etree._Element) -> Sequence[Entry]:
    found = []
    for element in root.iterfind(f"{{{NAMESPACE}}}ListeDomaines/{{{NAMESPACE}}}Domaine"):
        texts = {
            name: " ".join((element.findtext(f"{{{NAMESPACE}}}{name}") or "").split())
            for name in ("Nom", "Description", "ResponsableContact", "SupportContact", "DateMAJ")
        }
        # Double blanks are part of an operator's name: kept as they stand.
        operator = (element.findtext(f"{{{NAMESPACE}}}DNCertificatOperateur") or "").strip()
        if not texts["Nom"] or not operator:
            line = element.sourceline
            raise ImportRefused(f"{path.name}: line {line}: an entry without name or operator", reason="wrong-file")
        found.append(
            Entry(
                domain=texts["Nom"].lower(),
                description=texts["Description"],
                operator_dn=operator,
                responsible_contact=texts["ResponsableContact"],
                support_contact=texts["SupportContact"],
                updated_at=_moment(texts["DateMAJ"]),
            )
        )
    if not found:
        raise ImportRefused(f"{path.name}: the list is empty", reason="empty")
    return found


_PART: Final = re.compile(r"\s*,\s*(?=(?:CN|OU|O|ST|L|C|SERIALNUMBER|2\.5\.4\.\d+)=)", re.IGNORECASE)


def parse_operator(dn: str) -> dict[str, str]:
    """The parts of an operator certificate's DN by upper-case type; survives the traps of DOMAIN section 10: values in
    quotes for their blanks, quotes that are not escaped, blanks after commas, L in place of ST."""
    parts: dict[str, str] = {}
    for part in _PART.split(dn.strip()):
        kind, _, value = part.partition("=")
        value = value.strip()
        if len(value) > 1 and value.startswith('"') and value.endswith('"'):
            value = value[1:-1]
        parts.setdefault(kind.strip().upper(), value)
    return parts
