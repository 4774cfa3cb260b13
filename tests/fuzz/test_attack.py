"""The attack on a live server, for a moment: `make fuzz` goes on for ten minutes."""

from __future__ import annotations

import pytest

from tests.fuzz.attack import ends_within_a_message, probe
from tests.fuzz.corpus import REQUESTS
from tests.fuzz.live import GROWTH_MIB, run, target
from tests.ldap_server.replies import Undecodable, read


def test_a_server_under_attack_answers_others_logs_no_error_and_keeps_its_size() -> None:
    with target() as attacked:
        found = run(attacked, seed=1, seconds=120, cases=1_500)
    assert found["fault"] == ""
    assert found["growth_mib"] <= GROWTH_MIB
    assert {"searchResEntry", "searchResDone", "bindResponse", "extendedResp"} <= set(found["replies"])


def test_a_fault_of_the_server_is_seen_and_ends_the_attack() -> None:
    with target() as attacked:
        attacked.log.write_text("2026-01-01 ERROR annuaire.ldap: internal error reference=x\n")
        found = run(attacked, seed=1, seconds=120, cases=1_500)
    assert "internal error" in found["fault"]


@pytest.mark.parametrize("wire", ["300100", "30050201016500", "300a02010165050a010104ff"])
def test_a_reply_that_is_none_does_not_decode(wire: str) -> None:
    with pytest.raises(Undecodable):
        read(bytes.fromhex(wire))


def test_the_probe_is_a_lookup_under_an_id_of_its_own() -> None:
    assert probe().endswith(REQUESTS["search-equality"][-10:])
    assert not ends_within_a_message(probe())
    assert all(ends_within_a_message(probe()[:size]) for size in range(1, len(probe())))
