"""`/metrics`: all processes of a node together, for those who may read it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from fastapi.testclient import TestClient

from api.app import create_app
from directory import metrics
from directory.index.reader import Index
from directory.settings import Settings

_COUNT = """
import sys
from pathlib import Path
from directory import metrics
metrics.share(Path(sys.argv[1]), sys.argv[2])
from ldap_server.metrics import OPERATIONS, CONNECTIONS
OPERATIONS.labels("search", "success").inc(int(sys.argv[3]))
CONNECTIONS.set(int(sys.argv[3]))
print(metrics.exposition()[0].decode())
"""


def counted(folder: Path, process: str, number: int) -> list[str]:
    command = [sys.executable, "-c", _COUNT, str(folder), process, str(number)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def test_the_counts_of_all_processes_are_shown_together(tmp_path: Path) -> None:
    counted(tmp_path, "ldap-0", 2)
    shown = counted(tmp_path, "ldap-1", 3)
    assert 'annuaire_ldap_operations_total{operation="search",outcome="success"} 5.0' in shown
    assert "annuaire_ldap_connections 5.0" in shown


def test_who_takes_a_dead_processs_place_goes_on_with_its_counts(tmp_path: Path) -> None:
    counted(tmp_path, "ldap-0", 2)
    shown = counted(tmp_path, "ldap-0", 1)
    assert 'annuaire_ldap_operations_total{operation="search",outcome="success"} 3.0' in shown
    assert "annuaire_ldap_connections 1.0" in shown


def test_a_new_run_begins_anew(tmp_path: Path) -> None:
    counted(tmp_path, "ldap-0", 2)
    metrics.begin_anew(tmp_path)
    assert 'annuaire_ldap_operations_total{operation="search",outcome="success"} 1.0' in counted(tmp_path, "ldap-0", 1)


def client(tmp_path: Path, address: str, **settings: str) -> TestClient:
    index = Index.open(tmp_path / "index", map_bytes=2**20)
    app = create_app(Settings(data_dir=tmp_path, **settings), index)  # type: ignore[arg-type]
    return TestClient(app, client=(address, 1234))


def test_metrics_are_for_this_machine_unless_the_operator_says_otherwise(tmp_path: Path) -> None:
    assert client(tmp_path, "127.0.0.1").get("/metrics").status_code == 200
    assert client(tmp_path, "192.0.2.1").get("/metrics").status_code == 403
    assert client(tmp_path, "192.0.2.1", metrics_networks="192.0.2.0/24").get("/metrics").status_code == 200


def test_requests_are_counted_by_route_and_never_by_path(tmp_path: Path) -> None:
    asking = client(tmp_path, "127.0.0.1")
    asking.get("/healthz")
    asking.get("/v1/mailboxes/dupont@x.mssante.fr")
    shown = asking.get("/metrics").text
    assert 'annuaire_http_requests_total{route="/healthz",status="200"}' in shown
    assert "dupont" not in shown
