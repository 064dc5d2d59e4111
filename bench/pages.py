"""Read a manual's HTML pages: title, prose and whether a page is mere contents; standard library only."""

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

VOID: Final = frozenset({"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"})
NAVIGATION: Final = frozenset({"navheader", "navfooter"})
NUMBERING: Final = re.compile(
    r"^(?:(?:chapter|appendix|part)\s+)?(?:[A-Z]|[IVXLC]+|\d+)(?:\.\d+)*\.\s+", re.IGNORECASE
)


@dataclass(frozen=True)
class Page:
    """One HTML page: `prose` is its paragraphs' text; `lists_pages`: its table of contents leads to other pages."""

    name: str
    title: str
    prose: str
    lists_pages: bool


class PageReader(HTMLParser):
    """Collects the title and the paragraphs outside navigation and tables of contents."""

    def __init__(self, name: str) -> None:
        super().__init__(convert_charrefs=True)
        self.name = name
        self.title: list[str] = []
        self.prose: list[str] = []
        self.lists_pages = False
        self._open: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser."""
        given = dict(attrs)
        if tag == "a" and self._inside("toc"):
            target = (given.get("href") or "").partition("#")[0]
            self.lists_pages |= target not in ("", self.name)
        if tag not in VOID:
            self._open.append((tag, given.get("class") or ""))

    def handle_endtag(self, tag: str) -> None:
        """Called by the parser; closes what was left open inside, too."""
        if any(tag == opened for opened, _ in self._open):
            while self._open.pop()[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        """Called by the parser."""
        tags = {tag for tag, _ in self._open}
        if "title" in tags:
            self.title.append(data)
        elif "p" in tags and not self._inside("toc", *NAVIGATION):
            self.prose.append(data)

    def _inside(self, *classes: str) -> bool:
        return any(opened in classes for _, opened in self._open)


def read_page(path: Path) -> Page:
    """Read one page; a manual that is not UTF-8 fails here rather than being half read."""
    reader = PageReader(path.name)
    reader.feed(path.read_text(encoding="utf-8"))
    reader.close()
    title = " ".join("".join(reader.title).split())
    return Page(path.name, title, " ".join("".join(reader.prose).split()), reader.lists_pages)


def bare_title(title: str) -> str:
    """The title without its number: «20.5. Write Ahead Log» is «Write Ahead Log»."""
    return NUMBERING.sub("", title)
