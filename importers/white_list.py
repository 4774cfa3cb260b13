"""Reads the signed white list of trusted domains: what is believed is what was signed (DOMAIN section 10)."""

from __future__ import annotations

import base64
import datetime as dt
import importlib.resources
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration, XMLVerifier

from directory.errors import ImportRefused
from directory.registry.runs import RejectedLine

NAMESPACE: Final = "https://listeblanche.mssante.fr/schema"
_SIGNATURE: Final = "{http://www.w3.org/2000/09/xmldsig#}Signature"
_CERTIFICATES: Final = ".//{http://www.w3.org/2000/09/xmldsig#}X509Certificate"
_MOST_BYTES: Final = 64 * 2**20  # fifteen times the list of 2025
_DOMAIN: Final = re.compile(r"(?=.{1,255}\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})+")

_METHODS: Final = frozenset({SignatureMethod.RSA_SHA256, SignatureMethod.RSA_SHA384, SignatureMethod.RSA_SHA512})
_DIGESTS: Final = frozenset({DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512})


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
    """A list as it may be used: its entries, in its order, and those that could not be understood."""

    generated_at: dt.datetime
    entries: tuple[Entry, ...]
    rejected: tuple[RejectedLine, ...]
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
    first_line = _line(root)
    signature = root.find(_SIGNATURE)
    if signature is not None:
        signer = _signer(path, signature)
        root = _verified(path, root, signer)
        authority = _authority(path, signer, trust)
        moment = _generated_at(path, root) if at_generation_date else now
        _check_dates(path, signer, "the signer's", moment)
        _check_dates(path, authority, "the authority's", moment)
    elif not allow_unsigned:
        raise ImportRefused(f"{path.name}: the list is not signed", reason="unsigned")
    # What was signed may begin on another line than the file did.
    entries, rejected = _entries(path, root, first_line - _line(root))
    return WhiteList(
        generated_at=_generated_at(path, root), entries=entries, rejected=rejected, signed=signature is not None
    )


def _parse(path: Path) -> etree._Element:
    data = _bytes(path)
    # No entities, no outside reference, no network: nothing in the file is followed, and libxml2 bounds what is built.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        cut = b"<ListeBlancheMSSante" in data and not data.rstrip().endswith(b"</ListeBlancheMSSante>")
        raise ImportRefused(
            f"{path.name}: line {line}, column {column}: {error.msg}", reason="truncated" if cut else "wrong-file"
        ) from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise ImportRefused(f"{path.name}: a document type declaration is not expected", reason="wrong-file")
    if root.tag != f"{{{NAMESPACE}}}ListeBlancheMSSante":
        message = f"{path.name}: line {_line(root)}: not a white list, but {root.tag!r}"
        raise ImportRefused(message, reason="wrong-file")
    return root


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ImportRefused(f"{path}: {(error.strerror or 'cannot be read').lower()}", reason="not-found") from error
    if not data.strip():
        raise ImportRefused(f"{path.name}: the file is empty", reason="empty")
    if len(data) > _MOST_BYTES:
        raise ImportRefused(f"{path.name}: over {_MOST_BYTES} bytes, too many for a white list", reason="wrong-file")
    return data


def _signer(path: Path, signature: etree._Element) -> x509.Certificate:
    """The certificate that a signature says it was made with; a list may bring its authorities' along."""
    try:
        found = [_decoded(element.text or "") for element in signature.iterfind(_CERTIFICATES)]
    except _UNREADABLE as error:
        raise ImportRefused(f"{path.name}: the signer's certificate is broken", reason="bad-signature") from error
    if not found:
        raise ImportRefused(f"{path.name}: the signature holds no certificate", reason="bad-signature")
    return next((certificate for certificate in found if not _is_authority(certificate)), found[0])


_UNREADABLE: Final = (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.InvalidVersion)


def _decoded(text: str) -> x509.Certificate:
    certificate = x509.load_der_x509_certificate(base64.b64decode(re.sub(r"\s", "", text)))
    # Parts are decoded when asked for: ask now, so that a broken one is found here and nowhere else.
    _ = certificate.subject, certificate.issuer, certificate.extensions, certificate.public_key()
    return certificate


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


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
                signature_methods=_METHODS,
                digest_algorithms=_DIGESTS,
                verification_time=certificate.not_valid_before_utc,
            ),
        )
    except (SignXMLException, InvalidSignature, etree.LxmlError, ValueError) as error:
        message = f"{path.name}: the signature is not right; the file has been altered"
        raise ImportRefused(message, reason="bad-signature") from error
    verified = (result[0] if isinstance(result, list) else result).signed_xml
    if verified is None or verified.tag != root.tag:
        raise ImportRefused(f"{path.name}: the signature covers something else", reason="bad-signature")
    return verified


def _authority(path: Path, certificate: x509.Certificate, trust: Trust) -> x509.Certificate:
    """The trusted certificate that vouches for the signer's; where several do, the one that lasts longest."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    bears = str(names[0].value) if names else ""
    if bears != trust.common_name:
        message = f"{path.name}: signed by {bears or 'nobody named'}, not by {trust.common_name}"
        raise ImportRefused(message, reason="untrusted")
    vouching = [trusted for trusted in trust.certificates if _vouches(trusted, certificate)]
    if not vouching:
        message = f"{path.name}: the signer's certificate is not one of those trusted (ANNUAIRE_WHITELIST_CA_FILE)"
        raise ImportRefused(message, reason="untrusted")
    return max(vouching, key=lambda trusted: trusted.not_valid_after_utc)


def _vouches(trusted: x509.Certificate, certificate: x509.Certificate) -> bool:
    if trusted == certificate:
        return True
    try:
        certificate.verify_directly_issued_by(trusted)
        return _is_authority(trusted)
    except (ValueError, TypeError, InvalidSignature):
        return False


def _check_dates(path: Path, certificate: x509.Certificate, whose: str, moment: dt.datetime) -> None:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not begins <= moment <= ends:
        message = (
            f"{path.name}: {whose} certificate is valid from {begins:%Y-%m-%d} to {ends:%Y-%m-%d}, not on "
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


def _entries(path: Path, root: etree._Element, lines_before: int) -> tuple[tuple[Entry, ...], tuple[RejectedLine, ...]]:
    """The entries, and those without a domain name or an operator: one of these does not void a whole list."""
    found: list[Entry] = []
    rejected: list[RejectedLine] = []
    for element in root.iterfind(f"{{{NAMESPACE}}}ListeDomaines/{{{NAMESPACE}}}Domaine"):
        entry = _entry(element)
        if entry.operator_dn and _DOMAIN.fullmatch(entry.domain):
            found.append(entry)
        else:
            reason, column = (
                ("malformed domain", "Nom") if entry.operator_dn else ("no operator", "DNCertificatOperateur")
            )
            line = _line(element) + lines_before
            raw = etree.tostring(element, encoding="UTF-8")[:4096]
            rejected.append(RejectedLine(file=path.name, line=line, reason=reason, raw=raw, column=column))
    if not found:
        raise ImportRefused(f"{path.name}: the list is empty", reason="empty")
    return tuple(found), tuple(rejected)


def _line(element: Any) -> int:
    return int(element.sourceline or 1)


def _entry(element: etree._Element) -> Entry:
    def text(name: str) -> str:
        return " ".join((element.findtext(f"{{{NAMESPACE}}}{name}") or "").split())

    return Entry(
        domain=text("Nom").lower(),
        description=text("Description"),
        # Double blanks are part of an operator's name: kept as they stand.
        operator_dn=_BREAK.sub(" ", element.findtext(f"{{{NAMESPACE}}}DNCertificatOperateur") or "").strip(),
        responsible_contact=text("ResponsableContact"),
        support_contact=text("SupportContact"),
        updated_at=_moment(text("DateMAJ")),
    )


_BREAK: Final = re.compile(r"\s*[\r\n\t]\s*")
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
