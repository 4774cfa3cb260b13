"""Every error the directory raises on purpose; each front-end renders this one tree in its own words.

Driver errors are translated where the driver is called. A message is a plain English sentence that may be shown to
the caller: it never contains SQL, a path of the server or a secret. `fr` holds the French wording where people read it.
"""

from __future__ import annotations


class DirectoryError(Exception):
    """Base of the tree; anything else that reaches an edge is a defect and is reported by reference only."""

    def __init__(self, message: str, *, fr: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fr = fr or message


class InvalidInput(DirectoryError):
    """The request cannot be understood: LDAP protocolError (2), HTTP 422, exit code 2."""


class QueryTooComplex(DirectoryError):
    """Understood, but beyond the depth, width or cost allowed: LDAP adminLimitExceeded (11), HTTP 422."""


class NotFound(DirectoryError):
    """The base or record asked for does not exist: LDAP noSuchObject (32), HTTP 404."""


class NotAuthenticated(DirectoryError):
    """Credentials are missing or wrong: LDAP invalidCredentials (49), HTTP 401."""


class NotAllowed(DirectoryError):
    """The caller is known but not entitled: LDAP insufficientAccessRights (50), HTTP 403."""


class NotSupported(DirectoryError):
    """A write or an unknown operation: LDAP unwillingToPerform (53), HTTP 405."""


class BudgetExceeded(DirectoryError):
    """The caller has spent its budget: LDAP adminLimitExceeded (11), HTTP 429 with Retry-After."""

    def __init__(self, message: str, *, retry_after_s: int, fr: str | None = None) -> None:
        super().__init__(message, fr=fr)
        self.retry_after_s = retry_after_s


class TimeLimitExceeded(DirectoryError):
    """The deadline passed before the answer was complete: LDAP timeLimitExceeded (3), HTTP 503."""


class Unavailable(DirectoryError):
    """A part this answer needs (index not built yet, database gone) is missing: LDAP unavailable (52), HTTP 503."""


class ImportRefused(DirectoryError):
    """A source cannot be imported at all and nothing changed.

    `reason` is a stable word for machines, one of: `already-running`, `not-found`, `wrong-file`, `missing-column`,
    `truncated`, `empty`, `encoding`, `bad-signature`, `unsigned`, `expired`, `untrusted`, `older`, `plan-changed`,
    `digest`, `disk`.
    The message names the file and, where known, line and column.
    """

    def __init__(self, message: str, *, reason: str, fr: str | None = None) -> None:
        super().__init__(message, fr=fr)
        self.reason = reason
