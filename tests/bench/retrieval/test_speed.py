"""The load generator counts whole answers, keeps its connections and stops at the first refusal."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench.retrieval import speed


class Answers(BaseHTTPRequestHandler):
    """Answers in two pieces; paths that begin with /no are refused."""

    protocol_version = "HTTP/1.1"
    connections: set[tuple[str, int]] = set()  # noqa: RUF012

    def do_GET(self) -> None:
        self.connections.add(self.client_address)
        self.send_response(404 if self.path.startswith("/no") else 200)
        self.send_header("Content-Length", "6")
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # at the end of a run clients hang up in the middle of answers
            self.wfile.write(b"abc")
            self.wfile.flush()
            time.sleep(0.001)
            self.wfile.write(b"def")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, int]]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as listening:
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        yield "127.0.0.1", listening.server_port
        listening.shutdown()


def test_each_client_asks_again_on_its_own_connection(server: tuple[str, int]) -> None:
    Answers.connections.clear()

    run = speed.http(*server, ["/a", "/b"], clients=3, seconds=0.3)

    assert len(Answers.connections) == 3
    assert run.latencies.count > 3
    assert run.latencies.p50_ms >= 1
    assert run.per_second == pytest.approx(run.latencies.count / 0.3, rel=0.5)


def test_a_refusal_ends_the_run(server: tuple[str, int]) -> None:
    with pytest.raises(RuntimeError, match="404"):
        speed.http(*server, ["/no"], clients=1, seconds=0.2)


def test_engines_are_asked_by_several_threads() -> None:
    class Slow:
        name = "slow"

        def search(self, text: str, limit: int = 10) -> list[str]:
            time.sleep(0.01)
            return [text][:limit]

    run = speed.called(Slow, ["a", "b"], clients=4, seconds=0.4)

    assert run.clients == 4
    assert 110 < run.per_second < 450  # one thread alone cannot reach 100


def test_a_client_that_fails_is_told() -> None:
    class Broken:
        name = "broken"

        def search(self, text: str, limit: int = 10) -> list[str]:
            raise ValueError(text)

    with pytest.raises(RuntimeError, match="failed"):
        speed.called(Broken, ["a"], clients=2, seconds=0.1)


def test_a_search_field_asks_at_every_letter_from_the_second() -> None:
    assert list(speed.keystrokes(["jo do"])) == ["jo", "jo d", "jo do"]
