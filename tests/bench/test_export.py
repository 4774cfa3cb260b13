"""What the benchmark of exports says of a file."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench.export import fetch
from bench.node import Address


class Node(ThreadingHTTPServer):
    """Answers everybody alike."""

    status = 200
    body = b""
    promised: int | None = None


class Answering(BaseHTTPRequestHandler):
    server: Node

    def do_GET(self) -> None:
        body, promised = self.server.body, self.server.promised
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body) if promised is None else promised))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def node() -> Iterator[Node]:
    with Node(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def of(node: Node) -> Address:
    return Address("127.0.0.1", node.server_port)


def test_lines_and_bytes_are_counted_over_all_pieces(node: Node) -> None:
    node.body = b"x" * 1000 + b"\n"
    node.body *= 3000
    found = fetch(of(node))
    assert (found["lines"], found["bytes"]) == (3000, 3_003_000)


def test_a_refusal_is_no_file(node: Node) -> None:
    node.status, node.body = 503, b"busy"
    with pytest.raises(RuntimeError, match="503: b'busy'"):
        fetch(of(node))


def test_a_file_that_was_cut_short_is_no_file(node: Node) -> None:
    node.body, node.promised = b"half\n", 10
    with pytest.raises(http.client.IncompleteRead):
        fetch(of(node))
