"""What a site's robots.txt allows, asked about many URLs at a time and remembered for one crawl."""

from collections.abc import Iterable
from itertools import islice

from minirag_ingest.domain.crawl_plan import CrawlPlan
from minirag_ingest.domain.frontier import Seeds
from minirag_ingest.domain.web_address import same_site
from minirag_ingest.ports import LastingFailure, RobotsAnswer, Surveyor, Unreadable

AT_ONCE = 500
"""URLs of one question: each costs a way to another process, which is sent the whole robots.txt."""
FEWER = 8
"""So many times fewer are asked about at once where a robots.txt takes too long to be applied to all of them."""


class Rules:
    """Of one crawl: its plan, what the site said, and the answers so far."""

    def __init__(self, surveyor: Surveyor, plan: CrawlPlan, seeds: Seeds) -> None:
        self.plan = plan
        self.seeds = seeds
        self._surveyor = surveyor
        self._at_once = AT_ONCE
        self._allowed: dict[str, bool] = {}

    async def allows(self, url: str, ahead: Iterable[str] = ()) -> bool:
        """Whether robots.txt lets us fetch a page; that of the start page's host speaks for that host alone. ``ahead`` is what
        will be asked next, and is found out with it.
        """
        if not self._concerns(url):
            return True
        if url not in self._allowed:
            unknown = (
                one for one in ahead if one != url and one not in self._allowed and self._concerns(one)
            )
            wanted = [url, *islice(unknown, self._at_once - 1)]
            while url not in self._allowed:
                await self._ask(wanted[: self._at_once])
        return self._allowed[url]

    def _concerns(self, url: str) -> bool:
        return self.plan.respect_robots and bool(self.seeds.robots) and same_site(url, self.plan.start)

    async def _ask(self, urls: list[str]) -> None:
        try:
            answer = await ask_rules(self._surveyor, self.seeds.robots, urls)
        except LastingFailure:
            if len(urls) == 1:
                raise
            self._at_once = max(1, len(urls) // FEWER)
            return
        self._allowed.update(zip(urls, answer.allowed, strict=True))


async def ask_rules(surveyor: Surveyor, text: str, urls: Iterable[str] = ()) -> RobotsAnswer:
    """Raises LastingFailure where it cannot be read."""
    try:
        return await surveyor.survey_robots(text, list(urls))
    except Unreadable as error:
        raise LastingFailure("robots", "The site's robots.txt cannot be understood.") from error
