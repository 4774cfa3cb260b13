"""How answers come: pages, totals, includes, formats, refusals."""

from __future__ import annotations

from pathlib import Path

import pytest

from directory.index.build import build_index
from directory.index.follow import Follower
from directory.index.reader import Index
from directory.model import Kind
from directory.settings import Settings
from tests.fhir.client import Fhir, included, link, matches, process, served
from tests.fhir.world import FRASLIN, IDLE, LE_GALL, PEOPLE, WORLD
from tests.index.register_of_records import RegisterOfRecords

PERSON = LE_GALL.national_id


def test_a_walk_shows_every_resource_once(fhir: Fhir) -> None:
    for kind in ("Practitioner", "PractitionerRole", "Organization"):
        for count in (1, 2, 3, 50):
            assert len(fhir.ids(f"{kind}?_count={count}")) == fhir.get(kind)["total"]


def test_links_are_absolute_and_repeat_what_was_understood(fhir: Fhir) -> None:
    bundle = fhir.get("Practitioner?name:contains=a,b&_count=1&_format=json")
    assert link(bundle, "self") == "http://testserver/fhir/v2/Practitioner?name:contains=a,b&_count=1"
    following = link(bundle, "next")
    assert following is not None
    assert following.startswith("http://testserver/fhir/v2/_page?id=")
    assert "name" not in following
    assert fhir.http.get(following).json()["entry"][0]["fullUrl"].startswith("http://testserver/fhir/v2/Practitioner/")


@pytest.mark.parametrize(
    ("settings", "headers", "base"),
    [
        ({"http_public_url": "https://annuaire.example.org/"}, {}, "https://annuaire.example.org"),
        (
            {"http_proxies": "10.0.0.0/8"},
            {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"},
            "https://testserver",
        ),
        ({}, {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"}, "http://testserver"),
    ],
)
def test_links_can_be_followed_from_outside(
    world: Path, index: Index, settings: dict[str, str], headers: dict[str, str], base: str
) -> None:
    chosen = Settings(data_dir=world, **settings)  # type: ignore[arg-type]
    with served(chosen, index, client=("10.0.0.1", 50_000)) as fhir:
        bundle = fhir.http.get("/fhir/v2/Practitioner?_count=1", headers=headers).json()
    assert (link(bundle, "next") or "").startswith(f"{base}/fhir/v2/_page?id=")


def test_totals_are_accurate_and_left_out_on_request(fhir: Fhir) -> None:
    assert fhir.get("Practitioner?_count=1&_total=estimate")["total"] == len(PEOPLE)
    assert "total" not in fhir.get("Practitioner?_total=none")
    alone = fhir.get("Practitioner?_count=0")
    assert (alone["total"], "entry" in alone, link(alone, "next")) == (len(PEOPLE), False, None)
    nobody = fhir.get("Practitioner?family=nobody")
    assert (nobody["total"], "entry" in nobody) == (0, False)


def test_a_page_of_another_revision_is_gone(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    register = RegisterOfRecords.of(list(WORLD))
    build_index(register, settings.index_path, map_bytes=2**28, workers=1)
    with process(settings) as fhir:
        following = link(fhir.get("Practitioner?_count=2"), "next")
    assert following is not None
    with process(settings) as fhir:  # another process of the same revision goes on
        assert len(matches(fhir.http.get(following).json())) == 2
    register.commit(removed=[(Kind.PRACTITIONER, IDLE.national_id)])
    Follower(register, settings.index_path, map_bytes=2**28).step()
    with process(settings) as fhir:
        gone = fhir.http.get(following)
        assert (gone.status_code, gone.json()["issue"][0]["code"]) == (410, "expired")
        assert len(fhir.ids("Practitioner?_count=2&active=true")) == len(PEOPLE) - 1


@pytest.mark.parametrize("token", ["", "x", "eJw", "%00", "A" * 5000])
def test_a_token_that_is_none_of_ours_is_refused(fhir: Fhir, token: str) -> None:
    assert fhir.refused(f"_page?id={token}", 400)["code"] == "invalid"


def test_what_matches_refer_to_is_included_once_and_not_counted(fhir: Fhir) -> None:
    bundle = fhir.get("PractitionerRole?organization=F690000013&_include=*")
    assert bundle["total"] == len(matches(bundle)) == 2
    assert sorted(included(bundle)) == [
        "Organization/F690000013",
        "Practitioner/810990000001",
        "Practitioner/810990000002",
    ]
    assert included(fhir.get("PractitionerRole?organization=F690000013&_include=PractitionerRole:organization")) == [
        "Organization/F690000013"
    ]


def test_what_refers_to_matches_is_included(fhir: Fhir) -> None:
    roles = included(fhir.get(f"Practitioner?_id={PERSON}&_revinclude=PractitionerRole:practitioner"))
    assert len(roles) == 2
    assert all(one.startswith(f"PractitionerRole/{PERSON}.") for one in roles)
    assert len(included(fhir.get("Organization?_id=F690000013&_revinclude=PractitionerRole:organization"))) == 2
    sites = included(fhir.get("Organization?_id=F690000005&_revinclude=Organization:partof"))
    assert sorted(sites) == ["Organization/F690000013", "Organization/F690000021"]
    assert included(fhir.get("Organization?_id=F690000013&_include=Organization:partof")) == ["Organization/F690000005"]


def test_too_many_to_be_included_are_said_to_be_left_out(world: Path, index: Index) -> None:
    settings = Settings(data_dir=world, fhir_included_max=1)
    with served(settings, index) as fhir:
        bundle = fhir.get(f"Practitioner?_id={PERSON}&_revinclude=PractitionerRole:practitioner")
    assert [one["search"]["mode"] for one in bundle["entry"]] == ["match", "include", "outcome"]
    assert bundle["entry"][-1]["resource"]["issue"][0]["severity"] == "warning"


def test_the_mailboxes_of_activities_can_be_repeated_with_the_person(world: Path, index: Index) -> None:
    settings = Settings(data_dir=world, fhir_repeat_mailboxes=True)
    with served(settings, index) as fhir:
        assert len(fhir.get(f"Practitioner/{PERSON}")["telecom"]) == 3
        assert fhir.ids("Practitioner?mailbox-mss:contains=valmorin") == {PERSON}
        assert fhir.ids("Practitioner?mailbox-mss:contains=@") == {PERSON, FRASLIN.national_id}


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("Practitioner?unknown=1", 400, "invalid"),
        ("Practitioner?_summary=true", 400, "invalid"),
        ("Practitioner?_sort=family", 400, "invalid"),
        ("PractitionerRole?organization.address-city=PARIS", 400, "invalid"),
        ("PractitionerRole?family=martin", 400, "invalid"),
        ("Practitioner?number-smartcard=1", 400, "invalid"),
        ("Practitioner?family:below=a", 400, "invalid"),
        ("Practitioner?active:exact=true", 400, "invalid"),
        ("Practitioner?_lastUpdated=yesterday", 400, "invalid"),
        ("Practitioner?_lastUpdated=2026-13-40", 400, "invalid"),
        ("Practitioner?_count=many", 400, "invalid"),
        ("Practitioner?_total=some", 400, "invalid"),
        ("Practitioner?_include=Practitioner:organization", 400, "invalid"),
        ("Practitioner?identifier=a|b|c", 400, "invalid"),
        ("PractitionerRole?practitioner=Patient/1", 400, "invalid"),
        ("Practitioner?family=%ff", 400, "invalid"),
        ("Practitioner/810990000001?family=x", 400, "invalid"),
        ("Practitioner/unknown", 404, "not-found"),
        ("PractitionerRole/810990000001.aaaaaaaaaaaa", 404, "not-found"),
        ("Practitioner/..%2f..", 404, "not-found"),
        ("Patient", 404, "not-found"),
        ("Patient/1", 404, "not-found"),
        ("Device?x=1", 404, "not-found"),
        ("a/b/c", 404, "not-found"),
        ("Practitioner?_format=xml", 406, "not-supported"),
        ("Practitioner?" + "&".join(["family=a"] * 201), 422, "too-costly"),
        ("Practitioner?identifier=" + ",".join(map(str, range(3000))), 422, "too-costly"),
    ],
)
def test_a_refusal_is_an_operation_outcome(fhir: Fhir, path: str, status: int, code: str) -> None:
    assert fhir.refused(path, status)["code"] == code


def test_an_unknown_parameter_is_named_as_the_national_api_does(fhir: Fhir) -> None:
    assert "Parameter '_summary' not found" in fhir.refused("Practitioner?_summary=true", 400)["diagnostics"]
    french = fhir.http.get("/fhir/v2/Practitioner?_summary=true", headers={"Accept-Language": "fr"}).json()
    assert "paramètre inconnu" in french["issue"][0]["diagnostics"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "POST"])
@pytest.mark.parametrize("path", ["Practitioner", f"Practitioner/{PERSON}"])
def test_writing_is_not_served(fhir: Fhir, method: str, path: str) -> None:
    answer = fhir.http.request(method, f"/fhir/v2/{path}")
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (405, "not-supported")


@pytest.mark.parametrize("format_", ["json", "application/json", "application/fhir%2Bjson", "application/fhir+json"])
def test_json_is_served_under_all_its_names(fhir: Fhir, format_: str) -> None:
    assert fhir.get(f"Practitioner?_format={format_}")["total"]
    assert fhir.get("Practitioner", accept="application/fhir+json;q=0.9, text/html")["total"]
    assert fhir.refused("Practitioner", 406, accept="application/fhir+xml")


def test_an_answer_can_be_pretty(fhir: Fhir) -> None:
    assert '\n  "resourceType"' in fhir.http.get("/fhir/v2/Practitioner?_pretty=true").text


def test_the_size_of_a_page_is_capped(world: Path, index: Index) -> None:
    settings = Settings(data_dir=world, fhir_count=2, fhir_count_max=3)
    with served(settings, index) as fhir:
        assert len(fhir.get("Practitioner")["entry"]) == 2
        assert len(fhir.get("Practitioner?_count=10000")["entry"]) == 3


def test_without_an_index_an_outcome_says_so(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    with process(settings) as fhir:
        answer = fhir.http.get("/fhir/v2/Practitioner")
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (503, "transient")
    assert answer.headers["retry-after"]


def test_an_unexpected_error_shows_a_reference_and_nothing_else(fhir: Fhir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("directory.index.reader.Snapshot.get", lambda *_: 1 / 0)
    answer = fhir.http.get(f"/fhir/v2/Practitioner/{PERSON}")
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (500, "exception")
    assert "division" not in answer.text
