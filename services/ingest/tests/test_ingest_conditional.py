"""A page that has not changed since it was last read costs one short answer, and is fetched whole whenever that is not sure."""

from collections.abc import AsyncIterator

import pytest
from ingest_builders import BOT, Ingest, a_crawl, a_url
from minirag_ingest.domain.site import page_id
from minirag_ingest.ports import Target
from web_site import Answer, Site, a_site


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with a_site() as found:
        yield found


async def test_a_page_that_has_not_changed_makes_no_version(ingest: Ingest, site: Site) -> None:
    site.page("/p", "The heron is a patient bird.")
    done = await ingest.ingested(a_url(site.url("/p")))
    for _ in range(3):
        await ingest.ingest(done.id)
        again = await ingest.ended(done.id)
        assert (again.status, again.error_message, again.chunk_count) == ("ready", None, done.chunk_count)
    assert again.last_refreshed_at != done.last_refreshed_at
    assert (await ingest.events(done.id))[-2:] == ["source.ingest.requested", "source.ingest.unchanged"]
    etag = site.answers["/p"].etag
    assert [asked.headers.get("if-none-match") for asked in site.asked] == [None, etag, etag, etag]
    assert set(ingest.index.staged) == {Target(BOT, done.id, 1)}
    site.page("/p", "The otter is not.")
    await ingest.ingest(done.id)
    await ingest.ended(done.id)
    assert "otter" in ingest.index.text(done.id)
    assert await ingest.differences() == []


async def test_a_date_of_modification_is_sent_back_too(ingest: Ingest, site: Site) -> None:
    day = "Tue, 03 Mar 2026 10:00:00 GMT"
    site.answers["/p"] = Answer(b"Words.", headers={"Content-Type": "text/plain"}, modified=day)
    done = await ingest.ingested(a_url(site.url("/p")))
    await ingest.ingest(done.id)
    await ingest.ended(done.id)
    assert [asked.headers.get("if-modified-since") for asked in site.asked] == [None, day]
    assert (await ingest.events(done.id))[-1] == "source.ingest.unchanged"


async def test_another_configuration_fetches_anew(ingest: Ingest, site: Site) -> None:
    site.page("/p", etag='"1"')
    site.page("/q", "Other words.", etag='"1"')
    done = await ingest.ingested(a_url(site.url("/p")))
    for config in ({"url": site.url("/q")}, {"url": site.url("/q"), "note": "of no meaning to us"}):
        await ingest.update(done.id, config=config)
        await ingest.ingest(done.id)
        await ingest.ended(done.id)
    assert all("if-none-match" not in asked.headers for asked in site.asked)
    assert "Other words." in ingest.index.text(done.id)


async def test_a_source_that_came_back_is_fetched_anew(ingest: Ingest, site: Site) -> None:
    site.page("/p")
    done = await ingest.ingested(a_url(site.url("/p")))
    await ingest.delete(done.id)
    await ingest.update(done.id, is_active=True)
    await ingest.ended(done.id)
    assert ingest.index.active[done.id] == 2
    assert all("if-none-match" not in asked.headers for asked in site.asked)


async def test_after_going_back_to_a_version_the_page_is_fetched_anew(ingest: Ingest, site: Site) -> None:
    site.page("/p", "First words.")
    done = await ingest.ingested(a_url(site.url("/p")))
    site.page("/p", "Second words.")
    await ingest.ingest(done.id)
    await ingest.ended(done.id)
    await ingest.roll_back(done.id)
    await ingest.ended(done.id)
    assert "First words." in ingest.index.text(done.id)
    site.forget()
    await ingest.ingest(done.id)
    await ingest.ended(done.id)
    assert [asked.headers.get("if-none-match") for asked in site.asked] == [None]
    assert "Second words." in ingest.index.text(done.id)


async def test_validators_are_believed_of_the_url_that_gave_them_only(ingest: Ingest, site: Site) -> None:
    site.page("/one", "First words.", etag='"1"')
    site.page("/two", "Second words.", etag='"1"')
    site.fail("/p", 302, Location="/one")
    done = await ingest.ingested(a_url(site.url("/p")))
    await ingest.ingest(done.id)
    await ingest.ended(done.id)
    assert (await ingest.events(done.id))[-1] == "source.ingest.unchanged"
    site.fail("/p", 302, Location="/two")
    await ingest.ingest(done.id)
    await ingest.ended(done.id)
    assert "Second words." in ingest.index.text(done.id)


async def test_a_crawl_believes_validators_of_the_url_that_gave_them_only(ingest: Ingest, site: Site) -> None:
    site.page("/", links=["/p"])
    site.page("/p", "First words.", etag='"1"')
    site.page("/q", "Second words.", etag='"1"')
    created = await ingest.create(a_crawl(site.url()))
    await ingest.ingest(created.id)
    assert set(await ingest.crawled(created.id)) == {"/", "/p"}
    site.fail("/p", 302, Location="/q")
    site.forget()
    await ingest.ingest(created.id)
    assert set(await ingest.crawled(created.id)) == {"/", "/q"}
    assert [asked.headers.get("if-none-match") for asked in site.asked if asked.path == "/q"] == ['"1"', None]
    assert "Second words." in ingest.index.text(page_id(created.id, site.url("/q")))


async def test_a_304_that_nobody_asked_for_is_a_failure(ingest: Ingest, site: Site) -> None:
    site.fail("/p", 304)
    done = await ingest.ingested(a_url(site.url("/p")))
    assert done.error_message == "The URL answered with status 304."


async def test_a_validator_that_cannot_be_sent_back_is_forgotten(ingest: Ingest, site: Site) -> None:
    site.page("/p", etag='"' + "x" * 2000 + '"')
    site.page("/q", etag='"caf\u00e9"')
    for path in ("/p", "/q"):
        done = await ingest.ingested(a_url(site.url(path)))
        await ingest.ingest(done.id)
        assert (await ingest.ended(done.id)).status == "ready"
    assert all("if-none-match" not in asked.headers for asked in site.asked)
