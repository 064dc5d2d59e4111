"""Re-ingestion costs what has changed, and nobody ever sees a version that is half made."""

import asyncio
from typing import Any

from api import Tenant

PARAGRAPHS = 1_200


def paragraph(number: int, edition: str) -> str:
    """About as much as fits into a chunk of 64 tokens."""
    return (
        f"In the {edition} edition bed {number} of the walled garden lies beside the path between stone {3 * number} and "
        f"stone {3 * number + 1}, and {number + 7} roses were counted in it."
    )


async def a_long_text(tenant: Tenant, bot_id: str, text: str) -> str:
    body = {"bot_profile_id": bot_id, "name": "Garden", "source_type": "text", "content": text}
    body |= {"config": {"chunk_size": 64, "chunk_overlap": 0}}
    return str((await tenant.call("POST", "/v1/sources", 201, json=body))["id"])


async def made_anew(tenant: Tenant, source_id: str, text: str | None = None) -> list[Any]:
    """Its versions, newest first, after another ingestion."""
    path = f"/v1/sources/{source_id}"
    if text is not None:
        await tenant.call("PATCH", path, 200, json={"content": text})
    await tenant.call("POST", f"{path}/ingest", 202)
    await tenant.ready(source_id, seconds=240)
    versions: list[Any] = await tenant.call("GET", f"{path}/versions", 200)
    return versions


async def test_an_edited_paragraph_of_a_thousand_chunks_embeds_at_most_three(tenant: Tenant) -> None:
    paragraphs = [paragraph(number, "first") for number in range(PARAGRAPHS)]
    source_id = await a_long_text(tenant, await tenant.bot(), "\n\n".join(paragraphs))
    [first] = await made_anew(tenant, source_id)
    assert first["chunk_count"] >= 1_000
    assert first["embedded"] == first["added"] == first["chunk_count"]
    paragraphs[500] = paragraphs[500].replace("walled", "open")
    second, _ = await made_anew(tenant, source_id, "\n\n".join(paragraphs))
    assert 1 <= second["embedded"] <= 3
    assert 1 <= second["changed"] + second["added"] <= 3
    assert len(await made_anew(tenant, source_id)) == 2, "what has not changed makes no version"
    newest = (await tenant.call("GET", f"/v1/sources/{source_id}/ingestions?limit=1", 200))[0]
    assert newest["status"] == "unchanged"


async def test_searches_never_see_a_version_that_is_half_made(tenant: Tenant) -> None:
    bot_id = await tenant.bot()
    editions = ["first", "second", "third"]
    texts = ["\n\n".join(paragraph(number, edition) for number in range(60)) for edition in editions]
    source_id = await a_long_text(tenant, bot_id, texts[0])
    await made_anew(tenant, source_id)
    seen: list[set[str]] = []
    done = asyncio.Event()

    async def read_constantly() -> None:
        while not done.is_set():
            reply = await tenant.ask(bot_id, "What lies beside the path of the walled garden?")
            text = " ".join(source["content"] for source in reply["sources"])
            seen.append({edition for edition in editions if f"{edition} edition" in text})

    async with asyncio.TaskGroup() as readers:
        for _ in range(2):
            readers.create_task(read_constantly())
        for edition, text in zip(editions, texts, strict=True):
            if edition != "first":
                await made_anew(tenant, source_id, text)
            async with asyncio.timeout(30):
                while {edition} not in seen:
                    await asyncio.sleep(0.02)
        done.set()
    assert all(len(editions_seen) == 1 for editions_seen in seen), "an answer of two editions, or of none"
