"""The pages for people: search at `/`, the API guide at `/docs`; rendered here, complete without scripts."""

from __future__ import annotations

import html
from typing import Annotated, Any, Final
from urllib.parse import quote_plus

import orjson
from fastapi import APIRouter, FastAPI, Query, Request
from starlette.responses import Response

from api.problems import language
from api.search import find
from directory.errors import DirectoryError
from directory.index.answers import Match
from directory.index.reader import Index
from directory.model import Kind, RegisterState
from directory.query import Anything
from directory.settings import Settings

_STYLE: Final = """
:root{color-scheme:light dark;--ink:#16202c;--soft:#516070;--line:#d5dce4;--page:#f6f8fa;--card:#fff;--accent:#0b57a4}
@media (prefers-color-scheme:dark){:root{--ink:#e8edf3;--soft:#a5b2c0;--line:#334150;--page:#111820;--card:#1a232d;
--accent:#7db8f5}}
*{box-sizing:border-box}body{margin:0;font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page)}
main,header,footer{max-width:50rem;margin:0 auto;padding:1rem}h1{font-size:1.4rem;margin:.5rem 0}
h2{font-size:1.05rem;margin:0}form{display:flex;gap:.5rem}
input[type=search]{flex:1;min-width:0;font:inherit;padding:.7rem;border:1px solid var(--soft);border-radius:.5rem;
background:var(--card);color:var(--ink)}
button{font:inherit;padding:.7rem 1.2rem;border:0;border-radius:.5rem;background:var(--accent);color:var(--page);
font-weight:600;cursor:pointer}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
ol{list-style:none;padding:0;margin:1rem 0}li.card{background:var(--card);border:1px solid var(--line);
border-radius:.6rem;padding:.8rem 1rem;margin:.6rem 0}.card p{margin:.2rem 0;color:var(--soft)}
.mail{font-family:ui-monospace,monospace;overflow-wrap:anywhere;color:var(--ink)}a{color:var(--accent)}
pre{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.8rem;overflow-x:auto}
footer{color:var(--soft);font-size:.9rem}.none{font-style:italic}
"""
# No script and no outside request at all: the style is the one inline part, allowed by its own line.
_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

_TEXTS: Final = {
    "fr": {
        "title": "Annuaire des messageries sécurisées de santé",
        "label": "Nom, ville, profession, structure",
        "search": "Chercher",
        "hint": "Tapez un nom, une ville, une profession, une structure, dans n'importe quel ordre. Les accents et les "
        "fautes de frappe sont pardonnés.",
        "none": "Aucun résultat. Essayez avec moins de mots.",
        "more": "Il y a d'autres résultats : ajoutez un mot.",
        "no_mailbox": "Pas encore de boîte aux lettres",
        "unavailable": "L'annuaire se prépare ; réessayez dans un instant.",
        "source": "Source : RPPS, Annuaire Santé (ANS), données du {date}, révision {revision}.",
        "undated": "date inconnue",
        "guide": "Guide de l'API",
        "organization": "Structure",
        "mailbox": "Boîte aux lettres",
    },
    "en": {
        "title": "Directory of secure health mailboxes",
        "label": "Name, town, profession, structure",
        "search": "Search",
        "hint": "Type a name, a town, a profession, a structure, in any order. Accents and typos are forgiven.",
        "none": "No match. Try fewer words.",
        "more": "There are more matches: add a word.",
        "no_mailbox": "No mailbox yet",
        "unavailable": "The directory is being prepared; try again in a moment.",
        "source": "Source: RPPS, Annuaire Santé (ANS), data of {date}, revision {revision}.",
        "undated": "unknown date",
        "guide": "API guide",
        "organization": "Structure",
        "mailbox": "Mailbox",
    },
}


def router(settings: Settings, index: Index, app: FastAPI) -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    @routes.head("/")
    async def search_page(request: Request, q: Annotated[str, Query(max_length=200)] = "") -> Response:
        tongue = language(request)
        texts = _TEXTS[tongue]
        state: RegisterState | None = None
        try:
            with index.read() as snapshot:
                state = snapshot.state
                if q.strip():
                    kinds = (Kind.PRACTITIONER, Kind.ORGANIZATION, Kind.MAILBOX)
                    page = find(snapshot, settings, q, kinds, Anything(), settings.http_limit)
                    results = _results(page.matches, complete=page.complete, texts=texts)
                else:
                    results = f"<p>{texts['hint']}</p>"
        except DirectoryError as error:
            results = f'<p role="status">{html.escape(error.fr if tongue == "fr" else error.message)}</p>'
        box = (
            f'<form role="search" action="/"><input type="search" name="q" value="{html.escape(q)}" autofocus '
            f'aria-label="{texts["label"]}" placeholder="{texts["label"]}" maxlength="200">'
            f"<button>{texts['search']}</button></form>"
        )
        return _page(tongue, texts["title"], box + results, state)

    @routes.get("/docs")
    @routes.head("/docs")
    async def guide(request: Request) -> Response:
        tongue = language(request)
        state: RegisterState | None = None
        try:
            with index.read() as snapshot:
                state = snapshot.state
        except DirectoryError:
            pass
        base = str(request.base_url).rstrip("/")
        return _page(tongue, _TEXTS[tongue]["guide"], _guide(app.openapi(), base), state)

    return routes


def _page(tongue: str, title: str, content: str, state: RegisterState | None) -> Response:
    texts = _TEXTS[tongue]
    source = texts["unavailable"]
    if state is not None:
        date = state.as_of.date().isoformat() if state.as_of else texts["undated"]
        source = texts["source"].format(date=date, revision=state.revision)
    body = (
        f'<!doctype html><html lang="{tongue}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><title>{html.escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><header><h1>{html.escape(title)}</h1></header><main>{content}</main>"
        f'<footer><p>{html.escape(source)}</p><p><a href="/">{texts["search"]}</a> · '
        f'<a href="/docs">{texts["guide"]}</a></p></footer></body></html>'
    )
    headers = {"Content-Security-Policy": _POLICY, "Content-Language": tongue, "Vary": "Accept-Language"}
    return Response(body, headers=headers, media_type="text/html; charset=utf-8")


def _results(matches: tuple[Match, ...], *, complete: bool, texts: dict[str, str]) -> str:
    if not matches:
        return f'<p class="none" role="status">{texts["none"]}</p>'
    cards = "".join(_card(match, texts) for match in matches)
    more = "" if complete else f'<p role="status">{texts["more"]}</p>'
    return f"<ol>{cards}</ol>{more}"


def _card(match: Match, texts: dict[str, str]) -> str:
    record: dict[str, Any] = orjson.loads(match.document.json)
    kind = match.document.kind
    if kind is Kind.PRACTITIONER:
        name = f"{record['given_name'] or ''} {record['family_name']}"
        lines = [_exercise(exercise) for exercise in record["professions"]]
        mailboxes = record["mailboxes"]
    elif kind is Kind.ORGANIZATION:
        name = record["name"] or record["trade_name"] or record["key"]
        place = record["address"] or {}
        lines = [" · ".join(filter(None, [texts["organization"], place.get("postal_code"), place.get("city")]))]
        mailboxes = record["mailboxes"]
    else:
        holder = (record["holders"] or [{}])[0]
        person = " ".join(filter(None, [holder.get("given_name"), holder.get("family_name")]))
        name = person or (holder.get("organization") or {}).get("name") or record["address"]
        lines = [(holder.get("profession") or {}).get("label") or texts["mailbox"]]
        mailboxes = [record]
    shown = "".join(f'<p class="mail">{html.escape(mailbox["address"])}</p>' for mailbox in mailboxes[:5])
    none = f'<p class="none">{texts["no_mailbox"]}</p>'
    text = "".join(f"<p>{html.escape(line)}</p>" for line in lines if line)
    return f'<li class="card"><h2>{html.escape(name.strip())}</h2>{text}{shown or none}</li>'


def _exercise(exercise: dict[str, Any]) -> str:
    specialties = [expertise["label"] for expertise in exercise["expertises"][:2]]
    places = dict.fromkeys(
        " ".join(filter(None, [(activity["organization"] or {}).get("name"), activity["address"]["city"]]))
        for activity in exercise["activities"]
        if activity["address"]
    )
    return " · ".join([exercise["profession"]["label"], *specialties, *list(places)[:3]])


def _guide(openapi: dict[str, Any], base: str) -> str:
    """The operations of the API, each with a command to copy."""
    parts = [
        "<p>REST, JSON, UTF-8. <a href='/openapi.json'>OpenAPI</a>. "
        "Errors are <code>application/problem+json</code> (RFC 9457).</p>"
    ]
    for path, methods in openapi["paths"].items():
        operation = methods.get("get")
        if operation is None:
            continue
        parameters = operation.get("parameters", [])
        target = path
        for parameter in parameters:
            if parameter["in"] == "path":
                target = target.replace("{" + parameter["name"] + "}", quote_plus(_example(parameter), safe="@"))
        mandatory = [parameter for parameter in parameters if parameter["in"] == "query" and parameter["required"]]
        if path == "/v1/search":
            target += "?q=lefebvre+lyon"
        elif mandatory:
            target += "?" + "&".join(f"{one['name']}={quote_plus(_example(one))}" for one in mandatory)
        rows = "".join(
            f"<li><code>{html.escape(parameter['name'])}</code> {html.escape(parameter.get('description', ''))}</li>"
            for parameter in parameters
        )
        parts.append(
            f"<h2>{html.escape(operation['summary'])}</h2><p><code>GET {html.escape(path)}</code></p>"
            f"<pre>curl '{html.escape(base + target)}'</pre>" + (f"<ul>{rows}</ul>" if rows else "")
        )
    return "".join(parts)


def _example(parameter: dict[str, Any]) -> str:
    examples = parameter["schema"].get("examples") or ["…"]
    return str(examples[0])
