"""`GET /v1/exports/…`: whole files of one revision, by filter or of everything, that can be fetched in parts.

A file is made once for a revision, by a process of the lowest priority, and then served to everybody. Who asks first
gets its bytes while they are written. Files of an earlier revision are removed as soon as there is another one, or a
withdrawal; a download of theirs ends there, cut short.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import re
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final, Literal
from unicodedata import normalize

import orjson
from fastapi import APIRouter, Query, Request
from fastapi import Path as PathParameter
from starlette.responses import Response, StreamingResponse

from api import answers
from api.access import Asking
from api.export_maker import PART, Job
from api.filters import Filters
from api.formats import FILES, source
from api.parameters import known_only
from directory.accounts import Scope
from directory.errors import Unavailable
from directory.index.reader import Index, Snapshot
from directory.index.store import EXPORTS
from directory.settings import Settings
from directory.text import words

FileName = Literal[
    "practitioners.csv", "practitioners.ndjson", "practitioners.vcf", "mailboxes.csv", "mailboxes.ndjson",
    "mailboxes.ldif", "mailboxes.vcf", "organizations.csv", "organizations.ndjson", "organizations.vcf",
]  # fmt: skip
_CHUNK: Final = 128 * 1024  # sent at a time: what else the worker answers waits for no more than that
_WAIT_S: Final = 0.05
_START_S: Final = 30.0  # for a maker to begin
_DEAD_S: Final = 2.0  # a file without a lock whose maker has begun so long ago has none any more
_LOOK_S: Final = 0.5  # how often a download looks whether what it sends is still shown
_MAKING: Final = 2  # files that are made at a time
_FILTERED_S: Final = 1800.0  # for which files of filters are kept
_LEAST_FREE: Final = 2**30  # bytes on the disk
_LONGEST_NAME: Final = 60  # letters of a file's name that say which part it is
_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)")


class CutShort(Exception):
    """An answer whose end there is no more to be had. The connection is closed before its last byte, which is how
    clients can tell (RFC 9112 section 8); nothing has gone wrong."""


def router(settings: Settings, index: Index) -> APIRouter:
    routes = APIRouter(tags=["exports"])
    exports = Exports(settings, index)

    @routes.get("/v1/exports", summary="Which files there are")
    @routes.head("/v1/exports", include_in_schema=False)
    async def listing(request: Request) -> Response:
        known_only(request)
        with index.read() as snapshot:
            files = [_listed(name, exports.place(snapshot, name, {})) for name in FILES]
            return answers.answer({"register": answers.register(snapshot.state), "files": files})

    @routes.get(
        "/v1/exports/{name}",
        summary="A file of all professionals, structures or mailboxes, or of those that fit some filters",
        description="Every line is of the revision that `Register-Revision` names. A download that was cut goes on "
        "with `Range` and `If-Range` (the `ETag` it had); while the file is still being made that is 503 with "
        "Retry-After. In profile `public` this needs a key with the scope `export`.",
        responses={200: {"content": {form.media_type.partition(";")[0]: {} for _, form in FILES.values()}},
                   206: {"description": "A part of the file."}, 416: {"description": "There is no such part."},
                   **answers.UNCHANGED},
        response_class=Response,
    )  # fmt: skip
    @routes.head("/v1/exports/{name}", include_in_schema=False)
    async def export(
        request: Request,
        asking: Asking,
        name: Annotated[FileName, PathParameter(description="What, in which form.", examples=["practitioners.ndjson"])],
        filters: Annotated[Filters, Query()],
    ) -> Response:
        asking.needs(Scope.EXPORT)
        filters.predicate()  # what is wrong with them is said at once
        given = filters.model_dump(exclude_none=True)
        return await exports.answer(request, name, given)

    return routes


def _listed(name: str, file: Path) -> dict[str, Any]:
    whole = file.is_file()
    return {
        "name": name,
        "href": f"/v1/exports/{name}",
        "ready": whole,
        "bytes": file.stat().st_size if whole else None,
    }


class Exports:
    """The files of a node, in a folder beside its index that all workers share."""

    def __init__(self, settings: Settings, index: Index) -> None:
        self._settings = settings
        self._index = index
        self._makers: list[subprocess.Popen[bytes]] = []

    def place(self, snapshot: Snapshot, name: str, given: Mapping[str, Any]) -> Path:
        """Where the file of some filters stands when it is whole."""
        stem = hashlib.sha256(orjson.dumps(given, option=orjson.OPT_SORT_KEYS)).hexdigest()[:24] if given else "all"
        return self._settings.index_path / EXPORTS / snapshot.shown / f"{stem}.{name}"

    async def answer(self, request: Request, name: str, given: Mapping[str, Any]) -> Response:
        """The file, or the part of it that is asked for.

        Raises:
            Unavailable: it is being made and only whole to be had, or cannot be made now.
        """
        with self._index.read() as snapshot:
            file = self.place(snapshot, name, given)
            headers = _headers(snapshot, name, file, given)
            shown = snapshot.shown
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers={"ETag": headers["ETag"]})
        if not file.is_file():
            if request.headers.get("range") or request.method == "HEAD":
                raise _being_made()
            opened = await self._making(file, name, given, shown)
            return StreamingResponse(self._growing(opened, file, shown), headers=headers)
        return self._whole(request, file, headers, shown)

    def _whole(self, request: Request, file: Path, headers: dict[str, str], shown: str) -> Response:
        try:
            opened = file.open("rb")
        except FileNotFoundError:
            raise _being_made() from None
        size = file.stat().st_size
        wanted = request.headers.get("range") if _same(request.headers.get("if-range"), headers["ETag"]) else None
        start, end = 0, size
        status = 200
        if wanted is not None and (part := _part(wanted, size)) is not None:
            start, end = part
            if start >= end:
                opened.close()
                return Response(status_code=416, headers={"Content-Range": f"bytes */{size}"})
            status = 206
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        headers["Content-Length"] = str(end - start)
        if request.method == "HEAD":
            opened.close()
            return Response(status_code=status, headers=headers)
        return StreamingResponse(self._stretch(opened, start, end, shown), status, headers)

    async def _stretch(self, opened: BinaryIO, start: int, end: int, shown: str) -> AsyncIterator[bytes]:
        with opened:
            opened.seek(start)
            looked = time.monotonic()
            while start < end:
                data = opened.read(min(_CHUNK, end - start))
                start += len(data)
                yield data
                if time.monotonic() - looked > _LOOK_S:
                    looked = time.monotonic()
                    self._check(shown)
                await asyncio.sleep(0)

    async def _growing(self, opened: BinaryIO, file: Path, shown: str) -> AsyncIterator[bytes]:
        """A file while it is written, to its end."""
        with opened:
            looked = time.monotonic()
            while True:
                whole = file.exists()
                while data := opened.read(_CHUNK):
                    yield data
                    await asyncio.sleep(0)
                if whole:
                    return
                if time.monotonic() - looked > _LOOK_S:
                    looked = time.monotonic()
                    self._check(shown)
                    if _free(opened) and not file.exists():
                        raise CutShort("its maker has died")
                await asyncio.sleep(_WAIT_S)

    def _check(self, shown: str) -> None:
        with self._index.read() as snapshot:
            if snapshot.shown != shown:
                raise CutShort("it is of a revision that is shown no more")

    async def _making(self, file: Path, name: str, given: Mapping[str, Any], shown: str) -> BinaryIO:
        """The file that is being made, once its maker has begun."""
        part = file.with_name(file.name + PART)
        self._makers = [maker for maker in self._makers if maker.poll() is None]
        _clear(part)
        if not part.exists():
            self._start(file, name, given, shown)
        until = time.monotonic() + _START_S
        while time.monotonic() < until:
            for path in (part, file):
                try:
                    return path.open("rb")
                except FileNotFoundError:
                    continue
            await asyncio.sleep(_WAIT_S)
        raise Unavailable("the export cannot be made", fr="l'export ne peut pas être produit")

    def _start(self, file: Path, name: str, given: Mapping[str, Any], shown: str) -> None:
        self._make_room(file.parent)
        job = Job(
            folder=str(self._settings.index_path.absolute()),
            map_bytes=self._settings.index_map_bytes,
            suffix=self._settings.ldap_base_dn,
            name=name,
            filters=dict(given),
            shown=shown,
            target=str(file.absolute()),
        )
        maker = subprocess.Popen([sys.executable, "-m", "api.export_maker"], stdin=subprocess.PIPE)
        assert maker.stdin is not None
        maker.stdin.write(orjson.dumps(job._asdict()))
        maker.stdin.close()
        self._makers.append(maker)

    def _make_room(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for other in folder.parent.iterdir():
            if other != folder:
                shutil.rmtree(other, ignore_errors=True)
        for part in folder.glob(f"*{PART}"):
            _clear(part)
        for old in folder.glob("*"):
            if not old.name.startswith("all.") and time.time() - old.stat().st_mtime > _FILTERED_S:
                old.unlink(missing_ok=True)
        if len(list(folder.glob(f"*{PART}"))) >= _MAKING or shutil.disk_usage(folder).free < _LEAST_FREE:
            raise Unavailable("too many exports are being made", fr="trop d'exports sont en cours")


def _headers(snapshot: Snapshot, name: str, file: Path, given: Mapping[str, Any]) -> dict[str, str]:
    state = snapshot.state
    part = _part_named(given, file) if given else ""
    dated = f"{state.as_of.date().isoformat()}-" if state.as_of else ""
    stem, _, ending = name.partition(".")
    return {
        "Content-Type": FILES[name][1].media_type,
        "Content-Disposition": f'attachment; filename="annuaire-{stem}-{part}{dated}r{state.revision}.{ending}"',
        "ETag": f'"{file.parent.name}-{file.name}"',
        "Accept-Ranges": "bytes",
        "Register-Revision": str(state.revision),
        "Register-Source": normalize("NFKD", source(state)).encode("ascii", "ignore").decode(),
    }


def _part_named(given: Mapping[str, Any], file: Path) -> str:
    """What tells a part of the register from the whole, and from other parts, where both are saved in one folder: what
    was asked for, as far as a file name holds it, and the beginning of its digest."""
    said = "-".join(f"{name}-{value}" for name, value in sorted(given.items()))
    plain = "-".join(words(said)).encode("ascii", "ignore").decode()
    return f"{plain[:_LONGEST_NAME].strip('-')}-{file.name[:6]}-"


def _same(if_range: str | None, etag: str) -> bool:
    return if_range is None or if_range.strip() == etag


def _part(wanted: str, size: int) -> tuple[int, int] | None:
    """The first and the last byte but one of a range (RFC 9110 section 14.1.2); None for what is no single range."""
    found = _RANGE.fullmatch(wanted.strip())
    if found is None or found[0] == "bytes=-":
        return None
    if not found[1]:
        return max(0, size - int(found[2])), size
    end = min(size, int(found[2]) + 1) if found[2] else size
    return int(found[1]), end


def _clear(part: Path) -> None:
    """Remove what a maker that has died has left."""
    try:
        with part.open("rb") as opened:
            if _free(opened) and time.time() - part.stat().st_mtime > _DEAD_S:
                part.unlink(missing_ok=True)
    except FileNotFoundError:
        return


def _free(opened: BinaryIO) -> bool:
    """Whether nobody has a file locked."""
    try:
        fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(opened, fcntl.LOCK_UN)
    return True


def _being_made() -> Unavailable:
    return Unavailable(
        "the file is not made yet: ask for all of it, or wait",
        fr="le fichier n'est pas encore prêt : demandez-le en entier, ou attendez",
    )
