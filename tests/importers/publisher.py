"""A publisher of extracts over HTTP(S), as the national service is one, whose line can be cut; and a small S3 store."""

from __future__ import annotations

import contextlib
import hashlib
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape


@dataclass
class Published:
    """What is published: `files` by path, as (the name it is attached under, its bytes). The next `cuts` answers end
    after half of what they owe; `asked` lists (method, path, Range)."""

    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    cuts: int = 0
    ranges: bool = True
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    url: str = ""


@contextlib.contextmanager
def publisher(certificate: Path | None = None) -> Iterator[Published]:
    published = Published()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            if "list-type" in query:
                self.list_bucket(query.get("prefix", [""])[0])
            elif "location" in query:
                self.send_xml("<LocationConstraint/>")
            else:
                self.answer(body=True)

        def answer(self, *, body: bool) -> None:
            path, wanted = urlsplit(self.path).path, self.headers.get("Range")
            published.asked.append((self.command, path, wanted))
            if path not in published.files:
                self.send_response(404)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            name, content = published.files[path]
            etag = '"' + hashlib.md5(content).hexdigest() + '"'
            same = self.headers.get("If-Range", etag) == etag
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and published.ranges and same else 0
            self.send_response(206 if start else 200)
            self.send_header("Content-Disposition", f'attachment; filename="{name}"')
            self.send_header("Content-Length", str(len(content) - start))
            self.send_header("ETag", etag)
            self.send_header("Last-Modified", "Thu, 15 Jan 2026 03:15:00 GMT")
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.end_headers()
            if not body:
                return
            owed = content[start:]
            if published.cuts:
                published.cuts -= 1
                self.wfile.write(owed[: len(owed) // 2])
                self.close_connection = True
            else:
                self.wfile.write(owed)

        def list_bucket(self, prefix: str) -> None:
            bucket = urlsplit(self.path).path.strip("/")
            keys = [path.removeprefix(f"/{bucket}/") for path in published.files if path.startswith(f"/{bucket}/")]
            entries = "".join(
                f"<Contents><Key>{escape(key)}</Key><LastModified>2026-01-15T03:15:00.000Z</LastModified>"
                f"<ETag>&quot;{hashlib.md5(published.files[f'/{bucket}/{key}'][1]).hexdigest()}&quot;</ETag>"
                f"<Size>{len(published.files[f'/{bucket}/{key}'][1])}</Size></Contents>"
                for key in keys
                if key.startswith(prefix)
            )
            self.send_xml(
                f"<ListBucketResult><Name>{bucket}</Name><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>"
            )

        def send_xml(self, text: str) -> None:
            content = ('<?xml version="1.0"?>' + text).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    published.url = f"{'https' if certificate else 'http'}://localhost:{server.server_port}"
    try:
        yield published
    finally:
        server.shutdown()
        server.server_close()
