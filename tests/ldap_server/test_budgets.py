"""Profile `public` over a real socket: how much of the directory one caller is given."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import ldap3
import pytest
from ldaptor.ldapfilter import parseFilter
from ldaptor.protocols import pureldap

from directory.accounts import Account, AccountKind, Identity, Scope
from directory.callers.budgets import Budgets
from directory.callers.caller import Caller, CallerClass
from directory.callers.ledger import Ledger
from directory.callers.networks import Networks
from directory.index.build import build_index
from directory.index.follow import Follower
from directory.index.reader import Index, Snapshot
from directory.model import Kind
from directory.settings import Settings
from ldap_server import messages
from ldap_server.answers import Answer
from ldap_server.operations import OPERATIONS
from ldap_server.sharing import Service
from tests.index.register_of_records import RegisterOfRecords
from tests.interpreted import interpreted
from tests.ldap_server.conftest import Server, serving
from tests.ldap_server.people import PEOPLE
from tests.ldap_server.test_server import BASE, code, connection, found

MAILS = [mailbox.address.lower() for mailbox in PEOPLE]


@pytest.fixture
def data(tmp_path: Path, indexed: Path) -> Path:
    """A data directory of its own, for counters of its own."""
    (tmp_path / "index").symlink_to(indexed / "index")
    return tmp_path


@pytest.fixture
def public(data: Path) -> Iterator[Server]:
    yield from serving(data, PROFILE="public", ANONYMOUS_ENTRIES_PER_DAY="30", LDAP_SIZE_LIMIT="10")


def refusal(server: Server, filter_: str = "(mail=*)", base: str = BASE, **more: Any) -> tuple[int, str]:
    client = connection(server)
    client.search(base, filter_, **more)
    return int(client.result["result"]), str(client.result["message"])


def spend(server: Server, entries: int) -> None:
    for address in MAILS[:entries]:
        found(server, f"(mail={address})")


def test_a_spent_budget_is_refused_in_french_and_english(public: Server) -> None:
    spend(public, 33)
    refused, text = refusal(public, f"(mail={MAILS[0]})")
    assert refused == messages.ADMIN_LIMIT
    assert "budget de 30 entrées différentes par jour" in text
    assert "budget of 30 different entries a day" in text


def test_the_same_entries_may_be_asked_for_again_and_again(public: Server) -> None:
    for _ in range(4):
        assert all(found(public, f"(mail={address})") for address in MAILS[:20])


def test_a_spent_budget_leaves_the_root_dse_and_the_schema_readable(public: Server) -> None:
    spend(public, 33)
    client = connection(public)
    assert client.search("", "(objectClass=*)", ldap3.BASE)
    assert client.search("cn=Subschema", "(objectClass=*)", ldap3.BASE)


def test_reading_and_comparing_single_entries_spend_too_and_are_refused_alike(public: Server) -> None:
    client = connection(public)
    for address in MAILS[:33]:
        client.compare(f"mail={address},{BASE}", "mail", address)
    assert client.compare(f"mail={MAILS[0]},{BASE}", "mail", MAILS[0]) is False
    assert client.result["result"] == messages.ADMIN_LIMIT
    assert refusal(public, "(objectClass=*)", f"mail={MAILS[1]},{BASE}", search_scope=ldap3.BASE)[0] == 11
    assert refusal(public, "(objectClass=*)", f"mail=nobody@x.fr,{BASE}", search_scope=ldap3.BASE)[0] == 11


def test_pages_spend_as_much_as_lists(public: Server) -> None:
    client = connection(public)
    for digit in "123456789":
        client.extend.standard.paged_search(BASE, f"(mail=*{digit}@*)", paged_size=4, generator=False)
    assert code(public, f"(mail={MAILS[-1]})") == messages.ADMIN_LIMIT


@pytest.mark.parametrize("filter_", ["(objectClass=*)", "(cn=*a*)", "(mail=*)"])
def test_who_asks_for_everything_gets_the_best_entries_and_is_told_that_there_are_more(
    public: Server, filter_: str
) -> None:
    assert len(found(public, filter_)) == 10
    assert code(public, filter_) == messages.SIZE_LIMIT


def test_the_alphabet_cannot_be_walked(data: Path) -> None:
    for server in serving(
        data, PROFILE="public", ANONYMOUS_ENTRIES_PER_DAY="100000", ANONYMOUS_SHORT_PATTERNS_PER_DAY="40"
    ):
        client = connection(server)
        codes = []
        for first, second in product("abcdefghij", repeat=2):
            client.search(BASE, f"(sn={first}{second}*)", attributes=["mail"])
            codes.append(client.result["result"])
        assert set(codes[:30]) == {messages.SUCCESS}
        assert set(codes[60:]) == {messages.ADMIN_LIMIT}
        assert "recherches courtes" in client.result["message"]
        assert len(found(server, f"(mail={MAILS[0]})")) == 1
        assert code(server, "(sn=mart*)") == messages.SUCCESS


def test_budgets_are_shared_by_all_workers_and_survive_a_restart(data: Path) -> None:
    for server in serving(data, workers=2, PROFILE="public", ANONYMOUS_ENTRIES_PER_DAY="30"):
        spend(server, 33)
        assert {code(server, f"(mail={MAILS[0]})") for _ in range(6)} == {messages.ADMIN_LIMIT}
    for server in serving(data, PROFILE="public", ANONYMOUS_ENTRIES_PER_DAY="30"):
        assert code(server, f"(mail={MAILS[0]})") == messages.ADMIN_LIMIT


def test_in_profile_open_nobody_is_counted(server: Server, indexed: Path) -> None:
    assert all(found(server, f"(mail={address})") for address in MAILS)
    assert not (indexed / "callers").exists()


# -- gateways ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def service(data: Path) -> Iterator[Service]:
    settings = Settings(data_dir=data, profile="public", ldap_size_limit=10, ldap_size_limit_known=40)
    ledger = Ledger.open(data / "callers", 64)
    index = Index.open(settings.index_path, map_bytes=2**28)
    yield Service(settings=settings, index=index, reactor=None, budgets=Budgets(settings, ledger, Networks()))
    index.close()
    ledger.close()


def answer(service: Service, caller: Caller, filter_: str, base: str = BASE, scope: int = 2) -> Answer:
    wire = pureldap.LDAPMessage(
        pureldap.LDAPSearchRequest(baseObject=base, scope=scope, filter=parseFilter(filter_)), id=1
    )
    envelope = messages.open_envelope(bytes(wire.toWire()), 10)
    course = OPERATIONS[envelope.operation].carry_out(service, caller, envelope)
    return next(turn for turn in course if isinstance(turn, Answer))


GATEWAY = Caller("192.0.2.9", "192.0.2.9", "gateway", CallerClass.GATEWAY)
KNOWN = Caller("192.0.2.9", "192.0.2.9", "clinic", CallerClass.KNOWN)
ANYBODY = Caller("192.0.2.9", "192.0.2.9")


def test_a_gateway_asks_for_whole_addresses_and_nothing_else(service: Service) -> None:
    assert answer(service, GATEWAY, f"(mail={MAILS[0]})").results == 1
    assert answer(service, GATEWAY, f"(&(objectClass=inetOrgPerson)(mail={MAILS[0]}))").results == 1
    assert answer(service, GATEWAY, "(objectClass=*)", f"mail={MAILS[0]},{BASE}", scope=0).code == messages.SUCCESS
    refused = answer(service, GATEWAY, "(mail=mart*)")
    assert (refused.code, refused.results) == (messages.INSUFFICIENT_ACCESS, 0)
    assert "passerelle" in refused.message
    assert "gateway" in refused.message


def test_an_account_is_given_more_entries_than_anybody(service: Service) -> None:
    assert answer(service, ANYBODY, "(mail=*)").results == 10
    assert answer(service, KNOWN, "(mail=*)").results == 40


def holder_of(*scopes: Scope, kind: AccountKind = AccountKind.APPLICATION) -> Caller:
    account = Account(name="clinic", kind=kind, scopes=frozenset(scopes), created_at=dt.datetime.now(dt.UTC))
    return ANYBODY.proved(Identity(account, "key"))


@pytest.mark.parametrize(
    ("scopes", "whole", "any_criterion"),
    [((Scope.SEARCH,), 0, 0), ((Scope.RESOLVE,), 0, 50), ((Scope.EXPORT, Scope.CHANGES), 50, 50)],
)
def test_an_account_asks_within_its_scopes(
    service: Service, scopes: tuple[Scope, ...], whole: int, any_criterion: int
) -> None:
    asking = holder_of(*scopes)
    for profile in (service.budgets, None):
        service.budgets = profile
        assert answer(service, asking, f"(mail={MAILS[0]})").code == whole
        assert answer(service, asking, "(sn=martin)").code in {any_criterion, any_criterion or messages.SIZE_LIMIT}
        assert answer(service, asking, "(objectClass=*)", f"mail={MAILS[0]},{BASE}", scope=0).code == whole
        assert answer(service, asking, "(objectClass=*)", "", scope=0).code == messages.SUCCESS  # the root DSE


@pytest.mark.parametrize("base", [BASE, "mail={guess}," + BASE])
def test_to_guess_addresses_spends_the_budget(service: Service, base: str) -> None:
    assert service.budgets is not None
    before = service.budgets.of(ANYBODY).entries
    for number in range(20):
        guess = f"jean.dupont{number}@medecin.mssante.fr"
        answer(service, ANYBODY, f"(mail={guess})", base.format(guess=guess), scope=0 if base != BASE else 2)
    answer(service, ANYBODY, "(sn=nobody-is-called-so)")  # says nothing about anybody
    assert service.budgets.of(ANYBODY).entries - before == pytest.approx(20, abs=1)


# -- what is not there -------------------------------------------------------------------------------------------------

WITHDRAWN, NEVER = "martin1@medecin.mssante.fr", "martin9@medecin.mssante.fr"


@pytest.fixture(scope="module")
def withdrawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mailbox that was in the index and has been withdrawn from the register."""
    folder = tmp_path_factory.mktemp("withdrawn")
    register = RegisterOfRecords.of([*PEOPLE[:20], _named(WITHDRAWN)])
    build_index(register, folder / "index", map_bytes=2**28, workers=1)
    register.commit(removed={(Kind.MAILBOX, WITHDRAWN)})
    assert Follower(register, folder / "index", map_bytes=2**28).step()
    return folder


@pytest.fixture(scope="module")
def withdrawing(withdrawn: Path) -> Iterator[Server]:
    yield from serving(withdrawn, PROFILE="public")


def _named(address: str) -> Any:
    return replace(PEOPLE[0], address=address)


def bytes_for(server: Server, operation: Any) -> bytes:
    with server.connect() as client:
        client.sendall(bytes(pureldap.LDAPMessage(operation, id=1).toWire()))
        return client.recv(65536)


@pytest.mark.parametrize("scope", [0, 1, 2])
def test_withdrawn_and_never_existing_addresses_have_the_same_answers_byte_by_byte(
    withdrawing: Server, scope: int
) -> None:
    def asked(address: str) -> list[bytes]:
        dn = f"mail={address},{BASE}"
        compared = pureldap.LDAPCompareRequest(
            dn,
            pureldap.LDAPAttributeValueAssertion(
                pureldap.LDAPAttributeDescription("mail"), pureldap.LDAPAssertionValue(address)
            ),
        )
        operations = [
            pureldap.LDAPSearchRequest(baseObject=BASE, scope=scope, filter=parseFilter(f"(mail={address})")),
            pureldap.LDAPSearchRequest(baseObject=dn, scope=scope, filter=parseFilter("(objectClass=*)")),
            compared,
        ]
        return [bytes_for(withdrawing, operation) for operation in operations]

    assert asked(WITHDRAWN) == asked(NEVER)


@interpreted
@pytest.mark.parametrize("filter_", ["(mail={})", "(&(objectClass=*)(mail={}))"])
def test_withdrawn_and_never_existing_addresses_cost_the_same_reads(
    withdrawn: Path, monkeypatch: pytest.MonkeyPatch, filter_: str
) -> None:
    """So that the time of an answer tells no more than its bytes."""
    reads: list[str] = []
    for name in ("posting", "several", "required", "raw_values"):
        plain = getattr(Snapshot, name)

        def noted(self: Snapshot, *given: Any, plain: Any = plain, name: str = name) -> Any:
            reads.append(f"{name} {given[0] if isinstance(given[0], str) else ''}")
            return plain(self, *given)

        monkeypatch.setattr(Snapshot, name, noted)
    settings = Settings(data_dir=withdrawn)
    index = Index.open(settings.index_path, map_bytes=2**28)
    service = Service(settings=settings, index=index, reactor=None)
    answer(service, ANYBODY, "(mail=x)")  # what is kept once it has been read
    seen = []
    for address in (WITHDRAWN, NEVER):
        reads.clear()
        assert not answer(service, ANYBODY, filter_.format(address)).entries
        seen.append(list(reads))
    index.close()
    assert seen[0] == seen[1]
    assert seen[0]
