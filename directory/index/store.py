"""Opening an index folder: which build is served, its LMDB environment, and who may write."""

from __future__ import annotations

import contextlib
import fcntl
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import lmdb
import orjson

from directory.errors import Unavailable
from directory.files import put_in_place
from directory.index import accounts, trust
from directory.index.layout import DATABASES, LAYOUT_VERSION, META_LEFT, META_STATE, META_VERSIONS
from directory.index.values import generalized_time
from directory.model import Kind, RegisterState
from directory.text import FOLD_VERSION

CURRENT: Final = "current"
DATA: Final = "data.mdb"  # as LMDB names it
EXPORTS: Final = "exports"
VERSIONS: Final = f"{LAYOUT_VERSION}.{FOLD_VERSION}".encode()
_READERS: Final = 512
_OPTIONAL: Final = (accounts.DATABASE, trust.DATABASE)


@dataclass(frozen=True, slots=True)
class Seen:
    """The follower's last successful contact with the register, and the revision it saw there."""

    at: datetime
    revision: int


@dataclass(frozen=True, slots=True)
class Environment:
    """An open LMDB environment with its named databases. Those of the accounts and of the white list are missing in an
    index made before there were any, until its writer has opened it."""

    lmdb: Any
    databases: Mapping[str, Any]

    def looked_through(self) -> Environment:
        """The same environment, with what has been added to it since."""
        added = {} if all(name in self.databases for name in _OPTIONAL) else _optional(self.lmdb)
        return Environment(self.lmdb, {**self.databases, **added}) if added else self

    def close(self) -> None:
        self.lmdb.close()


def open_environment(folder: Path, map_bytes: int, *, write: bool = False, fresh: bool = False) -> Environment:
    """Open one build's environment; `fresh` is for filling one that nobody reads yet, and is synced once at the end.

    Readers take LMDB's reader slots (`lock`), so that the writer knows which old pages they still need; neither ever
    waits for the other.
    """
    env = lmdb.open(
        str(folder),
        map_size=map_bytes,
        max_dbs=len(DATABASES) + len(_OPTIONAL) + 1,
        mode=0o640,  # accounts are in it: what is kept of passwords is not for everybody on the machine
        max_readers=_READERS,
        readonly=not write,
        readahead=False,
        sync=not fresh,
        metasync=False,  # a machine that crashes may lose the last revision, whole: the follower applies it again
        max_spare_txns=8,  # ended read transactions are kept for the next answers
    )
    # Slots of readers that were killed would keep old pages from being reused.
    env.reader_check()
    databases = {name: env.open_db(name.encode(), create=write) for name in DATABASES}
    return Environment(env, {**databases, **_optional(env, create=write)})


def _optional(env: Any, *, create: bool = False) -> dict[str, Any]:
    found = {}
    for name in _OPTIONAL:
        with contextlib.suppress(lmdb.NotFoundError):
            found[name] = env.open_db(name.encode(), create=create)
    return found


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """What LMDB cannot do, as an error of ours.

    Raises:
        Unavailable: the index has outgrown its map, or the disk is full or failing.
    """
    try:
        yield
    except lmdb.MapFullError as error:
        raise Unavailable("the index has outgrown its room: raise ANNUAIRE_INDEX_MAP_GIB") from error
    except lmdb.Error as error:
        raise Unavailable(f"the index cannot be written: {error}") from error


def of_this_version(environment: Environment) -> bool:
    """Whether a build was made, and finished, by a program with this one's layout and folding."""
    with environment.lmdb.begin() as txn:
        return bool(txn.get(META_VERSIONS, db=environment.databases["meta"]) == VERSIONS)


def current_build(path: Path) -> Path | None:
    """The build being served; None when there is none yet."""
    try:
        return path / (path / CURRENT).readlink()
    except OSError:
        return None


def swap_in(path: Path, build: Path) -> None:
    """Serve another build from now on; readers that have the old one open go on with it."""
    link = path / f"{CURRENT}.new"
    link.unlink(missing_ok=True)
    link.symlink_to(build.name)
    link.replace(path / CURRENT)
    remove_leftovers(path)
    remove_exports(path)


def remove_leftovers(path: Path) -> None:
    """Remove builds that are not served: old ones, and those that a killed build left half made."""
    served = current_build(path)
    for folder in path.glob("build-*"):
        if folder != served:
            shutil.rmtree(folder, ignore_errors=True)


def remove_exports(path: Path) -> None:
    """Remove the files that whole answers are exported to: they are of a state that is shown no more."""
    shutil.rmtree(path / EXPORTS, ignore_errors=True)


def new_build(path: Path) -> Path:
    numbers = [int(folder.name.removeprefix("build-")) for folder in path.glob("build-*")]
    build = path / f"build-{max(numbers, default=0) + 1}"
    build.mkdir()
    return build


@contextlib.contextmanager
def only_writer(path: Path) -> Iterator[None]:
    """Be the one process that writes to this index.

    Raises:
        Unavailable: another one does.
    """
    path.mkdir(parents=True, exist_ok=True)
    with (path / "writer.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unavailable("another process is writing this index (annuaire serve does so while it runs)") from None
        yield


def read_state(value: bytes) -> RegisterState:
    state = orjson.loads(value)
    return RegisterState(
        epoch=state["epoch"],
        revision=state["revision"],
        as_of=datetime.fromisoformat(state["as_of"]) if state["as_of"] else None,
        committed_at=datetime.fromisoformat(state["committed_at"]) if state["committed_at"] else None,
        known_since=datetime.fromisoformat(state["known_since"]) if state.get("known_since") else None,
    )


def write_state(txn: Any, environment: Environment, state: RegisterState) -> None:
    encoded = orjson.dumps(
        {
            "epoch": state.epoch,
            "revision": state.revision,
            "as_of": state.as_of,
            "committed_at": state.committed_at,
            "known_since": state.known_since,
        }
    )
    txn.put(META_STATE, encoded, db=environment.databases["meta"])
    txn.put(META_VERSIONS, VERSIONS, db=environment.databases["meta"])


def write_left(txn: Any, environment: Environment, left: Sequence[tuple[Kind, str, datetime]]) -> None:
    """The records that have left the register lately, and when."""
    encoded = orjson.dumps([(str(kind), key, generalized_time(at)) for kind, key, at in left])
    txn.put(META_LEFT, encoded, db=environment.databases["meta"])


def write_seen(path: Path, revision: int) -> None:
    """Note a successful contact with the register."""
    put_in_place(path / "seen", json.dumps({"at": datetime.now(UTC).isoformat(), "revision": revision}).encode())


def read_seen(path: Path) -> Seen | None:
    try:
        found = json.loads((path / "seen").read_text())
        return Seen(datetime.fromisoformat(found["at"]), int(found["revision"]))
    except (OSError, ValueError, KeyError):
        return None
