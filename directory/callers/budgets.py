"""How much of the directory a caller may carry away in a day: distinct entries, and short patterns asked about.

Whoever looks people up sees the same colleagues again and again; whoever copies the directory sees new entries all the
time, or walks the alphabet (`aa*`, `ab*`, …). So what counts is how many different entries were sent to a caller since
midnight UTC, and how many different patterns of three letters or fewer it has asked about.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from typing import Final

from directory.callers.caller import Caller, CallerClass
from directory.callers.distinct import Distinct
from directory.callers.ledger import ENTRY_BITS, PATTERN_BITS, Account, Ledger
from directory.callers.networks import Networks, read_allowances
from directory.callers.patterns import SHORT, names_entries, short_pattern
from directory.errors import BudgetExceeded, NotAllowed
from directory.query import Predicate
from directory.settings import Settings

_DAY_S: Final = 86400
_AT_HAND: Final = 256  # callers whose spending this process has at hand

_AT_MOST_UNSEEN: Final = 32
_ENTRIES_AT_ONCE: Final = 800
"""How much of a budget has to be left for one more operation without looking at the count: several workers may send a
page each before any of them looks again."""
_SPENT: Final = "the budget of {most} different entries a day is spent until midnight UTC; an account allows more"
_SPENT_FR: Final = (
    "le budget de {most} entrées différentes par jour est épuisé jusqu'à minuit UTC ; un compte permet davantage"
)
_SWEEP: Final = f"too many different short searches today: type more than {SHORT} letters, or use an account"
_SWEEP_FR: Final = (
    f"trop de recherches courtes différentes aujourd'hui : tapez plus de {SHORT} lettres, ou utilisez un compte"
)
_WHOLE_ONLY: Final = "the account of a gateway looks up whole addresses and identifiers only"
_WHOLE_ONLY_FR: Final = "le compte d'une passerelle ne cherche que des adresses et des identifiants entiers"


class Spending:
    """What one caller has had today, as this process knows it."""

    __slots__ = ("_account", "_entries", "_patterns", "_unseen", "most", "most_patterns")

    def __init__(self, account: Account, most: int, most_patterns: int) -> None:
        self._account = account
        self.most = most
        self.most_patterns = most_patterns
        self._entries = _distinct(ENTRY_BITS, most)
        self._patterns = _distinct(PATTERN_BITS, most_patterns)
        self._unseen = 0  # operations until the count is looked at again

    @property
    def current(self) -> bool:
        return self._account.current

    @property
    def entries(self) -> int:
        """Distinct entries that were sent."""
        return self._entries.count(self._account.entries)

    @property
    def patterns(self) -> int:
        """Distinct short patterns that were asked about."""
        return self._patterns.count(self._account.patterns)

    @property
    def assured(self) -> bool:
        """Whether there was so much left a moment ago that the count need not be looked at this time."""
        return self._unseen > 0

    @property
    def spent(self) -> bool:
        """Whether the caller has had all it may have."""
        if self._unseen > 0:
            self._unseen -= 1
            return False
        left = self.most - self.entries
        self._unseen = max(0, min(_AT_MOST_UNSEEN, left // _ENTRIES_AT_ONCE - 1))
        return left <= 0

    def ask(self, pattern: str) -> None:
        self._account.mark_patterns(self._patterns.places((pattern.encode(),)))

    def send(self, documents: Sequence[int]) -> None:
        self._account.mark_entries(self._entries.places_of_numbers(documents))

    def miss(self, asked: Predicate) -> None:
        """Something was named that is not there. Guessing costs what finding does; the same again costs nothing."""
        self._account.mark_entries(self._entries.places((repr(asked).casefold().encode("utf-8", "replace"),)))


class Budgets:
    """The budgets of all callers of this node."""

    def __init__(
        self, settings: Settings, ledger: Ledger, networks: Networks, clock: Callable[[], float] = time.time
    ) -> None:
        self._most = {
            CallerClass.ANONYMOUS: settings.anonymous_entries_per_day,
            CallerClass.KNOWN: settings.known_entries_per_day,
            CallerClass.GATEWAY: settings.gateway_entries_per_day,
        }
        self._most_patterns = settings.anonymous_short_patterns_per_day
        self._ledger = ledger
        self._networks = networks
        self._clock = clock
        self._today = 0
        self._spendings: dict[str, Spending] = {}

    def check(self, caller: Caller, asked: Predicate) -> Spending:
        """What the caller has had, before it is given more.

        Raises:
            BudgetExceeded: it has had enough for today.
            NotAllowed: a gateway asks for something else than whole addresses and identifiers.
        """
        if caller.caller_class is CallerClass.GATEWAY and not names_entries(asked):
            raise NotAllowed(_WHOLE_ONLY, fr=_WHOLE_ONLY_FR)
        spending = self.of(caller)
        if spending.spent:
            raise self._exceeded(_SPENT.format(most=spending.most), _SPENT_FR.format(most=spending.most))
        if caller.caller_class is CallerClass.ANONYMOUS and (pattern := short_pattern(asked)) is not None:
            if spending.patterns >= spending.most_patterns:
                raise self._exceeded(_SWEEP, _SWEEP_FR)
            spending.ask(pattern)
        return spending

    def of(self, caller: Caller) -> Spending:
        """What a caller has had today."""
        today = int(self._clock() // _DAY_S)
        if today != self._today or len(self._spendings) > _AT_HAND:
            self._today = today
            self._spendings.clear()
        found = self._spendings.get(caller.counted_as)
        if found is None or not (found.assured or found.current):
            found = self._spendings[caller.counted_as] = self._opened(caller, today)
        return found

    def _opened(self, caller: Caller, today: int) -> Spending:
        usual = self._most[caller.caller_class]
        granted = None if caller.known else self._networks.granted(caller.network)
        most = usual if granted is None else granted
        # Whoever may have more entries may ask more, in proportion.
        most_patterns = max(1, round(self._most_patterns * most / usual))
        return Spending(self._ledger.account(caller.counted_as, today), most, most_patterns)

    @property
    def left_s(self) -> int:
        """Seconds until all budgets are whole again."""
        return _DAY_S - int(self._clock()) % _DAY_S

    def _exceeded(self, message: str, french: str) -> BudgetExceeded:
        return BudgetExceeded(message, fr=french, retry_after_s=self.left_s)


def budgets_of(settings: Settings) -> Budgets | None:
    """The budgets of this node's callers; None where they have none (profile `open`).

    Raises:
        Unavailable: the counters cannot be kept.
    """
    if not settings.public:
        return None
    ledger = Ledger.open(settings.data_dir / "callers", settings.callers_counted)
    return Budgets(settings, ledger, Networks(read_allowances(settings.network_entries_per_day)))


@functools.lru_cache(maxsize=256)
def _distinct(bits: int, most: int) -> Distinct:
    return Distinct(bits, most)
