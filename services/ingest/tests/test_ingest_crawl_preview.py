"""A look at a site before it is crawled: what would be taken, what not and why; nothing is kept."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from contexts import a_context
from ingest_builders import Ingest
from minirag_contracts.requests.ingest import CrawlPreview, PreviewCrawl
from minirag_ingest.errors import InvalidSource, InvalidUrl, SiteNotSeen
from web_site import Site, a_site


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with a_site() as found:
        yield found


async def preview(ingest: Ingest, url: str, **crawl: Any) -> CrawlPreview:
    request = PreviewCrawl(url=url, crawl={"delay_seconds": 0} | crawl)
    return await ingest.previews.preview(request, a_context())


async def test_what_a_crawl_would_take_and_what_not(idle_ingest: Ingest, site: Site) -> None:
    site.text(
        "/robots.txt",
        f"User-agent: *\nDisallow: /private\nCrawl-delay: 0.01\nSitemap: {site.url('/map.xml')}",
    )
    site.sitemap("/map.xml", [site.url("/listed")])
    site.page(
        "/", links=["/a", "/private", "/logo.png", "http://elsewhere.example/", "/blog/1", "/none", "/away"]
    )
    site.page("/a", links=["/a/b"])
    site.page("/listed")
    site.page("/a/b")
    site.fail("/away", 302, Location="http://10.0.0.1/")
    found = await preview(idle_ingest, site.url(), max_depth=1, exclude=["/blog/"])
    assert [(page.url, page.depth, page.found, page.title, page.is_seen) for page in found.pages] == [
        (site.url("/"), 0, "start", "home", True),
        (site.url("/listed"), 1, "sitemap", "listed", True),
        (site.url("/a"), 1, "link", "a", True),
    ]
    assert {page.url.removeprefix(site.url("/")): page.reason for page in found.skipped} == {
        "private": "robots",
        "logo.png": "not_a_document",
        "http://elsewhere.example/": "other_site",
        "blog/1": "excluded",
        "none": "gone",
        "a/b": "too_deep",
        "away": "refused",
    }
    assert "private network" in next(page.detail for page in found.skipped if page.reason == "refused")
    assert (found.cut_off, found.has_robots, found.sitemap_urls, found.delay_seconds) == (None, True, 1, 0.01)
    assert await idle_ingest.count("sources") + await idle_ingest.count("fetched_pages") == 0


async def test_a_preview_ends_in_time_and_lists_what_it_has_found(
    idle_ingest: Ingest, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.page("/", links=[f"/{n}" for n in range(30)])
    for n in range(30):
        site.page(f"/{n}")
    with monkeypatch.context() as patch:
        patch.setattr(idle_ingest.previews, "_seconds", 3.0)
        found = await preview(idle_ingest, site.url(), delay_seconds=1, sitemap=False)
    assert found.cut_off == "time"
    seen = [page.is_seen for page in found.pages]
    assert (len(seen), 0 < sum(seen) < 5) == (31, True)
    few = await preview(idle_ingest, site.url(), max_pages=5)
    assert (few.cut_off, len(few.pages)) == ("pages", 5)


async def test_a_site_that_wants_patience_is_left_alone(idle_ingest: Ingest, site: Site) -> None:
    site.page("/", links=["/a"])
    site.fail("/a", 503, Retry_After="60")
    found = await preview(idle_ingest, site.url())
    assert (found.cut_off, [page.is_seen for page in found.pages]) == ("patience", [True, False])


async def test_what_cannot_be_looked_at_says_why(idle_ingest: Ingest, site: Site) -> None:
    site.fail("/", 404)
    with pytest.raises(SiteNotSeen, match="status 404: there is no such page"):
        await preview(idle_ingest, site.url())
    site.text("/robots.txt", "User-agent: *\nDisallow: /")
    with pytest.raises(SiteNotSeen, match="does not allow its start page"):
        await preview(idle_ingest, site.url())
    with pytest.raises(SiteNotSeen, match="private network"):
        await preview(idle_ingest, "http://10.0.0.1/")
    with pytest.raises(InvalidUrl, match="http"):
        await preview(idle_ingest, "ftp://example.com/")
    with pytest.raises(InvalidSource, match="max_pages"):
        await preview(idle_ingest, site.url(), max_pages=0)
