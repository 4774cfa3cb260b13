"""Observing a node: metrics of imports outlive processes, alerts and dashboard name only what is told, logs as JSON."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from directory import logs, metrics
from directory.errors import InvalidInput
from directory.registry import gauges
from directory.registry.database import Database
from importers import columns
from importers.mailboxes import import_mailboxes
from importers.report import ImportOptions
from tests.importers.files import mailbox, write

DEPLOY = Path(__file__).parent.parent / "deploy"
_NODE = """
import sys
from pathlib import Path
from directory import metrics
metrics.share(Path(sys.argv[1]), "http-0")
import api.metrics, ldap_server.metrics as ldap
api.metrics.note("/healthz", 200, 0.01)
ldap.OPERATIONS.labels("search", "success").inc()
ldap.SECONDS.labels("search").inc()
ldap.SLOW.labels("search", "0.1").inc()
ldap.CONNECTIONS.set(1)
print(metrics.exposition()[0].decode())
"""


def bring(database: Database, folder: Path, addresses: range, day: int) -> None:
    name = f"Extraction_Correspondance_MSSante_202601{day}0315.txt"
    rows = [mailbox(f"n{n}@x.mssante.fr", None) for n in addresses] + [mailbox("nowhere", None)]
    import_mailboxes(database, [write(folder / str(day), columns.MAILBOX, rows, name=name)], ImportOptions())


@pytest.fixture
def held(database: Database, tmp_path: Path) -> Database:
    """A register of 100 mailboxes, a held night that would remove 40."""
    bring(database, tmp_path, range(100), 15)
    bring(database, tmp_path, range(60), 16)
    return database


def exposed(folder: Path) -> str:
    """What a new process of a node tells of the folder's metrics."""
    command = [sys.executable, "-c", _NODE, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_nights_metrics_come_from_the_register_and_stay_when_everybody_has_ended(
    held: Database, tmp_path: Path
) -> None:
    folder = tmp_path / "metrics"
    metrics.tell(folder, "runs", gauges.of_register(held))
    metrics.begin_anew(folder)
    shown = exposed(folder).splitlines()
    for line in (
        'annuaire_run_held{kind="mailboxes"} 1.0',
        'annuaire_run_status{kind="mailboxes",status="held"} 1.0',
        'annuaire_run_status{kind="mailboxes",status="applied"} 0.0',
        'annuaire_run_records{change="removed",kind="mailboxes",record="mailbox"} 40.0',
        'annuaire_run_rejected_lines{kind="mailboxes",reason="malformed address"} 1.0',
        'annuaire_run_rows{kind="mailboxes",layout="mailbox"} 60.0',
        "annuaire_register_revision 1.0",
    ):
        assert line in shown
    assert any(line.startswith('annuaire_register_age_seconds{kind="mailboxes"}') for line in shown)
    assert any(line.startswith('annuaire_run_duration_seconds{kind="mailboxes",stage="checking"}') for line in shown)


def test_while_the_register_is_away_the_last_metrics_stay(held: Database, tmp_path: Path) -> None:
    metrics.tell(tmp_path, "runs", gauges.of_register(held))
    before = (tmp_path / "runs.prom").read_bytes()
    stop = threading.Event()
    thread = threading.Thread(
        target=gauges.keep_telling, args=("postgresql+psycopg2://nobody@127.0.0.1:9/none", tmp_path, stop)
    )
    thread.start()
    stop.set()
    thread.join(20)
    assert (tmp_path / "runs.prom").read_bytes() == before


def expressions() -> list[str]:
    rules = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text("utf-8"))
    board = json.loads((DEPLOY / "grafana" / "annuaire.json").read_text("utf-8"))
    return [rule["expr"] for group in rules["groups"] for rule in group["rules"]] + [
        target["expr"] for panel in board["panels"] for target in panel["targets"]
    ]


def test_alerts_and_dashboard_name_only_metrics_and_labels_that_a_node_tells(held: Database, tmp_path: Path) -> None:
    metrics.tell(tmp_path, "runs", gauges.of_register(held))
    labels: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(exposed(tmp_path)):
        for sample in family.samples:
            labels.setdefault(sample.name, set()).update(sample.labels)
    for expression in expressions():
        named = re.findall(r"annuaire_\w+", expression)
        assert named or "up{" in expression, expression
        assert set(named) <= labels.keys(), expression
        told = set().union(*(labels[name] for name in named)) | {"instance", "job"}
        used = re.findall(r"(\w+)\s*(?:=~|!=|!~|=)\s*\"", expression)
        used += [label for group in re.findall(r"by \(([^)]*)\)", expression) for label in group.split(", ")]
        assert set(used) <= told, expression
        assert expression.count("(") == expression.count(")")


def test_every_alert_is_whole() -> None:
    rules: list[dict[str, Any]] = [
        rule
        for group in yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text("utf-8"))["groups"]
        for rule in group["rules"]
    ]
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule.keys() == {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"].keys() == {"summary", "description"}
        assert re.fullmatch(r"\d+[smh]", rule["for"])


def test_a_log_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"ANNUAIRE_LOG_FILE: .* cannot be written: Is a directory"):
        logs.setup("INFO", file=tmp_path)


@pytest.fixture
def json_log(tmp_path: Path) -> Iterator[Path]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logs.setup("INFO", file=tmp_path / "log", form="json")
    yield tmp_path / "log"
    logs.setup("INFO")
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_log_line_in_json_has_its_pairs_as_fields_and_forges_nothing(json_log: Path) -> None:
    log = logging.getLogger("annuaire.test")
    log.info("%s %s", "GET", logs.pairs(status=200, ms=1.5, who='a "b"\nlevel=ERROR', level="forged"))
    try:
        raise ValueError("oh\nno")
    except ValueError:
        log.exception("failed")
    first, second = map(json.loads, json_log.read_text("utf-8").splitlines())
    assert (first["message"], first["level"], first["logger"]) == ("GET", "INFO", "annuaire.test")
    assert (first["status"], first["ms"], first["who"]) == (200, 1.5, 'a "b"\nlevel=ERROR')
    assert first["time"].endswith("Z")
    assert "ValueError" in second["traceback"]


def test_ldap_access_lines_are_json_like_the_others(json_log: Path) -> None:
    from directory.callers.caller import Caller
    from directory.callers.trace import Done
    from ldap_server.access import AccessLog

    access = AccessLog()
    access.note(Done(Caller("192.0.2.1", "192.0.2.0/24"), "search", 0, 3, 0.0123, None))
    access.flush()
    (line,) = map(json.loads, json_log.read_text("utf-8").splitlines())
    assert (line["message"], line["client"], line["entries"], line["ms"]) == ("search", "192.0.2.1", 3, 12.3)


def test_the_register_tells_metrics_before_its_first_import(database: Database) -> None:
    assert b"annuaire_register_revision 0.0" in generate_latest(gauges.of_register(database))
