"""`python -m bench.pages`: the search page in a real browser: first visit to interactive, octets on the wire, and from
a keystroke to what it finds.

Each visit is a browser without anything kept. *Interactive* is the end of DOMContentLoaded, counted from the beginning
of the visit: the page is shown, and its script answers keys. A keystroke's time runs until the list that it found
stands in the page, the 140 ms of quiet that the script waits for included. The *phone* is the same browser on a
connection of 1.6 Mbit/s and 150 ms, its processor slowed down fourfold.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, sync_playwright

from bench.latency import median, percentile
from bench.node import serving
from bench.provenance import provenance, write_result

_MOST_INTERACTIVE_MS: Final = 1_000
_MOST_OCTETS: Final = 150_000
TYPED: Final = ("martin lyon", "lefevbre", "cardiologie chu", "pharmacie nantes", "infirmier 33000")
_MILLISECONDS: Final = "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
# Notes when a key went down, and when the list of all that was typed came, by the page's own clock.
_WATCH: Final = """() => {
  const box = document.getElementById('q');
  window.pressed = 0; window.shown = 0;
  addEventListener('keydown', () => { pressed = performance.now(); }, true);
  new MutationObserver(() => {
    if (new URLSearchParams(location.search).get('q') === box.value) shown = performance.now();
  }).observe(document.getElementById('results'), { childList: true });
}"""
_TOOK: Final = """() => new Promise((done) => {
  const looking = setInterval(() => { if (shown > pressed) { clearInterval(looking); done(shown - pressed); } }, 20);
})"""


@dataclass(frozen=True, slots=True)
class Client:
    """Who visits, and over what."""

    name: str
    width: int
    height: int
    latency_ms: int = 0
    octets_a_second: int = -1  # as fast as it goes
    slowdown: int = 1

    @contextlib.contextmanager
    def visit(self, browser: Browser) -> Iterator[tuple[Page, CDPSession]]:
        """A page in a browser that has kept nothing."""
        context: BrowserContext = browser.new_context(
            viewport={"width": self.width, "height": self.height}, locale="fr-FR"
        )
        page = context.new_page()
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        session.send(
            "Network.emulateNetworkConditions",
            {
                "offline": False,
                "latency": self.latency_ms,
                "downloadThroughput": self.octets_a_second,
                "uploadThroughput": self.octets_a_second,
            },
        )
        session.send("Emulation.setCPUThrottlingRate", {"rate": self.slowdown})
        yield page, session
        context.close()


CLIENTS: Final = (
    Client("desktop", 1280, 800),
    Client("phone", 390, 844, latency_ms=150, octets_a_second=200_000, slowdown=4),
)


def first_visit(browser: Browser, client: Client, base: str) -> tuple[float, float]:
    """Milliseconds until the first page is interactive, and the octets that it took, headers included."""
    octets: list[float] = []
    with client.visit(browser) as (page, session):
        session.on("Network.loadingFinished", lambda event: octets.append(event["encodedDataLength"]))
        page.goto(base, wait_until="networkidle")
        return float(page.evaluate(_MILLISECONDS)), sum(octets)


def keystrokes(browser: Browser, client: Client, base: str) -> list[float]:
    """Milliseconds from the last letter of each thing typed to what it found, the page being open."""
    found = []
    with client.visit(browser) as (page, _):
        page.goto(base, wait_until="networkidle")
        page.evaluate(_WATCH)
        for typed in TYPED:
            page.locator("#q").fill("")
            page.wait_for_timeout(500)  # the list of what was typed before is gone
            page.keyboard.type(typed)
            found.append(float(page.evaluate(_TOOK)))
    return found


def measure(browser: Browser, client: Client, base: str, runs: int) -> dict[str, Any]:
    """The figures of one client; the first visit of all is not counted."""
    first_visit(browser, client, base)
    visits = [first_visit(browser, client, base) for _ in range(runs)]
    typed = sorted(took for _ in range(runs) for took in keystrokes(browser, client, base))
    interactive = [took for took, _ in visits]
    return {
        "client": client.name,
        "visits": runs,
        "interactive_ms": round(median(interactive)),
        "interactive_worst_ms": round(max(interactive)),
        "octets": round(max(octets for _, octets in visits)),
        "keystrokes": len(typed),
        "keystroke_ms": round(median(typed)),
        "keystroke_p95_ms": round(percentile(typed, 0.95)),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure both clients; 1 where the bar on the desktop is missed."""
    options = _options(arguments)
    with contextlib.ExitStack() as open_:
        if options.url is None:
            node = open_.enter_context(serving(options.data, ldap_workers=0, http_workers=1))
        base = f"http://{node.http}/" if options.url is None else options.url
        playwright = open_.enter_context(sync_playwright())
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        clients = [measure(browser, client, base, options.runs) for client in CLIENTS]
        browser.close()
    met = clients[0]["interactive_ms"] < _MOST_INTERACTIVE_MS and all(one["octets"] <= _MOST_OCTETS for one in clients)
    found = {"clients": clients, "met": met}
    print(json.dumps(found, indent=1))
    write_result(options.json, {"benchmark": "pages", **provenance("bench.pages", options), **found})
    return 0 if met else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.pages", description=__doc__)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--data", type=Path, help="data folder whose index is built: it is served")
    where.add_argument("--url", help="of a node that runs")
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--json", type=Path, help="where the result is kept")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
