"""One worker process of `annuaire serve`: `python -m cli.worker ROLE NUMBER LIFELINE_FD [LISTENING_FD …]`.

The file descriptors of an LDAP worker: the listening socket, the loads, the keys of tickets, and, where there is one,
the listening socket of TLS. That of an HTTP worker: the listening socket.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence

from cli.processes import end_with_parent
from directory import logs, metrics
from directory.index.reader import Index
from directory.settings import Settings

_BACKGROUND = 10  # niceness of the follower: lookups come first


def main() -> None:
    role, number, lifeline, *inherited = sys.argv[1], *map(int, sys.argv[2:])
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is something to read again
    settings = Settings.load()
    logs.setup(settings.log_level, file=settings.log_file, form=settings.log_format)
    signal.signal(signal.SIGUSR1, lambda *_: logs.reopen())
    if role == "follower":
        _follow(settings, lifeline)
    elif role == "nightly":
        _keep_schedule(settings, lifeline)
    else:
        metrics.share(settings.metrics_path, f"{role}-{number}")
        end_with_parent(lifeline, lambda: os.kill(os.getpid(), signal.SIGTERM))
        _serve(role, number, settings, inherited)


def _follow(settings: Settings, lifeline: int) -> None:
    # Imported here: the front-end workers load neither SQLAlchemy nor psycopg2.
    from directory.index.follow import Follower
    from directory.registry import gauges
    from directory.registry.database import reader_url
    from directory.registry.source import RegistryRegister

    os.nice(_BACKGROUND)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent(lifeline, stop.set)
    telling = (reader_url(settings), settings.metrics_path, stop)
    threading.Thread(target=gauges.keep_telling, args=telling, name="metrics", daemon=True).start()
    threading.Thread(target=_read_through, args=(settings, stop), name="memory", daemon=True).start()
    register = RegistryRegister(reader_url(settings))
    Follower(register, settings.index_path, map_bytes=settings.index_map_bytes).run(stop)


def _read_through(settings: Settings, stop: threading.Event) -> None:
    from directory.index.resident import read_through
    from directory.index.store import DATA, current_build

    build = current_build(settings.index_path)
    if build is not None:  # one that is made later is in memory from the beginning
        read_through(build / DATA, stop)


def _keep_schedule(settings: Settings, lifeline: int) -> None:
    from cli.schedule import keep_schedule

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent(lifeline, stop.set)
    keep_schedule(settings, stop)


def _serve(role: str, number: int, settings: Settings, inherited: Sequence[int]) -> None:
    index = Index.open(settings.index_path, map_bytes=settings.index_map_bytes)
    listener = socket.socket(fileno=inherited[0])
    if role == "ldap":
        from ldap_server.loads import Loads
        from ldap_server.service import run as run_ldap
        from ldap_server.tickets import TicketKeys

        loads, keys, *secure = inherited[1:]
        ldaps = socket.socket(fileno=secure[0]) if secure else None
        run_ldap(settings, index, listener, Loads(loads, number), ldaps=ldaps, keys=TicketKeys(keys))
    elif role == "http":
        from api.service import run as run_http

        run_http(settings, index, listener)
    else:
        raise SystemExit(f"unknown role {role}")


if __name__ == "__main__":
    main()
