"""Who asks, and what they may have: the one thing that every route which tells of records depends on.

A route takes a `Visit` (`asking: Asking`), says what it is about to look for (`asks`), which may be refused, and what
it tells of (`sends`). Whoever asks is known by the secret of an account or by a client certificate, or is anybody at an
address; budgets are those of LDAP, in the same ledger. What has its own way to render errors calls `visit_of`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import Depends, Request

from api.parameters import check_readable
from api.proxies import Origin, Proxies
from directory.accounts import Identity, Scope, by_certificate, verify_secret
from directory.callers.budgets import Budgets, budgets_of
from directory.callers.caller import Caller
from directory.callers.networks import Networks, read_allowances
from directory.callers.trace import Trace
from directory.errors import NotAllowed, NotAuthenticated
from directory.index.reader import Index
from directory.query import Field, Is, Predicate
from directory.settings import Settings

KEY_HEADER: Final = b"esante-api-key"
_AUTHORIZATION: Final = b"authorization"
_ACCESS, _ORIGIN, _VISIT = "annuaire.access", "annuaire.origin", "annuaire.visit"  # places in a request's scope

_WRONG: Final = "this key is not known, or is good no more"
_WRONG_FR: Final = "cette clé est inconnue, ou n'est plus valable"
_NAMED_ONES: Final = Is(Field.NATIONAL_ID, "")
"""Stands for records that a request names one by one."""


class Visit:
    """One request, as far as access goes."""

    __slots__ = ("_budgets", "_public", "asked", "caller", "results")

    def __init__(self, caller: Caller, budgets: Budgets | None, *, public: bool) -> None:
        self.caller = caller
        self.asked: Predicate | None = None
        """What was asked, where it was a search."""
        self.results = 0
        """How many records were told of."""
        self._budgets = budgets
        self._public = public

    def asks(self, predicate: Predicate) -> None:
        """Before something is looked for.

        Raises:
            BudgetExceeded: the caller has had enough for today.
            NotAllowed: a gateway asks for something else than whole addresses and identifiers.
        """
        self.asked = predicate
        if self._budgets is not None:
            self._budgets.check(self.caller, predicate)

    def asks_by_name(self) -> None:
        """The same for records named one by one (by key, identifier, address), which anybody may ask for.

        Raises:
            BudgetExceeded: the caller has had enough for today.
        """
        if self._budgets is not None:
            self._budgets.check(self.caller, _NAMED_ONES)

    def sends(self, documents: Sequence[int]) -> None:
        """These documents of the index are told of."""
        self.results += len(documents)
        if self._budgets is not None:
            self._budgets.of(self.caller).send(documents)

    def may(self, scope: Scope) -> bool:
        """Whether the caller may do something beyond what anybody may: in profile `open` everybody may."""
        proof = self.caller.proof
        return not self._public or (proof is not None and scope in proof.account.scopes)

    def needs(self, scope: Scope) -> None:
        """Refuse who may not.

        Raises:
            NotAuthenticated: nobody in particular asks, and an account is needed.
            NotAllowed: the account has no such scope.
        """
        if self.may(scope):
            return
        if self.caller.known:
            raise NotAllowed(
                f"this needs the scope {scope}, which {self.caller.identity} has not",
                fr=f"ceci demande la portée {scope}, que {self.caller.identity} n'a pas",
            )
        raise NotAuthenticated(
            f"this needs the key of an account with the scope {scope}",
            fr=f"ceci demande la clé d'un compte qui a la portée {scope}",
        )

    def headers(self) -> list[tuple[bytes, bytes]]:
        """What is left of the budget (draft-ietf-httpapi-ratelimit-headers-10); nothing where there is none."""
        if self._budgets is None:
            return []
        spending, left_s = self._budgets.of(self.caller), self._budgets.left_s
        left = max(0, spending.most - spending.entries)
        return [
            (b"ratelimit-policy", b'"entries";q=%d;w=86400' % spending.most),
            (b"ratelimit", b'"entries";r=%d;t=%d' % (left, left_s)),
        ]


class Access:
    """What all requests of a process share: accounts, budgets, proxies, and who keeps a journal."""

    def __init__(self, settings: Settings, index: Index, trace: Trace | None = None) -> None:
        self.trace = trace
        """Told of every request that asked for records."""
        self._public = settings.public
        self._index = index
        self._budgets = budgets_of(settings)
        self._networks = Networks(read_allowances(settings.network_entries_per_day))
        self._proxies = Proxies(settings)

    def enter(self, scope: Any) -> None:
        """A request has come: note where it comes from, and how to find out more."""
        scope[_ACCESS] = self
        peer = scope["client"]
        origin = self._proxies.origin(peer[0] if peer else "", scope["headers"])
        if origin.scheme:
            scope["scheme"] = origin.scheme
        scope["client"] = (origin.address, 0 if not peer or origin.address != peer[0] else peer[1])
        scope[_ORIGIN] = origin

    def visit(self, scope: Any) -> Visit:
        """The visit that a request is; whose it is is found out once.

        Raises:
            NotAuthenticated: its key is no account's.
        """
        found: Visit | None = scope.get(_VISIT)
        if found is None:
            found = scope[_VISIT] = Visit(self._caller(scope), self._budgets, public=self._public)
        return found

    def _caller(self, scope: Any) -> Caller:
        origin: Origin = scope[_ORIGIN]
        anybody = Caller(origin.address, self._networks.of(origin.address))
        secret = _secret(scope["headers"])
        if secret is None and origin.certificate is None:
            return anybody
        identity = self._proved(secret, origin.certificate)
        if identity is not None:
            return anybody.proved(identity)
        if secret is not None:
            raise NotAuthenticated(_WRONG, fr=_WRONG_FR)
        return anybody  # browsers show certificates that they are not asked for

    def _proved(self, secret: str | None, certificate: tuple[str, str] | None) -> Identity | None:
        now = dt.datetime.now(dt.UTC)
        with self._index.read() as snapshot:
            if secret is not None:
                return verify_secret(snapshot.accounts, secret, now)
            assert certificate is not None
            return by_certificate(snapshot.accounts, *certificate, now)


def visit_of(request: Request) -> Visit:
    """The visit that a request is.

    Raises:
        NotAuthenticated: its key is no account's.
    """
    access: Access = request.scope[_ACCESS]
    return access.visit(request.scope)


def origin_of(request: Request) -> Origin:
    """Where a request comes from."""
    origin: Origin = request.scope[_ORIGIN]
    return origin


def visited(scope: Any) -> Visit | None:
    """The visit of a request that has been answered; None when it did not ask about records."""
    found: Visit | None = scope.get(_VISIT)
    return found


async def _asking(request: Request) -> Visit:
    check_readable(request.scope["query_string"])
    return visit_of(request)


Asking = Annotated[Visit, Depends(_asking)]


def _secret(headers: Sequence[tuple[bytes, bytes]]) -> str | None:
    """The key of a request: in `ESANTE-API-KEY`, or a bearer token (RFC 6750 section 2.1); None when it has none."""
    for name, value in headers:
        if name == KEY_HEADER:
            return value.decode("latin-1").strip()
        if name == _AUTHORIZATION and value[:7].lower() == b"bearer ":
            return value[7:].decode("latin-1").strip()
    return None
