"""A site is looked through, its pages become sources, and follow what is added and removed."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from uuid import UUID

import pytest
from ingest_builders import Ingest, a_crawl, a_url
from minirag_ingest.commands.quotas import Most
from minirag_ingest.domain.site import page_id
from web_site import Site, a_site


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with a_site() as found:
        yield found


@pytest.fixture
async def other() -> AsyncIterator[Site]:
    async with a_site() as found:
        yield found


async def crawled(ingest: Ingest, site: Site, **crawl: object) -> tuple[UUID, set[str]]:
    """The id of a new site, and the paths of its pages."""
    created = await ingest.create(a_crawl(site.url(), **crawl))
    await ingest.ingest(created.id)
    return created.id, set(await ingest.crawled(created.id))


async def again(ingest: Ingest, site_id: UUID) -> set[str]:
    """The paths of its pages after another crawl."""
    await ingest.ingest(site_id)
    return set(await ingest.crawled(site_id))


async def test_pages_are_found_by_links_and_become_sources_that_answer(ingest: Ingest, site: Site) -> None:
    site.page("/", links=["/docs/", "team.html#people", "?utm_source=x"])
    site.page("/docs/", "Herons nest in poplars.", links=["/", "install", "/logo.png"])
    site.page("/docs/install", "Otters dig burrows.", links=["../"])
    site.page("/team.html")
    created = await ingest.create(a_crawl(site.url("/#top")))
    await ingest.ingest(created.id)
    pages = await ingest.crawled(created.id)
    assert set(pages) == {"/", "/docs/", "/docs/install", "/team.html"}
    assert {page.status for page in pages.values()} == {"ready"}
    assert pages["/docs/"].id == page_id(created.id, site.url("/docs/"))
    assert pages["/docs/"].name == f"{site.host}/docs/"
    assert "poplars" in ingest.index.text(pages["/docs/"].id)
    whole = await ingest.read(created.id)
    assert (whole.status, whole.document_count, whole.children_count) == ("ready", 4, 4)
    assert whole.chunk_count == sum(page.chunk_count for page in pages.values())
    assert sorted(site.paths()) == sorted(["/robots.txt", "/sitemap.xml", *pages])  # each once
    assert await ingest.events(pages["/"].id) == [
        "source.created", "source.ingest.requested", "source.ingest.completed"
    ]  # fmt: skip
    assert (await ingest.count("fetched_pages"), await ingest.count("work")) == (0, 0)
    assert await ingest.differences() == []


async def test_a_crawl_of_what_has_not_changed_changes_nothing_and_fetches_nothing_whole(
    ingest: Ingest, site: Site
) -> None:
    site.page("/", links=["/a"])
    site.page("/a", links=["/b"])
    site.page("/b")
    site_id, before = await crawled(ingest, site)
    site.forget()
    assert await again(ingest, site_id) == before == {"/", "/a", "/b"}
    asked = [one for one in site.asked if one.path in before]
    assert len(asked) == 3
    assert all("if-none-match" in one.headers for one in asked)
    assert (await ingest.events(site_id))[-1] == "source.ingest.unchanged"
    assert (await ingest.events(page_id(site_id, site.url("/a"))))[-1] == "source.ingest.completed"
    assert len(ingest.index.activations) == 3
    site.page("/b", "Now there are newts.")
    await again(ingest, site_id)
    assert len(ingest.index.activations) == 4
    assert "newts" in ingest.index.text(page_id(site_id, site.url("/b")))


async def test_pages_come_and_go_with_the_site(ingest: Ingest, site: Site) -> None:
    site.page("/", links=["/a", "/b", "/c"])
    for path in ("/a", "/b", "/c"):
        site.page(path)
    site_id, before = await crawled(ingest, site)
    assert before == {"/", "/a", "/b", "/c"}
    del site.answers["/a"]  # still linked
    site.page("/", links=["/a", "/b", "/d"])  # /c is not linked any more
    site.page("/d")
    assert await again(ingest, site_id) == {"/", "/b", "/d"}
    for path, version in (("/a", 1), ("/c", 1)):
        gone = page_id(site_id, site.url(path))
        assert (await ingest.events(gone))[-1] == "source.deactivated"
        assert gone not in ingest.index.active
        assert ingest.index.hidden[gone] == version
    site.page("/a", "It is back.")
    assert await again(ingest, site_id) == {"/", "/a", "/b", "/d"}
    assert "It is back." in ingest.index.text(page_id(site_id, site.url("/a")))
    assert (await ingest.read(site_id)).document_count == 4
    assert await ingest.differences() == []


async def test_what_people_delete_stays_away_and_is_still_looked_at_for_links(
    ingest: Ingest, site: Site
) -> None:
    site.page("/", links=["/a"])
    site.page("/a", links=["/b"])
    site.page("/b")
    site_id, _ = await crawled(ingest, site)
    await ingest.delete(page_id(site_id, site.url("/a")))
    assert await again(ingest, site_id) == {"/", "/b"}


async def test_sitemaps_are_read_also_in_an_index_and_packed(ingest: Ingest, site: Site) -> None:
    import gzip

    site.page("/")
    site.text("/robots.txt", f"User-agent: *\nDisallow:\nSitemap: {site.url('/map-index.xml')}")
    index = "".join(
        f"<sitemap><loc>{site.url(path)}</loc></sitemap>" for path in ("/one.xml", "/two.xml.gz", "/none.xml")
    )
    site.text("/map-index.xml", f"<sitemapindex>{index}</sitemapindex>", "text/xml")
    site.sitemap("/one.xml", [site.url("/a"), "http://elsewhere.example/x", site.url("/deep#x")])
    site.sitemap("/two.xml.gz", [site.url("/b"), site.url("/a")])
    site.answers["/two.xml.gz"].body = gzip.compress(site.answers["/two.xml.gz"].body)
    for path in ("/a", "/b", "/deep"):
        site.page(path)
    _, pages = await crawled(ingest, site)
    assert pages == {"/", "/a", "/b", "/deep"}
    site.forget()
    _, pages = await crawled(ingest, site, sitemap=False)
    assert pages == {"/"}
    assert "/one.xml" not in site.paths()


async def test_depth_number_and_patterns_are_limits(ingest: Ingest, site: Site) -> None:
    site.page("/", links=["/docs/a", "/docs/private/x", "/blog/1", "/docs/a.pdf?x=1"])
    site.page("/docs/a", links=["/docs/b"])
    site.page("/docs/b", links=["/docs/c"])
    for path in ("/docs/c", "/docs/private/x", "/blog/1"):
        site.page(path)
    assert (await crawled(ingest, site, max_depth=0))[1] == {"/"}
    assert (await crawled(ingest, site, max_depth=2, exclude=["/docs/private/", "*.pdf"]))[1] == {
        "/", "/docs/a", "/docs/b", "/blog/1",
    }  # fmt: skip
    site.forget()
    assert (await crawled(ingest, site, include=["/docs/"], exclude=["/docs/private/", "/docs/*.pdf"]))[1] == {
        "/docs/a", "/docs/b", "/docs/c",
    }  # fmt: skip
    assert "/blog/1" not in site.paths()
    assert len((await crawled(ingest, site, max_pages=2))[1]) == 2


async def test_robots_are_obeyed_and_need_not_be(ingest: Ingest, site: Site) -> None:
    site.text(
        "/robots.txt",
        "User-agent: minirag\nDisallow: /secret\nAllow: /secret/door\n\nUser-agent: *\nDisallow: /",
    )
    site.page("/", links=["/secret/room", "/secret/door", "/noindex", "/nofollow"])
    site.page("/noindex", links=["/beyond"], head='<meta name="Robots" content="NOINDEX, follow">')
    site.page("/nofollow", links=["/unvouched"], **{"X-Robots-Tag": "nofollow"})
    for path in ("/secret/room", "/secret/door", "/beyond", "/unvouched"):
        site.page(path)
    _, pages = await crawled(ingest, site)
    assert pages == {"/", "/secret/door", "/nofollow", "/beyond"}
    assert "/secret/room" not in site.paths()
    _, pages = await crawled(ingest, site, respect_robots=False)
    assert {"/secret/room", "/noindex", "/unvouched"} <= pages


async def test_other_sites_are_left_alone_unless_they_are_included(
    ingest: Ingest, site: Site, other: Site
) -> None:
    site.page("/", links=[other.url("/x"), "/away", "/moved", "mailto:me@example.com", "javascript:void(0)"])
    site.fail("/away", 302, Location=other.url("/x"))
    site.fail("/moved", 301, Location="/new")
    site.page("/new", links=[other.url("/y")])
    for path in ("/x", "/y"):
        other.page(path)
    site_id, pages = await crawled(ingest, site)
    assert pages == {"/", "/new"}
    assert other.times("/y") == 0
    config = {"url": site.url(), "crawl": {"delay_seconds": 0, "include": ["/", other.url("/y")]}}
    await ingest.update(site_id, config=config)
    assert await again(ingest, site_id) == {"/", "/new", "/y"}


async def test_a_start_page_that_leads_elsewhere_is_said(ingest: Ingest, site: Site, other: Site) -> None:
    site.fail("/", 302, Location=other.url("/"))
    other.page("/")
    done = await ingest.ingested(a_crawl(site.url()))
    assert done.error_message == f"The start page leads to another site, {other.host}: give that as the URL."


@pytest.mark.parametrize(("path", "status"), [("/robots.txt", 500), ("/", 500), ("/", 403), ("/", 404)])
async def test_a_site_that_cannot_be_seen_keeps_its_pages(
    ingest: Ingest, site: Site, path: str, status: int
) -> None:
    site.page("/", links=["/a"])
    site.page("/a")
    site_id, before = await crawled(ingest, site)
    site.fail(path, status)
    assert await again(ingest, site_id) == before
    events = await ingest.events(site_id)
    assert events[-1] == "source.ingest.failed"
    assert len(ingest.index.activations) == 2
    assert not ingest.index.hidden
    site.page(path, links=["/a"])
    if path == "/robots.txt":
        site.text(path, "User-agent: *\nDisallow:")
    assert await again(ingest, site_id) == before
    assert (await ingest.read(site_id)).error_message is None


async def test_most_pages_failing_changes_nothing(ingest: Ingest, site: Site) -> None:
    paths = [f"/{n}" for n in range(6)]
    site.page("/", links=paths)
    for path in paths:
        site.page(path)
    site_id, before = await crawled(ingest, site)
    for path in paths[:5]:
        site.fail(path, 500)
    del site.answers["/5"]
    assert await again(ingest, site_id) == before
    sentence = (await ingest.failure(site_id)) or ""
    assert sentence.startswith("5 of 7 pages of the site could not be fetched, so nothing was changed.")
    for path in paths[2:5]:
        site.page(path, "Better now.")
    assert await again(ingest, site_id) == before - {"/5"}  # two still fail: they stay, and what is gone goes


async def test_a_site_that_suddenly_has_lost_most_pages_is_believed_the_second_time(
    ingest: Ingest, site: Site
) -> None:
    paths = [f"/{n}" for n in range(6)]
    site.page("/", links=paths)
    for path in paths:
        site.page(path)
    site_id, before = await crawled(ingest, site)
    site.page("/", "We are moving house.")
    assert await again(ingest, site_id) == before
    assert "6 of 7 known pages are not found" in (await ingest.failure(site_id) or "")
    site.page("/", links=paths)
    assert await again(ingest, site_id) == before
    site.page("/", "We are moving house.")
    assert await again(ingest, site_id) == before
    assert await again(ingest, site_id) == {"/"}


async def test_another_plan_removes_what_it_leaves_out_at_once(ingest: Ingest, site: Site) -> None:
    paths = [f"/{n}/" for n in range(6)]
    site.page("/", links=paths)
    for path in paths:
        site.page(path)
    site_id, _ = await crawled(ingest, site)
    config = {"url": site.url(), "crawl": {"delay_seconds": 0, "include": ["/1/"]}}
    await ingest.update(site_id, config=config)
    assert await again(ingest, site_id) == {"/1/"}


async def test_a_crawl_that_is_cut_off_removes_only_what_says_that_it_is_gone(
    ingest: Ingest, site: Site
) -> None:
    site.page("/", links=["/a", "/b", "/c"])
    for path in ("/a", "/b", "/c"):
        site.page(path)
    site_id, _ = await crawled(ingest, site)
    config = {"url": site.url(), "crawl": {"delay_seconds": 0, "max_pages": 2}}
    await ingest.update(site_id, config=config)
    del site.answers["/c"]
    assert await again(ingest, site_id) == {"/", "/a", "/b"}


async def test_a_site_that_asks_for_patience_gets_it_and_loses_no_page(ingest: Ingest, site: Site) -> None:
    site.page("/", links=["/a", "/b"])
    site.page("/b")
    site.fail("/a", 429, Retry_After="1")

    async def relent(asked: object) -> None:
        if site.times("/a") == 2:
            site.page("/a")

    site.before = relent
    _, pages = await crawled(ingest, site)
    assert pages == {"/", "/a", "/b"}
    first, second = (asked.at for asked in site.asked if asked.path == "/a")
    assert second - first >= 1
    assert site.most_busy == 1


async def test_a_delay_is_kept_between_requests_one_at_a_time(ingest: Ingest, site: Site) -> None:
    site.text("/robots.txt", "User-agent: *\nCrawl-delay: 0.3")
    site.page("/", links=["/a", "/b"])
    for path in ("/a", "/b"):
        site.page(path)
    await crawled(ingest, site, sitemap=False)
    times = [asked.at for asked in site.asked[1:]]
    assert all(later - earlier >= 0.3 for earlier, later in pairwise(times))
    assert site.most_busy == 1


async def test_what_is_no_document_is_not_taken_and_what_cannot_be_read_says_why(
    ingest: Ingest, site: Site
) -> None:
    site.page("/", links=["/picture", "/notes", "/broken"])
    site.text("/picture", "PNG", "image/png")
    site.text("/notes", "Plain words about newts.")
    site.text("/broken", "%PDF-1.4 broken", "application/pdf")
    created = await ingest.create(a_crawl(site.url()))
    await ingest.ingest(created.id)
    pages = await ingest.crawled(created.id)
    assert set(pages) == {"/", "/notes", "/broken"}
    assert pages["/notes"].status == "ready"
    assert "damaged" in (pages["/broken"].error_message or "")
    assert (await ingest.read(created.id)).status == "error"  # that of its pages


async def test_a_single_page_that_becomes_a_site_answers_as_its_child_only(
    ingest: Ingest, site: Site
) -> None:
    site.page("/", links=["/a"])
    site.page("/a")
    single = await ingest.ingested(a_url(site.url()))
    assert ingest.index.active[single.id] == 1
    await ingest.update(single.id, config={"url": site.url(), "crawl": {"delay_seconds": 0}})
    assert await again(ingest, single.id) == {"/", "/a"}
    assert single.id not in ingest.index.active


async def test_a_child_that_is_asked_for_by_hand_is_fetched_anew(ingest: Ingest, site: Site) -> None:
    site.page("/")
    site_id, _ = await crawled(ingest, site)
    site.page("/", "Written this minute.")
    await ingest.ingest(page_id(site_id, site.url()))
    await ingest.ended(page_id(site_id, site.url()))
    assert "this minute" in ingest.index.text(page_id(site_id, site.url()))


async def test_a_cancelled_or_deleted_site_leaves_nothing_behind(ingest: Ingest, site: Site) -> None:
    site.page("/", links=["/a", "/b"])
    for path in ("/a", "/b"):
        site.page(path)

    async def delete(_: object) -> None:
        if site.times("/a") == 1 and site.times("/b") == 0:
            await ingest.delete(created.id)

    site.before = delete
    created = await ingest.create(a_crawl(site.url()))
    await ingest.ingest(created.id)
    await ingest.ended(created.id)
    assert (await ingest.events(created.id))[-2:] == ["source.ingest.cancelled", "source.deactivated"]
    assert await ingest.crawled(created.id) == {}
    assert await ingest.count("fetched_pages") == 0


async def test_a_crawl_tells_how_far_it_is_and_can_be_cancelled(ingest: Ingest, site: Site) -> None:
    site.page("/", links=[f"/{n}" for n in range(20)])
    for n in range(20):
        site.page(f"/{n}")
    created = await ingest.create(a_crawl(site.url(), delay_seconds=0.3))
    await ingest.ingest(created.id)
    async with asyncio.timeout(15):
        while (now := (await ingest.history(created.id)).items[0]).done < 4:
            await asyncio.sleep(0.05)
    assert (now.status, now.stage, now.total, now.trigger) == ("processing", "crawling", 21, "request")
    assert {"crawling"} == {progress.stage for progress in ingest.progress.told}
    await ingest.cancel(created.id)
    assert (await ingest.events(created.id))[-1] == "source.ingest.cancelled"
    await ingest.idle()
    asked = len(site.asked)
    await asyncio.sleep(0.7)
    assert len(site.asked) - asked <= 1
    assert await ingest.crawled(created.id) == {}
    assert await ingest.count("fetched_pages") == 0


async def test_a_site_without_validators_makes_versions_of_what_has_changed_only(
    ingest: Ingest, site: Site
) -> None:
    site.page("/", links=["/a"], etag="")
    site.page("/a", etag="")
    site_id, _ = await crawled(ingest, site)
    await again(ingest, site_id)
    for path in ("/", "/a"):
        events = await ingest.events(page_id(site_id, site.url(path)))
        assert events[-2:] == ["source.ingest.requested", "source.ingest.unchanged"]
    assert len(ingest.index.activations) == 2
    history = (await ingest.history(site_id)).items
    assert {one.trigger for one in history if one.source_id != site_id} == {"crawl"}


async def test_a_site_of_more_pages_than_the_tenant_may_have_sources_changes_nothing(
    ingest: Ingest, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.page("/", links=["/a", "/b"])
    for path in ("/a", "/b"):
        site.page(path)
    created = await ingest.create(a_crawl(site.url()))
    monkeypatch.setattr(ingest.quotas, "_most", Most(sources=3))
    await ingest.ingest(created.id)
    assert await ingest.crawled(created.id) == {}
    sentence = await ingest.failure(created.id) or ""
    assert sentence.startswith(
        "The site has 3 new pages, so nothing was changed. A tenant may have at most 3"
    )
    monkeypatch.setattr(ingest.quotas, "_most", Most(sources=4))
    assert await again(ingest, created.id) == {"/", "/a", "/b"}
