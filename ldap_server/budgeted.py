"""Searches and compares within the budget of who asks (profile `public`)."""

from __future__ import annotations

from directory.callers.budgets import Budgets
from directory.callers.caller import Caller
from directory.errors import DirectoryError
from directory.query import Field, Is, Predicate
from ldap_server import dit
from ldap_server.answers import Answer, Course, failed
from ldap_server.dit import Tree


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


def budgeted(budgets: Budgets, caller: Caller, asked: Predicate, course: Course) -> Course:
    """The operation, when the caller may have more; what it is told of is counted."""
    try:
        spending = budgets.check(caller, asked)
    except DirectoryError as error:
        yield failed(error)._replace(asked=asked)
        return
    for answer in course:
        if isinstance(answer, Answer) and answer.documents:
            spending.send(answer.documents)
        yield answer
