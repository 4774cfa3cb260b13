"""The pages as people use them: in a browser, by mouse, by keyboard, with and without scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from api.web.run_pages import run_page, runs_page
from bench.pages import CLIENTS, TYPED, first_visit, keystrokes
from directory.registry.database import Database
from directory.registry.reports import list_summaries, report
from importers import columns
from importers.mailboxes import import_mailboxes
from importers.report import ImportOptions
from tests.importers.files import mailbox, write
from tests.web.browser import CHROMIUM, DESKTOP, PHONE, Visit, chromium, served
from tests.web.world import DOCTOR, DOCTORS_BOX, HOSPITAL, KINE, NURSE, WARD

PAGES = [
    "/",
    "/?q=martin&mailbox=no",
    "/?q=xyzzy",
    "/?q=martin&department=atlantis",
    f"/p/{DOCTOR}",
    f"/p/{NURSE}",
    f"/s/{HOSPITAL}",
    f"/m/{WARD}",
    "/coverage",
    "/coverage?department=69",
    "/coverage/unequipped?department=69",
    "/register",
    "/legal",
    "/docs",
    "/guide",
    "/guide/developer",
    "/guide/mail",
    "/guide/data",
    "/p/nobody",
]
_MOST_OCTETS = 40_000  # of the first page, with all it needs; 150,000 is what was asked for
_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def base(folder: Path) -> Iterator[str]:
    with served(folder) as address:
        yield address


@pytest.fixture
def visit(browser: Browser, base: str) -> Iterator[Visit]:
    """A French desktop on which copying is allowed."""
    visit = Visit(browser, base, locale="fr-FR", permissions=["clipboard-read", "clipboard-write"])
    yield visit
    visit.context.close()


# Each page in both languages, light and dark, on a phone and on a desktop; in turn, so that all pairs come up.
_VIEWS = (
    (("fr-FR", "light", PHONE), ("en-GB", "dark", DESKTOP)),
    (("fr-FR", "dark", PHONE), ("en-GB", "light", DESKTOP)),
)


@pytest.mark.parametrize(("path", "views"), [(path, _VIEWS[at % 2]) for at, path in enumerate(PAGES)])
def test_every_page_is_accessible(
    browser: Browser, base: str, path: str, views: tuple[tuple[str, str, tuple[int, int]], ...]
) -> None:
    for locale, scheme, (width, height) in views:
        viewport = {"width": width, "height": height}
        visit = Visit(browser, base, locale=locale, color_scheme=scheme, viewport=viewport, reduced_motion="reduce")
        visit.page.goto(path)
        found = Axe().run(visit.page, options=_RULES).response["violations"]
        assert [(one["id"], [node["target"] for node in one["nodes"]][:3]) for one in found] == []
        visit.context.close()


@pytest.mark.parametrize(("language", "scheme"), [("fr", "light"), ("en", "dark")])
def test_reports_of_imports_are_accessible(
    browser: Browser, database: Database, tmp_path: Path, language: str, scheme: str
) -> None:
    boxes = [mailbox("un@x.mssante.fr", 1), mailbox("personne@nulle part", None)]
    import_mailboxes(database, [write(tmp_path, columns.MAILBOX, boxes)], ImportOptions())
    pages = [
        run_page(report(database, 1), language, home="/register/runs"),
        runs_page(list_summaries(database, 10), language),
    ]
    for width, height in (PHONE, DESKTOP):
        context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": height})  # type: ignore[arg-type]
        for html in pages:
            page = context.new_page()
            page.set_content(html)
            found = Axe().run(page, options=_RULES).response["violations"]
            assert [(one["id"], [node["target"] for node in one["nodes"]][:3]) for one in found] == []
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        context.close()


def test_every_page_fits_on_a_phone_and_where_letters_are_large(visit: Visit) -> None:
    for width in (PHONE[0], 320):
        visit.page.set_viewport_size({"width": width, "height": 640})
        for path in PAGES:
            visit.page.goto(path)
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_answers_come_while_one_types_and_the_address_follows(visit: Visit) -> None:
    page = visit.page
    page.goto("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("lefevbre lyon")
    expect(page.locator(".result h3")).to_have_text(["Maëlle LEFÈVRE"])
    expect(page).to_have_url(re.compile(r"/\?q=lefevbre\+lyon$"))
    expect(page.locator("#said")).to_have_text("1 résultat")
    page.get_by_text("Filtres").click()
    expect(page.locator("#profession option")).to_have_text(["Toutes les professions", "Médecin (1)"])
    page.get_by_label("Messagerie").select_option("no")
    expect(page.locator(".count")).to_have_text("Aucun résultat")
    expect(page.locator(".chips.on li")).to_have_text([re.compile("Sans boîte aux lettres")])
    page.reload()
    expect(page.get_by_label("Messagerie")).to_have_value("no")


def test_everything_can_be_done_from_the_keyboard(visit: Visit) -> None:
    page, keyboard = visit.page, visit.page.keyboard
    page.goto("/")
    expect(page.locator("#q")).to_be_focused()
    keyboard.type("martin")
    expect(page.locator(".result")).to_have_count(2)
    keyboard.press("ArrowDown")
    expect(page.locator(".result h3 a").nth(0)).to_be_focused()
    keyboard.press("ArrowDown")
    expect(page.locator(".result h3 a").nth(1)).to_be_focused()
    keyboard.press("ArrowUp")
    keyboard.press("ArrowUp")
    expect(page.locator("#q")).to_be_focused()
    keyboard.press("ArrowDown")
    keyboard.press("Escape")
    expect(page.locator("#q")).to_be_focused()
    keyboard.press("ArrowDown")
    keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Paul MARTIN")
    keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    keyboard.press("Enter")
    keyboard.press("Tab")  # the address
    keyboard.press("Tab")
    expect(page.locator(".copy")).to_be_focused()
    keyboard.press("Enter")
    expect(page.locator("#said")).to_have_text("Adresse copiée : paul.martin@kine.mssante.fr")


def test_a_button_copies_an_address(visit: Visit) -> None:
    visit.page.goto(f"/p/{DOCTOR}")
    button = visit.page.locator(".copy")
    button.click()
    expect(button).to_have_text("Copié")
    assert visit.page.evaluate("navigator.clipboard.readText()") == DOCTORS_BOX
    expect(button).to_have_text("Copier")


def test_a_contact_is_saved(visit: Visit) -> None:
    visit.page.goto(f"/s/{HOSPITAL}")
    with visit.page.expect_download() as saving:
        visit.page.get_by_text("Enregistrer le contact").click()
    assert saving.value.suggested_filename == f"{HOSPITAL}.vcf"
    assert "accueil@ch-valmorin" in Path(saving.value.path()).read_text(encoding="utf-8")


def test_without_scripts_searching_filtering_and_cards_work(browser: Browser, base: str) -> None:
    visit = Visit(browser, base, locale="fr-FR", java_script_enabled=False)
    page = visit.page
    page.goto("/")
    page.locator("#q").fill("martin")
    page.keyboard.press("Enter")
    expect(page.locator(".result")).to_have_count(2)
    page.get_by_text("Filtres").click()
    page.get_by_label("Messagerie").select_option("no")
    page.get_by_role("button", name="Appliquer").click()
    expect(page.locator(".result")).to_have_count(1)
    expect(page.locator(".copy").first).not_to_be_visible()  # nothing is shown that does not work
    page.locator(".result h3 a").click()
    expect(page).to_have_url(f"{base}/p/{KINE}")
    expect(page.locator(".none")).to_have_text("Pas encore de boîte aux lettres")
    page.get_by_role("link", name="CABINET DES LILAS").click()
    expect(page.locator("h1")).to_have_text("CABINET DES LILAS")
    visit.context.close()


def test_a_structure_is_looked_through_from_the_map_to_a_person(visit: Visit) -> None:
    page = visit.page
    page.goto("/coverage")
    page.locator(".map a[aria-label^='Rhône']").click()
    expect(page.locator("#bars")).to_have_text("Par profession : Rhône")
    page.get_by_role("link", name=re.compile("Infirmier")).click()
    page.get_by_label("Lyon 3e Arrondissement").check()
    page.get_by_role("button", name="Qui n'a pas de boîte dans ces communes").click()
    expect(page.locator(".count")).to_have_text("41 professionnels")
    page.get_by_role("link", name="Professionnels suivants").click()
    page.get_by_role("link", name="Jean-René THIBAULT").click()
    expect(page.get_by_text("Là où elle exerce, on peut écrire à :")).to_be_visible()


def test_the_language_is_switched_and_stays(visit: Visit) -> None:
    page = visit.page
    page.goto("/?q=martin")
    page.get_by_role("link", name="English").click()
    expect(page.locator(".count")).to_have_text("2 results")
    page.locator(".result h3 a").first.click()
    expect(page.get_by_role("heading", name="Mailbox", exact=True)).to_be_visible()


def test_a_search_that_does_not_get_through_says_so(visit: Visit) -> None:
    page = visit.page
    page.goto("/")
    visit.context.set_offline(True)
    page.locator("#q").fill("martin")
    expect(page.locator("#results .notice")).to_have_text(re.compile("n'a pas abouti"))
    visit.context.set_offline(False)
    page.locator("#q").fill("martin ")
    expect(page.locator(".result")).to_have_count(2)


def test_nothing_is_asked_of_others_and_nothing_breaks_the_policy(visit: Visit, base: str) -> None:
    for path in PAGES:
        visit.page.goto(path)
    visit.page.goto("/")
    expect(visit.page.locator("#q")).to_be_focused()
    visit.page.keyboard.type("lefevre")
    expect(visit.page.locator(".result")).to_have_count(1)
    assert visit.asked
    assert [url for url in visit.asked if not url.startswith(base + "/")] == []
    assert [told for told in visit.complaints if "status of 4" not in told] == []
    assert visit.context.cookies() == []


def test_the_first_page_is_light_and_what_is_typed_is_measured(browser: Browser, base: str) -> None:
    desktop, *_ = CLIENTS
    interactive_ms, octets = first_visit(browser, desktop, base)
    assert interactive_ms > 0
    assert 5_000 < octets < _MOST_OCTETS
    assert len(keystrokes(browser, desktop, base)) == len(TYPED)


def test_on_paper_there_is_the_card_alone(visit: Visit) -> None:
    visit.page.goto(f"/p/{DOCTOR}")
    visit.page.emulate_media(media="print")
    for hidden in ("nav", ".switch", ".actions"):
        expect(visit.page.locator(hidden)).not_to_be_visible()
    expect(visit.page.locator(".copy")).not_to_be_visible()
    expect(visit.page.get_by_text(DOCTORS_BOX)).to_be_visible()
    expect(visit.page.get_by_text("Source : RPPS, Annuaire Santé")).to_be_visible()
