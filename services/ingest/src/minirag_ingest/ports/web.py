"""The web, and what a crawl finds in it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from minirag_ingest.ports.documents import NotModified, Page, Raw, Validators


class Fetcher(Protocol):
    """The web, guarded."""

    def check(self, url: str) -> None:
        """Raises LastingFailure for a URL that may not be fetched as far as its form goes."""

    async def fetch(self, url: str, known: Validators | None = None) -> Page | NotModified:
        """A page or file; NotModified only where ``known`` were given. Raises LastingFailure and TemporaryFailure."""


@dataclass(frozen=True, slots=True)
class Link:
    """As it is written on a page; ``follow``: whether the page vouches for it (no ``rel=nofollow``)."""

    href: str
    follow: bool = True


@dataclass(frozen=True, slots=True)
class Surveyed:
    """What a page says to crawlers. ``base``: what its links are relative to, if it says so."""

    title: str = ""
    base: str = ""
    links: tuple[Link, ...] = ()
    noindex: bool = False
    nofollow: bool = False


@dataclass(frozen=True, slots=True)
class SitemapEntries:
    """What a sitemap lists: pages, and further sitemaps."""

    pages: tuple[str, ...] = ()
    sitemaps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RobotsAnswer:
    """For each of the URLs whether it may be fetched; seconds between two requests, if the site wants some; sitemaps."""

    allowed: tuple[bool, ...] = ()
    delay: float | None = None
    sitemaps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KnownPage:
    """What is kept of a page of a site since it was ingested. ``validators`` are None where it has to be fetched anew."""

    last_url: str = ""
    validators: Validators | None = None
    links: tuple[str, ...] = field(default=(), repr=False)


class Surveyor(Protocol):
    """What crawlers are told, read from what others wrote. All raise Unreadable and ExtractionInterrupted."""

    async def survey_page(self, raw: Raw, robots_tag: str) -> Surveyed:
        """Of a page of HTML; ``robots_tag`` is its header X-Robots-Tag."""

    async def survey_sitemap(self, data: bytes) -> SitemapEntries:
        """Of a sitemap, packed or not."""

    async def survey_robots(self, text: str, urls: Sequence[str]) -> RobotsAnswer:
        """Of a robots.txt, about these URLs."""
