"""How crawls end: by their outcome, in one step with it, and no more to be cancelled once pages come and go."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from ingest_builders import TENANT, Ingest, a_crawl
from minirag_contracts.context import TenantScope
from minirag_ingest.commands import crawling
from minirag_ingest.commands.versioned_work import CRAWL_KIND, work_key
from minirag_ingest.domain.site import page_id
from minirag_ingest.domain.source import Fail
from minirag_ingest.errors import NothingToCancel
from minirag_ingest.ports import CrawlRows, Target
from web_site import Asked, Site, a_site

PATHS = [f"/{n}" for n in range(6)]


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with a_site() as found:
        found.page("/", links=PATHS)
        for path in PATHS:
            found.page(path)
        yield found


async def again(ingest: Ingest, site_id: UUID) -> set[str]:
    """The paths of its pages after another crawl."""
    await ingest.ingest(site_id)
    return set(await ingest.crawled(site_id))


async def test_an_attempt_that_dies_before_its_warning_is_told_does_not_believe_itself(
    ingest: Ingest, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    created = await ingest.create(a_crawl(site.url()))
    assert len(before := await again(ingest, created.id)) == 7
    site.page("/", "We are moving house.")
    record, failed = ingest.outcomes.record, 0

    async def dies(*given: object) -> None:
        nonlocal failed
        if isinstance(given[2], Fail) and (failed := failed + 1) == 1:
            raise ConnectionError("the database went away")
        await record(*given)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(ingest.outcomes, "record", dies)
    assert await again(ingest, created.id) == before
    assert failed == 2
    assert "6 of 7 known pages are not found" in (await ingest.failure(created.id) or "")
    assert await again(ingest, created.id) == {"/"}


async def test_a_crawl_whose_pages_come_and_go_cannot_be_cancelled_any_more(
    ingest: Ingest, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minirag_ingest.commands.pages.AT_ONCE", 2)
    created = await ingest.create(a_crawl(site.url()))
    await again(ingest, created.id)
    site.page("/", links=[*PATHS[:4], "/new"])
    site.page("/new")
    removing, go_on = asyncio.Event(), asyncio.Event()

    async def waits(step: str, target: Target) -> None:
        if step == "hide" and target.source_id != created.id:
            removing.set()
            await go_on.wait()

    ingest.index.before = waits
    await ingest.ingest(created.id)
    await asyncio.wait_for(removing.wait(), 15)
    for page in ("/", "/new"):  # so that nothing but the crawl could be cancelled
        await ingest.ended(page_id(created.id, site.url(page)))
    try:
        with pytest.raises(NothingToCancel):
            await ingest.cancel(created.id)
    finally:
        go_on.set()
    assert set(await ingest.crawled(created.id)) == {"/", *PATHS[:4], "/new"}
    assert (await ingest.events(created.id))[-1] == "source.ingest.completed"


async def test_the_end_of_a_version_leaves_the_next_one_what_it_has_fetched(
    ingest: Ingest, site: Site
) -> None:
    released = asyncio.Event()

    async def holds(asked: Asked) -> None:
        if asked.path == PATHS[-1]:  # no version ends by itself
            await released.wait()

    site.before = holds
    created = await ingest.create(a_crawl(site.url()))
    first = await ingest.ingest(created.id)
    rows: CrawlRows = ingest.crawls._rows
    scope = TenantScope(TENANT)

    async def fetched() -> int:
        async with asyncio.timeout(10):
            while not (pages := await ingest.count("fetched_pages")):
                await asyncio.sleep(0.02)
        return pages

    await fetched()
    await ingest.cancel(created.id)
    assert await ingest.count("fetched_pages") == 0
    await ingest.ingest(created.id)
    kept = await fetched()
    async with ingest.store.transaction(scope) as tx:  # as a process does that was late to hear of it
        await rows.finish(tx, created.id, first, is_seen=True, is_warned=True)
    assert await ingest.count("fetched_pages") >= kept
    async with ingest.database.tenant(scope) as connection:
        row = await connection.fetchrow("SELECT finished_plan, warned FROM crawls")
    assert (row["finished_plan"], row["warned"]) == (None, False)
    await ingest.cancel(created.id)
    released.set()


async def test_a_crawl_that_is_given_up_keeps_nothing(
    ingest: Ingest, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("what nobody expected")

    created = await ingest.create(a_crawl(site.url()))
    monkeypatch.setattr(ingest.crawls, "_judged", broken)
    await ingest.ingest(created.id)
    assert (await ingest.ended(created.id)).status == "error"
    assert "several times" in (await ingest.failure(created.id) or "")
    assert await ingest.count("fetched_pages") == 0


async def test_a_crawl_waits_while_the_disk_is_full(
    ingest: Ingest, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crawling, "DISK_AGAIN", timedelta(seconds=0.1))
    room = ingest.disk.room

    async def fills(asked: Asked) -> None:
        if asked.path == "/1":
            ingest.disk.room = 0

    site.before = fills
    created = await ingest.create(a_crawl(site.url()))
    await ingest.ingest(created.id)
    async with asyncio.timeout(10):
        while "disk" not in ((await _crawl_work(ingest, created.id)) or ""):
            await asyncio.sleep(0.02)
    assert (await ingest.read(created.id)).status == "processing"
    asked = len(site.asked)
    await asyncio.sleep(0.3)
    assert len(site.asked) == asked
    site.before, ingest.disk.room = None, room
    assert len(await ingest.crawled(created.id)) == 7


async def test_a_crawl_does_not_wait_for_the_disk_for_ever(
    ingest: Ingest, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crawling, "DISK_AGAIN", timedelta(seconds=0.05))
    monkeypatch.setattr(crawling, "PATIENCE", timedelta(seconds=0.3))

    async def fills(asked: Asked) -> None:
        ingest.disk.room = 0

    site.before = fills
    created = await ingest.create(a_crawl(site.url()))
    started = datetime.now(UTC)
    await ingest.ingest(created.id)
    assert (await ingest.ended(created.id)).status == "error"
    assert datetime.now(UTC) - started > timedelta(seconds=0.3)
    assert "less than 1 GB of free disk space" in (await ingest.failure(created.id) or "")


async def _crawl_work(ingest: Ingest, site_id: UUID) -> str | None:
    """What the work of its first crawl waits for."""
    found = [one["last_error"] for one in await ingest.work(CRAWL_KIND) if one["key"] == work_key(site_id, 1)]
    return str(found[0]) if found and found[0] else None
