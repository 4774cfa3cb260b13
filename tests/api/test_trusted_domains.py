"""Whether an address lies in the trust space: from the white list in the register to the answers of a node."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from starlette.testclient import TestClient

from api.app import create_app
from directory.index import store, trust
from directory.index.build import build_index
from directory.index.follow import Follower
from directory.index.reader import Index
from directory.index.verify import verify
from directory.registry.database import Database
from directory.registry.source import RegistryRegister
from directory.registry.withdrawals import lift, withdraw
from directory.settings import Settings
from directory.trust import Operator, WhiteList, domain_of
from importers import columns
from importers.mailboxes import import_mailboxes
from importers.report import ImportOptions
from importers.trusted_domains import import_trusted_domains
from importers.white_list_signing import DemoAuthority, signed_white_list
from tests.importers.files import mailbox, write
from tests.index.register_of_records import RegisterOfRecords

MAP = 2**28
MADE = dt.datetime(2026, 1, 14, 22, tzinfo=dt.UTC)
HOSPITAL = Operator(name="CH VALMORIN", identifier_type="FINESS", identifier="690000001")
AGENCY = Operator(name="GCS EXEMPLE", identifier_type="SIRET", identifier="13000000000016")
LISTED = WhiteList(as_of=MADE, domains={"ch-valmorin.mssante.fr": (AGENCY, HOSPITAL), "medecin.mssante.fr": (AGENCY,)})
SHOWN_AGENCY = {"name": "GCS EXEMPLE", "identifier_type": "SIRET", "identifier": "13000000000016"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A node without its register."""
    folder = tmp_path_factory.mktemp("trust")
    register = RegisterOfRecords.of([])
    register.listed = LISTED
    build_index(register, folder / "index", map_bytes=MAP, workers=1)
    index = Index.open(folder / "index", map_bytes=MAP)
    with TestClient(create_app(Settings(data_dir=folder), index)) as opened:
        yield opened
    index.close()


def test_a_trusted_domain_is_told_with_its_operators_and_the_date_of_the_list(client: TestClient) -> None:
    answer = client.get("/v1/trusted-domains/medecin.mssante.fr").json()
    assert answer["trusted"]
    assert answer["operators"] == [SHOWN_AGENCY]
    assert answer["white_list"] == {"as_of": "2026-01-14T22:00:00Z"}
    both = client.get("/v1/trusted-domains/ch-valmorin.mssante.fr").json()["operators"]
    assert [operator["name"] for operator in both] == ["GCS EXEMPLE", "CH VALMORIN"]


@pytest.mark.parametrize("written", ["MEDECIN.mssante.fr", "Marie@Medecin.MSSante.fr", "medecin.mssante.fr."])
def test_case_and_what_stands_before_the_at_sign_do_not_matter(client: TestClient, written: str) -> None:
    assert client.get(f"/v1/trusted-domains/{written}").json()["trusted"]


@pytest.mark.parametrize(
    "other", ["example.org", "x.medecin.mssante.fr", "mssante.fr", "medecin.mssante.fr.example.org", "é.mssante.fr"]
)
def test_a_domain_counts_as_it_stands_on_the_list_and_those_around_it_do_not(client: TestClient, other: str) -> None:
    answer = client.get(f"/v1/trusted-domains/{other}").json()
    assert (answer["domain"], answer["trusted"], answer["operators"]) == (other, False, [])


def test_many_addresses_and_domains_are_checked_at_once_and_come_back_in_order(client: TestClient) -> None:
    names = ["a@medecin.mssante.fr", "example.org", "no address", "@medecin.mssante.fr", "b@ch-valmorin.mssante.fr"]
    answer = client.post("/v1/trusted-domains/check", json={"names": names}).json()
    assert [result["asked"] for result in answer["results"]] == names
    assert [result["trusted"] for result in answer["results"]] == [True, False, False, False, True]
    assert answer["results"][2]["domain"] is None
    assert answer["counts"] == {"trusted": 2, "not_trusted": 3}


def test_a_thousand_names_are_checked_in_a_call_and_no_more(client: TestClient) -> None:
    for many, status in ((1000, 200), (1001, 422), (0, 422)):
        asked = {"names": ["a@medecin.mssante.fr"] * many}
        assert client.post("/v1/trusted-domains/check", json=asked).status_code == status


@pytest.mark.parametrize(("language", "said"), [("fr", "n'est ni un domaine"), ("en", "is neither a domain")])
def test_what_is_no_domain_is_refused_in_the_readers_language(client: TestClient, language: str, said: str) -> None:
    answer = client.get("/v1/trusted-domains/nonsense", headers={"Accept-Language": language})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.json()["detail"]


def test_an_answer_is_sent_once_per_revision(client: TestClient) -> None:
    tag = client.get("/v1/trusted-domains/medecin.mssante.fr").headers["etag"]
    again = client.get("/v1/trusted-domains/medecin.mssante.fr", headers={"If-None-Match": tag})
    assert again.status_code == 304


@given(st.text(max_size=40))
def test_the_domain_of_anything_is_a_domain_or_nothing(text: str) -> None:
    domain = domain_of(text)
    assert domain is None or (domain == domain_of(f"a@{domain}") == domain_of(domain) and "@" not in domain)


def test_a_list_is_followed_and_an_index_from_before_there_was_one_gets_it(tmp_path: Path) -> None:
    register = RegisterOfRecords.of([])
    build_index(register, tmp_path / "index", map_bytes=MAP, workers=1)
    build = store.current_build(tmp_path / "index")
    assert build is not None
    environment = store.open_environment(build, MAP, write=True)
    with environment.lmdb.begin(write=True) as txn:
        txn.drop(environment.databases[trust.DATABASE])
    environment.close()

    assert _trusted(tmp_path) is None
    assert Follower(register, tmp_path / "index", MAP).step()
    assert _trusted(tmp_path) is False
    register.listed = LISTED
    assert {found.kind for found in verify(register, tmp_path / "index", map_bytes=MAP)} == {"trust"}
    register.commit()
    Follower(register, tmp_path / "index", MAP).step()
    assert _trusted(tmp_path) is True
    assert verify(register, tmp_path / "index", map_bytes=MAP) == []


def _trusted(data_dir: Path) -> bool | None:
    """What a node says of a domain; None while it cannot tell (503)."""
    index = Index.open(data_dir / "index", map_bytes=MAP)
    with TestClient(create_app(Settings(data_dir=data_dir), index)) as client:
        answer = client.get("/v1/trusted-domains/medecin.mssante.fr")
    index.close()
    if answer.status_code == 503:
        assert answer.headers["retry-after"]
        return None
    trusted: bool = answer.json()["trusted"]
    return trusted


def test_the_signed_list_comes_through_an_import_without_operators_that_are_withdrawn(
    database: Database, tmp_path: Path
) -> None:
    authority = DemoAuthority.make()
    (tmp_path / "ca.pem").write_bytes(authority.ca_pem)
    entries = [
        ("medecin.mssante.fr", "Médecins", f"CN={name}.fr,OU=313000000000016,O=GCS EXEMPLE,ST=Paris (75),C=FR")
        for name in ("one", "two")  # two certificates of one operator
    ] + [("ch.mssante.fr", "CH", "CN=three.fr,OU=1690000001,O=CH VALMORIN,ST=Rhône (69),C=FR")]
    (tmp_path / "list.xml").write_bytes(signed_white_list(entries, MADE, authority))
    options = ImportOptions(whitelist_ca_file=tmp_path / "ca.pem")
    assert import_trusted_domains(database, [tmp_path / "list.xml"], options).status == "applied"
    register = RegistryRegister(database.url)
    with register.open() as source:
        held = source.white_list()
    assert held.as_of == MADE
    assert held.domains["medecin.mssante.fr"] == (AGENCY,)
    assert [operator.name for operator in held.domains["ch.mssante.fr"]] == ["CH VALMORIN"]

    with database.writing() as connection:
        connection.execute(text("INSERT INTO organization (key, name, finess) VALUES ('F1', 'CH VALMORIN', '1')"))
    withdraw(database, "F1", "a reason", "somebody")
    with register.open() as source:
        assert source.white_list().domains["ch.mssante.fr"] == ()


def test_a_node_reads_the_list_again_when_it_or_what_is_withdrawn_has_changed(
    database: Database, tmp_path: Path
) -> None:
    authority, register = DemoAuthority.make(), RegistryRegister(database.url)
    (tmp_path / "ca.pem").write_bytes(authority.ca_pem)
    options = ImportOptions(whitelist_ca_file=tmp_path / "ca.pem")
    follower = Follower(register, tmp_path / "index", MAP)
    follower.step()

    def told() -> tuple[bool, tuple[str, ...] | None]:
        """Whether the register says that the list may be another one, and what the node tells of the domain then."""
        with closing(Index.open(tmp_path / "index", map_bytes=MAP)) as index, index.read() as snapshot:
            state = snapshot.state
        with register.open() as source:
            changed = source.changes(state.epoch, state.revision).white_list
        follower.step()
        with closing(Index.open(tmp_path / "index", map_bytes=MAP)) as index, index.read() as snapshot:
            operators = snapshot.white_list.operators("ch.mssante.fr")
        return changed, None if operators is None else tuple(operator.name for operator in operators)

    def listed(operator: str, day: int) -> None:
        entries = [("ch.mssante.fr", "CH", f"CN=three.fr,OU=1690000001,O={operator},ST=Rhône (69),C=FR")]
        made = MADE + dt.timedelta(days=day)
        (tmp_path / "list.xml").write_bytes(signed_white_list(entries, made, authority))
        assert import_trusted_domains(database, [tmp_path / "list.xml"], options).status == "applied"

    def has_mailboxes(count: int) -> None:
        rows = [mailbox(f"n{number}@ch.mssante.fr", number) for number in range(count)]
        files = write(tmp_path / f"of {count}", columns.MAILBOX, rows)
        assert import_mailboxes(database, [files], ImportOptions()).status == "applied"

    assert told() == (False, None)
    listed("CH D'AILLEURS", 0)
    has_mailboxes(10)
    assert told()[1] == ("CH D'AILLEURS",)  # a first load: everything is read
    listed("CH VALMORIN", 1)
    assert told() == (True, ("CH VALMORIN",))
    has_mailboxes(11)
    assert told() == (False, ("CH VALMORIN",))
    with database.writing() as connection:
        connection.execute(text("INSERT INTO organization (key, name, finess) VALUES ('F1', 'CH VALMORIN', '1')"))
    withdraw(database, "F1", "a reason", "somebody")
    assert told() == (True, ())
    lift(database, "F1", "another", "somebody")
    assert told() == (True, ("CH VALMORIN",))
    assert verify(register, tmp_path / "index", map_bytes=MAP) == []
