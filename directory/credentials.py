"""What an account proves itself with: random secrets, passwords, and the names in a client certificate.

A secret holds 256 random bits: nobody can try them all, so that one keyed SHA-256 is enough to keep and to check it. A
password is what a person could think of: it is kept and checked by Argon2id, which is slow on purpose.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from directory.errors import InvalidInput

PREFIX: Final = "annuaire_"
"""What every secret begins with: whoever finds one in a file or a log knows what it is."""

SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 1024

_SECRET_BYTES: Final = 32
_KEY_ID_BYTES: Final = 6
_SECRET: Final = re.compile(rf"{PREFIX}([0-9a-f]{{{2 * _KEY_ID_BYTES}}})_[A-Za-z0-9_-]{{43}}")

# OWASP's first choice for one lane: about 30 ms on a server, 19 MiB.
_MEMORY_KIB: Final = 19_456
_ITERATIONS: Final = 2
_SALT_BYTES: Final = 16


class Secret(NamedTuple):
    """A new secret: its public key id, and the whole text, which is shown once."""

    key_id: str
    text: str


def new_key_id() -> str:
    return secrets.token_hex(_KEY_ID_BYTES)


def new_secret() -> Secret:
    key_id = new_key_id()
    return Secret(key_id, f"{PREFIX}{key_id}_{secrets.token_urlsafe(_SECRET_BYTES)}")


def key_id_of(secret: str) -> str | None:
    """The key id that a text of a secret's form names; None for any other text."""
    found = _SECRET.fullmatch(secret)
    return found[1] if found else None


def digest(pepper: bytes, secret: str) -> str:
    """What is kept of a secret. The pepper is the register's: its digests are worth nothing in another one."""
    return hmac.new(pepper, secret.encode(), hashlib.sha256).hexdigest()


def same(one: str, other: str) -> bool:
    """Whether two digests are equal, in a time that does not depend on where they differ."""
    return hmac.compare_digest(one, other)


def hash_password(password: str) -> str:
    """What is kept of a password, in PHC form.

    Raises:
        InvalidInput: it is too short, or longer than anybody types.
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise InvalidInput(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters")
    if password.startswith(PREFIX):
        raise InvalidInput(f"a password does not begin with {PREFIX}: secrets do")
    return _argon2(secrets.token_bytes(_SALT_BYTES)).derive_phc_encoded(password.encode())


def password_fits(kept: str, password: str) -> bool:
    """Whether a password is the one that was kept. Slow: not on an event loop. Threads run it side by side."""
    try:
        Argon2id.verify_phc_encoded(password.encode()[: 4 * LONGEST_PASSWORD], kept)
    except InvalidKey:
        return False
    return True


NOBODYS_HASH: Final = f"$argon2id$v=19$m={_MEMORY_KIB},t={_ITERATIONS},p=1${'A' * 22}${'A' * 43}"
"""Checked where there is no account or no password, so that the work is the same. No known password fits it."""


def _argon2(salt: bytes) -> Argon2id:
    return Argon2id(salt=salt, length=32, iterations=_ITERATIONS, lanes=1, memory_cost=_MEMORY_KIB)


def certificate_names(data: bytes) -> tuple[str, str]:
    """Issuer and subject of a certificate (PEM or DER), as RFC 4514 writes them.

    Raises:
        InvalidInput: it is none.
    """
    try:
        read = x509.load_pem_x509_certificate if b"-----BEGIN" in data else x509.load_der_x509_certificate
        found = read(data)
        return found.issuer.rfc4514_string(), found.subject.rfc4514_string()
    except ValueError as error:
        raise InvalidInput("this is not a certificate in PEM or DER form") from error


def certificate_key(issuer: str, subject: str) -> str:
    """Issuer and subject in the one form by which they compare: without case, one blank for several.

    Raises:
        InvalidInput: one of them is no name of RFC 4514.
    """
    return "\n".join(_comparable(name) for name in (issuer, subject))


def _comparable(name: str) -> str:
    try:
        written = x509.Name.from_rfc4514_string(name).rfc4514_string()
    except ValueError as error:
        raise InvalidInput(f"not a name of RFC 4514: {name}") from error
    return " ".join(written.casefold().split())
