"""The activities that have ended lately, in the named database `ended`: by moment, for who follows what changes, and by
person.

| Key                             | Value                                                |
|---------------------------------|------------------------------------------------------|
| `a`, moment, person, 0x1f, mark | person, 0x1f, mark: a key may have been cut          |
| `n`, moment                     | how many ended then (u32)                            |
| `p`, person                     | JSON: when each of the person's ended, by their mark |

A moment is a GeneralizedTime, a mark tells an activity from the others of its person (`facets.mark`). A change writes
what it changes: the many that ended on other days are neither read nor written again.
"""

from __future__ import annotations

import datetime as dt
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import orjson

from directory.index import facets
from directory.index.layout import VALUE, bounded
from directory.index.values import generalized_time
from directory.model import LEFT_DAYS, EndedActivity, Kind, RegisterState

if TYPE_CHECKING:
    from directory.index.reader import Snapshot

DATABASE: Final = "ended"

_ONE, _NUMBER, _PERSON = b"a", b"n", b"p"
_MOMENT_BYTES: Final = 15
_COUNT: Final = struct.Struct(">I")

Marks = Mapping[str, str]
"""The activities of a person that have ended: their marks, and when."""


class EndedCopy:
    """What a snapshot holds of them; valid while that is open. The name of one is its moment, person and mark."""

    __slots__ = ("_snapshot",)

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def numbers(self) -> Mapping[str, int]:
        """How many have ended, by moment, in order. Those of people who are hidden by now count as well."""
        known: dict[str, int] | None = self._snapshot.kept.get(DATABASE)
        if known is None:
            held = self._snapshot.scan(DATABASE, _NUMBER)
            known = self._snapshot.kept[DATABASE] = {key[1:].decode(): _COUNT.unpack(value)[0] for key, value in held}
        return known

    def names(self, moment: str, last: str | None = None) -> Iterator[str]:
        """The names of those that ended at a moment, in order; those behind one of them."""
        after = _key_of(last) if last is not None else b""
        for _, value in self._snapshot.scan(DATABASE, _ONE + moment.encode(), after):
            yield moment + bytes(value).decode()

    def of(self, person: str) -> Marks:
        """Those of a person."""
        if (Kind.PRACTITIONER, person) in self._snapshot.veiled:
            return {}
        return _marks(self._snapshot.value(DATABASE, _person_key(person)))

    def hidden(self) -> frozenset[str]:
        """The names of those whose person is hidden by now, though the index does not know yet."""
        people = [key for kind, key in self._snapshot.veiled if kind is Kind.PRACTITIONER]
        held = ((person, _marks(self._snapshot.value(DATABASE, _person_key(person)))) for person in people)
        return frozenset(name(person, one, at) for person, marks in held for one, at in marks.items())


def name(person: str, mark: str, moment: str) -> str:
    return moment + person + VALUE + mark


def named(name: str) -> tuple[str, str, str]:
    """The person, the mark and the moment of a name."""
    person, _, mark = name[_MOMENT_BYTES:].rpartition(VALUE)
    return person, mark, name[:_MOMENT_BYTES]


def pairs(held: Iterable[EndedActivity], state: RegisterState) -> Iterator[tuple[bytes, bytes]]:
    """All that the database holds at a state."""
    numbers: Counter[str] = Counter()
    for person, marks in _by_person(held, state).items():
        numbers.update(marks.values())
        yield _person_key(person), orjson.dumps(marks)
        yield from (_one(person, mark, moment) for mark, moment in marks.items())
    for moment, number in numbers.items():
        yield _number_key(moment), _COUNT.pack(number)


def write(txn: Any, database: Any, held: Iterable[tuple[bytes, bytes]]) -> None:
    """Fill the database of an index that is being built."""
    for key, value in held:
        txn.put(key, value, db=database)


def renew(txn: Any, database: Any, people: Iterable[str], held: Iterable[EndedActivity], state: RegisterState) -> None:
    """Replace what the database holds of some people, of whom all is given."""
    present = _by_person(held, state)
    _replace(txn, database, {person: present.get(person, {}) for person in people})


def forget(txn: Any, database: Any, state: RegisterState) -> None:
    """Leave out what ended so long ago that the register has forgotten it."""
    oldest = _oldest(state)
    people = set()
    with txn.cursor(db=database) as cursor:
        for key, value in cursor.iternext() if cursor.set_range(_ONE) else ():
            if key[:1] != _ONE or key[1 : 1 + _MOMENT_BYTES] >= oldest.encode():
                break
            people.add(value.decode().rpartition(VALUE)[0])
    held = {person: _marks(txn.get(_person_key(person), db=database)) for person in people}
    kept = {
        person: {mark: moment for mark, moment in marks.items() if moment >= oldest} for person, marks in held.items()
    }
    _replace(txn, database, kept)


def name_of(key: bytes) -> str:
    """What a key is about, for people."""
    return key[1:].decode("ascii", "backslashreplace")


def _replace(txn: Any, database: Any, people: Mapping[str, Marks]) -> None:
    """Write what is to be held of people where that is something else than what is."""
    changed: Counter[str] = Counter()
    for person, after in people.items():
        key = _person_key(person)
        before = _marks(txn.get(key, db=database))
        if before == after:
            continue
        for mark, moment in before.items() - after.items():
            changed[moment] -= 1
            txn.delete(_one(person, mark, moment)[0], db=database)
        for mark, moment in after.items() - before.items():
            changed[moment] += 1
            txn.put(*_one(person, mark, moment), db=database)
        _keep(txn, database, key, orjson.dumps(after) if after else b"")
    for moment, more in changed.items():
        key = _number_key(moment)
        number = _COUNT.unpack(txn.get(key, _COUNT.pack(0), db=database))[0] + more
        _keep(txn, database, key, _COUNT.pack(number) if number else b"")


def _keep(txn: Any, database: Any, key: bytes, value: bytes) -> None:
    if value:
        txn.put(key, value, db=database)
    else:
        txn.delete(key, db=database)


def _by_person(held: Iterable[EndedActivity], state: RegisterState) -> dict[str, dict[str, str]]:
    """The marks of each person's activities, and when they ended; in the order of the marks."""
    oldest = _oldest(state)
    found: dict[str, dict[str, str]] = {}
    for one in held:
        if (moment := generalized_time(one.at)) >= oldest:
            marked = facets.mark(one.profession, one.category, one.organization_key, one.number)
            found.setdefault(one.national_id, {})[marked] = moment
    return {person: dict(sorted(marks.items())) for person, marks in found.items()}


def _oldest(state: RegisterState) -> str:
    """The oldest moment that is told of at a state: the register forgets by the same clock."""
    now = state.committed_at
    return generalized_time(now - dt.timedelta(days=LEFT_DAYS)) if now is not None else ""


def _one(person: str, mark: str, moment: str) -> tuple[bytes, bytes]:
    return _key_of(name(person, mark, moment)), f"{person}{VALUE}{mark}".encode()


def _key_of(name: str) -> bytes:
    return bounded(_ONE + name.encode())


def _number_key(moment: str) -> bytes:
    return _NUMBER + moment.encode()


def _person_key(person: str) -> bytes:
    return bounded(_PERSON + person.encode())


def _marks(value: bytes | None) -> Marks:
    found: Marks = orjson.loads(value) if value is not None else {}
    return found
