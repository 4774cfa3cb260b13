"""Several questions at once: searches of several types of resource, and batches of readings."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from hypothesis import given
from hypothesis import strategies as st

from api.fhir import pages
from api.fhir.pages import Position
from directory.index.build import build_index
from directory.index.reader import Index
from directory.model import EndedActivity, Kind
from directory.settings import Settings
from tests.fhir.client import BASE, Fhir, Json, included, link, matches, process, served
from tests.fhir.world import LE_GALL, VALMORIN, WORLD
from tests.index.register_of_records import RegisterOfRecords

MAP = 2**28
KINDS = ("Practitioner", "PractitionerRole", "Organization")
LEFT = dt.datetime.now(dt.UTC).replace(microsecond=0) - dt.timedelta(days=2)
GONE, CLOSED = "810990000077", "F690000099"


@pytest.fixture(scope="module")
def fhir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fhir]:
    register = RegisterOfRecords.of(list(WORLD))
    register.gone = {(Kind.PRACTITIONER, GONE): LEFT, (Kind.ORGANIZATION, CLOSED): LEFT}
    register.ended = [
        EndedActivity(national_id=GONE, profession="10", category="C", organization_key=key, number=1, at=LEFT)
        for key in (VALMORIN.key, CLOSED)
    ]
    settings = Settings(data_dir=tmp_path_factory.mktemp("several"))
    build_index(register, settings.index_path, map_bytes=MAP, workers=1)
    with process(settings) as opened:
        yield opened


def references(bundle: Json) -> list[str]:
    shown = (one["resource"] for one in bundle.get("entry", []) if one["search"]["mode"] == "match")
    return [f"{resource['resourceType']}/{resource['id']}" for resource in shown]


def walked(fhir: Fhir, query: str) -> list[str]:
    """All matches of a search of the whole facade, on all pages."""
    bundle = fhir.get(query)
    assert link(bundle, "self") == f"http://testserver{BASE}{query}"
    total, found = bundle["total"], references(bundle)
    while (following := link(bundle, "next")) is not None:
        bundle = fhir.http.get(following).json()
        assert bundle["total"] == total
        found += references(bundle)
    assert len(found) == len(set(found)) == total
    return found


def each(fhir: Fhir, query: str, kinds: tuple[str, ...] = KINDS) -> list[str]:
    """What searches of each type find, one after the other."""
    return [f"{kind}/{id_}" for kind in kinds for id_ in matches(fhir.get(f"{kind}?{query}"))]


@pytest.fixture
def at_base(fhir: Fhir) -> Fhir:
    """Paths begin at the base itself, without a slash."""

    @dataclasses.dataclass(frozen=True)
    class AtBase(Fhir):
        def get(self, path: str, **headers: str) -> Json:
            answer = self.http.get(BASE + path, headers=headers, follow_redirects=False)
            assert answer.status_code == 200, answer.text
            found: Json = answer.json()
            return found

    return AtBase(fhir.http)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 50])
@pytest.mark.parametrize(
    "query",
    [
        "",
        "active=true",
        "active=false",
        f"_id={LE_GALL.national_id},{VALMORIN.key},{GONE}",
        "identifier=10990000001,690000013",
        "mailbox-mss:contains=@",
        "mailbox-mss:contains=ch-valmorin",
        "mailbox-mss-type=PER",
        "data-information-system=MSS",
        "_lastUpdated=ge{left}",
        "active:not=true&identifier:not=690000099",
    ],
)
def test_a_search_of_all_types_finds_what_searches_of_each_do(
    fhir: Fhir, at_base: Fhir, query: str, count: int
) -> None:
    asked = query.format(left=LEFT.strftime("%Y-%m-%dT%H:%M:%SZ"))
    assert walked(at_base, f"?{asked}&_count={count}".replace("?&", "?")) == each(fhir, asked)


def test_types_are_searched_in_the_order_in_which_they_are_named(fhir: Fhir, at_base: Fhir) -> None:
    named = ("Organization", "PractitionerRole")
    assert walked(at_base, f"?_type={','.join(named)}&_count=2") == each(fhir, "", named)
    assert walked(at_base, "?_type=Organization,Organization&_count=2") == each(fhir, "", named[:1])


def test_parameters_of_one_type_are_known_where_that_one_alone_is_searched(fhir: Fhir, at_base: Fhir) -> None:
    asked = "?_type=Practitioner&family=martin"
    assert walked(at_base, asked) == each(fhir, "family=martin", ("Practitioner",))


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("?family=martin", "not found for PractitionerRole"),
        ("?_type=Practitioner,Organization&address-city=lyon", "not found for Practitioner"),
        ("?_type=Patient", "_type"),
        ("?_type=Practitioner,x", "_type"),
        ("?_include=PractitionerRole:x", "_include"),
        ("?_type=Organization&_include=PractitionerRole:practitioner", "_include"),
        ("Practitioner?_type=Practitioner", "not found"),
    ],
)
def test_what_is_not_common_to_all_types_is_refused(fhir: Fhir, query: str, told: str) -> None:
    assert told in fhir.refused(query, 400)["diagnostics"]


def test_what_is_included_is_included_once_with_any_type(at_base: Fhir) -> None:
    query = f"?_type=Practitioner,PractitionerRole&_id={LE_GALL.national_id}&_include=*&_revinclude=*"
    bundle = at_base.get(query)
    assert references(bundle) == [f"Practitioner/{LE_GALL.national_id}"]
    assert len(included(bundle)) == len(set(included(bundle))) == 2
    everything = at_base.get("?_type=PractitionerRole,Practitioner&_include=*&active=true")
    assert not [one for one in included(everything) if not one.startswith("Organization/")]


def test_a_search_of_all_types_can_be_a_form(fhir: Fhir, at_base: Fhir) -> None:
    form = {"_type": "Practitioner,Organization", "identifier": "10990000001,690000013"}
    answer = fhir.http.post(f"{BASE}/_search", data=form)
    assert references(answer.json()) == [f"Practitioner/{LE_GALL.national_id}", f"Organization/{VALMORIN.key}"]


def test_the_base_is_served_with_and_without_a_slash(fhir: Fhir) -> None:
    for path in (BASE, f"{BASE}/"):
        answer = fhir.http.get(f"{path}?_type=Organization&_count=0", follow_redirects=False)
        assert (answer.status_code, answer.json()["total"]) == (200, len(fhir.ids("Organization")))
        assert fhir.http.put(path).status_code == 405
        assert fhir.http.put(path).json()["resourceType"] == "OperationOutcome"


def test_the_statement_names_what_is_served(fhir: Fhir) -> None:
    statement = fhir.get("metadata")
    CapabilityStatement.model_validate(statement)
    (rest,) = statement["rest"]
    assert {one["code"] for one in rest["interaction"]} == {"search-system", "batch"}
    names = {one["name"] for one in rest["searchParam"]}
    assert names >= {"_type", "_id", "_lastUpdated", "active", "identifier", "mailbox-mss", "mailbox-mss-type"}
    assert not names & {"family", "address-city", "role"}


# -- batches -----------------------------------------------------------------------------------------------------------


def batch(*urls: str, **more: str) -> Json:
    entries = [{"request": {"method": "GET", "url": url, **more}} for url in urls]
    return {"resourceType": "Bundle", "type": "batch", "entry": entries}


def sent(fhir: Fhir, body: Any, **headers: str) -> list[Json]:
    """The entries of the answer to a batch."""
    content = {"content-type": "application/fhir+json", **headers}
    answer = fhir.http.post(BASE, json=body, headers=content, follow_redirects=False)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    assert found["type"] == "batch-response"
    Bundle.model_validate(found)
    entries: list[Json] = found.get("entry", [])
    assert len(entries) == len(body["entry"])
    return entries


def test_each_entry_of_a_batch_is_answered_as_it_would_be_alone(fhir: Fhir) -> None:
    urls = [
        f"Practitioner/{LE_GALL.national_id}",
        "Organization?identifier=690000013",
        "/PractitionerRole?active=false",
        f"http://testserver{BASE}/Practitioner?family=le%20gall",
        f"http://testserver{BASE}?_type=Practitioner,Organization&active=false",
        "?_type=Organization&_count=1",
        "metadata",
        f"Practitioner/{GONE}",
    ]
    for url, entry in zip(urls, sent(fhir, batch(*urls)), strict=True):
        path = url.removeprefix("http://testserver").removeprefix(BASE).lstrip("/")
        alone = fhir.http.get(f"{BASE}/{path}")
        assert entry["response"]["status"] == "200 OK"
        assert _lasting(entry["resource"]) == _lasting(alone.json())
        assert entry["response"].get("etag") == alone.headers.get("etag")


def _lasting(resource: Json) -> Json:
    """A resource without what is another each time."""
    bundle = resource["resourceType"] == "Bundle"
    return {name: value for name, value in resource.items() if not (bundle and name in ("id", "link"))}


def test_a_next_link_can_be_followed_in_a_batch(fhir: Fhir) -> None:
    following = link(fhir.get("Practitioner?_count=2"), "next")
    assert following is not None
    (entry,) = sent(fhir, batch(following))
    assert matches(entry["resource"]) == matches(fhir.http.get(following).json())


@pytest.mark.parametrize(
    ("entry", "status", "code"),
    [
        ({"request": {"method": "GET", "url": "Practitioner/unknown"}}, "404 Not Found", "not-found"),
        ({"request": {"method": "GET", "url": "Patient?name=x"}}, "404 Not Found", "not-found"),
        ({"request": {"method": "GET", "url": "Practitioner/1/_history"}}, "404 Not Found", "not-found"),
        ({"request": {"method": "GET", "url": "Practitioner?unknown=x"}}, "400 Bad Request", "invalid"),
        ({"request": {"method": "GET", "url": "https://elsewhere.example.org/x"}}, "400 Bad Request", "invalid"),
        ({"request": {"method": "GET", "url": "//[x"}}, "400 Bad Request", "invalid"),
        ({"request": {"method": "GET", "url": "_page?id=x"}}, "400 Bad Request", "invalid"),
        ({"request": {"method": "DELETE", "url": "Practitioner/1"}}, "405 Method Not Allowed", "not-supported"),
        ({"request": {"method": "POST", "url": "Practitioner"}, "resource": {}}, "405 Method Not Allowed", "not-supported"),
        ({"request": {"url": "Practitioner"}}, "400 Bad Request", "invalid"),
        ({"request": {"method": "GET", "url": 1}}, "400 Bad Request", "invalid"),
        ({"request": []}, "400 Bad Request", "invalid"),
        ({}, "400 Bad Request", "invalid"),
        ("x", "400 Bad Request", "invalid"),
    ],
)  # fmt: skip
def test_an_entry_that_fails_tells_why_and_the_others_are_answered(
    fhir: Fhir, entry: Any, status: str, code: str
) -> None:
    good = batch("Practitioner?_count=0")["entry"][0]
    failed, answered = sent(fhir, {**batch(), "entry": [entry, good]})
    assert (failed["response"]["status"], failed["response"]["outcome"]["issue"][0]["code"]) == (status, code)
    assert "resource" not in failed
    assert answered["response"]["status"] == "200 OK"


def test_a_refusal_within_a_batch_is_in_the_language_asked_for(fhir: Fhir) -> None:
    deletion = {"request": {"method": "DELETE", "url": "Practitioner/1"}}
    (failed,) = sent(fhir, {**batch(), "entry": [deletion]}, **{"accept-language": "fr"})
    assert "un lot ne sert que GET" in failed["response"]["outcome"]["issue"][0]["diagnostics"]


def test_what_the_client_knows_already_is_not_sent_again(fhir: Fhir) -> None:
    url = f"Practitioner/{LE_GALL.national_id}"
    (known,) = sent(fhir, batch(url))
    (again,) = sent(fhir, batch(url, ifNoneMatch=known["response"]["etag"]))
    assert again["response"]["status"] == "304 Not Modified"
    assert "resource" not in again


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 400),
        ("no json", 400),
        ("[]", 400),
        ('{"resourceType": "Bundle", "type": "transaction", "entry": []}', 400),
        ('{"resourceType": "Bundle", "type": "batch", "entry": {}}', 400),
        ('{"resourceType": "Bundle", "type": "batch", "entry": [' + ",".join(["{}"] * 51) + "]}", 422),
        ('"' + "x" * 70_000 + '"', 400),
    ],
)
def test_what_is_no_batch_is_refused_as_a_whole(fhir: Fhir, body: str, status: int) -> None:
    answer = fhir.http.post(BASE, content=body, headers={"content-type": "application/fhir+json"})
    assert (answer.status_code, answer.json()["resourceType"]) == (status, "OperationOutcome")


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["request", "method", "url"]), inner),
)
_REQUESTS = st.fixed_dictionaries({"request": st.fixed_dictionaries({"method": st.just("GET"), "url": st.text()})})


@given(st.lists(_VALUES | _REQUESTS, max_size=5))
def test_whatever_entries_are_each_is_answered(fhir: Fhir, entries: list[Any]) -> None:
    answer = fhir.http.post(BASE, json={**batch(), "entry": entries}, headers={"content-type": "application/json"})
    assert answer.status_code == 200
    assert len(answer.json().get("entry", [])) == len(entries)


_NUMBERS = st.integers(-3, 60) | st.sampled_from([-(10**12), 10**12])


@given(
    st.sampled_from(["", "Practitioner", "PractitionerRole", "Organization"]),
    st.tuples(_NUMBERS, st.none() | st.text(max_size=40) | st.just(LE_GALL.national_id), st.just(0), _NUMBERS),
)
def test_a_forged_page_does_no_harm(fhir: Fhir, kind: str, stood: tuple[int, str | None, int, int]) -> None:
    state = RegisterOfRecords.of(list(WORLD)).state
    token = pages.write(state, kind, [("_count", "2")], Position(*stood))
    assert fhir.http.get(f"{BASE}/_page?id={token}").status_code in (200, 410)


def test_a_batch_wants_json(fhir: Fhir) -> None:
    assert fhir.http.post(BASE, data={"_type": "Practitioner"}).status_code == 400


def test_an_empty_batch_has_an_empty_answer(fhir: Fhir) -> None:
    assert sent(fhir, batch()) == []


def test_a_batch_tells_no_more_than_a_page_may(world: Path, index: Index) -> None:
    with served(Settings(data_dir=world, fhir_count=3, fhir_count_max=4), index) as fhir:
        statuses = [one["response"]["status"][:3] for one in sent(fhir, batch(*["Practitioner"] * 3))]
    assert statuses == ["200", "200", "422"]


def test_each_entry_spends_the_callers_budget(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, profile="public", anonymous_entries_per_day=3)
    build_index(RegisterOfRecords.of(list(WORLD)), settings.index_path, map_bytes=MAP, workers=1)
    urls = [f"Practitioner/{LE_GALL.national_id}", "Organization?_count=2", "Organization?_count=4", "Practitioner"]
    with process(settings) as fhir:
        found = sent(fhir, batch(*urls))
    assert [one["response"]["status"][:3] for one in found] == ["200", "200", "429", "429"]
    assert found[2]["response"]["outcome"]["issue"][0]["code"] == "throttled"


def test_a_batch_that_takes_too_long_is_cut_short(world: Path, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 4))
    with served(Settings(data_dir=world), index) as fhir:
        monkeypatch.setattr("api.fhir.app.time", SimpleNamespace(monotonic=lambda: next(clock)))
        found = sent(fhir, batch(*["Practitioner/unknown"] * 9))
    assert {one["response"]["status"][:3] for one in found} == {"404", "503"}
