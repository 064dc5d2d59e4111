"""Processes that crawl die again and again, at any moment: no page is lost, doubled, or fetched by everybody who comes after."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from ingest_builders import Ingest, a_crawl
from minirag_eventstore import Database
from web_site import Asked, Site, a_site

PAGES = [f"/{n}" for n in range(14)]


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with a_site() as found:
        yield found


async def lives(process: Ingest, seconds: float) -> None:
    """Works for so long and is killed."""
    process.start()
    await asyncio.sleep(seconds)
    await process.die()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", [1, 2])
async def test_a_crawl_survives_the_death_of_its_process_at_any_moment(
    make_database: Callable[..., Awaitable[Database]], site: Site, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr("minirag_ingest.commands.pages.AT_ONCE", 3)
    chance = random.Random(seed)
    site.page("/", links=PAGES)
    for path in PAGES:
        site.page(path, links=["/"])

    async def slow(_: Asked) -> None:
        await asyncio.sleep(0.01)

    site.before = slow
    database, deaths = await make_database("ingest"), 12
    first = Ingest(database, delays=[0.05] * 60, lease=0.3)
    created = await first.create(a_crawl(site.url()))
    for round_ in range(2):
        await first.ingest(created.id)
        for _ in range(deaths):
            await lives(first.another(), chance.uniform(0.05, 0.5))
        async with first.another().working():
            pages = await first.crawled(created.id, timeout=30)
            async with asyncio.timeout(10):
                while await first.count("work"):
                    await asyncio.sleep(0.05)
        assert set(pages) == {"/", *PAGES} - ({"/3", "/5"} if round_ else set())
        assert {page.status for page in pages.values()} == {"ready"}
        asked = Counter(site.paths())
        assert all(asked[path] <= 1 + deaths for path in PAGES)
        assert sum(asked[path] for path in PAGES) <= len(PAGES) + 2 * deaths
        site.forget()
        if round_ == 0:
            for page in pages.values():
                assert await first.events(page.id) == [
                    "source.created", "source.ingest.requested", "source.ingest.completed",
                ]  # fmt: skip
            del site.answers["/3"], site.answers["/5"]
            site.page("/7", "This one has changed.", links=["/"])
    changed = {path: await first.events(page.id) for path, page in pages.items()}
    assert {path for path, events in changed.items() if len(events) > 3} == {"/7"}
    assert changed["/7"][3:] == ["source.ingest.requested", "source.ingest.completed"]
    assert (await first.read(created.id)).document_count == 13
    assert await first.count("fetched_pages") + await first.count("dead_letters") == 0
    assert await first.differences() == []
    await first.close()
