"""A tenant all of whose names, documents, pages, files and people mean harm."""

import asyncio
from collections.abc import Sequence
from html import escape
from typing import Any

from api import Tenant
from hostile_texts import CASES, Case, joined, named
from web_site import Answer, Site, html

SIZE = 25
"""Cases in a document or an answer."""

FILE_NAMES = [
    "<svg onload=top.__owned=1>.html",
    "\"onmouseover=top.__owned=1 x='.txt",
    "![x](javascript:x).md",
]


HOOK = {"url": "https://hooks.example/?<img src=x onerror=top.__owned=1>", "events": ["source.failed"]}


def face(canary: str) -> dict[str, Any]:
    """What a bot says of itself."""
    names = list(named(canary).values())
    return {
        "name": names[0],
        "description": names[1],
        "greeting": " ".join(names)[:500],
        "suggested_questions": [name[:200] for name in names[:6]],
        "system_prompt": names[3],
    }


async def furnish(tenant: Tenant, bot_id: str, canary: str, site: Site) -> list[str]:
    """Fills the tenant with them; the ids of its sources, all of them ready: texts, the site, the files."""
    texts = _texts(CASES, canary)
    names = list(named(canary).values())
    sources = [
        await tenant.text_source(bot_id, text.replace("\x00", ""), names[place % len(names)])
        for place, text in enumerate(texts[: len(names)])
    ]
    sources.append(await _site(tenant, bot_id, site, names, texts[0]))
    sources.append(await _files(tenant, bot_id, texts[1]))
    await _others(tenant, bot_id, names)
    await asyncio.gather(*(tenant.settled(source) for source in sources))
    return sources


def _texts(cases: Sequence[Case], canary: str) -> list[str]:
    return [joined(cases[start : start + SIZE], canary) for start in range(0, len(cases), SIZE)]


async def _site(tenant: Tenant, bot_id: str, site: Site, names: list[str], text: str) -> str:
    """A web site with such titles and headings, and all the markup in its pages."""
    kind = {"Content-Type": "text/html; charset=utf-8"}
    paths = [f"/page-{place}" for place in range(3)]
    site.answers["/"] = Answer(html(escape(names[0]), "The museum opens at nine.", paths), headers=kind)
    for path, name in zip(paths, names[1:], strict=False):
        body = html(escape(name), f"The museum opens at nine. {escape(text[:2000])}</p>{text}<p>")
        site.answers[path] = Answer(body, headers=kind)
    config = {"url": site.url(), "crawl": {"delay_seconds": 0}}
    body = {"bot_profile_id": bot_id, "name": names[2], "source_type": "url", "config": config}
    source = await tenant.call("POST", "/v1/sources", 201, json=body | {"description": names[0]})
    await tenant.call("POST", f"/v1/sources/{source['id']}/ingest", 202)
    return str(source["id"])


async def _files(tenant: Tenant, bot_id: str, text: str) -> str:
    parts = [("file", (name, text.encode())) for name in FILE_NAMES]
    form = {"bot_profile_id": bot_id, "name": FILE_NAMES[0]}
    made = await tenant.call("POST", "/v1/sources/upload", 201, files=parts, data=form)
    return str(made["parent"]["id"])


async def _others(tenant: Tenant, bot_id: str, names: list[str]) -> None:
    """What has a name besides bots and sources."""
    for place, name in enumerate(names):
        if place < 3:  # their passwords take long to hash
            person = {"email": f"p{place}@{tenant.id}.example", "display_name": name, "role": "member"}
            await tenant.call("POST", "/v1/users", 201, json=person | {"password": "correct horse battery"})
        await tenant.call("POST", "/v1/api-tokens", 201, json={"name": name})
        key = {"bot_profile_id": bot_id, "name": name, "origins": ["https://a.example"]}
        await tenant.call("POST", "/v1/embed-keys", 201, json=key)
    await tenant.bot(name=names[3], description=names[4])
    await tenant.call("POST", "/v1/webhooks", 201, json=HOOK | {"description": names[0]})
