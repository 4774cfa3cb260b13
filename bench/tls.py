"""`python -m bench.tls DATA`: TLS connections a second, each with a handshake, a bind and a mail client's search.

Every connection is a new one, as Thunderbird makes for each word typed; sessions are resumed at whichever worker
answers, unless told otherwise. Clients and server share the machine.
"""

from __future__ import annotations

import argparse
import datetime as dt
import itertools
import socket
import ssl
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bench.ldap.encoding import search_request
from bench.ldap.filters import encode, parse
from bench.node import BASE, Address, serving

_BIND = bytes.fromhex("300c020101600702010304008000")
_UNBIND = bytes.fromhex("30050201034200")
_DONE = b"\x02\x01\x02\x65"  # the end of the search
_WARMING = 50  # connections of each client that are not counted: workers read what the first searches need
_LETTERS = ("mar", "dup", "lef", "ber", "tho", "rob", "pet", "dur", "mor", "sim")


@dataclass
class Outcome:
    """What some clients have seen."""

    connections: int = 0
    resumed: int = 0
    milliseconds: list[float] = field(default_factory=list)

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(
            self.connections + other.connections,
            self.resumed + other.resumed,
            self.milliseconds + other.milliseconds,
        )


def certificate(folder: Path) -> Path:
    """A certificate of its own authority, with its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "node.pem"
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


def searches() -> list[bytes]:
    """Thunderbird's autocompletion after three letters."""
    filters = (encode(parse(f"(|(cn=*{v}*)(mail=*{v}*)(givenName=*{v}*)(sn=*{v}*))")) for v in _LETTERS)
    attributes = ("cn", "mail", "givenName", "sn", "o")
    return [search_request(BASE, one, attributes=attributes, size_limit=100, message_id=2) for one in filters]


def client(where: Address, trusted: Path, version: ssl.TLSVersion, count: int, resume: bool) -> Outcome:
    """One client's connections, one after the other."""
    context = ssl.create_default_context(cafile=str(trusted))
    context.minimum_version = context.maximum_version = version
    outcome, session = Outcome(), None
    for wire in itertools.islice(itertools.cycle(searches()), count):
        began = time.perf_counter()
        with socket.create_connection((where.host, where.port), timeout=10) as raw:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with context.wrap_socket(raw, server_hostname="localhost", session=session) as secured:
                secured.sendall(_BIND)
                secured.recv(100)
                secured.sendall(wire)
                end = b""
                while _DONE not in end:
                    end = end[-16:] + secured.recv(65536)
                secured.sendall(_UNBIND)
                outcome.connections += 1
                outcome.resumed += bool(secured.session_reused)
                session = secured.session if resume else None
        outcome.milliseconds.append((time.perf_counter() - began) * 1000)
    return outcome


def measure(where: Address, trusted: Path, version: ssl.TLSVersion, options: argparse.Namespace) -> str:
    """A line of results."""
    share = options.connections // options.clients
    # Processes: threads would wait for one another as no two mail clients do.
    with ProcessPoolExecutor(options.clients) as clients:
        asked = (where, trusted, version)
        warm = [clients.submit(client, *asked, _WARMING, True) for _ in range(options.clients)]
        wait(warm)
        began = time.perf_counter()
        found = [clients.submit(client, *asked, share, not options.full) for _ in range(options.clients)]
        wait(found)
        seconds = time.perf_counter() - began
    total = sum((one.result() for one in found), Outcome())
    ordered = sorted(total.milliseconds)
    p50, p99 = (ordered[int(len(ordered) * share)] for share in (0.5, 0.99))
    rate = total.connections / seconds
    return (
        f"{version.name}: {total.connections} connections, {total.resumed} resumed, {rate:.0f}/s, "
        f"p50 {p50:.1f} ms, p99 {p99:.1f} ms"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.tls", description=__doc__)
    parser.add_argument("data", type=Path, help="a data folder whose index is built")
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=4, help="processes that connect side by side")
    parser.add_argument("--workers", type=int, default=2, help="LDAP worker processes")
    parser.add_argument("--full", action="store_true", help="a whole handshake each time")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        trusted = certificate(Path(name))
        workers = options.workers
        with serving(options.data, ldap_workers=workers, tls_certificate_file=trusted, ldaps_port=0) as node:
            assert node.ldaps is not None
            for version in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2):
                print(measure(node.ldaps, trusted, version, options), flush=True)


if __name__ == "__main__":
    main()
