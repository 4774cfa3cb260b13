"""A real browser before a real server: Debian's Chromium, driven by playwright."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from api.app import create_app
from directory.index.reader import Index
from directory.settings import Settings

CHROMIUM = shutil.which("chromium")
_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE, DESKTOP = (390, 780), (1280, 800)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The application on a free port, in a thread of this process; its address."""
    settings = Settings(data_dir=folder)
    index = Index.open(settings.index_path, map_bytes=2**28)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(settings, index), log_config=None, lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=10)
    index.close()


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser; its loop runs in this thread for as long as it is open."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        yield browser
        browser.close()


class Visit:
    """A page in a browser of its own, and everything that it asked for and complained of."""

    def __init__(self, browser: Browser, base: str, **settings: object) -> None:
        self.context = browser.new_context(base_url=base, **settings)  # type: ignore[arg-type]
        self.page: Page = self.context.new_page()
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
