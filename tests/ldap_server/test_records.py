"""What is kept of operations: access lines without what was asked, metrics, and the hook for a journal."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from directory import logs
from directory.callers.caller import Caller, CallerClass
from directory.callers.trace import Done
from directory.index.reader import Index
from directory.query import And, Anything, AtLeast, AtMost, Field, Has, Is, Like, Near, Not, Or, Predicate, Resolves
from ldap_server import messages
from ldap_server.access import AccessLog
from ldap_server.answers import Answer
from ldap_server.metrics import CONNECTIONS, ENTRIES, OPERATIONS, SLOW, Metrics
from ldap_server.shapes import shape
from tests.interpreted import interpreted
from tests.ldap_server.test_turns import BIND, House, search

DUPONT = Like(Field.CN, None, ("dupont",), None)
WHO = Caller("192.0.2.1", "192.0.2.1", "gateway-7", CallerClass.GATEWAY)


def done(code: int = 0, results: int = 3, seconds: float = 0.0123) -> Done:
    return Done(WHO, "search", code, results, seconds, DUPONT)


@pytest.mark.parametrize(
    ("predicate", "shown"),
    [
        (Is(Field.MAIL, "dupont@x.fr"), "(mail=?)"),
        (DUPONT, "(cn=*?*)"),
        (Like(Field.SN, "du", ("po",), "nt"), "(sn=?*?*?)"),
        (Like(Field.SN, "du"), "(sn=?*)"),
        (Or((DUPONT, Is(Field.SN, "dupont"))), "(|(cn=*?*)(sn=?))"),
        (And((Has(Field.MAIL), Not(DUPONT))), "(&(mail=*)(!(cn=*?*)))"),
        (Or(tuple(Is(Field.MAIL, str(n)) for n in range(200))), "(|(mail=?)x200)"),
        (And(()), "(&)"),
        (Near(Field.SN, "dupont"), "(sn~=?)"),
        (AtLeast(Field.CREATED, "2026"), "(createTimestamp>=?)"),
        (AtMost(Field.CREATED, "2026"), "(createTimestamp<=?)"),
        (Resolves("dupont"), "(anr=?)"),
        (Anything(), "(?)"),
    ],
)
def test_the_shape_of_a_filter_has_no_value_of_it(predicate: Predicate, shown: str) -> None:
    assert shape(predicate) == shown


def test_the_shape_of_the_widest_filter_stays_short() -> None:
    parts = tuple(part for n in range(128) for part in (DUPONT, Is(Field.SN, str(n))))
    assert len(shape(Or(parts))) <= 1001


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> io.StringIO:
    caplog.set_level("INFO", "annuaire.ldap.access")
    return io.StringIO()


@interpreted
def test_the_access_log_has_a_line_for_each_operation(lines: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    house.service.access = AccessLog(lines)
    monkeypatch.setattr("time.time", lambda: 1_768_446_900.25)
    client, _ = house.client()
    client.dataReceived(BIND)
    client.dataReceived(search(2))
    assert lines.getvalue() == ""
    house.service.sweep()
    first, second = lines.getvalue().splitlines()
    assert first.startswith("2026-01-15T03:15:00.250Z INFO annuaire.ldap.access[")
    assert "] bind client=192.0.2.1 who=- code=0 entries=0 ms=" in first
    assert "] search client=192.0.2.1 who=- code=0 entries=0 ms=" in second


def test_a_line_says_who_asked_in_what_shape_and_how_many_came_back(lines: io.StringIO) -> None:
    log = AccessLog(lines)
    log.note(done())
    log.flush()
    assert lines.getvalue().endswith(
        '] search client=192.0.2.1 who=gateway-7 filter="(cn=*?*)" code=0 entries=3 ms=12.3\n'
    )
    assert "dupont" not in lines.getvalue()


def test_lines_do_not_pile_up(lines: io.StringIO) -> None:
    log = AccessLog(lines)
    for _ in range(250):
        log.note(done())
    assert lines.getvalue().count("\n") == 200


def test_the_access_log_is_left_out_above_its_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("WARNING", "annuaire.ldap.access")
    lines = io.StringIO()
    log = AccessLog(lines)
    log.note(done())
    log.flush()
    assert lines.getvalue() == ""


def test_a_password_and_a_name_that_was_tried_are_in_no_line(lines: io.StringIO, tmp_path: Path) -> None:
    from tests.ldap_server.test_turns import FAILED_BIND

    house = House()
    house.service.access = AccessLog(lines)
    house.service.index = Index.open(tmp_path, map_bytes=2**20)
    client, _ = house.client()
    client.dataReceived(FAILED_BIND)
    house.service.sweep()
    assert "] bind client=192.0.2.1 who=- code=" in lines.getvalue()
    assert "wrong" not in lines.getvalue()
    assert "cn=x" not in lines.getvalue()


@interpreted
def test_the_hook_is_told_who_what_and_how_many() -> None:
    house = House()
    told: list[Done] = []
    house.service.trace = told.append
    client, _ = house.client()
    client.dataReceived(BIND)
    client.dataReceived(search(2))
    assert [(one.operation, one.code, one.results, one.caller.address) for one in told] == [
        ("bind", 0, 0, "192.0.2.1"),
        ("search", 0, 0, "192.0.2.1"),
    ]


@interpreted
def test_the_hook_is_told_what_was_asked() -> None:
    class Found:
        def search(self, *_: object) -> object:
            yield Answer((b"",), asked=DUPONT)

    house = House()
    told: list[Done] = []
    house.service.trace = told.append
    house.service.searcher = Found()  # type: ignore[assignment]
    client, _ = house.client()
    client.dataReceived(search(2))
    assert [(one.asked, one.results) for one in told] == [(DUPONT, 1)]


def value(metric: Any, *labels: str) -> float:
    return float((metric.labels(*labels) if labels else metric)._value.get())


def test_metrics_count_operations_by_outcome_once_they_are_published() -> None:
    metrics = Metrics()
    before = value(OPERATIONS, "search", "success"), value(ENTRIES), value(SLOW, "search", "0.01")
    metrics.note(done())
    metrics.note(done(results=4, seconds=0.001))
    metrics.note(done(code=messages.SIZE_LIMIT))
    refused = value(OPERATIONS, "search", "sizeLimitExceeded")
    metrics.publish(7)
    metrics.publish(5)
    after = value(OPERATIONS, "search", "success"), value(ENTRIES), value(SLOW, "search", "0.01")
    assert [now - then for now, then in zip(after, before, strict=True)] == [2, 10, 2]
    assert value(OPERATIONS, "search", "sizeLimitExceeded") - refused == 1
    assert value(CONNECTIONS) == 5


def test_a_log_file_that_was_moved_away_is_opened_anew(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "annuaire.log"
    file = logs.LogFile(path)
    file.write("before\n")
    path.rename(path.with_suffix(".1"))
    file.write("still the old one\n")
    file.reopen()
    file.write("after\n")
    assert path.with_suffix(".1").read_text() == "before\nstill the old one\n"
    assert path.read_text() == "after\n"
