"""Searches and compares within the scopes of the account that asks, and the budget of the caller (profile `public`)."""

from __future__ import annotations

from typing import Final

from directory.callers.budgets import Budgets
from directory.callers.caller import Caller
from directory.callers.patterns import names_entries
from directory.callers.scopes import check_scopes
from directory.errors import DirectoryError
from directory.query import Field, Is, Predicate
from ldap_server import dit, messages
from ldap_server.answers import Answer, Course, failed
from ldap_server.dit import Tree

_TOLD: Final = (messages.SUCCESS, messages.NO_SUCH_OBJECT)
"""Results that tell of an entry, without one, that it is not there."""


def asked_of_mailboxes(tree: Tree, entry: str, scope: int, asked: Predicate) -> Predicate | None:
    """What an operation on an entry, or on those below it, asks of the mailboxes; None when it is about the server's
    own entries, which cost nothing."""
    try:
        base = dit.parse(entry)
    except dit.BadName:
        return None  # which is said when it is carried out
    if tree.holds_mailboxes(base, scope):
        return asked
    address = tree.address(base)
    return None if address is None else Is(Field.MAIL, address)


def budgeted(budgets: Budgets | None, caller: Caller, asked: Predicate, course: Course) -> Course:
    """The operation, when the caller may have more; what it is told of is counted, and so are addresses and identifiers
    that nobody has: whoever guesses them asks for many. Without budgets only scopes are looked at."""
    try:
        check_scopes(caller, asked)
        spending = budgets.check(caller, asked) if budgets is not None else None
    except DirectoryError as error:
        yield failed(error)._replace(asked=asked)
        return
    for answer in course:
        if isinstance(answer, Answer) and spending is not None:
            if answer.documents:
                spending.send(answer.documents)
            elif answer.code in _TOLD and names_entries(asked):
                spending.miss(asked)
        yield answer
