"""Notices: somebody is told when a night was held, failed, late, or well again after that."""

from __future__ import annotations

import json
import logging
import smtplib
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Any, Final

import urllib3

from directory.files import put_in_place
from directory.logs import pairs
from directory.settings import Settings
from importers.nightly.night import FAILED, Night, Outcome

log = logging.getLogger("annuaire.nightly")

_TIMEOUT_S: Final = 20.0
_WORDS: Final = {
    "failed": ("échec", "failed"),
    "held": ("en attente d'une décision", "held for a decision"),
    "late": ("fichier en retard", "its file is late"),
    "recovered": ("rétabli", "well again"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What happened to one kind of import: `event` is failed, held, late or recovered."""

    event: str
    outcome: Outcome

    def text(self) -> str:
        fr, en = _WORDS[self.event]
        outcome = self.outcome
        run = f" (run {outcome.run_id})" if outcome.run_id else ""
        lines = [f"{outcome.kind}{run} : {fr} / {en}"]
        if outcome.as_of is not None:
            lines.append(f"  {', '.join(outcome.files)}, {outcome.as_of:%Y-%m-%d %H:%M} UTC")
        lines += [f"  - {reason}" for reason in outcome.reasons]
        if outcome.run_id is not None:
            lines.append(f"  rapport / report: annuaire runs report {outcome.run_id} --out report.html")
        if self.event == "held":
            lines.append(f"  annuaire runs show {outcome.run_id}, puis / then: annuaire runs apply {outcome.run_id}")
        return "\n".join(lines)


def notices(night: Night, before: Mapping[str, str]) -> list[Notice]:
    """What there is to tell of a night, `before` being the last known status per kind."""
    found = []
    for outcome in night.outcomes:
        if outcome.status in FAILED:
            found.append(Notice(event="failed", outcome=outcome))
        elif outcome.status == "held":
            found.append(Notice(event="held", outcome=outcome))
        elif outcome.late:
            found.append(Notice(event="late", outcome=outcome))
        elif before.get(outcome.kind) in (*FAILED, "held", "late"):
            found.append(Notice(event="recovered", outcome=outcome))
    return found


def tell(settings: Settings, night: Night) -> list[Notice]:
    """Send what there is to tell by the ways that are set, and remember how the night was. A way that fails is logged;
    the others are tried all the same."""
    memory = settings.spool_path / "last-night.json"
    found = notices(night, _remembered(memory))
    if found:
        ways: list[tuple[str, Callable[[Settings, Night, Sequence[Notice]], None]]] = []
        ways += [("webhook", _post)] if settings.notice_webhook else []
        ways += [("mail", _mail)] if settings.notice_mail else []
        for name, way in ways:
            try:
                way(settings, night, found)
            except (OSError, smtplib.SMTPException, urllib3.exceptions.HTTPError) as error:
                log.error("no notice %s", pairs(by=name, because=str(error)))
    _remember(memory, night)
    return found


def _post(settings: Settings, night: Night, found: Sequence[Notice]) -> None:
    body: dict[str, Any] = {
        "status": night.status,
        "text": "\n".join(notice.text() for notice in found),  # what chat services show of a webhook
        "notices": [{"event": notice.event, **notice.outcome.as_json()} for notice in found],
    }
    pool = urllib3.PoolManager(timeout=_TIMEOUT_S, retries=2)
    sent = pool.request(
        "POST",
        str(settings.notice_webhook),
        body=json.dumps(body, default=str).encode(),
        headers={"Content-Type": "application/json"},
    )
    if sent.status >= 300:
        raise urllib3.exceptions.HTTPError(f"the webhook answers {sent.status}")


def _mail(settings: Settings, night: Night, found: Sequence[Notice]) -> None:
    host, _, port = settings.smtp_server.rpartition(":")
    message = EmailMessage()
    events = ", ".join(f"{notice.outcome.kind}: {_WORDS[notice.event][1]}" for notice in found)
    message["Subject"] = f"[annuaire] {events}"
    message["From"] = settings.notice_from
    message["To"] = settings.notice_mail
    message["Date"] = formatdate(night.finished_at.timestamp())
    message["Message-ID"] = make_msgid(domain=settings.notice_from.rpartition("@")[2])
    message.set_content("\n\n".join(notice.text() for notice in found) + "\n")
    with smtplib.SMTP(host, int(port), timeout=_TIMEOUT_S) as client:
        client.ehlo()
        if client.has_extn("starttls"):
            client.starttls(context=ssl.create_default_context())
        client.send_message(message)


def _remembered(path: Path) -> dict[str, str]:
    with suppress(OSError, ValueError):
        found: dict[str, str] = json.loads(path.read_text("utf-8"))
        return found
    return {}


def _remember(path: Path, night: Night) -> None:
    held = _remembered(path)
    held |= {outcome.kind: "late" if outcome.late else outcome.status for outcome in night.outcomes}
    put_in_place(path, json.dumps(held).encode())
