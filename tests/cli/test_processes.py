"""Locks end with their holder, ports are refused with their setting's name, children end with their parent."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.processes import sole_holder
from cli.supervisor import listening_socket
from directory.errors import Unavailable

_HOLD = """
import sys, time
from pathlib import Path
from cli.processes import sole_holder
with sole_holder(Path(sys.argv[1]), patience_s=0, refusal="taken by {pid}"):
    print("held", flush=True)
    time.sleep(60)
"""

_PARENT = """
import os, subprocess, sys
reading, writing = os.pipe()
child = subprocess.Popen([sys.executable, "-c", sys.argv[1], str(reading)], pass_fds=[reading])
print(child.pid, flush=True)
child.wait()
"""

_CHILD = """
import sys, threading
from cli.processes import end_with_parent
stopped = threading.Event()
end_with_parent(int(sys.argv[1]), stopped.set)
print("up", flush=True)
stopped.wait(60)
"""

_DEAF_CHILD = """
import signal, sys, time
from cli.processes import end_with_parent
end_with_parent(int(sys.argv[1]), lambda: None)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(60)
"""


def test_a_lock_is_refused_with_the_holders_process_id(tmp_path: Path) -> None:
    lock = tmp_path / "serve.lock"
    holder = subprocess.Popen([sys.executable, "-c", _HOLD, str(lock)], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with (
            pytest.raises(Unavailable, match=f"taken by {holder.pid}"),
            sole_holder(lock, patience_s=0, refusal="taken by {pid}"),
        ):
            pass
    finally:
        holder.kill()
        holder.wait()


def test_a_lock_is_free_again_after_its_holder_was_killed(tmp_path: Path) -> None:
    lock = tmp_path / "serve.lock"
    holder = subprocess.Popen([sys.executable, "-c", _HOLD, str(lock)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with sole_holder(lock, patience_s=5, refusal="taken by {pid}"):
        assert lock.read_text() == str(os.getpid())


def test_a_port_in_use_is_refused_with_the_port_and_its_setting() -> None:
    with listening_socket("127.0.0.1", 0, "ANNUAIRE_LDAP_PORT") as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=f"port {port}.*in use.*ANNUAIRE_LDAP_PORT"):
            listening_socket("127.0.0.1", port, "ANNUAIRE_LDAP_PORT")


def test_a_listening_socket_accepts_on_ipv6_too() -> None:
    try:
        listener = listening_socket("::1", 0, "ANNUAIRE_LDAP_PORT")
    except Unavailable:
        pytest.skip("this machine has no IPv6 loopback")
    with listener:
        assert listener.family == socket.AF_INET6


@pytest.mark.parametrize("code", [_CHILD, _DEAF_CHILD], ids=["obeys", "ignores SIGTERM"])
def test_a_child_ends_within_two_seconds_of_its_killed_parent(code: str) -> None:
    parent = subprocess.Popen([sys.executable, "-c", _PARENT, code], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert parent.stdout.readline() == b"up\n"
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 2.0
    while _alive(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _alive(child)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
