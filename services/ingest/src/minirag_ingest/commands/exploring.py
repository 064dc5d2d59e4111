"""Looking at a site as a well-behaved robot: its robots.txt, its sitemaps, and page after page."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from http import HTTPStatus

from minirag_ingest.commands.conditional import fetch_anew
from minirag_ingest.commands.politeness import PoliteFetcher
from minirag_ingest.commands.rules import Rules, ask_rules
from minirag_ingest.domain.crawl_plan import CrawlPlan, Reason, asked_of_robots
from minirag_ingest.domain.frontier import MAX_SEEN, Candidate, Frontier, Seeds, Visit
from minirag_ingest.domain.web_address import canonical, host_of, same_site
from minirag_ingest.ports import (
    Answered,
    KnownPage,
    LastingFailure,
    NotModified,
    Page,
    Surveyed,
    Surveyor,
    TemporaryFailure,
    Unreadable,
    Validators,
)

MAX_ROBOTS = 512 * 1024
"""Bytes of a robots.txt that are read (RFC 9309 §2.5 has at least 500 KiB)."""
MAX_SITEMAPS = 50
"""Sitemaps of one site, those of an index included."""
GONE = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
HTML = ("text/html", "application/xhtml+xml")
NO_DOCUMENT = ("image/", "audio/", "video/", "font/")
NO_DOCUMENTS = (
    "text/css",
    "text/javascript",
    "application/javascript",
    "application/zip",
    "application/gzip",
)
TRIES = (timedelta(seconds=1), timedelta(seconds=4))
"""The waits before a page that fails is asked for again, within one visit."""


class ComeBackLater(Exception):
    """The site asks to be left alone for a while."""

    def __init__(self, failure: TemporaryFailure, after: timedelta) -> None:
        super().__init__(str(failure))
        self.after = after


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of one candidate. ``page`` belongs to the last of the visits, where that is one to take."""

    visits: tuple[Visit, ...]
    page: Page | None = None


KnownPages = Callable[[str], Awaitable[KnownPage | None]]
"""URL → what was kept of the page when it was ingested last."""


async def nothing_known(_: str) -> KnownPage | None:
    """For whom every page is new."""
    return None


class Explorer:
    """Of all sites."""

    def __init__(
        self, fetcher: PoliteFetcher, surveyor: Surveyor, tries: Sequence[timedelta] = TRIES
    ) -> None:
        self._fetcher = fetcher
        self._surveyor = surveyor
        self._tries = tries

    async def seeds(self, plan: CrawlPlan) -> Seeds:
        """Raises LastingFailure, TemporaryFailure and ComeBackLater where the site cannot tell what it allows."""
        if not plan.respect_robots and not plan.sitemap:
            return Seeds()
        seeds, named = await self._rules(plan)
        if not plan.sitemap:
            return seeds
        guess = canonical("/sitemap.xml", plan.start) or ""
        pages, is_whole = await self._sitemaps(plan, seeds, named or (guess,), guessed=not named)
        return replace(seeds, pages=pages[:MAX_SEEN], is_whole=is_whole and len(pages) <= MAX_SEEN)

    def rules(self, plan: CrawlPlan, seeds: Seeds) -> Rules:
        """What is to be obeyed from here on."""
        return Rules(self._surveyor, plan, seeds)

    async def next(self, rules: Rules, frontier: Frontier) -> Candidate | None:
        """The next page that may be looked at."""
        while (candidate := frontier.next()) is not None:
            if await rules.allows(candidate.url, (one.url for one in frontier.ahead())):
                return candidate
            if candidate.found == "start":
                raise LastingFailure(
                    "robots", "The site's robots.txt does not allow its start page to be read."
                )
            frontier.skip(candidate.url, "robots")
        return None

    async def visit(self, rules: Rules, candidate: Candidate, known: KnownPages = nothing_known) -> Seen:
        """One page. A start page that fails is raised, and so is ComeBackLater."""
        before = await known(candidate.url)
        try:
            page = await self._fetch(rules, candidate.url, before)
        except (LastingFailure, TemporaryFailure) as failure:
            if candidate.found == "start":
                raise
            return Seen((_failed(candidate, failure, is_known=before is not None),))
        if isinstance(page, NotModified):
            reason, links = rules.plan.why_not(candidate.url), before.links if before else ()
            result = "same" if reason is None else "skipped"
            return Seen((_visit(candidate, links=links, result=result, reason=reason),))
        return await self._looked_at(rules, candidate, page)

    async def _looked_at(self, rules: Rules, candidate: Candidate, page: Page) -> Seen:
        """What a page is, where it really is, and what it says to robots."""
        plan = rules.plan
        visits: list[Visit] = []
        where = canonical(page.url) or candidate.url
        if where != candidate.url:
            reason = await self._why_not_there(rules, candidate, where)
            if reason is not None:
                return Seen((_visit(candidate, result="skipped", reason=reason),))
            visits.append(_visit(candidate, result="moved"))
            candidate = replace(candidate, url=where)
        if _is_no_document(page):
            return Seen((*visits, _visit(candidate, result="skipped", reason="not_a_document")))
        says = await self._says(page)
        links = _followed(says, page.url, obey=plan.respect_robots)
        reason = plan.why_not(candidate.url)  # a start page may lead to what is wanted without being it
        if reason is None and says.noindex and plan.respect_robots:
            reason = "noindex"
        if reason is not None:
            return Seen((*visits, _visit(candidate, result="skipped", reason=reason, links=links)))
        found = _visit(candidate, result="page", links=links, title=says.title)
        return Seen((*visits, found), page)

    async def _why_not_there(self, rules: Rules, candidate: Candidate, where: str) -> Reason | None:
        plan = rules.plan
        if candidate.found == "start":
            if not same_site(where, plan.start):
                raise LastingFailure(
                    "fetch_failed",
                    f"The start page leads to another site, {host_of(where)}: give that as the URL.",
                )
            return None
        reason = plan.why_not(where)
        if reason in ("other_site", "not_included", "excluded"):
            return "redirects_elsewhere" if reason == "other_site" else reason
        return reason or (None if await rules.allows(where) else "robots")

    async def _says(self, page: Page) -> Surveyed:
        """Nothing where it cannot be read: its ingestion will say why."""
        kind = page.raw.media_type
        if kind not in HTML and not (kind is None and page.raw.data.lstrip()[:1] == b"<"):
            return Surveyed(noindex=bool(asked_of_robots(page.robots_tag) & {"noindex", "none"}))
        try:
            return await self._surveyor.survey_page(page.raw, page.robots_tag)
        except Unreadable:
            return Surveyed()

    async def _fetch(self, rules: Rules, url: str, before: KnownPage | None) -> Page | NotModified:
        """Conditionally where that is sure; a passing failure is waited out, twice."""
        again = partial(self._again, url, rules.seeds.pause(rules.plan))
        return await fetch_anew(again, before or KnownPage())

    async def _again(self, url: str, pause: float, known: Validators | None) -> Page | NotModified:
        for wait in (*self._tries, None):
            try:
                return await self._fetcher.fetch(url, pause, known)
            except TemporaryFailure as failure:
                if failure.retry_after is not None:
                    raise ComeBackLater(failure, failure.retry_after) from failure
                if wait is None:
                    raise
                await asyncio.sleep(wait.total_seconds())
        raise AssertionError("the last try returns or raises")

    async def _rules(self, plan: CrawlPlan) -> tuple[Seeds, tuple[str, ...]]:
        """And the sitemaps that it names. No robots.txt allows everything (RFC 9309 §2.3.1.3); one that cannot be had allows
        nothing.
        """
        try:
            page = await self._again(canonical("/robots.txt", plan.start) or "", plan.delay_seconds, None)
        except Answered:
            return Seeds(), ()
        assert isinstance(page, Page)  # nothing was known
        text = page.raw.data[:MAX_ROBOTS].decode("utf-8", "replace").replace("\0", "")
        answer = await ask_rules(self._surveyor, text)
        return Seeds(text, answer.delay) if plan.respect_robots else Seeds(), answer.sitemaps

    async def _sitemaps(
        self, plan: CrawlPlan, seeds: Seeds, named: Sequence[str], *, guessed: bool
    ) -> tuple[tuple[str, ...], bool]:
        """Their pages in the order in which they are listed, and whether all could be read."""
        waiting, seen = list(named), set(named)
        pages: dict[str, None] = {}
        is_whole = True
        for count in range(MAX_SITEMAPS + 1):
            if not waiting:
                break
            if count == MAX_SITEMAPS:
                return tuple(pages), False
            try:
                page = await self._again(waiting.pop(0), seeds.pause(plan), None)
                assert isinstance(page, Page)  # nothing was known
                entries = await self._surveyor.survey_sitemap(page.raw.data)
            except (LastingFailure, TemporaryFailure) as failure:
                missing = isinstance(failure, Answered) and failure.status in GONE
                is_whole = is_whole and (guessed or missing) and not isinstance(failure, TemporaryFailure)
                continue
            pages.update(dict.fromkeys(entries.pages))
            new = [url for url in entries.sitemaps if url not in seen]
            seen.update(new)
            waiting += new
        return tuple(pages), is_whole


def _is_no_document(page: Page) -> bool:
    kind = page.raw.media_type or ""
    return kind.startswith(NO_DOCUMENT) or kind in NO_DOCUMENTS


def _followed(says: Surveyed, url: str, *, obey: bool) -> tuple[str, ...]:
    """The links, each in its one form."""
    if says.nofollow and obey:
        return ()
    base = canonical(says.base, url) or url if says.base else url
    found = (canonical(link.href, base) for link in says.links if link.follow or not obey)
    return tuple(dict.fromkeys(link for link in found if link))


def _failed(candidate: Candidate, failure: LastingFailure | TemporaryFailure, *, is_known: bool) -> Visit:
    """A page that is no longer there; one that cannot be had just now; one that was never to be had."""
    if isinstance(failure, Answered) and failure.status in GONE:
        return _visit(candidate, result="gone", reason="gone", note=str(failure))
    if isinstance(failure, TemporaryFailure) or is_known or candidate.found == "known":
        return _visit(candidate, result="failed", reason="failed", note=str(failure))
    return _visit(candidate, result="skipped", reason="refused", note=str(failure))


def _visit(candidate: Candidate, **what: object) -> Visit:
    return Visit(candidate.url, candidate.depth, candidate.found, **what)  # type: ignore[arg-type]  # fields of Visit
