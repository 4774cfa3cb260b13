"""The arithmetic of the benchmarks: percentiles, schedules, bars, digests of memory maps."""

from __future__ import annotations

import argparse
import dataclasses
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.latency import Latencies, median, percentile
from bench.ldap.agreement import Agreement, _compare, folded
from bench.ldap.client import Answer, Entry
from bench.ldap.compare import Comparison
from bench.ldap.ldif import record
from bench.ldap.load import Run
from bench.ldap.mixes import MIXES, Bar
from bench.openloop import Outcome, Schedule, generate
from bench.provenance import command
from bench.scale.memory import Peak, read_rollup


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_a_value_that_was_seen_with_enough_below_and_above(values: list[float], share: float) -> None:
    ordered = sorted(values)
    found = percentile(ordered, share)
    assert found in ordered
    assert sum(value <= found for value in ordered) >= share * len(ordered) - 1e-9
    assert sum(value < found for value in ordered) < share * len(ordered) + 1e-9


def test_percentiles_of_a_hundred_are_their_ranks() -> None:
    found = Latencies.of(number / 1000 for number in range(100, 0, -1))
    assert (found.p50_ms, found.p95_ms, found.p99_ms, found.max_ms, found.count) == (50, 95, 99, 100, 100)


def test_the_median_of_an_even_number_lies_between_the_middle_two() -> None:
    assert (median([3, 1, 2]), median([4, 1, 2, 3])) == (2, 2.5)
    with pytest.raises(ValueError, match="median"):
        median([])


def test_a_schedule_is_even_and_ends() -> None:
    schedule = Schedule(200, 0.02)
    assert [schedule.due(number) for number in range(5)] == [0, 0.005, 0.01, 0.015, None]
    assert Schedule(200).due(10**6) == 5000


def _slow_third(clock: list[float]) -> Callable[[int], str]:
    def lookup(number: int) -> str:
        clock[0] += 0.5 if number == 2 else 0.0
        return "ldap"

    return lookup


def test_one_slow_lookup_is_seen_by_all_that_were_due_meanwhile() -> None:
    """One lane, one second a hundredth: a closed loop would have seen one slow lookup, and not the queue behind it."""
    clock = [0.0]

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            clock[0] += timeout or 0.0
            return False

    outcome = generate(Schedule(10, 1.0), lambda: _slow_third(clock), stop=Stop(), lanes=1, clock=lambda: clock[0])
    seen = [round(value, 3) for value in outcome.latencies["ldap"]]
    assert seen == [0, 0, 0.5, 0.4, 0.3, 0.2, 0.1, 0, 0, 0]


def test_other_lanes_do_not_wait_for_a_slow_one() -> None:
    def connect() -> Callable[[int], str]:
        def lookup(number: int) -> str:
            time.sleep(0.3 if number == 0 else 0)
            return "rest"

        return lookup

    outcome = generate(Schedule(100, 0.3), connect, lanes=4)
    slow = [value for value in outcome.latencies["rest"] if value > 0.2]
    assert (len(outcome.latencies["rest"]), len(slow)) == (30, 1)


def test_a_failed_lookup_is_counted_and_the_lane_connects_again() -> None:
    connected: list[int] = []

    def connect() -> Callable[[int], str]:
        connected.append(1)

        def lookup(number: int) -> str:
            if number == 3:
                raise ConnectionError("gone")
            return "ldap"

        return lookup

    outcome = generate(Schedule(1000, 0.01), connect, lanes=1)
    assert outcome.failures == ["ConnectionError: gone"]
    assert (len(outcome.latencies["ldap"]), len(connected)) == (9, 2)


def test_an_outcome_tells_each_kind_and_all() -> None:
    outcome = Outcome()
    outcome.latencies["ldap"] += [0.001, 0.002]
    outcome.latencies["rest"] += [0.004]
    told = outcome.as_json()
    assert (told["lookups"], told["all"]["max_ms"], told["ldap"]["max_ms"]) == (3, 4, 2)


def test_a_bar_is_the_lower_of_the_multiple_and_the_rate() -> None:
    bar = Bar(150, 1400)
    assert (bar.needed(5), bar.needed(100), Bar(2).needed(100)) == (750, 1400, 200)
    assert (str(bar), str(Bar(1.5))) == ("150× or 1,400/s", "1.5×")


def run(per_second: float, p99_ms: float) -> Run:
    return Run(per_second=per_second, p50_ms=1, p95_ms=2, p99_ms=p99_ms, max_ms=9, entries_per_search=1,
               unanswered=0, codes={"0": 10, "4": 30})  # fmt: skip


def test_runs_are_summed_up_figure_by_figure() -> None:
    middle = Run.median([run(100, 30), run(300, 10), run(200, 20)])
    assert (middle.per_second, middle.p99_ms, middle.codes) == (200, 20, {"0": 30, "4": 90})
    assert middle.at_size_limit == 0.75


def test_searches_that_end_in_an_error_or_not_at_all_have_failed() -> None:
    good = run(100, 5)
    assert good.failed == 0
    assert dataclasses.replace(good, codes={"0": 5, "80": 2, "4": 1}, unanswered=1).failed == 3
    mix = MIXES[0]
    bad = dataclasses.replace(good, codes={"0": 5, "51": 1})
    assert Comparison(mix, 5, ours=good, peer=good, pairs=1).fast_enough is True
    assert Comparison(mix, 5, ours=bad, peer=good, pairs=1).fast_enough is False


def entry(name: str, cn: str) -> Entry:
    return Entry(f"mail={name},ou=bal", {"cn": [cn]})


def compared(text: str, ours: list[Entry], theirs: list[Entry]) -> Agreement:
    found = Agreement()
    _compare(found, text, Answer(ours, 0, "", b""), Answer(theirs, 0, "", b""))
    return found


def test_an_entry_more_by_its_accent_is_as_it_should_be() -> None:
    lea, plain = entry("a", "Léa MARTIN"), entry("b", "Lea MARTIN")
    found = compared("(cn=lea*)", [lea, plain], [plain])
    assert found.agreed
    assert found.by_accents == 1


def test_an_entry_that_is_missing_extra_or_other_is_told() -> None:
    lea, plain, other = entry("a", "Léa MARTIN"), entry("b", "Lea MARTIN"), entry("b", "Lea MARTINE")
    assert compared("(cn=lea*)", [], [plain]).missing
    assert compared("(cn=max*)", [lea], []).unexplained
    assert compared("(cn=lea*)", [plain, entry("c", "Lea")], [plain]).unexplained
    assert compared("(cn=lea*)", [other], [plain]).differing


def test_ligatures_and_signs_are_plain_letters_when_folded() -> None:
    assert folded("Œuvrard  D’ÉTÉ") == "oeuvrard d'ete"


def test_values_that_ldif_cannot_hold_are_encoded() -> None:
    text = record("mail=a,o=b", {"sn": ["É", " x", "plain: text"], "cn": ["a b"]})
    assert text == "dn: mail=a,o=b\ncn: a b\nsn:: w4k=\nsn:: IHg=\nsn: plain: text\n\n"


def test_a_published_command_names_no_place_on_a_disk() -> None:
    options = argparse.Namespace(
        what="build", data=Path("somewhere/private"), seconds=2.0, no_check=True, json=None, mixes=["mail", "outlook"],
        extract=[Path("x"), Path("y")], ldap=None,
    )  # fmt: skip
    told = command("bench.scale", vars(options))
    assert told == (
        "python -m bench.scale build --data DATA --seconds 2.0 --no-check --mixes mail,outlook "
        "--extract EXTRACT1 EXTRACT2"
    )


def test_memory_is_read_from_the_kernel_in_bytes_and_peaks_are_kept() -> None:
    text = "5580-7ffd ---p 00000000 00:00 0 [rollup]\nRss: 900 kB\nPss: 300 kB\nPrivate_Clean: 4 kB\nPrivate_Dirty: 96 kB\n"
    assert read_rollup(text) == {"Rss": 921600, "Pss": 307200, "Private_Clean": 4096, "Private_Dirty": 98304}
    peak = Peak()
    peak.note([30 * 2**20, 10 * 2**20], 5 * 2**20)
    peak.note([], 20 * 2**20)
    told = peak.as_json()
    assert (told["program_mib"], told["largest_process_mib"], told["database_mib"]) == (40, 30, 20)
    assert told["together_mib"] == 45
