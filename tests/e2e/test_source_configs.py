"""What a source's config says about its passages, and where its citations lead, through a running stack."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from api import Tenant
from declarations import FRENCH, GERMAN
from deployment import HERE, LISTEN

PAGE = """<!DOCTYPE html><html lang="de"><head><meta charset="utf-8"><title>Grundgesetz</title></head><body><main>
<h1 id="grundrechte">Grundrechte</h1>{articles}</main></body></html>"""
ARTICLE = '<h2 id="art-{n}">Artikel {n}</h2><p>{text}</p>'
LONG = 6
"""Times that each article is said, so that it does not share a passage with its neighbours."""


@pytest.fixture
async def law() -> AsyncIterator[str]:
    """The URL of a page with articles, each with an anchor of its own."""
    articles = "".join(
        ARTICLE.format(n=n, text="</p><p>".join([text] * LONG)) for n, text in enumerate(GERMAN, start=1)
    )
    body = PAGE.format(articles=articles).encode()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, LISTEN, 0)
    async with server:
        yield f"http://{HERE}:{server.sockets[0].getsockname()[1]}/gg.html"


async def made(tenant: Tenant, bot_id: str, **fields: Any) -> dict[str, Any]:
    """A source that is ready."""
    body = {"bot_profile_id": bot_id, "name": "Grundgesetz", **fields}
    source = await tenant.call("POST", "/v1/sources", 201, json=body)
    await tenant.call("POST", f"/v1/sources/{source['id']}/ingest", 202)
    return await tenant.ready(source["id"])


async def test_an_inflected_question_finds_its_article_and_the_citation_leads_to_its_anchor(
    tenant: Tenant, law: str
) -> None:
    bot_id = await tenant.bot()
    await made(tenant, bot_id, source_type="url", config={"url": law, "chunk_size": 128})
    await made(tenant, bot_id, source_type="text", name="Droits", content="\n\n".join(FRENCH))
    reply = await tenant.ask(bot_id, "Enteignungen: wann wird ein Eigentümer enteignet?")
    assert reply["sources"][0]["url"] == f"{law}#art-5"
    assert "Enteignung" in reply["sources"][0]["content"] or "Eigentum" in reply["sources"][0]["content"]
    [_, answer] = await tenant.call("GET", f"/v1/chat/{reply['chat_id']}/messages", 200)
    assert [one["url"] for one in answer["sources"]] == [one["url"] for one in reply["sources"]]
    french = await tenant.ask(bot_id, "Peut-on accuser ou arrêter un citoyen hors de la loi ?")
    assert french["sources"][0]["title"] == "Droits"
    assert french["sources"][0]["url"] is None


async def test_passages_have_the_asked_length_from_the_next_ingestion_on(tenant: Tenant) -> None:
    bot_id = await tenant.bot()
    content = "\n\n".join(GERMAN * 4)
    source = await made(tenant, bot_id, source_type="text", content=content)
    path = f"/v1/sources/{source['id']}"
    config = {"chunk_size": 64, "chunk_overlap": 0, "language": "de", "note": "ours"}
    assert (await tenant.call("PATCH", path, 200, json={"config": config}))["config"] == config
    assert (await tenant.call("GET", path, 200))["chunk_count"] == source["chunk_count"]
    await tenant.call("POST", f"{path}/ingest", 202)
    assert (await tenant.ready(source["id"]))["chunk_count"] > 2 * source["chunk_count"]


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"chunk_size": 1000}, "The chunk size must be from 64 to 256 tokens."),
        ({"chunk_overlap": 200}, "The overlap of chunks must be from 0 to half the chunk size, in tokens."),
        ({"chunk_size": "big"}, "chunk_size must be a whole number of tokens."),
        ({"language": "deutsch"}, "The language must be one of these ISO 639-1 codes: ar, "),
    ],
)
async def test_a_config_that_cannot_be_is_refused_in_a_sentence(
    tenant: Tenant, config: dict[str, Any], sentence: str
) -> None:
    bot_id = await tenant.bot()
    one = {"name": "Notes", "source_type": "text", "content": "Words.", "config": config}
    batch = {"bot_profile_id": bot_id, "name": "All", "children": [one]}
    problem = await tenant.call("POST", "/v1/sources", 422, json={"bot_profile_id": bot_id, **one})
    assert problem["detail"].startswith(sentence)
    assert (await tenant.call("POST", "/v1/sources/batch", 422, json=batch))["detail"].startswith(sentence)
    good = await tenant.call("POST", "/v1/sources", 201, json={"bot_profile_id": bot_id, **one, "config": {}})
    path = f"/v1/sources/{good['id']}"
    assert (await tenant.call("PATCH", path, 422, json={"config": config}))["detail"].startswith(sentence)
