"""Runs one LDAP worker process on a listening socket it was handed."""

from __future__ import annotations

import gc
import logging
import signal
import socket

from twisted.internet.protocol import Factory

from directory.callers.budgets import budgets_of
from directory.callers.networks import read_networks
from directory.errors import InvalidInput
from directory.index.reader import Index
from directory.settings import Settings
from ldap_server import polling
from ldap_server.door import Door
from ldap_server.loads import Loads
from ldap_server.protocol import ConnectionFactory
from ldap_server.proxy import ProxiedFactory
from ldap_server.sharing import Service
from ldap_server.tickets import TicketKeys
from ldap_server.tls import Tls

log = logging.getLogger("annuaire.ldap")

_DRAIN_S = 5.0
_AGAIN_S = 1.0  # after which files of TLS that cannot be read are read again


def run(
    settings: Settings,
    index: Index,
    listener: socket.socket,
    loads: Loads | None = None,
    *,
    ldaps: socket.socket | None = None,
    keys: TicketKeys | None = None,
) -> None:
    """Serve until SIGTERM; then accept no more, finish what is under way, and return. SIGHUP reads certificates again.

    `loads` and `keys` are shared with the other workers that accept from the same sockets; `ldaps` is that of TLS. A
    certificate that cannot be served with keeps this worker from TLS until its files are mended, and from nothing else.
    """
    reactor = polling.reactor()
    service = Service(
        settings=settings,
        index=index,
        reactor=reactor,
        loads=loads or Loads.alone(),
        budgets=budgets_of(settings),
    )
    doors = [Door(reactor, listener, behind_proxies(service, ConnectionFactory(service)), service.loads)]
    doors[0].open()

    def secure(said: str = "") -> None:
        """Serve TLS as soon as its files can be read."""
        try:
            service.tls = Tls.of(settings, keys)
        except InvalidInput as error:
            if error.message != said:
                log.error("no TLS for now: %s", error.message)
            reactor.callLater(_AGAIN_S, secure, error.message)
            return
        if ldaps is not None and service.tls is not None and not service.stopping:
            behind = behind_proxies(service, ConnectionFactory(service, tls=True))
            doors.append(Door(reactor, ldaps, behind, service.loads))
            doors[-1].open()

    secure()

    def drain() -> None:
        service.stopping = True
        for door in doors:
            door.shut()
        for connection in list(service.connections):
            connection.drain()
        wait(int(_DRAIN_S / 0.05))

    def wait(rounds: int) -> None:
        if not service.connections or rounds == 0:
            reactor.stop()
        else:
            reactor.callLater(0.05, wait, rounds - 1)

    def on_signal(*_: object) -> None:
        reactor.callFromThread(drain)

    def on_hangup(*_: object) -> None:
        reactor.callFromThread(service.read_certificates)

    service.sweep()
    # What is there now stays: looking through it for garbage again and again would hold answers up.
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGHUP, on_hangup)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    reactor.run(installSignalHandlers=False)
    service.access.flush()
    service.passwords.close()
    index.close()


def behind_proxies(service: Service, factory: Factory) -> Factory:
    """What listens where proxies pass connections on; the factory itself where none is trusted to."""
    settings = service.settings
    proxies = read_networks(settings.ldap_proxies)
    if not proxies:
        return factory
    return ProxiedFactory(service.reactor, factory, proxies, settings.ldap_first_message_s)
