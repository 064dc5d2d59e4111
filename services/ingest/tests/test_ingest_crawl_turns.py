"""Pages of a site that are asked for beside its crawl: as polite as the crawl, and fetched once for both."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from ingest_builders import Ingest, a_context, a_crawl, a_url
from minirag_contracts.requests.ingest import IngestChildren
from minirag_ingest.commands import reading
from minirag_ingest.commands.politeness import SOON, Gates
from minirag_ingest.domain.site import page_id
from web_site import Asked, Site, a_site

PATHS = ["/a", "/b", "/c"]


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with a_site() as found:
        found.page("/", links=PATHS)
        for path in PATHS:
            found.page(path)
        yield found


async def crawled(ingest: Ingest, site: Site, **crawl: object) -> UUID:
    """A new site with all its pages."""
    created = await ingest.create(a_crawl(site.url(), **crawl))
    await ingest.ingest(created.id)
    assert set(await ingest.crawled(created.id)) == {"/", *PATHS}
    site.forget()
    return created.id


async def ask_for_pages(ingest: Ingest, site_id: UUID) -> None:
    """By hand, each by itself."""
    asked = IngestChildren(source_id=site_id)
    assert (await ingest.families.ingest_children(asked, a_context())).enqueued == 1 + len(PATHS)


def versions(ingest: Ingest, site_id: UUID, site: Site) -> dict[str, int | None]:
    """Which version of each page answers."""
    return {path: ingest.index.active.get(page_id(site_id, site.url(path))) for path in ("/", *PATHS)}


async def test_pages_that_are_asked_for_by_hand_keep_the_delay_of_the_site(
    ingest: Ingest, site: Site
) -> None:
    site.text("/robots.txt", "User-agent: *\nCrawl-delay: 0.3")
    site_id = await crawled(ingest, site)
    for path in ("/", *PATHS):
        site.page(path, f"Written this minute: {path}.")
    await ask_for_pages(ingest, site_id)
    await ingest.crawled(site_id)
    assert sorted(site.paths()) == ["/", *PATHS]
    assert all(later.at - earlier.at >= 0.3 for earlier, later in pairwise(site.asked))
    assert site.most_busy == 1
    assert set(versions(ingest, site_id, site).values()) == {2}


async def test_a_page_that_leads_elsewhere_by_now_gets_both_its_turns(ingest: Ingest, site: Site) -> None:
    site.page("/a", "First words.", etag='"1"')
    site_id = await crawled(ingest, site, delay_seconds=SOON + 0.1)
    site.page("/d", "Second words.", etag='"1"')
    site.fail("/a", 302, Location="/d")
    await ingest.ingest(page_id(site_id, site.url("/a")))
    await ingest.ended(page_id(site_id, site.url("/a")))
    assert "Second words." in ingest.index.text(page_id(site_id, site.url("/a")))
    assert [asked.headers.get("if-none-match") for asked in site.asked if asked.path == "/d"] == ['"1"', None]


async def test_a_site_that_asks_one_page_for_patience_is_left_alone_by_the_others(
    ingest: Ingest, site: Site
) -> None:
    site_id = await crawled(ingest, site)
    for path in ("/", *PATHS):
        site.fail(path, 429, Retry_After="2")

    async def relent(asked: Asked) -> None:
        if len(site.asked) > 1:
            for path in ("/", *PATHS):
                site.page(path, f"Once more: {path}.")

    site.before = relent
    await ask_for_pages(ingest, site_id)
    await ingest.crawled(site_id)
    first, second, *_ = site.asked
    assert second.at - first.at >= 2
    assert set(versions(ingest, site_id, site).values()) == {2}


async def test_a_site_that_comes_back_fetches_each_page_once(ingest: Ingest, site: Site) -> None:
    site_id = await crawled(ingest, site)
    await ingest.delete(site_id)
    assert not any(versions(ingest, site_id, site).values())
    await ingest.update(site_id, is_active=True)
    assert set(await ingest.crawled(site_id)) == {"/", *PATHS}
    assert sorted(site.paths()) == sorted(["/", "/robots.txt", "/sitemap.xml", *PATHS])
    assert site.most_busy == 1
    assert set(versions(ingest, site_id, site).values()) == {2}
    assert (await ingest.count("fetched_pages"), await ingest.count("work")) == (0, 0)
    assert await ingest.differences() == []


async def test_a_site_that_comes_back_and_cannot_be_crawled_has_its_pages_still(
    ingest: Ingest, site: Site
) -> None:
    site_id = await crawled(ingest, site)
    await ingest.delete(site_id)
    site.fail("/", 403)
    await ingest.update(site_id, is_active=True)
    pages = await ingest.crawled(site_id)
    assert versions(ingest, site_id, site) == {"/": None, "/a": 2, "/b": 2, "/c": 2}
    assert "403" in (pages["/"].error_message or "")
    assert (await ingest.events(site_id))[-1] == "source.ingest.failed"
    assert all(site.times(path) == 1 for path in PATHS)


async def test_a_page_that_is_asked_for_during_a_crawl_is_what_the_crawl_fetches(
    ingest: Ingest, site: Site
) -> None:
    site_id = await crawled(ingest, site)
    site.page("/c", "Written this minute.")

    async def ask(asked: Asked) -> None:
        if asked.path == "/a":
            await ingest.ingest(page_id(site_id, site.url("/c")))

    site.before = ask
    await ingest.ingest(site_id)
    await ingest.crawled(site_id)
    assert site.times("/c") == 1
    assert "this minute" in ingest.index.text(page_id(site_id, site.url("/c")))
    assert versions(ingest, site_id, site) == {"/": 1, "/a": 1, "/b": 1, "/c": 2}
    assert await ingest.count("fetched_pages") == 0


async def test_a_single_page_waits_for_nobody(ingest: Ingest, site: Site) -> None:
    await crawled(ingest, site, delay_seconds=0.1)
    created = await ingest.create(a_crawl(site.url(), delay_seconds=60, sitemap=False))
    await ingest.ingest(created.id)
    while not site.asked:
        await asyncio.sleep(0.02)
    assert (await ingest.ingested(a_url(site.url("/a")))).status == "ready"
    assert (await ingest.read(created.id)).status == "processing"
    await ingest.delete(created.id)


async def test_pages_that_look_after_a_long_crawl_again_and_again_are_fetched_once(
    ingest: Ingest, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LONGEST_WAIT", timedelta(seconds=0.1))
    site_id = await crawled(ingest, site, delay_seconds=0.3)
    await ingest.delete(site_id)
    await ingest.update(site_id, is_active=True)
    await ingest.crawled(site_id)
    assert all(site.times(path) == 1 for path in ("/", *PATHS))
    assert set(versions(ingest, site_id, site).values()) == {2}


class Clock:
    """Stands still."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_who_is_sent_away_comes_back_one_after_the_other() -> None:
    clock = Clock()
    gates = Gates(clock)
    assert gates.book("h", 10) == 0.0
    async with gates.turn("h", 10):
        assert gates.book("h", 10) == 0.0  # stands in line
        second = asyncio.create_task(gates.turn("h", 10).__aenter__())
        await asyncio.sleep(0)
        assert gates.book("h", 10) == pytest.approx(10.1)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
    assert [gates.book("h", 10) for _ in range(3)] == pytest.approx([20.2, 30.3, 40.4])
    assert gates.book("other", 10) == 0.0
    clock.now += 9.5
    assert gates.book("h", 10) == 0.0
    assert not gates.is_held("h")


async def test_a_host_that_asks_for_patience_is_held_for_so_long() -> None:
    clock = Clock()
    gates = Gates(clock)
    gates.hold("h", 30)
    assert gates.is_held("h")
    assert gates.book("h", 0) == pytest.approx(31.1)  # and is asked less often by a second
    clock.now += 31
    assert not gates.is_held("h")
    assert gates.book("h", 0) == 0.0
