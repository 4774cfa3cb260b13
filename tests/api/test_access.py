"""Who asks by REST, and what they may have."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from starlette.testclient import TestClient

from api.access import Access
from api.app import create_app
from directory.accounts import Account, AccountKind, AccountList, Scope, new_certificate, new_secret
from directory.callers.budgets import budgets_of
from directory.callers.caller import Caller, CallerClass
from directory.callers.trace import Done
from directory.credentials import certificate_names
from directory.errors import NotAllowed, NotAuthenticated
from directory.index.build import build_index
from directory.index.reader import Index
from directory.settings import Settings
from tests.index.people import PEOPLE
from tests.index.register_of_records import RegisterOfRecords
from tests.ldap_server.authority import Authority

_PEPPER = b"a pepper of tests"
_NOW = dt.datetime.now(dt.UTC)
_LAPSED, _LAPSED_TEXT = new_secret(_PEPPER, expires_at=_NOW - dt.timedelta(days=1))
_SECRET, _TEXT = new_secret(_PEPPER)
_GATEWAY, _GATEWAY_TEXT = new_secret(_PEPPER)
with TemporaryDirectory() as _folder:
    _CERTIFICATE = Authority(Path(_folder), "Logiciel métier").certificate

Open = Callable[..., TestClient]


def account(name: str, kind: AccountKind, *credentials: object, scopes: frozenset[Scope] = frozenset()) -> Account:
    return Account(name=name, kind=kind, scopes=scopes, created_at=_NOW, credentials=credentials)  # type: ignore[arg-type]


_ACCOUNTS = (
    account(
        "application",
        AccountKind.APPLICATION,
        _SECRET,
        _LAPSED,
        new_certificate(*certificate_names(_CERTIFICATE.public_bytes(Encoding.DER))),
        scopes=frozenset({Scope.EXPORT}),
    ),
    account("gateway", AccountKind.GATEWAY, _GATEWAY, scopes=frozenset({Scope.RESOLVE})),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    register = RegisterOfRecords.of(PEOPLE)
    register.held = AccountList(_PEPPER, _ACCOUNTS)
    path = tmp_path_factory.mktemp("access")
    build_index(register, path / "index", map_bytes=2**28, workers=1)
    return path


@pytest.fixture
def opened(folder: Path) -> Iterator[Open]:
    """Opens a client of a node under some settings; `public` unless told otherwise, with budgets that are whole."""
    with ExitStack() as stack:

        def open_client(trace: Callable[[Done], None] | None = None, **settings: object) -> TestClient:
            (folder / "callers").unlink(missing_ok=True)
            chosen = Settings(data_dir=folder, **{"profile": "public", "callers_counted": 64, **settings})  # type: ignore[arg-type]
            index = Index.open(chosen.index_path, map_bytes=2**28)
            stack.callback(index.close)
            app = create_app(chosen, index, trace)
            return stack.enter_context(TestClient(app, raise_server_exceptions=False, client=("192.0.2.7", 50000)))

        yield open_client


def box(number: int) -> str:
    return f"/v1/mailboxes/box{number}@medecin.mssante.fr"


def left(answer: object) -> int:
    return int(answer.headers["ratelimit"].split(";r=")[1].split(";")[0])  # type: ignore[attr-defined]


def test_anybody_is_told_how_much_of_the_budget_is_left(opened: Open) -> None:
    client = opened(anonymous_entries_per_day=5)
    answer = client.get(box(1))
    assert answer.headers["ratelimit-policy"] == '"entries";q=5;w=86400'
    assert left(answer) == 4
    assert left(client.get(box(1))) == 4  # the same record again costs nothing
    assert left(client.get("/v1/search?q=martin&kind=mailbox")) < 4


def test_a_spent_budget_is_a_problem_with_the_time_when_it_is_whole_again(opened: Open) -> None:
    client = opened(anonymous_entries_per_day=2)
    assert [client.get(box(number)).status_code for number in (1, 2, 3)] == [200, 200, 429]
    refused = client.get(box(3), headers={"Accept-Language": "en"})
    assert refused.json()["type"] == "urn:annuaire:problem:budget-exceeded"
    assert 0 < int(refused.headers["retry-after"]) <= 86400
    assert left(refused) == 0


def test_the_profile_open_has_no_budgets(opened: Open) -> None:
    client = opened(profile="open", anonymous_entries_per_day=1)
    answers = [client.get(box(number)) for number in (1, 2, 3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert "ratelimit" not in answers[0].headers


def test_a_sweep_of_short_beginnings_is_refused_and_longer_words_are_not(opened: Open) -> None:
    client = opened(anonymous_short_patterns_per_day=3)
    answers = [client.get("/v1/autocomplete", params={"q": letters}).status_code for letters in ("a", "b", "c", "d")]
    assert answers == [200, 200, 200, 429]
    assert client.get("/v1/search?q=ab").status_code == 429
    assert client.get("/v1/search?q=martineau").status_code == 200


def test_ldap_and_rest_spend_the_same_budget(opened: Open, folder: Path) -> None:
    client = opened(anonymous_entries_per_day=3)
    client.get(box(1))
    budgets = budgets_of(Settings(data_dir=folder, profile="public", callers_counted=64, anonymous_entries_per_day=3))
    assert budgets is not None
    spending = budgets.of(Caller("192.0.2.7", "192.0.2.7"))
    assert spending.entries == 1
    spending.send((901, 902))
    assert client.get(box(2)).status_code == 429


@pytest.mark.parametrize("headers", [{"ESANTE-API-KEY": _TEXT}, {"Authorization": f"Bearer {_TEXT}"}])
def test_a_key_gives_its_account_a_budget_of_its_own(opened: Open, headers: dict[str, str]) -> None:
    client = opened(anonymous_entries_per_day=1, known_entries_per_day=7)
    client.get(box(1))
    assert client.get(box(2)).status_code == 429
    answer = client.get(box(2), headers=headers)
    assert (answer.status_code, answer.headers["ratelimit-policy"]) == (200, '"entries";q=7;w=86400')


@pytest.mark.parametrize(
    "key", ["", "nonsense", _LAPSED_TEXT, _TEXT[:-1] + "x", "é"], ids=["none", "nonsense", "lapsed", "misspelt", "é"]
)
def test_a_wrong_key_is_refused_rather_than_taken_for_anybodys(opened: Open, key: str) -> None:
    answer = opened().get(box(1), headers={"ESANTE-API-KEY": key.encode("latin-1")})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["type"] == "urn:annuaire:problem:not-authenticated"


def test_a_gateway_reads_what_it_names_and_searches_nothing(opened: Open) -> None:
    client = opened()
    headers = {"ESANTE-API-KEY": _GATEWAY_TEXT}
    assert client.get(box(1), headers=headers).status_code == 200
    assert client.get("/v1/search?q=martin", headers=headers).status_code == 403
    assert client.get("/v1/autocomplete?q=martin", headers=headers).status_code == 403


def counted(client: TestClient, **headers: str) -> str:
    """What the last journal line names as the client of a read."""
    assert client.get(box(1), headers=headers).status_code == 200
    return str(client.seen[-1].caller.address)


@pytest.fixture
def behind(opened: Open) -> Open:
    """Opens a client whose peer is a trusted proxy, with a journal in `seen`."""

    def open_client(**settings: object) -> TestClient:
        seen: list[Done] = []
        client = opened(seen.append, **{"http_proxies": "192.0.2.0/24,2001:db8:ff::/64", **settings})
        client.seen = seen
        return client

    return open_client


@pytest.mark.parametrize(
    ("told", "client"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9", "203.0.113.9"),  # what stands further left was made up by the client
        ("203.0.113.9, 192.0.2.8", "203.0.113.9"),  # two proxies of ours
        ("203.0.113.9:4711", "203.0.113.9"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("nonsense", "192.0.2.7"),
        ("", "192.0.2.7"),
    ],
)
def test_a_trusted_proxy_says_whose_request_it_is(behind: Open, told: str, client: str) -> None:
    assert counted(behind(), **{"X-Forwarded-For": told, "Forwarded": "for=198.51.100.66"}) == client


@pytest.mark.parametrize(
    ("told", "client"),
    [
        ("for=203.0.113.9", "203.0.113.9"),
        ('for=198.51.100.1, For="203.0.113.9:80";proto=https;by=192.0.2.7', "203.0.113.9"),
        ('for="[2001:db8:cafe::17]:4711"', "2001:db8:cafe::17"),
        ('for="a,b", for=203.0.113.9', "203.0.113.9"),
        ("for=unknown", "192.0.2.7"),
        ("for=_hidden", "192.0.2.7"),
        ("proto=https", "192.0.2.7"),
    ],
)
def test_forwarded_is_read_where_the_operator_chooses_it(behind: Open, told: str, client: str) -> None:
    opened = behind(http_proxy_header="Forwarded")
    assert counted(opened, **{"Forwarded": told, "X-Forwarded-For": "198.51.100.66"}) == client


def test_nobody_else_is_believed(behind: Open) -> None:
    client = behind(http_proxies="10.0.0.0/8")
    assert counted(client, **{"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9"}) == "192.0.2.7"


def test_metrics_are_not_for_who_comes_through_an_unknown_proxy_of_this_machine(opened: Open) -> None:
    client = opened(metrics_networks="192.0.2.0/24")
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 403


def _headers() -> list[str]:
    der = _CERTIFICATE.public_bytes(Encoding.DER)
    return [f":{base64.b64encode(der).decode()}:", quote(_CERTIFICATE.public_bytes(Encoding.PEM))]


@pytest.mark.parametrize("told", _headers())
def test_a_client_certificate_that_the_proxy_has_verified_is_its_account(behind: Open, told: str) -> None:
    client = behind(http_client_certificates=True)
    counted(client, **{"Client-Cert": told})
    caller = client.seen[-1].caller
    assert (caller.identity, caller.caller_class) == ("u:application", CallerClass.KNOWN)


@pytest.mark.parametrize("settings", [{"http_proxies": "10.0.0.0/8", "http_client_certificates": True}, {}])
def test_a_certificate_from_elsewhere_proves_nothing(behind: Open, settings: dict[str, object]) -> None:
    client = behind(**settings)
    counted(client, **{"Client-Cert": _headers()[0]})
    assert client.seen[-1].caller.identity == ""


@pytest.mark.parametrize("told", ["::", ":AAAA:", ":%%%:", "nonsense", "%2D"])
def test_a_certificate_that_cannot_be_read_is_nobodys(behind: Open, told: str) -> None:
    client = behind(http_client_certificates=True)
    counted(client, **{"Client-Cert": told})
    assert client.seen[-1].caller.identity == ""


def test_scopes_are_asked_for_in_public_only(folder: Path) -> None:
    def access(profile: str) -> Access:
        settings = Settings(data_dir=folder, profile=profile)
        return Access(settings, Index.open(settings.index_path, map_bytes=2**28))

    def scope(*headers: tuple[bytes, bytes]) -> dict[str, object]:
        return {"client": ("192.0.2.7", 1), "headers": list(headers), "scheme": "http"}

    def needs(profile: str, wanted: Scope, *headers: tuple[bytes, bytes]) -> None:
        entered = scope(*headers)
        access(profile).enter(entered)
        access(profile).visit(entered).needs(wanted)

    key = (b"esante-api-key", _TEXT.encode())
    needs("open", Scope.EXPORT)
    needs("public", Scope.EXPORT, key)
    with pytest.raises(NotAllowed, match="changes"):
        needs("public", Scope.CHANGES, key)
    with pytest.raises(NotAuthenticated):
        needs("public", Scope.EXPORT)


def test_the_journal_is_told_who_asked_what_and_how_much_was_sent(opened: Open) -> None:
    seen: list[Done] = []
    client = opened(seen.append)
    client.get(box(1), headers={"ESANTE-API-KEY": _TEXT})
    client.get("/v1/status")
    done = seen[-1]
    assert (len(seen), done.operation, done.code, done.results) == (1, "GET /v1/mailboxes/{address}", 200, 1)
    assert done.caller.identity == "u:application"


def test_a_key_may_be_sent_from_another_origin(opened: Open) -> None:
    asked = {
        "Origin": "https://example.org",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "esante-api-key",
    }
    answer = opened().options("/v1/search", headers=asked)
    assert answer.status_code == 200
    assert "ESANTE-API-KEY" in answer.headers["access-control-allow-headers"]
