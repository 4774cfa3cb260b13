"""Where published files are found: HTTPS addresses, a folder, or a bucket of an S3-compatible store."""

from __future__ import annotations

import datetime as dt
import os
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import Message
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from pathlib import Path, PurePosixPath
from typing import Any, Final, Protocol
from urllib.parse import unquote, urlsplit

import minio
import urllib3
from minio.credentials.providers import AWSConfigProvider, ChainedProvider, EnvAWSProvider, EnvMinioProvider
from urllib3.response import BaseHTTPResponse

from directory.errors import InvalidInput, Unavailable
from importers.nightly.files import Opened, PublishedFile, date_in, is_of, newest

_BLOCK: Final = 2**20
_TIMEOUT: Final = urllib3.Timeout(connect=15, read=60)
_AUTHORITY: Final = (
    "put the certificate of its authority (of the national service: AC RACINE IGC-SANTE ELEMENTAIRE, published at "
    "igc-sante.esante.gouv.fr) into a PEM file and name that in ANNUAIRE_SOURCE_CA_FILE"
)


class Source(Protocol):
    """One kind's source."""

    def latest(self) -> list[PublishedFile]:
        """The files of the latest delivery; empty when there is none.

        Raises:
            Unavailable: the source cannot be reached, or is not the one it should be.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What sources are reached with: authorities trusted beside the system's, and the address of the S3 store."""

    ca_file: Path | None = None
    s3_endpoint: str | None = None


def source_of(kind: str, text: str, access: Access) -> Source:
    """The source that a setting describes: addresses separated by blanks, `s3://bucket/prefix`, or a folder.

    Raises:
        InvalidInput: it describes none.
    """
    first = text.split()[0] if text.split() else ""
    scheme = urlsplit(first).scheme
    if scheme in ("https", "http"):
        return WebSource(tuple(map(_checked, text.split())), access)
    if scheme == "s3":
        return BucketSource(kind, first, access)
    if first and scheme in ("", "file"):
        return FolderSource(kind, Path(unquote(urlsplit(first).path) if scheme else text.strip()))
    raise InvalidInput(f"{text!r} is no source: an https:// address, s3://bucket/prefix, or a folder")


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and _is_here(parts.hostname or "")):
        return url
    raise InvalidInput(f"{url}: files of the register are fetched over https only")


def _is_here(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


# -- folders -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FolderSource:
    """A folder that something else puts files into, once they are whole."""

    kind: str
    folder: Path

    def latest(self) -> list[PublishedFile]:
        try:
            return newest(self._file(entry) for entry in os.scandir(self.folder) if is_of(self.kind, entry.name))
        except OSError as error:
            raise Unavailable(f"{self.folder} cannot be read: {error.strerror}") from error

    def _file(self, entry: os.DirEntry[str]) -> PublishedFile:
        found, path = entry.stat(), Path(entry.path)
        modified = dt.datetime.fromtimestamp(int(found.st_mtime), dt.UTC)

        @contextmanager
        def opened(offset: int) -> Iterator[Opened]:
            with path.open("rb") as file:
                file.seek(offset)
                yield _Blocks(offset, iter(lambda: file.read(_BLOCK), b""))

        return PublishedFile(
            name=entry.name,
            as_of=date_in(entry.name) or modified,
            size=found.st_size,
            stamp=f"{found.st_mtime_ns}-{found.st_size}",
            open=opened,
            sha256=_digest_beside(path),
        )


def _digest_beside(path: Path) -> str | None:
    """The digest in `<name>.sha256`, as sha256sum writes it."""
    with suppress(OSError, IndexError):
        return path.with_name(path.name + ".sha256").read_text("ascii", "replace").split()[0].lower()
    return None


@dataclass(slots=True)
class _Blocks:
    start: int
    blocks: Iterator[bytes]

    def __iter__(self) -> Iterator[bytes]:
        return self.blocks


# -- the web -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WebSource:
    """Addresses at which the latest file always is; the answer to HEAD tells its dated name."""

    urls: Sequence[str]
    access: Access

    def latest(self) -> list[PublishedFile]:
        pool = _pool(self.access)
        return [self._file(pool, url) for url in self.urls]

    def _file(self, pool: urllib3.PoolManager, url: str) -> PublishedFile:
        head = _answer(pool, "HEAD", url, {})
        head.release_conn()
        headers = head.headers
        modified = headers.get("Last-Modified")
        name = _attached_name(headers.get("Content-Disposition")) or unquote(PurePosixPath(urlsplit(url).path).name)
        as_of = date_in(name) or (parsedate_to_datetime(modified) if modified else None)
        if as_of is None:
            raise Unavailable(f"{url}: neither its name ({name}) nor the answer says when it was made")
        size = headers.get("Content-Length")

        @contextmanager
        def opened(offset: int) -> Iterator[Opened]:
            etag = headers.get("ETag") or modified
            resume = {"Range": f"bytes={offset}-", **({"If-Range": etag} if etag else {})} if offset else {}
            answer = _answer(pool, "GET", url, {"Accept-Encoding": "identity", **resume})
            try:
                yield _Blocks(offset if answer.status == 206 else 0, _read(answer, url))
            finally:
                answer.close()

        return PublishedFile(
            name=name,
            as_of=as_of.astimezone(dt.UTC),
            size=int(size) if size is not None and size.isdigit() else None,
            stamp=f"{headers.get('ETag')}-{modified}-{size}-{name}",
            open=opened,
        )


def _pool(access: Access) -> urllib3.PoolManager:
    return urllib3.PoolManager(ssl_context=_trust(access), timeout=_TIMEOUT, retries=urllib3.Retry(0, redirect=5))


def _trust(access: Access) -> ssl.SSLContext:
    """The system's authorities and those of the setting; never none."""
    context = ssl.create_default_context()
    if access.ca_file is not None:
        try:
            context.load_verify_locations(access.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise InvalidInput(f"ANNUAIRE_SOURCE_CA_FILE: {access.ca_file} cannot be read as PEM: {error}") from error
    return context


def _answer(pool: urllib3.PoolManager, method: str, url: str, headers: dict[str, str]) -> BaseHTTPResponse:
    with _explained(url):
        answer = pool.request(method, url, headers=headers, preload_content=False)
    if answer.status not in (200, 206):
        answer.close()
        raise Unavailable(f"{url}: the server answers {answer.status} {answer.reason or ''}".rstrip())
    return answer


def _read(answer: BaseHTTPResponse, url: str) -> Iterator[bytes]:
    with _explained(url):
        yield from answer.stream(_BLOCK, decode_content=False)


@contextmanager
def _explained(url: str) -> Iterator[None]:
    """What goes wrong on the way, in a sentence."""
    host = urlsplit(url).hostname
    try:
        yield
    except urllib3.exceptions.HTTPError as error:
        cause = getattr(error, "reason", None) or error
        refused = next((one for one in _causes(cause) if isinstance(one, ssl.SSLCertVerificationError)), None)
        if refused is not None:
            message = f"the certificate of {host} is not trusted ({refused.verify_message}): {_AUTHORITY}"
            raise Unavailable(message) from error
        raise Unavailable(f"{host}: {cause}") from error


def _causes(error: object) -> Iterator[object]:
    seen = error
    while seen is not None:
        yield seen
        arguments = getattr(seen, "args", ())
        inner = next((one for one in arguments if isinstance(one, BaseException)), None)
        seen = inner or getattr(seen, "__cause__", None) or getattr(seen, "__context__", None)


def _attached_name(disposition: str | None) -> str | None:
    """The file name of a Content-Disposition (RFC 6266), without any folder."""
    if not disposition:
        return None
    message = Message()
    message["Content-Disposition"] = disposition
    name = message.get_filename()
    return PurePosixPath(name.replace("\\", "/")).name or None if name else None


# -- buckets -----------------------------------------------------------------------------------------------------------


class BucketSource:
    """A bucket that something else puts files into. Credentials are those of the AWS tools (AWS_ACCESS_KEY_ID …)."""

    def __init__(self, kind: str, url: str, access: Access) -> None:
        parts = urlsplit(url)
        endpoint = urlsplit(access.s3_endpoint or "https://s3.amazonaws.com")
        if not parts.netloc or not endpoint.netloc:
            raise InvalidInput(f"{url}: s3://bucket/prefix is needed, and ANNUAIRE_S3_ENDPOINT as https://host")
        _checked(endpoint.geturl())
        self._kind, self._bucket, self._prefix = kind, parts.netloc, parts.path.lstrip("/")
        self._client = minio.Minio(
            endpoint=endpoint.netloc,
            secure=endpoint.scheme == "https",
            region=os.environ.get("AWS_REGION", "us-east-1"),
            credentials=ChainedProvider([EnvAWSProvider(), EnvMinioProvider(), AWSConfigProvider()]),
            http_client=_pool(access),
        )

    def latest(self) -> list[PublishedFile]:
        with self._told():
            listed = list(self._client.list_objects(bucket_name=self._bucket, prefix=self._prefix, recursive=True))
        names = ((PurePosixPath(str(one.object_name)).name, one) for one in listed)
        return newest(self._file(name, one) for name, one in names if is_of(self._kind, name))

    def _file(self, name: str, found: Any) -> PublishedFile:
        @contextmanager
        def opened(offset: int) -> Iterator[Opened]:
            with self._told():
                answer = self._client.get_object(bucket_name=self._bucket, object_name=found.object_name, offset=offset)
            try:
                yield _Blocks(offset, _read(answer, f"s3://{self._bucket}"))
            finally:
                answer.close()
                answer.release_conn()

        return PublishedFile(
            name=name,
            as_of=(date_in(name) or found.last_modified).astimezone(dt.UTC),
            size=found.size,
            stamp=f"{found.etag}-{found.size}",
            open=opened,
        )

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            with _explained(f"s3://{self._bucket}"):
                yield
        except minio.error.MinioException as error:
            raise Unavailable(f"s3://{self._bucket}: {error}") from error
