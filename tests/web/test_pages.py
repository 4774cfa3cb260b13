"""The pages as they are sent: what stands in them, in which language, under which headers."""

from __future__ import annotations

import datetime as dt
import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from markupsafe import escape
from starlette.testclient import TestClient

from api.app import create_app
from api.web import cards, coverage
from api.web.assets import ASSETS
from api.web.texts import TEXTS, telephone
from directory.errors import BudgetExceeded
from directory.index.measured import Measure
from directory.index.reader import Index
from directory.registry.evidence import Evidence
from directory.settings import Settings
from tests.web.world import DOCTOR, DOCTORS_BOX, HOSPITAL, KINE, NURSE, WARD

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
PAGES = [
    "/",
    "/?q=lefevre",
    "/coverage",
    "/coverage?department=69",
    "/coverage/unequipped?department=69",
    "/register",
    "/legal",
    "/docs",
    "/guide",
    "/guide/developer",
    f"/p/{DOCTOR}",
    f"/s/{HOSPITAL}",
    f"/m/{WARD}",
]


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[TestClient]:
    settings = Settings(data_dir=folder, operator="Groupement <e-santé>", operator_contact="contact@example.org")
    index = Index.open(settings.index_path, map_bytes=2**28)
    with TestClient(create_app(settings, index), raise_server_exceptions=False, headers=BROWSER) as opened:
        yield opened
    index.close()


@pytest.mark.parametrize("path", [*PAGES, "/p/nobody"])
@pytest.mark.parametrize("tongue", ["fr", "en"])
def test_a_page_asks_nothing_of_anybody_else_and_names_its_source(client: TestClient, path: str, tongue: str) -> None:
    answer = client.get(path, headers={"Accept-Language": tongue})
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert f'<html lang="{tongue}">' in answer.text
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert not re.search(r"<style|<script>|\son\w+=|\sstyle=|@import|url\(", answer.text)
    assert all(url.startswith(("/", "#")) for url in re.findall(r'(?:src|href|action)="([^"]*)"', answer.text)
               if not url.startswith(("tel:", "mailto:")))  # fmt: skip
    assert "RPPS, Annuaire Santé (ANS)" in answer.text


def test_a_language_that_was_chosen_stays_in_every_address(client: TestClient) -> None:
    page = client.get("/?q=martin&lang=en", headers={"Accept-Language": "fr"}).text
    assert '<html lang="en">' in page
    own = [url for url in re.findall(r'href="(/[^"]*)"', page) if not url.startswith("/static/")]
    assert len(own) > 6
    assert all("lang=" in url for url in own)
    assert '<input type="hidden" name="lang" value="en">' in page


def test_both_languages_say_the_same_things() -> None:
    french, english = TEXTS["fr"].messages, TEXTS["en"].messages
    assert french.keys() == english.keys()
    for name in french:
        places = [sorted(re.findall(r"{(\w+)}", messages[name])) for messages in (french, english)]
        assert places[0] == places[1], name


@pytest.mark.parametrize("name", sorted(ASSETS))
def test_a_file_is_kept_for_ever_and_sent_packed(client: TestClient, name: str) -> None:
    asset = ASSETS[name]
    answer = client.get(asset.url, headers={"Accept-Encoding": "gzip"})
    assert "immutable" in answer.headers["cache-control"]
    assert answer.content == asset.content
    assert gzip.decompress(asset.packed) == asset.content


def test_a_file_of_another_version_is_answered_and_not_kept(client: TestClient) -> None:
    answer = client.get("/static/app.000000000000.css")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")
    assert client.get("/static/other.000000000000.css").status_code == 404


def test_pages_are_packed_for_who_takes_that(client: TestClient) -> None:
    assert client.get("/", headers={"Accept-Encoding": "gzip"}).headers["content-encoding"] == "gzip"
    assert "content-encoding" not in client.get("/", headers={"Accept-Encoding": "identity"}).headers


def test_a_person_is_found_once_with_the_address_to_write_to(client: TestClient) -> None:
    page = client.get("/", params={"q": "lefebvre lyon"}).text
    assert page.count('<li class="result">') == 1
    assert f'href="/p/{DOCTOR}"' in page
    assert f'data-copy="{DOCTORS_BOX}"' in page


def test_an_address_leads_to_the_person_who_holds_it(client: TestClient) -> None:
    assert f'href="/p/{DOCTOR}"' in client.get("/", params={"q": DOCTORS_BOX}).text


def test_a_ward_is_found_with_its_hospital(client: TestClient) -> None:
    page = client.get("/", params={"q": "cardiologie valmorin"}).text
    assert f'href="/s/{HOSPITAL}"' in page
    assert "CH DE &lt;VALMORIN&gt;" in page
    assert page.index(f'data-copy="{WARD}"') < page.index('data-copy="accueil@')


@pytest.mark.parametrize(
    ("filters", "found", "not_found"),
    [
        ({"profession": "10"}, DOCTOR, KINE),
        ({"structure": "cabinet des lilas", "kind": "practitioner"}, KINE, NURSE),
        ({"q": "martin", "mailbox": "no"}, KINE, "810990000004"),
        ({"q": "martin", "mailbox": "yes"}, "810990000004", KINE),
        ({"department": "rhone", "q": "thibaut"}, NURSE, DOCTOR),
        ({"city": "lyon", "profession": "70"}, KINE, NURSE),
    ],
)
def test_filters_are_a_plain_form(client: TestClient, filters: dict[str, str], found: str, not_found: str) -> None:
    page = client.get("/", params=filters).text
    assert f"/p/{found}" in page
    assert f"/p/{not_found}" not in page


def _choices(page: str, name: str) -> dict[str, str]:
    """What a filter offers, by its value."""
    select = re.search(rf'(?:name|data-choices)="{name}">(.*?)</(?:select|template)>', page, re.DOTALL)
    assert select is not None
    return dict(re.findall(r'<option value="([^"]+)"[^>]*>([^<]*)</option>', select[1]))


@pytest.mark.parametrize("path", ["/", "/results"])
def test_each_choice_of_a_filter_tells_how_many_it_would_leave(client: TestClient, path: str) -> None:
    page = client.get(path, params={"q": "martin"}).text
    assert _choices(page, "profession") == {"70": "Masseur-Kinésithérapeute (2)"}
    assert _choices(page, "department") == {"69": "69 Rhône (1)"}
    assert _choices(page, "mailbox") == {"yes": "Avec une boîte aux lettres (1)", "no": "Sans boîte aux lettres (1)"}


def test_a_filter_that_is_on_still_offers_the_others(client: TestClient) -> None:
    page = client.get("/", params={"city": "lyon", "profession": "70", "mailbox": "yes"}).text
    assert _choices(page, "profession") == {"10": "Médecin (1)", "70": "Masseur-Kinésithérapeute"}
    assert '<option value="70" selected>' in page


def test_a_filter_counts_a_person_once_whatever_their_mailboxes(client: TestClient) -> None:
    assert _choices(client.get("/").text, "profession")["10"] == "Médecin (1)"
    assert _choices(client.get("/").text, "kind") == {
        "practitioner": "Professionnels (44)", "organization": "Structures (2)", "mailbox": "Boîtes des services (2)",
    }  # fmt: skip


def test_each_filter_that_is_on_is_a_link_away_from_being_off(client: TestClient) -> None:
    page = client.get("/", params={"q": "martin", "mailbox": "no", "city": "lyon"}).text
    on = re.search(r'<ul class="chips on".*?</ul>', page, re.DOTALL)
    assert on is not None
    assert re.findall(r'href="([^"]*)"', on[0]) == [
        "/?q=martin&amp;mailbox=no", "/?q=martin&amp;city=lyon", "/?q=martin",
    ]  # fmt: skip
    assert "Commune\u00a0: lyon" in on[0]


@pytest.mark.parametrize(
    ("number", "shown"),
    [("0472000001", "04\u00a072\u00a000\u00a000\u00a001"), ("+33472000001", "+33\u00a04\u00a072\u00a000\u00a000\u00a001"), ("3237", "3237")],
)  # fmt: skip
def test_telephone_numbers_are_shown_as_they_are_read_aloud(number: str, shown: str) -> None:
    assert telephone(number) == shown


@pytest.mark.parametrize(
    ("seconds", "said"), [(1, "1 seconde"), (90, "90 secondes"), (1_876, "31 minutes"), (50_000, "14 heures"), (400_000, "5 jours")]
)  # fmt: skip
def test_spans_of_time_are_said_in_few_digits(seconds: int, said: str) -> None:
    assert TEXTS["fr"].span(seconds) == said


def test_a_filter_for_mailboxes_shows_those_of_services(client: TestClient) -> None:
    page = client.get("/", params={"kind": "mailbox"}).text
    assert f'href="/m/{WARD}"' in page
    assert DOCTORS_BOX not in page


def test_a_wrong_filter_is_named_and_what_was_typed_stays(client: TestClient) -> None:
    answer = client.get("/", params={"q": "martin", "department": "atlantis"})
    assert answer.status_code == 422
    assert "atlantis" in answer.text
    assert 'value="martin"' in answer.text


def test_more_results_are_a_link_away(client: TestClient) -> None:
    page = client.get("/", params={"q": "alix", "profession": "60"}).text
    assert page.count('<li class="result">') == 20
    more = re.search(r'href="(/\?[^"]*more=1)"', page)
    assert more is not None
    page = client.get(more[1].replace("&amp;", "&")).text
    assert page.count('<li class="result">') == 40


def test_what_was_typed_is_escaped(client: TestClient) -> None:
    page = client.get("/", params={"q": '"><script>lefevre'}).text
    assert "<script>" not in page
    assert "&gt;&lt;script&gt;lefevre" in page


@pytest.mark.parametrize("q", ["%00", "\u0000", "((((", "' OR 1=1 --", "\u202e", "@", "😀", "a" * 3000, "{{7*7}}"])
def test_hostile_words_are_answered(client: TestClient, q: str) -> None:
    answer = client.get("/", params={"q": q})
    assert answer.status_code == 200
    assert f'name="q" value="{escape(q[:200])}"' in answer.text


def test_a_card_says_clearly_that_there_is_no_mailbox_and_where_else_to_write(client: TestClient) -> None:
    page = client.get(f"/p/{NURSE}").text
    assert "Pas encore de boîte aux lettres" in page
    assert WARD in page
    page = client.get(f"/p/{KINE}", headers={"Accept-Language": "en"}).text
    assert "No mailbox yet" in page
    assert WARD not in page


def test_where_somebody_works_their_own_service_comes_first() -> None:
    boxes = [{"address": address, "service": service} for address, service in
             (("a@x.fr", "Admissions"), ("b@x.fr", "Admissions"), ("c@x.fr", "Psychiatrie de l'adulte"), ("d@x.fr", None))]  # fmt: skip
    shown = cards._of_services(boxes, frozenset({"psychiatrie"}))
    assert [box["address"] for box in shown] == ["c@x.fr", "d@x.fr", "a@x.fr"]


def test_a_structure_shows_its_services_and_its_people_page_by_page(client: TestClient) -> None:
    page = client.get(f"/s/{HOSPITAL}").text
    assert page.index("accueil@") < page.index("<h3>Cardiologie</h3>") < page.index("cardiologie@")
    assert page.count('<li class="result">') == 30
    following = client.get(f"/s/{HOSPITAL}?people=30").text
    assert following.count('<li class="result">') == 11
    assert "Professionnels précédents" in following


@pytest.mark.parametrize("people", ["-1", "x", "999999", "٣", "9" * 400])
def test_a_strange_page_of_people_is_answered(client: TestClient, people: str) -> None:
    assert client.get(f"/s/{HOSPITAL}", params={"people": people}).status_code == 200


@pytest.mark.parametrize(
    "path",
    [f"/p/{DOCTOR}", "/p/10990000001", f"/s/{HOSPITAL}", "/s/690000011", f"/m/{WARD}", f"/m/{WARD.upper()}"],
)
def test_cards_have_addresses_to_share_that_are_not_for_search_engines(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["x-robots-tag"] == "noindex"
    assert "x-robots-tag" not in client.get("/").headers
    assert client.get("/robots.txt").text.count("Disallow: /p/") == 1


@pytest.mark.parametrize(("path", "name"), [(f"/p/{DOCTOR}", "FN:Maëlle LEFÈVRE"), (f"/s/{HOSPITAL}", "FN:CH DE"),
                                            (f"/m/{WARD}", "Cardiologie")])  # fmt: skip
def test_a_card_is_also_a_contact_to_save(client: TestClient, path: str, name: str) -> None:
    answer = client.get(path + ".vcf")
    assert answer.headers["content-type"] == "text/vcard; charset=utf-8"
    assert answer.headers["content-disposition"].endswith('.vcf"')
    assert name in answer.text


_NO_RECORD = ("Aucune fiche à cette adresse", "No record at this address")
_NO_PAGE = ("Cette page n&#39;existe pas", "This page does not exist")


@pytest.mark.parametrize(
    ("path", "titles"),
    [
        ("/p/nobody", _NO_RECORD),
        ("/s/F0", _NO_RECORD),
        ("/m/nobody@nowhere.fr", _NO_RECORD),
        ("/nowhere", _NO_PAGE),
        ("/coverage?profession=zz", _NO_PAGE),
    ],
)
def test_what_is_not_there_is_a_page_for_browsers_and_a_problem_for_machines(
    client: TestClient, path: str, titles: tuple[str, str]
) -> None:
    french, english = client.get(path), client.get(path, headers={"Accept-Language": "en"})
    assert (french.status_code, english.status_code) == (404, 404)
    assert titles[0] in french.text
    assert titles[1] in english.text
    assert '<input id="q" type="search"' in french.text  # one can search from there
    machine = client.get(path, headers={"Accept": "application/json"})
    assert (machine.status_code, machine.headers["content-type"]) == (404, "application/problem+json")


def test_the_api_keeps_to_problems_whoever_asks(client: TestClient) -> None:
    assert client.get("/v1/mailboxes/nobody@nowhere.fr").headers["content-type"] == "application/problem+json"


def test_a_spent_budget_is_a_page_that_says_when_to_come_back(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spent(*_: object) -> None:
        raise BudgetExceeded("enough for today", retry_after_s=90, fr="assez pour aujourd'hui")

    monkeypatch.setattr("api.access.Visit.asks", spent)
    answer = client.get("/?q=martin")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "90")
    assert "Trop de demandes" in answer.text
    assert "90 secondes" in answer.text
    assert "Assez pour aujourd&#39;hui." in answer.text


def test_an_unexpected_error_is_a_page_with_a_reference_and_nothing_else(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.web.cards.read", lambda *_: 1 / 0)
    answer = client.get(f"/p/{DOCTOR}")
    assert answer.status_code == 500
    assert re.search(r"Référence [0-9a-f]{12}", answer.text)
    assert "division" not in answer.text.lower()


def test_coverage_counts_who_can_be_reached(client: TestClient) -> None:
    page = client.get("/coverage").text
    assert "2 sur 44" in page
    assert re.search(r'aria-label="Rhône \(69\) : [^"]*1 sur 43"', page)
    assert page.count('<rect class="tile') == 107 + 5
    page = client.get("/coverage?profession=10").text
    assert "100\u00a0% joignables" in page
    page = client.get("/coverage?department=69&profession=70").text
    assert re.search(r"Masseur-Kinésithérapeute</span> <span class=\"value\">0\u00a0%", page)
    assert 'href="/coverage/unequipped?department=69&amp;profession=70"' in page
    page = client.get("/coverage?profession=70").text
    assert 'href="/?profession=70&amp;mailbox=no&amp;kind=practitioner"' in page


def test_a_département_is_counted_town_by_town_and_towns_lead_to_who_has_no_mailbox(client: TestClient) -> None:
    page = client.get("/coverage?department=69&profession=70").text
    assert 'value="69383"> Lyon 3e Arrondissement' in page
    assert "<td>0 sur 1</td>" in page
    assert 'name="profession" value="70"' in page
    page = client.get("/coverage/unequipped?department=69&commune=69383&profession=70").text
    assert "1 professionnel<" in page
    assert "Lyon 3e Arrondissement · Masseur-Kinésithérapeute" in page
    assert f'href="/p/{KINE}"' in page
    assert 'href="/v1/coverage/unequipped?commune=69383&amp;profession=70"' in page


def test_who_has_no_mailbox_is_listed_page_by_page(client: TestClient) -> None:
    page = client.get("/coverage/unequipped?department=69").text
    assert "42 professionnels" in page
    assert page.count('<li class="result">') == 30
    assert 'href="/coverage/unequipped?department=69&amp;from=30"' in page
    assert client.get("/coverage/unequipped?department=69&from=30").text.count('<li class="result">') == 12
    assert "Tous les professionnels ont" in client.get("/coverage/unequipped?department=69&commune=69999").text


@pytest.mark.parametrize(
    "asked", ["", "department=atlantis", "department=69&profession=zz", "department=69&" + "&".join(f"commune={n}" for n in range(101))]
)  # fmt: skip
def test_an_area_that_is_none_is_refused(client: TestClient, asked: str) -> None:
    answer = client.get(f"/coverage/unequipped?{asked}")
    assert answer.status_code == 422
    assert "n&#39;est pas comprise" in answer.text


def test_the_days_before_are_a_line_as_soon_as_there_are_two(client: TestClient) -> None:
    page = client.get("/coverage").text
    assert 'points="0.00,45.45 100.00,45.45"' in page
    assert "De 4,5\u00a0% le 31 décembre 2025 à 4,5\u00a0% le 1er janvier 2026" in page
    assert "il en faut au moins deux" in client.get("/coverage?department=48").text
    measures = [Measure(dt.date(2026, 1, day), 200, 100 + 10 * day) for day in (1, 2, 5)]
    drawn = coverage.line(measures)
    assert drawn is not None
    assert (drawn.low, drawn.high) == (55, 75)
    assert drawn.points == "0.00,100.00 25.00,75.00 100.00,0.00"
    assert drawn.months == (measures[-1],)


def test_the_register_page_tells_dates_counts_and_freshness(client: TestClient) -> None:
    page = client.get("/register").text
    assert re.search(r"<dt>professionnels</dt><dd>44</dd>", page)
    assert re.search(r"<dt>boîtes aux lettres</dt><dd>4</dd>", page)
    assert "Révision" in page


def _import(number: int, kind: str, status: str) -> dict[str, Any]:
    counts = {"created": 3, "changed": 20, "removed": 1}
    return {
        "run": number, "kind": kind, "status": status, "data_of": dt.datetime(2026, 1, 1, 3, tzinfo=dt.UTC),
        "records": {"activity": counts, "organization": counts},
    }  # fmt: skip


def test_the_register_page_tells_of_the_last_imports_and_leads_to_their_reports(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "n&#39;est pas joignable" in client.get("/register").text  # there is no database

    def runs(_: Evidence, limit: int) -> list[dict[str, Any]]:
        return [_import(8, "trusted-domains", "held"), _import(7, "rpps", "applied")][:limit]

    monkeypatch.setattr("api.web.figure_routes.freshness", lambda *_: ("ready", 1.0))
    monkeypatch.setattr(Evidence, "runs", runs)
    page = client.get("/register").text
    assert re.search(r'href="/register/runs/8">8 Liste blanche</a></th><td><span class="warn">retenu', page)
    assert re.search(
        r"7 Professionnels</a></th><td>publié</td><td>1er janvier 2026</td><td>6</td><td>40</td><td>2<", page
    )
    assert 'href="/register/runs"' in page


def test_the_legal_page_names_who_runs_the_service(client: TestClient) -> None:
    page = client.get("/legal").text
    assert "Groupement &lt;e-santé&gt;" in page
    assert 'href="mailto:contact@example.org"' in page
    assert "Licence Ouverte 2.0" in page


def test_without_an_index_the_pages_say_so(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    with TestClient(create_app(settings, Index.open(settings.index_path, map_bytes=2**28)), headers=BROWSER) as client:
        for path in ("/", "/?q=martin", "/coverage", f"/p/{DOCTOR}"):
            answer = client.get(path)
            assert answer.status_code == 503
            assert "L&#39;annuaire se prépare" in answer.text
        assert client.get("/legal").status_code == 200
