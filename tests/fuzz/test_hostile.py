"""Clients that mean ill, or mean another protocol: the others do not notice."""

from __future__ import annotations

import os
import signal
import socket
import struct

from tests.ldap_server.conftest import Server, bound

_RESET = struct.pack("ii", 1, 0)  # closing sends RST


def reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    client.close()


def test_connections_reset_before_they_are_accepted_do_not_shut_the_door(server: Server) -> None:
    for pid in server.pids:
        os.kill(pid, signal.SIGSTOP)
    for _ in range(5):
        reset(server.connect())
    for pid in server.pids:
        os.kill(pid, signal.SIGCONT)
    for _ in range(6):
        assert bound(server)
