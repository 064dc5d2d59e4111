"""What pages, sitemaps and robots.txt say to crawlers, read in the worker; what means harm costs one site."""

import gzip
from collections.abc import AsyncIterator

import pytest
from minirag_ingest.adapters.extract.pool import ExtractionPool
from minirag_ingest.ports import Link, Raw, Surveyed, Unreadable


@pytest.fixture
async def pool() -> AsyncIterator[ExtractionPool]:
    found = ExtractionPool(size=1)
    yield found
    await found.close()


async def page(
    pool: ExtractionPool, markup: str | bytes, tag: str = "", charset: str | None = None
) -> Surveyed:
    data = markup.encode() if isinstance(markup, str) else markup
    return await pool.survey_page(Raw(data, None, "text/html", charset), tag)


async def test_links_are_told_as_they_are_written_and_once(pool: ExtractionPool) -> None:
    found = await page(
        pool,
        """<head><title> A
        page </title><base href="/b/"></head><a href="x">1</a><a href=" x " rel="nofollow">2</a><a href="#top">3</a>
        <a href="y" rel="external NoFollow">4</a><a name="z">5</a><map><area href="m"></map><link href="no.css">""",
    )
    assert found == Surveyed("A page", "/b/", (Link("x"), Link("y", follow=False), Link("m")))


@pytest.mark.parametrize(
    ("head", "tag", "noindex", "nofollow"),
    [
        ("", "", False, False),
        ('<meta name="robots" content="noindex">', "", True, False),
        ('<META NAME="ROBOTS" CONTENT="NONE">', "", True, True),
        ('<meta name="minirag" content="nofollow, noarchive">', "", False, True),
        ('<meta name="googlebot" content="noindex">', "", False, False),
        ("", "noindex, nofollow", True, True),
        ("", "minirag: noindex", True, False),
        ("", "otherbot: noindex, nofollow", False, False),
        ("", "unavailable_after: 2030-01-01", False, False),
    ],
)
async def test_what_robots_are_asked(
    pool: ExtractionPool, head: str, tag: str, noindex: bool, nofollow: bool
) -> None:
    found = await page(pool, f"<html><head>{head}</head><p>x", tag)
    assert (found.noindex, found.nofollow) == (noindex, nofollow)


async def test_links_are_read_in_the_encoding_of_the_page(pool: ExtractionPool) -> None:
    found = await page(pool, '<a href="/caf\u00e9">x</a>'.encode("latin-1"), charset="iso-8859-1")
    assert found.links == (Link("/caf\u00e9"),)


async def test_a_page_of_endless_links_has_so_many(pool: ExtractionPool) -> None:
    found = await page(pool, "".join(f'<a href="/{n}">x</a>' for n in range(50_000)))
    assert len(found.links) == 5000


async def test_sitemaps_in_every_form(pool: ExtractionPool) -> None:
    xml = """<?xml version="1.0" encoding="UTF-8"?>
    <s:urlset xmlns:s="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:i="http://x">
    <s:url><s:loc> https://a.example/1?x=1&amp;y=2 </s:loc><i:image><i:loc>https://a.example/i.png</i:loc></i:image></s:url>
    <s:url><s:loc>not a url</s:loc></s:url></s:urlset>""".strip()
    for data in (xml.encode(), gzip.compress(xml.encode()), b"\xef\xbb\xbf" + xml.encode()):
        assert (await pool.survey_sitemap(data)).pages == ("https://a.example/1?x=1&y=2",)
    index = b"<sitemapindex><sitemap><loc>https://a.example/s.xml</loc></sitemap></sitemapindex>"
    assert (await pool.survey_sitemap(index)).sitemaps == ("https://a.example/s.xml",)
    lines = b"https://a.example/1\r\nnonsense\r\nhttps://a.example/2\n"
    assert (await pool.survey_sitemap(lines)).pages == ("https://a.example/1", "https://a.example/2")


BILLION = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>
<urlset><url><loc>http://x/&b;</loc></url></urlset>"""


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (BILLION.encode(), "declares entities"),
        (gzip.compress(b"<urlset>" + b" " * (60 * 1024 * 1024)), "more than 50 MB"),
        (gzip.compress(b"<urlset/>", mtime=0)[:-12], "no valid XML"),
        (b"\x1f\x8bnonsense", "damaged"),
        (b"<a>" * 5000, "nested too deeply"),
        (b"<urlset><url><loc>http://x/", "no valid XML"),
        (b"<!DOCTYPE html><html><body>Not found<br></html>", "no valid XML"),
    ],
)
async def test_a_sitemap_that_means_harm_or_is_none_is_refused(
    pool: ExtractionPool, data: bytes, sentence: str
) -> None:
    with pytest.raises(Unreadable, match=sentence):
        await pool.survey_sitemap(data)


async def test_robots_txt_is_read_as_search_engines_do(pool: ExtractionPool) -> None:
    text = """User-Agent: other\nDisallow: /\n\nUser-agent: *\nDisallow: /a\nAllow: /a/b$\nDisallow: /*.cgi\nCrawl-delay: 2.5
    Sitemap: https://x.example/s.xml\nSitemap: /relative.xml"""
    urls = ["https://x.example" + path for path in ("/", "/a", "/a/b", "/a/bc", "/x.cgi?y")]
    answer = await pool.survey_robots(text, urls)
    assert answer.allowed == (True, False, True, False, False)
    assert (answer.delay, answer.sitemaps) == (2.5, ("https://x.example/s.xml",))
    assert (await pool.survey_robots("", urls)).allowed == (True,) * 5


async def test_a_robots_txt_that_means_harm_is_answered_at_once(pool: ExtractionPool) -> None:
    text = "User-agent: *\n" + "Disallow: /" + "*a" * 200 + "b$\n"
    answer = await pool.survey_robots(text, ["https://x.example/" + "a" * 2000])
    assert answer.allowed == (True,)
