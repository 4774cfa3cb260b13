"""What filters assert, at the edges of their values."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from directory.errors import TimeLimitExceeded
from directory.index import evaluate, matching
from directory.index.documents import prepare
from directory.index.evaluate import Evaluation
from directory.index.matching import generalized_time
from directory.model import Kind, Mailbox, Organization, Record
from directory.query import And, Field, Has, Is, Like, Near, Not, Or, Predicate, Query, Resolves
from tests.index import oracle
from tests.index.people import AT, PEOPLE
from tests.index.register_of_records import RegisterOfRecords
from tests.index.strategies import predicates, records
from tests.index.test_index import KINDS, made
from tests.interpreted import interpreted


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("19900101000000Z", datetime(1990, 1, 1, tzinfo=UTC)),
        ("199001010130Z", datetime(1990, 1, 1, 1, 30, tzinfo=UTC)),
        ("1990010101.5Z", datetime(1990, 1, 1, 1, 30, tzinfo=UTC)),
        ("19900101013000,25z", datetime(1990, 1, 1, 1, 30, 0, 250_000, tzinfo=UTC)),
        ("19900101013000+0130", datetime(1990, 1, 1, tzinfo=UTC)),
        ("1990010100-01", datetime(1990, 1, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_in_every_form_of_the_standard(written: str, moment: datetime) -> None:
    assert generalized_time(written) == moment


@pytest.mark.parametrize(
    "written",
    ["", "Z", "19900101000000", "19901301000000Z", "1990010100.²Z", "99991231235959.9999999Z", "00010101000000+0100"],
)
def test_what_is_no_time_is_none(written: str) -> None:
    assert generalized_time(written) is None


def test_a_value_longer_than_a_key_is_matched_to_its_end(tmp_path: Path) -> None:
    shared = "CLINIQUE " + "é" * 600
    structures = [Organization(key=f"F{end}", name=f"{shared} {end}") for end in ("NORD", "SUD")]
    with made(RegisterOfRecords.of(structures), tmp_path).read() as snapshot:

        def found(predicate: Is | Like) -> list[str]:
            page = snapshot.find(Query(predicate=predicate, kinds=(Kind.ORGANIZATION,)))
            return [match.document.key for match in page.matches]

        assert found(Is(Field.ORGANIZATION, f"{shared} SUD")) == ["FSUD"]
        assert found(Like(Field.ORGANIZATION, final=" sud")) == ["FSUD"]
        assert found(Like(Field.ORGANIZATION, initial=f"{shared} n")) == ["FNORD"]
        assert found(Like(Field.ORGANIZATION, initial="clinique")) == ["FNORD", "FSUD"]


def test_a_number_resolves_whoever_else_bears_it_in_an_address(tmp_path: Path) -> None:
    # What a filter says of one entry does not depend on the others.
    namesake = Mailbox(address="10990000003@a.mssante.fr", kind="APP", created_at=AT, modified_at=AT)
    with made(RegisterOfRecords.of([*PEOPLE, namesake]), tmp_path).read() as snapshot:
        page = snapshot.find(Query(predicate=Resolves("10990000003")))
        assert {match.document.key for match in page.matches} == {"box3@medecin.mssante.fr", namesake.address}


def test_resolving_a_name_past_the_deadline_is_given_up(tmp_path: Path) -> None:
    with made(RegisterOfRecords.of(PEOPLE), tmp_path).read() as snapshot, pytest.raises(TimeLimitExceeded):
        snapshot.find(Query(predicate=Resolves("m"), kinds=KINDS, deadline_s=-1.0))


@settings(max_examples=40, deadline=None)
@given(people=st.lists(records(), max_size=14), asked=st.lists(predicates(), min_size=6, max_size=6))
def test_of_each_kind_exactly_what_plain_evaluation_finds_is_found_and_no_other_kind(
    people: list[Record], asked: list[Predicate]
) -> None:
    register = RegisterOfRecords.of(people)
    prepared = [prepare(record) for record in register.records.values()]
    with tempfile.TemporaryDirectory() as name, made(register, Path(name)).read() as snapshot:
        for predicate in asked:
            right = {(one.kind, one.key) for one in prepared if oracle.truth(predicate, one.values) is True}
            for kinds in ((Kind.MAILBOX,), (Kind.PRACTITIONER,), (Kind.ORGANIZATION, Kind.MAILBOX)):
                page = snapshot.find(Query(predicate=predicate, kinds=kinds))
                found = [(match.document.kind, match.document.key) for match in page.matches]
                assert set(found) == {one for one in right if one[0] in kinds}
                assert len(found) == len(set(found))
                everything = Evaluation(snapshot, 5.0).of_kinds(predicate, kinds)
                assert len(everything) == len(found)


@interpreted
@settings(max_examples=30, deadline=None)
@given(people=st.lists(records(), max_size=14), asked=st.lists(predicates(), min_size=6, max_size=6))
def test_sets_narrowed_down_to_the_last_document_give_what_values_give(
    people: list[Record], asked: list[Predicate]
) -> None:
    register = RegisterOfRecords.of(people)
    prepared = [prepare(record) for record in register.records.values()]
    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory() as name,
        made(register, Path(name)).read() as snapshot,
    ):
        patch.setattr(evaluate, "_FEW", 0)  # so few documents would be checked at once
        for predicate in (*asked, And(tuple(asked[:3])), And(tuple(asked[3:]))):
            matching_keys = {f"{one.kind}:{one.key}" for one in prepared if oracle.truth(predicate, one.values) is True}
            page = snapshot.find(Query(predicate=predicate, kinds=KINDS))
            assert {f"{match.document.kind}:{match.document.key}" for match in page.matches} == matching_keys


@interpreted
def test_what_the_sets_tell_exactly_is_not_left_to_be_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "_FEW", 0)
    infix = Like(Field.CN, middle=("arti",))
    with made(RegisterOfRecords.of(PEOPLE), tmp_path).read() as snapshot:
        evaluation = Evaluation(snapshot, 5.0, (Kind.MAILBOX,))
        list(evaluation.candidates(And((infix, Is(Field.OBJECT_CLASS, "person"), Like(Field.MAIL, initial="box")))))
        assert evaluation.unproven == infix


@pytest.mark.parametrize(
    ("costly", "pieces"),
    [
        (Or(tuple(Like(Field.CN, middle=(f"{one}",)) for one in range(250))), 250),
        (Not(And(tuple(Like(Field.STREET, final=f"{one}") for one in range(250)))), 250),
        (Near(Field.CN, "martin martinn mrtin marttin martni"), 5),
        (Resolves(" ".join(f"m{one}" for one in range(200))), 200),
    ],
)
def test_a_costly_predicate_is_evaluated_in_a_step_for_each_piece(
    costly: Predicate, pieces: int, tmp_path: Path
) -> None:
    # So that whoever shares the thread has turns in between.
    with made(RegisterOfRecords.of(PEOPLE), tmp_path).read() as snapshot:
        assert len(list(Evaluation(snapshot, 5.0, KINDS).candidates(costly))) >= pieces


def test_once_few_documents_are_left_only_beginnings_and_whole_values_are_looked_up(tmp_path: Path) -> None:
    broad = Has(Field.MAIL), Is(Field.OBJECT_CLASS, "person")
    costly = Like(Field.MAIL, initial="mailbox"), Like(Field.CN, middle=("marie",))
    looked_up = Like(Field.MAIL, initial="box"), Is(Field.MAIL, "box3@medecin.mssante.fr")
    with made(RegisterOfRecords.of(PEOPLE), tmp_path).read() as snapshot:
        evaluation = Evaluation(snapshot, 5.0, (Kind.MAILBOX,))
        list(evaluation.candidates(And((*costly, *broad, *looked_up))))
        assert evaluation.unproven == And((*broad, *costly))


@settings(max_examples=60, deadline=None)
@given(record=records(), predicate=predicates())
def test_a_check_looks_at_no_part_of_a_record_behind_the_last_it_says(record: Record, predicate: Predicate) -> None:
    whole = prepare(record).record

    def nobody(_near: Near) -> BitMap:
        return BitMap()

    check = matching.check(predicate, nobody)
    parts = matching.split(whole, matching.last_part(predicate))
    assert check(1, parts) == check(1, matching.split(whole))
    # What stands behind it is one piece: whatever it holds, the answer is the same.
    assert check(1, [*parts[: matching.last_part(predicate) + 1], b"x"]) == check(1, parts)
