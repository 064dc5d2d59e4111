"""What follows from a crawl for the pages of a site: which become known, which are removed, or that nothing may be concluded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from minirag_contracts.ids import derived_id

from minirag_ingest.domain.crawl_plan import CrawlPlan
from minirag_ingest.domain.frontier import Visit

FEW = 5
"""Pages of a site that is small enough to lose most of them at once."""


class NotSeen(Exception):
    """The crawl has not seen the site; ``str()`` is a sentence for people. Nothing follows from it."""

    code = "site_not_seen"


class SiteShrunk(NotSeen):
    """Most pages would go. ``str()`` says what to do if that is meant."""

    code = "site_shrunk"


@dataclass(frozen=True, slots=True)
class Crawl:
    """A crawl at its end. ``is_whole``: nothing was left out for lack of room, and all sitemaps could be read.

    ``known`` maps the URLs of pages that are there to their sources. ``expected``: the plan is another one than last time, or
    the last crawl has said already that most pages would go.
    """

    plan: CrawlPlan
    visits: Sequence[Visit]
    known: Mapping[str, UUID]
    is_whole: bool
    expected: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """``changed`` pages are new or have another content; ``count`` pages are there afterwards."""

    changed: tuple[str, ...]
    removed: tuple[str, ...]
    count: int


def page_id(site_id: UUID, url: str) -> UUID:
    """The source of a page: the same one however often it goes and comes back."""
    return derived_id("page", site_id, url)


def judge(crawl: Crawl) -> Verdict:
    """Raises NotSeen. A page goes only if it says so itself, or if a whole crawl finds it no more."""
    _check_failures(crawl.visits)
    found = {visit.url for visit in crawl.visits if visit.is_kept and visit.found != "known"}
    gone = {visit.url for visit in crawl.visits if visit.result == "gone"}
    is_complete = crawl.is_whole and not any(visit.result == "failed" for visit in crawl.visits)
    removed = tuple(url for url in crawl.known if url in gone or (is_complete and url not in found))
    _check_loss(crawl, len(removed))
    left = len(crawl.known) - len(removed)
    room = max(0, crawl.plan.max_pages - left)
    fetched = [visit.url for visit in crawl.visits if visit.result == "page" and visit.url not in removed]
    new = [url for url in fetched if url not in crawl.known][:room]
    changed = tuple(url for url in fetched if url in crawl.known or url in new)
    return Verdict(changed, removed, left + len(new))


def _check_failures(visits: Sequence[Visit]) -> None:
    failed = [visit for visit in visits if visit.result == "failed"]
    tried = [visit for visit in visits if visit.result in ("page", "same", "gone", "failed")]
    if not any(visit.is_kept for visit in visits):
        raise NotSeen(_nothing(visits))
    if len(failed) * 2 > len(tried):
        raise NotSeen(
            f"{len(failed)} of {len(tried)} pages of the site could not be fetched, so nothing was changed. "
            f"The first of them: {failed[0].note}"
        )


def _nothing(visits: Sequence[Visit]) -> str:
    failed = next((visit.note for visit in visits if visit.result == "failed"), "")
    if failed:
        return f"No page of the site could be fetched, so nothing was changed. {failed}"
    return (
        "No page of the site is one to take, so nothing was changed: look at include and exclude, and at what the site's "
        "robots.txt and pages say to robots."
    )


def _check_loss(crawl: Crawl, lost: int) -> None:
    if crawl.expected or len(crawl.known) < FEW or lost * 2 <= len(crawl.known):
        return
    raise SiteShrunk(
        f"{lost} of {len(crawl.known)} known pages are not found on the site any more. Nothing was changed, in case the site is "
        "out of order just now; the next crawl that finds the same will remove them."
    )
