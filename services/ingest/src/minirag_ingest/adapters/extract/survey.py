"""What a crawl wants to know of pages, sitemaps and robots.txt; runs in the worker, like all reading of what others wrote."""

import re
import zlib
from typing import Any
from xml.parsers import expat

from protego import Protego
from selectolax.lexbor import LexborHTMLParser

from minirag_ingest.adapters.extract.charset import decode_html
from minirag_ingest.adapters.extract.errors import Unreadable
from minirag_ingest.domain.crawl_plan import AGENT, asked_of_robots

MAX_LINKS = 5000
"""Of one page."""
MAX_LOCATIONS = 50_000
"""Of one sitemap, as sitemaps.org has it."""
MAX_SITEMAP = 50 * 1024 * 1024
"""Bytes of a sitemap, unpacked."""
MAX_LINK = 2048
MAX_TITLE = 300
GZIP = b"\x1f\x8b"
PIECE = 64 * 1024
_DIRECTIVES = re.compile(r"[\s,]+")


def page(data: bytes, charset: str | None, header: str) -> dict[str, Any]:
    """Title, links, and what ``meta`` and the header X-Robots-Tag ask of robots."""
    tree = LexborHTMLParser(decode_html(data, charset))
    asked = set(asked_of_robots(header))
    for node in tree.css("meta[name][content]"):
        if (node.attributes.get("name") or "").lower() in ("robots", AGENT.lower()):
            asked.update(_DIRECTIVES.split((node.attributes.get("content") or "").lower()))
    base = tree.css_first("base[href]")
    title = tree.css_first("head > title")
    return {
        "title": " ".join(title.text().split())[:MAX_TITLE] if title is not None else "",
        "base": (base.attributes.get("href") or "")[:MAX_LINK] if base is not None else "",
        "links": _links(tree),
        "noindex": bool(asked & {"noindex", "none"}),
        "nofollow": bool(asked & {"nofollow", "none"}),
    }


def _links(tree: LexborHTMLParser) -> list[list[Any]]:
    """Each with whether the page vouches for it, in the order of the page, once."""
    found: dict[str, bool] = {}
    for node in tree.css("a[href], area[href]"):
        href = (node.attributes.get("href") or "").strip()
        if not href or href.startswith("#") or len(href) > MAX_LINK:
            continue
        follow = "nofollow" not in (node.attributes.get("rel") or "").lower().split()
        found[href] = found.get(href, False) or follow
        if len(found) >= MAX_LINKS:
            break
    return [[href, follow] for href, follow in found.items()]


def sitemap(data: bytes) -> dict[str, list[str]]:
    """``pages`` of a sitemap, ``sitemaps`` of an index; packed or not, XML or a list of URLs."""
    reader = _Locations()
    plain = _unpacked(data) if data.startswith(GZIP) else data
    if not plain.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        lines = plain.decode("utf-8", "replace").split()
        return {"pages": [line for line in lines if _is_url(line)][:MAX_LOCATIONS], "sitemaps": []}
    try:
        reader.read(plain)
    except expat.ExpatError as error:
        raise Unreadable("The sitemap is no valid XML.") from error
    return {"pages": reader.pages, "sitemaps": reader.sitemaps}


def _is_url(text: str) -> bool:
    return text.startswith(("http://", "https://")) and len(text) <= MAX_LINK


def _unpacked(data: bytes) -> bytes:
    try:
        unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
        plain = unpacker.decompress(data, MAX_SITEMAP + 1)
    except zlib.error as error:
        raise Unreadable("The packed sitemap is damaged.") from error
    if len(plain) > MAX_SITEMAP:
        raise Unreadable(f"The sitemap has more than {MAX_SITEMAP >> 20} MB.")
    return plain


class _Enough(Exception):
    """As many locations as are taken."""


class _Locations:
    """The ``loc`` of each ``url`` and ``sitemap``, read without a tree; declarations of entities are refused."""

    def __init__(self) -> None:
        self.pages: list[str] = []
        self.sitemaps: list[str] = []
        self._path: list[str] = []
        self._text = ""

    def read(self, data: bytes) -> None:
        """Raises ExpatError and Unreadable."""
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.EntityDeclHandler = self._refuse
        try:
            for at in range(0, len(data), PIECE):
                parser.Parse(data[at : at + PIECE], at + PIECE >= len(data))
        except _Enough:
            return

    def _refuse(self, *_: object) -> None:
        raise Unreadable("The sitemap declares entities, which are not read.")

    def _start(self, name: str, _: object) -> None:
        self._path.append(name.rsplit(":", 1)[-1].lower())
        self._text = ""
        if len(self._path) > 100:
            raise Unreadable("The sitemap is nested too deeply.")

    def _characters(self, text: str) -> None:
        if len(self._text) <= MAX_LINK:
            self._text += text

    def _end(self, _: str) -> None:
        *outer, name = self._path
        self._path.pop()
        location = self._text.strip()
        if name != "loc" or not _is_url(location):
            return
        if outer[-1:] == ["url"]:
            self.pages.append(location)
        elif outer[-1:] == ["sitemap"]:
            self.sitemaps.append(location)
        if len(self.pages) + len(self.sitemaps) >= MAX_LOCATIONS:
            raise _Enough


def robots(text: str, urls: list[str]) -> dict[str, Any]:
    """Which of these URLs may be fetched, the delay that is asked for, and the sitemaps that are named."""
    rules = _parsed(text)
    return {
        "allowed": [bool(rules.can_fetch(url, AGENT)) for url in urls],
        "delay": rules.crawl_delay(AGENT),
        "sitemaps": [url for url in rules.sitemaps if _is_url(url)],
    }


_last: tuple[str, Any] = ("", None)


def _parsed(text: str) -> Any:
    """A crawl asks about the same rules for each of its pages."""
    global _last  # noqa: PLW0603  # of this process, which does one job at a time
    if _last[1] is None or _last[0] != text:
        _last = (text, Protego.parse(text))
    return _last[1]
