"""What a crawl of a site would take, found out by looking at it for some seconds and keeping nothing."""

import asyncio
import time
from datetime import timedelta
from itertools import islice
from typing import Literal

from minirag_contracts.context import Context
from minirag_contracts.errors import Unavailable
from minirag_contracts.requests.ingest import CrawlPreview, PreviewCrawl, PreviewedPage, SkippedPage

from minirag_ingest.commands.exploring import ComeBackLater, Explorer
from minirag_ingest.commands.given import Given
from minirag_ingest.commands.rules import Rules
from minirag_ingest.domain.crawl_plan import CrawlPlan
from minirag_ingest.domain.frontier import Frontier, Seeds, Visit
from minirag_ingest.errors import InvalidUrl, SiteNotSeen
from minirag_ingest.ports import LastingFailure, TemporaryFailure

LONGEST = timedelta(seconds=20)
AT_ONCE = 8
"""Previews of one process."""
MAX_LISTED = 500
"""Pages of a preview, and as many that are skipped: a reply has to fit into a message."""
CutOff = Literal["pages", "time", "patience"]


class CrawlPreviews:
    """Looks at sites while somebody waits for it."""

    def __init__(self, explorer: Explorer, given: Given, longest: timedelta = LONGEST) -> None:
        self._explorer = explorer
        self._given = given
        self._seconds = longest.total_seconds()
        self._running = 0

    async def preview(self, request: PreviewCrawl, context: Context) -> CrawlPreview:
        """Raises InvalidSource, InvalidUrl, and SiteNotSeen where the site does not let us see its start page."""
        config = {"url": request.url, "crawl": request.crawl}
        self._given.check_config("url", config)
        plan = CrawlPlan.of(config)
        if plan is None:
            raise InvalidUrl
        if self._running >= AT_ONCE:
            raise Unavailable("Several sites are being looked at just now. Please try again in some seconds.")
        self._running += 1
        try:
            return await self._look(plan)
        finally:
            self._running -= 1

    async def _look(self, plan: CrawlPlan) -> CrawlPreview:
        until = time.monotonic() + self._seconds
        seeds, frontier = Seeds(), Frontier(plan)
        cut_off: CutOff | None = None
        try:
            async with asyncio.timeout(self._seconds):
                seeds = await self._explorer.seeds(plan)
                frontier = Frontier(plan, seeds.pages)
                cut_off = await self._walk(self._explorer.rules(plan, seeds), frontier)
        except TimeoutError:
            cut_off = "time"
        except ComeBackLater:
            cut_off = "patience"
        except (LastingFailure, TemporaryFailure) as failure:
            raise SiteNotSeen(str(failure)) from failure
        if not frontier.visits:
            late = time.monotonic() >= until
            raise SiteNotSeen(
                f"The site did not answer within {self._seconds:g} seconds."
                if late
                else "The site asks us to come back later."
            )
        return _told(plan, seeds, frontier, cut_off)

    async def _walk(self, rules: Rules, frontier: Frontier) -> CutOff | None:
        while (candidate := await self._explorer.next(rules, frontier)) is not None:
            frontier.record((await self._explorer.visit(rules, candidate)).visits)
        return "pages" if frontier.is_cut else None


def _told(plan: CrawlPlan, seeds: Seeds, frontier: Frontier, cut_off: CutOff | None) -> CrawlPreview:
    pages = [_page(visit) for visit in frontier.visits.values() if visit.is_kept]
    room = min(plan.max_pages, MAX_LISTED) - len(pages)
    ahead = [
        PreviewedPage(url=one.url, title="", depth=one.depth, found=one.found, is_seen=False)
        for one in islice(frontier.ahead(), max(0, room))
    ]
    notes = {visit.url: visit.note for visit in frontier.visits.values()}
    skipped = [
        SkippedPage(url=url, reason=reason, detail=notes.get(url, ""))
        for url, reason in list(frontier.skipped.items())[:MAX_LISTED]
    ]
    return CrawlPreview(
        start_url=plan.start,
        pages=[*pages[:MAX_LISTED], *ahead],
        skipped=skipped,
        cut_off=cut_off,
        has_robots=bool(seeds.robots),
        sitemap_urls=len(seeds.pages),
        delay_seconds=seeds.pause(plan),
    )


def _page(visit: Visit) -> PreviewedPage:
    return PreviewedPage(url=visit.url, title=visit.title, depth=visit.depth, found=visit.found, is_seen=True)
