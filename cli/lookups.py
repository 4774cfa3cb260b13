"""`annuaire search`: the directory's own search from the terminal, with its explanation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import typer

from cli import explanation
from cli.output import print_json, say, table
from directory.settings import Settings

if TYPE_CHECKING:
    from directory.index.answers import Page


def register(app: typer.Typer) -> None:
    app.command()(search)


def search(
    context: typer.Context,
    text: list[str] = typer.Argument(help="Name, place, profession, structure, in any order; typos are forgiven."),
    limit: int = typer.Option(20, min=1, max=1000),
    explain: bool = typer.Option(False, "--explain", help="Say what each step found and how scores are made."),
    json: bool = typer.Option(False, "--json", help="For machines."),
) -> None:
    """Find professionals, structures and mailboxes. Exit code 1 where nothing is found, as grep has it."""
    from directory.index.reader import Index
    from directory.query import TextQuery

    settings: Settings = context.obj
    query = TextQuery(text=" ".join(text), limit=limit, explain=explain)
    index = Index.open(settings.index_path, map_bytes=settings.index_map_bytes)
    with index.read() as snapshot:
        page = snapshot.search(query)
        matches = [
            {
                "score": round(match.score, 4),
                "kind": str(match.document.kind),
                str(match.document.kind): orjson.loads(match.document.json),
                **({"why": dict(match.why)} if match.why is not None else {}),
            }
            for match in page.matches
        ]
        answer = {
            "register": {"revision": page.state.revision, "as_of": page.state.as_of},
            "query": query.text,
            "matches": matches,
            "complete": page.complete,
            **({"steps": [dict(step) for step in page.steps]} if explain else {}),
        }
    if json:
        print_json(answer)
    else:
        _tell(matches, page)
    raise typer.Exit(0 if matches else 1)


def _tell(matches: list[dict[str, Any]], page: Page) -> None:
    for line in explanation.before(page.steps):
        print(line)
    if matches:
        table(["score", "kind", "name", "profession", "place", "mailbox"], [_row(match) for match in matches])
    else:
        say("nothing found")
    scored = [(match["score"], str(_row(match)[2]), match["why"]) for match in matches if "why" in match]
    for line in explanation.after(page.steps, scored):
        print(line)
    if not page.complete:
        print("… and more: give another word, or --limit")


def _row(match: dict[str, Any]) -> list[object]:
    record = match[match["kind"]]
    return [match["score"], match["kind"], *_CELLS[match["kind"]](record)]


def _practitioner(record: dict[str, Any]) -> list[object]:
    name = f"{record['family_name']} {record['given_name'] or ''}".strip()
    professions = [exercise["profession"]["label"] for exercise in record["professions"]]
    cities = [a["address"]["city"] for e in record["professions"] for a in e["activities"] if a.get("address")]
    return [name, ", ".join(professions), _distinct(cities), _distinct([m["address"] for m in record["mailboxes"]])]


def _organization(record: dict[str, Any]) -> list[object]:
    sector = (record.get("sector") or {}).get("label")
    addresses = [mailbox["address"] for mailbox in record["mailboxes"]]
    return [record["name"], sector, (record.get("address") or {}).get("city"), _distinct(addresses)]


def _mailbox(record: dict[str, Any]) -> list[object]:
    holder = (record["holders"] or [{}])[0]
    name = " ".join(part for part in (holder.get("family_name"), holder.get("given_name")) if part)
    organization = (holder.get("organization") or {}).get("name")
    profession = (holder.get("profession") or {}).get("label")
    return [name or organization, profession, (holder.get("address") or {}).get("city"), record["address"]]


_CELLS = {"practitioner": _practitioner, "organization": _organization, "mailbox": _mailbox}


def _distinct(values: list[str | None]) -> str:
    return ", ".join(dict.fromkeys(value for value in values if value))
