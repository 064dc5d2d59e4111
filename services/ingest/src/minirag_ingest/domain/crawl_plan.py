"""What a site's configuration says about looking through it: how far, how much, what, and how politely."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from minirag_ingest.domain.web_address import canonical, is_file, place_of, same_site
from minirag_ingest.errors import InvalidSource, InvalidUrl

MAX_DEPTH = 10
MAX_PAGES = 5000
MAX_DELAY = 60
MAX_PATTERNS = 50
MAX_PATTERN = 500
KEYS = ("max_depth", "max_pages", "include", "exclude", "sitemap", "respect_robots", "delay_seconds")
FIGURES = ("max_depth", "max_pages", "sitemap", "respect_robots", "delay_seconds")
"""What an event may tell."""

AGENT = "MiniRAG"
"""Whom robots.txt and pages may address."""
RULES_WITH_VALUES = frozenset(("unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"))

Reason = Literal[
    "other_site", "excluded", "not_included", "not_a_document", "too_deep", "robots", "noindex", "refused", "deleted", "full",
    "redirects_elsewhere", "failed", "gone",
]  # fmt: skip
"""Why a page is not taken."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """The beginning of a path (``/docs/``) or of a URL (``https://docs.example.com/``), as in robots.txt: ``*`` is anything,
    ``$`` at the end is the end.
    """

    text: str

    @property
    def is_url(self) -> bool:
        """Whether it names a host."""
        return self.text.startswith(("http://", "https://"))

    def matches(self, url: str, start: str) -> bool:
        """A canonical URL; a path is one of the start page's host. Takes time linear in the URL for each ``*``."""
        if not self.is_url and not same_site(url, start):
            return False
        return _glob(self.text, url if self.is_url else place_of(url))


@dataclass(frozen=True, slots=True)
class CrawlPlan:
    """How to look through the site of the page ``start``."""

    start: str
    max_depth: int = 3
    max_pages: int = 100
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    sitemap: bool = True
    respect_robots: bool = True
    delay_seconds: float = 0.5

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self | None:
        """The plan of a url source; None for a single page. Raises InvalidSource and InvalidUrl."""
        given = config.get("crawl")
        if given is None:
            return None
        if not isinstance(given, dict):
            raise InvalidSource(f"crawl must be an object, with any of {', '.join(KEYS)}.")
        unknown = sorted(str(key) for key in given if key not in KEYS)
        if unknown:
            raise InvalidSource(
                f"crawl has no setting named {unknown[0][:50]!r}; there are {', '.join(KEYS)}."
            )
        url = config.get("url")
        start = canonical(url) if isinstance(url, str) else None
        if start is None:
            raise InvalidUrl("A site to crawl needs a url to begin with.")
        return cls(
            start,
            max_depth=_whole(given, "max_depth", 3, 0, MAX_DEPTH),
            max_pages=_whole(given, "max_pages", 100, 1, MAX_PAGES),
            include=_patterns(given, "include"),
            exclude=_patterns(given, "exclude"),
            sitemap=_flag(given, "sitemap"),
            respect_robots=_flag(given, "respect_robots"),
            delay_seconds=_delay(given),
        )

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of ``asdict``, of what was valid when it was stored."""
        lists = {key: tuple(data[key]) for key in ("include", "exclude")}
        return cls(**{**data, **lists})

    def why_not(self, url: str) -> Reason | None:
        """Why a canonical URL does not belong to the site, as far as its form tells; None if it does."""
        if any(Pattern(text).matches(url, self.start) for text in self.exclude):
            return "excluded"
        wanted = [text for text in self.include if Pattern(text).matches(url, self.start)]
        if not same_site(url, self.start) and not any(Pattern(text).is_url for text in wanted):
            return "other_site"
        if self.include and not wanted:
            return "not_included"
        return "not_a_document" if is_file(url) else None


def asked_of_robots(header: str) -> frozenset[str]:
    """The rules of an X-Robots-Tag that are for us: those for everybody, or for ``MiniRAG``."""
    name, colon, rules = header.lower().partition(":")
    if colon and "," not in name and name.strip() not in RULES_WITH_VALUES:
        header = rules if name.strip() == AGENT.lower() else ""
    return frozenset(rule.strip() for rule in header.lower().split(","))


def public_plan(config: Mapping[str, Any]) -> dict[str, Any]:
    """Of a valid plan what an event may tell, and that it is one."""
    given = config["crawl"]
    return {key: given[key] for key in FIGURES if key in given}


def _glob(pattern: str, text: str) -> bool:
    """Greedy from left to right, which finds a match wherever there is one."""
    ends = pattern.endswith("$")
    first, *others = pattern.removesuffix("$").split("*")
    if not text.startswith(first):
        return False
    at = len(first)
    if not others:
        return not ends or at == len(text)
    last = others.pop() if ends else ""
    for part in others:
        found = text.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return not ends or (len(text) - len(last) >= at and text.endswith(last))


def _whole(given: Mapping[str, Any], key: str, default: int, least: int, most: int) -> int:
    value = given.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidSource(f"crawl.{key} must be a whole number from {least} to {most}.")
    return value


def _flag(given: Mapping[str, Any], key: str) -> bool:
    value = given.get(key, True)
    if not isinstance(value, bool):
        raise InvalidSource(f"crawl.{key} must be true or false.")
    return value


def _delay(given: Mapping[str, Any]) -> float:
    value = given.get("delay_seconds", 0.5)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not 0 <= value <= MAX_DELAY:
        raise InvalidSource(f"crawl.delay_seconds must be a number from 0 to {MAX_DELAY}.")
    return float(value)


def _patterns(given: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = given.get(key, [])
    if not isinstance(value, list) or len(value) > MAX_PATTERNS:
        raise InvalidSource(f"crawl.{key} must be a list of at most {MAX_PATTERNS} patterns.")
    for pattern in value:
        if not isinstance(pattern, str) or not pattern.startswith(("/", "*", "http://", "https://")):
            raise InvalidSource(
                f"A pattern of crawl.{key} begins like a path (/docs/), like a URL (https://docs.example.com/), or with *."
            )
        if len(pattern) > MAX_PATTERN:
            raise InvalidSource(f"A pattern of crawl.{key} may have at most {MAX_PATTERN} characters.")
    return tuple(value)
