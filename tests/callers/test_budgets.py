"""How much a caller may carry away in a day."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from directory.callers.budgets import Budgets
from directory.callers.caller import Caller, CallerClass
from directory.callers.ledger import Ledger
from directory.callers.networks import Networks, read_allowances
from directory.callers.patterns import names_entries, short_pattern
from directory.errors import BudgetExceeded, NotAllowed
from directory.query import And, Anything, Field, Has, Is, Like, Near, Not, Or, Predicate, Resolves, Starts, Undefined
from directory.settings import Settings

HOSPITAL = "10.1.0.0/16=1000"
MARTIN = Is(Field.SN, "martin")


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger.open(tmp_path / "callers", 64)
    yield opened
    opened.close()


@pytest.fixture
def budgets(ledger: Ledger, clock: Clock) -> Budgets:
    settings = Settings(
        anonymous_entries_per_day=100,
        anonymous_short_patterns_per_day=30,
        known_entries_per_day=300,
        gateway_entries_per_day=500,
    )
    return Budgets(settings, ledger, Networks(read_allowances(HOSPITAL)), clock)


def someone(address: str = "192.0.2.7") -> Caller:
    return Caller(address, Networks(read_allowances(HOSPITAL)).of(address))


def known(name: str, kind: CallerClass = CallerClass.KNOWN) -> Caller:
    return Caller("192.0.2.7", "192.0.2.7", identity=name, caller_class=kind)


def begins(letters: str) -> Predicate:
    return Like(Field.SN, letters)


def spent(budgets: Budgets, caller: Caller, entries: int) -> None:
    budgets.of(caller).send(range(1000, 1000 + entries))


def test_the_same_entries_again_and_again_cost_nothing(budgets: Budgets) -> None:
    for _ in range(100):
        budgets.check(someone(), MARTIN).send(range(40))
    assert budgets.of(someone()).entries == pytest.approx(40, abs=2)


def test_a_spent_budget_is_refused_in_both_languages_until_midnight(budgets: Budgets, clock: Clock) -> None:
    spent(budgets, someone(), 110)
    with pytest.raises(BudgetExceeded, match="budget of 100 different entries") as refused:
        budgets.check(someone(), MARTIN)
    assert "budget de 100 entrées" in refused.value.fr
    clock.now += refused.value.retry_after_s - 1
    with pytest.raises(BudgetExceeded):
        budgets.check(someone(), MARTIN)
    clock.now += 1
    budgets.check(someone(), MARTIN)


def test_to_guess_addresses_costs_what_finding_them_does(budgets: Budgets) -> None:
    for _ in range(2):
        for number in range(40):
            guess = Is(Field.MAIL, f"jean.dupont{number}@medecin.mssante.fr")
            budgets.check(someone(), guess).miss(guess)
    assert budgets.of(someone()).entries == pytest.approx(40, abs=2)


def test_another_network_has_its_own_budget(budgets: Budgets) -> None:
    spent(budgets, someone(), 110)
    budgets.check(someone("192.0.2.8"), MARTIN)


def test_all_addresses_of_a_subscriber_share_one_budget(budgets: Budgets) -> None:
    spent(budgets, someone("2001:db8::1"), 110)
    with pytest.raises(BudgetExceeded):
        budgets.check(someone("2001:db8::2"), MARTIN)


def test_a_network_that_the_operator_named_has_the_budget_it_was_given(budgets: Budgets) -> None:
    spent(budgets, someone("10.1.2.3"), 800)
    budgets.check(someone("10.1.4.5"), MARTIN)
    budgets.of(someone("10.1.4.5")).send(range(5000, 5400))
    with pytest.raises(BudgetExceeded, match="1000"):
        budgets.check(someone("10.1.2.3"), MARTIN)


def test_an_account_spends_its_own_budget_from_wherever_it_asks(budgets: Budgets) -> None:
    spent(budgets, known("clinique"), 250)
    budgets.check(known("clinique"), MARTIN)
    budgets.check(someone(), MARTIN)
    spent(budgets, known("clinique"), 330)
    with pytest.raises(BudgetExceeded):
        budgets.check(known("clinique"), MARTIN)
    budgets.check(someone(), MARTIN)


def test_processes_that_share_the_ledger_share_the_budgets(budgets: Budgets, ledger: Ledger, clock: Clock) -> None:
    other = Budgets(Settings(anonymous_entries_per_day=100), ledger, Networks(), clock)
    spent(other, someone(), 110)
    with pytest.raises(BudgetExceeded):
        budgets.check(someone(), MARTIN)


def test_to_walk_the_alphabet_is_refused_while_longer_searches_go_on(budgets: Budgets) -> None:
    alphabet = ["".join(letters) for letters in product("abcdefghijklmnopqrstuvwxyz", repeat=2)]
    for letters in alphabet[:25]:
        budgets.check(someone(), begins(letters))
    with pytest.raises(BudgetExceeded, match="short searches") as refused:
        _walk(budgets, alphabet[25:40])
    assert "recherches courtes" in refused.value.fr
    budgets.check(someone(), begins("dupo"))
    budgets.check(someone(), MARTIN)


def _walk(budgets: Budgets, patterns: list[str]) -> None:
    for letters in patterns:
        budgets.check(someone(), begins(letters))


def test_the_same_short_pattern_again_is_no_walk(budgets: Budgets) -> None:
    for _ in range(100):
        budgets.check(someone(), begins("du"))


def test_who_may_have_more_entries_may_ask_more_short_patterns(budgets: Budgets) -> None:
    for first, second in product("abcdefgh", repeat=2):
        budgets.check(someone("10.1.2.3"), begins(first + second))


def test_an_account_may_walk_within_its_budget(budgets: Budgets) -> None:
    for first, second in product("abcdefgh", repeat=2):
        budgets.check(known("clinique"), begins(first + second))


def test_a_gateway_looks_up_whole_addresses_and_identifiers_only(budgets: Budgets) -> None:
    gateway = known("passerelle", CallerClass.GATEWAY)
    budgets.check(gateway, Is(Field.MAIL, "a@b.mssante.fr"))
    with pytest.raises(NotAllowed) as refused:
        budgets.check(gateway, begins("dupont"))
    assert "passerelle" in refused.value.fr
    spent(budgets, gateway, 400)
    budgets.check(gateway, Is(Field.MAIL, "a@b.mssante.fr"))


MAIL = Is(Field.MAIL, "a@b.mssante.fr")
PERSONS = Is(Field.OBJECT_CLASS, "inetOrgPerson")


@pytest.mark.parametrize(
    ("predicate", "pattern"),
    [
        (begins("du"), "du"),
        (begins("Dû"), "du"),
        (begins("dupo"), None),
        (Like(Field.SN, None, ("d",), "t"), "dt"),
        (Like(Field.CN, None, ("*",), None), "*"),
        (Or((begins("du"), Like(Field.MAIL, None, ("du",)))), "du"),
        (Or((begins("dupont"), begins("d"))), "d"),
        (Or((begins("dupont"), Undefined())), None),
        (And((Has(Field.MAIL), Or((begins("d"), Like(Field.CN, "d"))))), "d"),
        (And((begins("d"), begins("dupont"))), None),
        (And((PERSONS, begins("du"))), "du"),
        (And((MAIL, begins("d"))), None),
        (And(()), ""),
        (Has(Field.OBJECT_CLASS), ""),
        (PERSONS, ""),
        (Not(MAIL), ""),
        (Anything(), ""),
        (Resolves("du"), "du"),
        (Near(Field.SN, "du"), None),
        (MARTIN, None),
        (Or(()), None),
        (Starts(Field.SN, "du"), "du"),
        (Starts(Field.SN, "dupont"), None),
        (Is(Field.FACET, "0:r23:l"), ""),
        (Like(Field.BORNE, initial="p:", middle=("a", "@")), "a"),
    ],
)
def test_a_filter_asks_for_so_few_letters(predicate: Predicate, pattern: str | None) -> None:
    assert short_pattern(predicate) == pattern


@pytest.mark.parametrize(
    ("predicate", "named"),
    [
        (MAIL, True),
        (Is(Field.IDENTIFIER, "10001234567"), True),
        (And((PERSONS, MAIL)), True),
        (And((Has(Field.CN), Or((MAIL, PERSONS)), MAIL)), True),
        (Or((MAIL, Is(Field.NATIONAL_ID, "810001234567"))), True),
        (MARTIN, False),
        (PERSONS, False),
        (And((PERSONS, MARTIN)), False),
        (Or((MAIL, MARTIN)), False),
        (Or(()), True),
        (And(()), False),
        (And((MAIL, begins("d"))), False),
        (And((MAIL, Not(MARTIN))), False),
        (Not(MAIL), False),
        (Like(Field.MAIL, "a@b"), False),
        (Near(Field.MAIL, "a@b"), False),
        (Has(Field.MAIL), False),
        (Undefined(), False),
    ],
)
def test_a_filter_names_its_entries_or_does_not(predicate: Predicate, named: bool) -> None:
    assert names_entries(predicate) is named
