"""URLs in one form, patterns, limits, and what follows from a crawl: pure functions."""

from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from minirag_ingest.domain import intake
from minirag_ingest.domain.crawl_plan import CrawlPlan, Pattern
from minirag_ingest.domain.frontier import Candidate, Frontier, Result, Visit
from minirag_ingest.domain.site import Crawl, NotSeen, SiteShrunk, Verdict, judge
from minirag_ingest.domain.web_address import canonical, is_file, same_site
from minirag_ingest.errors import InvalidSource, InvalidUrl

START = "https://example.com/"


@pytest.mark.parametrize(
    ("link", "base", "url"),
    [
        ("HTTP://Example.COM:80", None, "http://example.com/"),
        ("https://example.com:443/a#top", None, "https://example.com/a"),
        ("https://example.com:8443/", None, "https://example.com:8443/"),
        ("https://example.com./a/./b/../c", None, "https://example.com/a/c"),
        ("https://example.com/../..", None, "https://example.com/"),
        ("https://example.com/a/b/..", None, "https://example.com/a/"),
        ("../x?b=2&a=1", "https://example.com/d/e/f", "https://example.com/d/x?b=2&a=1"),
        ("//other.org/p", START, "https://other.org/p"),
        ("?page=2", "https://example.com/list?page=1", "https://example.com/list?page=2"),
        ("/a?utm_source=x&q=1&gclid=3&UTM_Medium=y", START, "https://example.com/a?q=1"),
        ("/a?utm_source=x", START, "https://example.com/a"),
        ("/a;jsessionid=12AB?x=1", START, "https://example.com/a?x=1"),
        ("/caf\u00e9 %7euser%2f%c3", START, "https://example.com/caf%C3%A9%20~user%2F%C3"),
        ("  /a\n", START, "https://example.com/a"),
        ("http://[::1]:80/x", None, "http://[::1]/x"),
        ("mailto:a@example.com", START, None),
        ("javascript:void(0)", START, None),
        ("ftp://example.com/", START, None),
        ("http://user:pw@example.com/", START, None),
        ("http://[broken/", START, None),
        ("http://example.com:99999/", START, None),
        ("https:///nohost", None, None),
        ("/" + "x" * 3000, START, None),
    ],
)
def test_a_link_has_one_form(link: str, base: str | None, url: str | None) -> None:
    assert canonical(link, base) == url


@given(st.text(max_size=60))
def test_the_one_form_of_the_one_form_is_itself(link: str) -> None:
    url = canonical(link, START)
    assert url is None or (canonical(url) == url and "\0" not in url and "#" not in url)


def test_a_site_is_one_host_with_and_without_www() -> None:
    assert same_site("https://www.example.com/a", "http://example.com/")
    assert not same_site("https://docs.example.com/", "https://example.com/")
    assert not same_site("http://example.com:8080/", "http://example.com/")
    assert is_file("https://example.com/a.PNG?x=1")
    assert not is_file("https://example.com/a.html")


@pytest.mark.parametrize(
    ("pattern", "url", "matches"),
    [
        ("/docs/", "https://example.com/docs/a", True),
        ("/docs/", "http://www.example.com/docs/", True),
        ("/docs/", "https://example.com/en/docs/", False),
        ("/docs/", "https://other.com/docs/", False),
        ("/docs/$", "https://example.com/docs/", True),
        ("/docs/$", "https://example.com/docs/a", False),
        ("*/docs/", "https://example.com/en/docs/a", True),
        ("/*.pdf$", "https://example.com/a/b.pdf", True),
        ("/*.pdf$", "https://example.com/a/b.pdf?x=1", False),
        ("/*?page=", "https://example.com/list?page=2", True),
        ("/a*b*c$", "https://example.com/abcbc", True),
        ("/ab*ba$", "https://example.com/aba", False),
        ("https://docs.example.com/", "https://docs.example.com/x", True),
        ("https://docs.example.com/", "http://docs.example.com/x", False),
    ],
)
def test_patterns_are_those_of_robots_txt(pattern: str, url: str, matches: bool) -> None:
    assert Pattern(pattern).matches(url, START) is matches


def test_a_pattern_takes_no_time_worth_telling() -> None:
    assert not Pattern("/" + "*a" * 200 + "b$").matches("https://example.com/" + "a" * 2000, START)


def plan(**crawl: Any) -> CrawlPlan:
    found = CrawlPlan.of({"url": START, "crawl": crawl})
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("crawl", "sentence"),
    [
        ([], "must be an object"),
        ({"depth": 1}, "no setting named 'depth'"),
        ({"max_depth": 11}, "max_depth must be a whole number from 0 to 10"),
        ({"max_depth": True}, "max_depth must be a whole number"),
        ({"max_pages": 0}, "max_pages must be a whole number from 1 to 5000"),
        ({"max_pages": 1.5}, "max_pages must be a whole number"),
        ({"include": "/docs/"}, "include must be a list"),
        ({"include": ["docs"]}, "begins like a path"),
        ({"exclude": ["/" * 501]}, "at most 500 characters"),
        ({"exclude": ["/"] * 51}, "at most 50 patterns"),
        ({"sitemap": "yes"}, "sitemap must be true or false"),
        ({"delay_seconds": -1}, "delay_seconds must be a number from 0 to 60"),
        ({"delay_seconds": "1"}, "delay_seconds must be a number"),
    ],
)
def test_what_a_plan_may_not_say_is_refused_with_a_sentence(crawl: Any, sentence: str) -> None:
    with pytest.raises(InvalidSource, match=sentence):
        CrawlPlan.of({"url": START, "crawl": crawl})


def test_a_site_has_a_url_and_a_single_page_no_plan() -> None:
    assert CrawlPlan.of({"url": START}) is None
    assert CrawlPlan.of({"url": START, "crawl": None}) is None
    for config in ({"crawl": {}}, {"url": "mailto:x", "crawl": {}}):
        with pytest.raises(InvalidUrl):
            CrawlPlan.of(config)


def test_events_tell_the_figures_of_a_plan_and_no_pattern() -> None:
    config = {"url": f"{START}?key=1", "crawl": {"max_pages": 5, "include": ["/private-name/"]}, "x": 1}
    assert intake.public_config("url", config) == {"url": START, "crawl": {"max_pages": 5}}


def test_a_frontier_is_broad_before_deep_and_each_page_is_once() -> None:
    frontier = Frontier(plan(max_depth=2), sitemap=[f"{START}s", START])
    links = {START: ["a", "b", "a#x"], f"{START}a": ["/a/deep", "/"], f"{START}a/deep": ["/a/deeper"]}
    order = []
    while (found := frontier.next()) is not None:
        assert frontier.next() == found
        order.append((found.url.removeprefix(START), found.depth, found.found))
        frontier.record([visit(found.url, links=tuple(links.get(found.url, ())), depth=found.depth)])
    assert order == [
        ("", 0, "start"), ("s", 1, "sitemap"), ("a", 1, "link"), ("b", 1, "link"), ("a/deep", 2, "link"),
    ]  # fmt: skip
    assert frontier.skipped == {f"{START}a/deeper": "too_deep"}


def test_a_frontier_goes_on_where_it_was() -> None:
    visits = [visit(START, links=("/a", "/b", "/x.png")), visit(f"{START}a", links=("/c",), depth=1)]
    first, second = Frontier(plan(), known=[f"{START}k"]), Frontier(plan(), known=[f"{START}k"])
    for one in visits:
        assert first.next() is not None
        first.record([one])
    second.record(visits)
    for _ in range(4):
        assert first.next() == second.next()
        candidate = first.next()
        if candidate is None:
            break
        for frontier in (first, second):
            frontier.record([visit(candidate.url, depth=candidate.depth)])
    assert first.next() is second.next() is None
    assert list(first.visits) == list(second.visits)
    assert list(first.visits)[-1] == f"{START}k"


def test_a_calendar_without_end_ends() -> None:
    frontier = Frontier(plan(max_pages=3, max_depth=10))
    number = 0
    while (found := frontier.next()) is not None:
        number += 1
        link = f"/day/{number}"
        frontier.record([visit(found.url, "skipped", links=(link,), depth=0)])
    assert (number, frontier.is_cut) == (109, True)


def visit(url: str, result: Result = "page", **fields: Any) -> Visit:
    return Visit(url, fields.pop("depth", 0), fields.pop("found", "link"), result, **fields)


def crawl(*visits: Visit, known: tuple[str, ...] = (), **fields: Any) -> Crawl:
    return Crawl(
        fields.pop("plan", plan()),
        visits,
        {url: uuid4() for url in known},
        fields.pop("is_whole", True),
        **fields,
    )


def test_new_pages_are_taken_and_unchanged_ones_left() -> None:
    assert judge(crawl(visit("a"), visit("b", "same"), known=("b",))) == Verdict(("a",), (), 2)


def test_a_page_goes_when_it_is_gone_or_found_no_more_by_a_whole_crawl() -> None:
    visits = (visit("a"), visit("b", "gone"), visit("c", found="known"))
    assert judge(crawl(*visits, known=("a", "b", "c", "d"))) == Verdict(("a",), ("b", "c", "d"), 1)
    for cut in ({"is_whole": False}, {}):
        seen = visits if cut else (*visits, visit("e", "failed"))
        assert judge(crawl(*seen, known=("a", "b", "c", "d"), **cut)) == Verdict(("a", "c"), ("b",), 3)


def test_there_are_never_more_pages_than_the_plan_has() -> None:
    visits = (visit("a"), visit("b"), visit("c"))
    assert judge(crawl(*visits, known=("x", "y"), plan=plan(max_pages=3), is_whole=False)) == Verdict(
        ("a",), (), 3
    )


@pytest.mark.parametrize(
    ("visits", "sentence"),
    [
        ((visit("a", "skipped"),), "No page of the site is one to take"),
        ((visit("a", "failed", note="Down."),), "could be fetched, so nothing was changed. Down."),
        ((visit("a"), visit("b", "failed", note="Down."), visit("c", "failed")), "2 of 3 pages"),
    ],
)
def test_a_site_that_was_not_seen_changes_nothing(visits: tuple[Visit, ...], sentence: str) -> None:
    with pytest.raises(NotSeen, match=sentence):
        judge(crawl(*visits, known=("a",)))


def test_a_great_loss_must_be_expected() -> None:
    known = ("a", "b", "c", "d", "e")
    assert len(judge(crawl(visit("a"), visit("b"), visit("c"), known=known)).removed) == 2
    with pytest.raises(SiteShrunk, match="3 of 5 known pages"):
        judge(crawl(visit("a"), visit("b"), known=known))
    assert len(judge(crawl(visit("a"), visit("b"), known=known, expected=True)).removed) == 3


def test_a_candidate_is_data() -> None:
    assert Frontier(plan()).next() == Candidate(START, 0, "start")
