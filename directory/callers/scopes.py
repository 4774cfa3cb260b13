"""What the scopes of an account let it look up (docs/accounts.md)."""

from __future__ import annotations

from typing import Final

from directory.accounts import Scope
from directory.callers.caller import Caller
from directory.callers.patterns import names_entries
from directory.errors import NotAllowed
from directory.query import Predicate

_WHOLE_ONLY: Final = "this account looks up whole addresses and identifiers only: it lacks the scope “search”"
_WHOLE_ONLY_FR: Final = "ce compte ne cherche que des adresses et des identifiants entiers : il lui manque « search »"
_NOTHING: Final = "this account has none of the scopes “search” and “resolve”"
_NOTHING_FR: Final = "ce compte n'a aucun des droits « search » et « resolve »"


def check_scopes(caller: Caller, asked: Predicate) -> None:
    """Whether the caller's account may ask that.

    Raises:
        NotAllowed: it lacks the scope for it.
    """
    if caller.proof is None or Scope.SEARCH in caller.proof.account.scopes:
        return
    if Scope.RESOLVE not in caller.proof.account.scopes:
        raise NotAllowed(_NOTHING, fr=_NOTHING_FR)
    if not names_entries(asked):
        raise NotAllowed(_WHOLE_ONLY, fr=_WHOLE_ONLY_FR)
