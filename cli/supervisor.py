"""`annuaire serve`: binds the ports, keeps one follower and the LDAP and HTTP workers alive, and stops them cleanly.

The supervisor serves nothing itself. It holds the listening sockets and hands them to the workers, so that a worker
that dies never closes a port: connections wait in the kernel's queue for the next one. All workers of a port accept
from the same inherited socket; those of LDAP share how many connections each has (`ldap_server.loads`), so that they
come to have alike.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import FrameType
from typing import Final

from cli import schedule
from cli.processes import sole_holder
from directory import logs, metrics
from directory.errors import DirectoryError, InvalidInput, Unavailable
from directory.logs import pairs
from directory.registry.embedded import Embedded
from directory.settings import Settings
from ldap_server import loads, tickets
from ldap_server.tls import Tls

log = logging.getLogger("annuaire.supervisor")

_TAKEOVER_S: Final = 5.0  # the time a dead predecessor's workers may need to end
_GRACE_S: Final = 10.0  # the time workers have to finish what they are answering
_BACKOFF_S: Final = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)  # waits before restarts of a worker that keeps dying
_STEADY_S: Final = 30.0  # a worker that lived this long is forgiven its earlier deaths
_TICK_S: Final = 0.05
_DATABASE_CHECK_S: Final = 1.0
_TICKET_KEYS_S: Final = 12 * 3600.0  # after which what earlier sessions were sealed with is forgotten


@dataclass(slots=True)
class Worker:
    """One role's place: the process that fills it now, and how often it has died lately."""

    role: str
    inherited: tuple[int, ...] = ()  # file descriptors: what it listens on, what it shares with the others
    number: int = 0  # among the workers of the role
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    deaths: int = 0
    not_before: float = 0.0


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What is served: socket addresses as (host, port), None where nothing is."""

    ldap: tuple[str, int] | None
    http: tuple[str, int] | None
    ldaps: tuple[str, int] | None = None


@dataclass(slots=True)
class Supervisor:
    """Runs until SIGTERM or SIGINT. `ready` is called once, when the workers have been started."""

    settings: Settings
    ready: Callable[[Endpoints], None]
    _stopping: threading.Event = field(default_factory=threading.Event)
    _workers: list[Worker] = field(default_factory=list)
    _lifeline: tuple[int, int] = (-1, -1)
    _loads: int = -1
    _tickets: int = -1
    _hung_up: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Serve until told to stop.

        Raises:
            Unavailable: a port is in use, or another supervisor serves this data directory.
        """
        with ExitStack() as stack:
            refusal = "another annuaire serve (process {pid}) already serves this data directory"
            lock = self.settings.data_dir / "serve.lock"
            stack.enter_context(sole_holder(lock, patience_s=_TAKEOVER_S, refusal=refusal))
            ldap = self._listen(stack, self.settings.ldap_port, "ANNUAIRE_LDAP_PORT", self.settings.ldap_workers)
            ldaps = self._listen_tls(stack)
            http = self._listen(stack, self.settings.http_port, "ANNUAIRE_HTTP_PORT", self.settings.http_workers)
            self._install_signals(stack)
            metrics.begin_anew(self.settings.metrics_path)
            database = _Database(self.settings)
            stack.callback(database.close)
            self._lifeline = os.pipe()
            stack.callback(os.close, self._lifeline[0])
            stack.callback(os.close, self._lifeline[1])
            self._loads = loads.shared(max(1, self.settings.ldap_workers))
            stack.callback(os.close, self._loads)
            self._tickets = tickets.shared()
            stack.callback(os.close, self._tickets)
            stack.callback(self._stop_workers)
            self._workers = self._places(ldap, ldaps, http)
            database.keep()
            self._keep_workers()
            self.ready(Endpoints(_address(ldap), _address(http), _address(ldaps)))
            self._supervise(database)

    def stop(self, *_: object) -> None:
        self._stopping.set()

    def _listen(self, stack: ExitStack, port: int, setting: str, workers: int) -> socket.socket | None:
        if workers == 0:
            return None
        return stack.enter_context(listening_socket(self.settings.bind_address, port, setting))

    def _listen_tls(self, stack: ExitStack) -> socket.socket | None:
        settings = self.settings
        if settings.ldap_workers == 0:
            return None
        Tls.of(settings, None)  # a certificate that cannot be served with is said now, not by each worker
        if settings.ldaps_port is None:
            return None
        if settings.tls_certificate_file is None:
            raise InvalidInput("ANNUAIRE_LDAPS_PORT needs a certificate: set ANNUAIRE_TLS_CERTIFICATE_FILE")
        return self._listen(stack, settings.ldaps_port, "ANNUAIRE_LDAPS_PORT", settings.ldap_workers)

    def _places(
        self, ldap: socket.socket | None, ldaps: socket.socket | None, http: socket.socket | None
    ) -> list[Worker]:
        """A place for each worker."""
        places = [Worker("follower")]
        if self.settings.nightly_at is not None:
            schedule.trigger(self.settings.nightly_at)  # what cannot be meant is said now
            places.append(Worker("nightly"))
        if ldap is not None:
            secure = (ldaps.fileno(),) if ldaps is not None else ()
            fds = (ldap.fileno(), self._loads, self._tickets, *secure)
            places += [Worker("ldap", fds, number) for number in range(self.settings.ldap_workers)]
        if http is not None:
            places += [Worker("http", (http.fileno(),), number) for number in range(self.settings.http_workers)]
        return places

    def _install_signals(self, stack: ExitStack) -> None:
        def handler(number: int, _frame: FrameType | None) -> None:
            log.info("stopping %s", pairs(signal=signal.Signals(number).name))
            self.stop()

        handlers = {signal.SIGTERM: handler, signal.SIGINT: handler, signal.SIGUSR1: self._reopen_logs}
        for number, handle in handlers.items():
            previous = signal.signal(number, handle)
            stack.callback(signal.signal, number, previous)
        # Certificates are to be read again: that is for the workers to do.
        previous = signal.signal(signal.SIGHUP, lambda *_: self._hung_up.set())
        stack.callback(signal.signal, signal.SIGHUP, previous)

    def _reopen_logs(self, _number: int, _frame: FrameType | None) -> None:
        """The log file has been moved away: everybody goes on in a new one."""
        logs.reopen()
        for worker in self._workers:
            if worker.process is not None:
                worker.process.send_signal(signal.SIGUSR1)

    def _supervise(self, database: _Database) -> None:
        next_check = time.monotonic() + _DATABASE_CHECK_S
        next_keys = time.monotonic() + _TICKET_KEYS_S
        while not self._stopping.wait(_TICK_S):
            self._keep_workers()
            if self._hung_up.is_set():
                self._hung_up.clear()
                self._tell(signal.SIGHUP)
            if time.monotonic() >= next_keys:
                tickets.rotate(self._tickets)
                next_keys = time.monotonic() + _TICKET_KEYS_S
            if time.monotonic() >= next_check:
                database.keep()
                next_check = time.monotonic() + _DATABASE_CHECK_S

    def _keep_workers(self) -> None:
        for worker in self._workers:
            if worker.process is not None and worker.process.poll() is not None:
                self._note_death(worker)
            if worker.process is None and time.monotonic() >= worker.not_before:
                self._start(worker)

    def _tell(self, number: signal.Signals) -> None:
        """Pass a signal on to the LDAP workers."""
        for worker in self._workers:
            if worker.role == "ldap" and worker.process is not None:
                worker.process.send_signal(number)

    def _note_death(self, worker: Worker) -> None:
        assert worker.process is not None
        if time.monotonic() - worker.started_at > _STEADY_S:
            worker.deaths = 0
        wait_s = _BACKOFF_S[min(worker.deaths, len(_BACKOFF_S) - 1)]
        log.warning(
            "worker died, restarting %s",
            pairs(role=worker.role, pid=worker.process.pid, status=worker.process.returncode, wait_s=wait_s),
        )
        worker.deaths += 1
        worker.not_before = time.monotonic() + wait_s
        worker.process = None

    def _start(self, worker: Worker) -> None:
        fds = [self._lifeline[0], *worker.inherited]
        command = [sys.executable, "-m", "cli.worker", worker.role, str(worker.number), *map(str, fds)]
        # Its own session: Ctrl-C in the terminal reaches the supervisor only, which then stops workers in order.
        worker.process = subprocess.Popen(command, pass_fds=fds, stdin=subprocess.DEVNULL, start_new_session=True)
        worker.started_at = time.monotonic()
        log.info("worker started %s", pairs(role=worker.role, pid=worker.process.pid))

    def _stop_workers(self) -> None:
        running = [worker.process for worker in self._workers if worker.process is not None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + _GRACE_S
        for process in running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.warning("worker did not stop in time, killed %s", pairs(pid=process.pid))
                process.kill()
                process.wait()


class _Database:
    """Keeps the embedded PostgreSQL running; a server elsewhere is its own operator's business."""

    def __init__(self, settings: Settings) -> None:
        self._embedded = None if settings.database_url else Embedded(settings.data_dir)
        self._opened = False
        self._failed = False

    def keep(self) -> None:
        """Start it, or start it again when it died. A failure is logged once: lookups go on without it."""
        if self._embedded is None:
            return
        try:
            if not self._opened:
                self._embedded.acquire()
                self._opened = True
            else:
                self._embedded.ensure_running()
            self._failed = False
        except DirectoryError as error:
            if not self._failed:
                log.error("the embedded database does not start: %s", error.message)
            self._failed = True

    def close(self) -> None:
        if self._embedded is not None and self._opened:
            self._embedded.release()


def listening_socket(host: str, port: int, setting: str) -> socket.socket:
    """A bound, listening TCP socket that workers can inherit.

    Raises:
        Unavailable: the port is in use or may not be bound; the message names the port and its setting.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise Unavailable(
            f"cannot listen on {host} port {port}: {reason.lower()}; choose another one with {setting}"
        ) from error
    return listener


def _address(listener: socket.socket | None) -> tuple[str, int] | None:
    if listener is None:
        return None
    host, port = listener.getsockname()[:2]
    return str(host), int(port)
