"""What a crawl has seen and what it will look at next: broad before deep, each page once, within limits.

The same visits in the same order leave the same frontier, so that a crawl goes on where it was interrupted.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from minirag_ingest.domain.crawl_plan import MAX_DELAY, CrawlPlan, Reason
from minirag_ingest.domain.web_address import canonical

Found = Literal["start", "sitemap", "link", "known"]
"""How a page was found; ``known`` is one of an earlier crawl that this one did not find."""
Result = Literal["page", "same", "moved", "gone", "failed", "skipped"]
"""What came of a visit; ``same`` is a page that has not changed since it was ingested."""

MAX_SEEN = 50_000
"""URLs that one crawl remembers."""
MAX_SKIPPED = 1000
"""Of those that are not taken, the ones that are told."""


@dataclass(frozen=True, slots=True)
class Seeds:
    """What a site says before its first page: its robots.txt, the pages of its sitemaps, and whether all of those were read."""

    robots: str = ""
    delay: float | None = None
    pages: tuple[str, ...] = field(default=(), repr=False)
    is_whole: bool = True

    def pause(self, plan: CrawlPlan) -> float:
        """Seconds between two requests to the site."""
        return max(plan.delay_seconds, min(self.delay or 0.0, MAX_DELAY))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A page to look at."""

    url: str
    depth: int
    found: Found


@dataclass(frozen=True, slots=True)
class Visit:
    """A page that was looked at. ``note`` is why not, or what failed, as a sentence; ``links`` as they are on the page."""

    url: str
    depth: int
    found: Found
    result: Result
    reason: Reason | None = None
    note: str = ""
    links: tuple[str, ...] = field(default=(), repr=False)
    title: str = field(default="", repr=False)

    @property
    def is_kept(self) -> bool:
        """Whether it is a page of the site."""
        return self.result in ("page", "same")


class Frontier:
    """Of one crawl."""

    def __init__(self, plan: CrawlPlan, sitemap: Iterable[str] = (), known: Iterable[str] = ()) -> None:
        self._plan = plan
        self._known = [url for url in known if plan.why_not(url) is None]
        self._queue: deque[Candidate] = deque([Candidate(plan.start, 0, "start")])
        self._seen = {plan.start}
        self._overflown = False
        self.visits: dict[str, Visit] = {}
        self.skipped: dict[str, Reason] = {}
        self.pages = 0
        self._offer(sitemap, None, 1, "sitemap")

    @property
    def is_cut(self) -> bool:
        """Whether pages were left out because there are too many."""
        return self._overflown

    @property
    def waiting(self) -> int:
        """Pages that are still to be looked at, roughly."""
        return len(self._queue) - (bool(self._queue) and self._queue[0].url in self.visits)

    def ahead(self) -> Iterator[Candidate]:
        """What would be looked at if there were time."""
        return (one for one in self._queue if one.url not in self.visits and one.url not in self.skipped)

    def next(self) -> Candidate | None:
        """The next page, again and again until it is recorded; None when all is seen, or enough."""
        while self._queue:
            candidate = self._queue[0]
            if candidate.url not in self.visits and candidate.url not in self.skipped:
                if candidate.found == "known" or not self._is_enough():
                    return candidate
                self._overflown = True
            self._queue.popleft()
        if self._known:
            left = [url for url in self._known if url not in self.visits]
            self._known = []
            self._queue.extend(Candidate(url, 0, "known") for url in left)
            return self.next()
        return None

    def record(self, visits: Iterable[Visit]) -> None:
        """What came of a candidate; a redirect makes two visits of one. A page that only earlier crawls knew leads nowhere."""
        for visit in visits:
            if visit.url in self.visits:  # redirected to what was seen already
                continue
            self.visits[visit.url] = visit
            self._seen.add(visit.url)
            if visit.reason is not None:
                self.skip(visit.url, visit.reason)
            if visit.found == "known":
                continue
            self.pages += visit.is_kept
            self._offer(visit.links, visit.url, visit.depth + 1, "link")

    def skip(self, url: str, reason: Reason) -> None:
        """Not to be looked at."""
        if len(self.skipped) < MAX_SKIPPED or url in self._seen:
            self.skipped[url] = reason

    def _is_enough(self) -> bool:
        """So many pages, or so many more that are none: a calendar has no end."""
        return self.pages >= self._plan.max_pages or len(self.visits) >= 3 * self._plan.max_pages + 100

    def _offer(self, links: Iterable[str], base: str | None, depth: int, found: Found) -> None:
        for link in links:
            url = canonical(link, base)
            if url is None or url in self._seen:
                continue
            reason = self._plan.why_not(url)
            if reason is None and depth > self._plan.max_depth:
                reason = "too_deep"  # and perhaps found again, less deep
            if reason is not None:
                self.skip(url, reason)
                continue
            if len(self._seen) >= MAX_SEEN:
                self._overflown = True
                return
            if self.skipped.get(url) == "too_deep":
                del self.skipped[url]
            self._seen.add(url)
            self._queue.append(Candidate(url, depth, found))
