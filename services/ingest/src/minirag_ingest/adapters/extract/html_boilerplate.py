"""What surrounds the text of a page: navigation, sidebars, banners that ask for consent; told by tag, role, class, id, links."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from minirag_ingest.domain.document import Block

_TAGS = (
    "script style noscript template svg math iframe object embed canvas video audio map dialog "
    "button input select textarea datalist nav footer head"
)
TAGS = frozenset(_TAGS.split())
_ROLES = "navigation banner contentinfo search complementary menu menubar dialog alertdialog tablist toolbar directory"
ROLES = frozenset(_ROLES.split())
_CLASSES = (
    "navheader navfooter navbar nav navigation topnav top-nav main-nav side-nav sidenav main-menu menu-toggle "
    "breadcrumb breadcrumbs toc cookie-banner cookie-consent skip-link skip-nav skip-to-content site-header "
    "site-footer page-header page-footer headerlink pagination pager masthead footer share-buttons "
    "social-share social-links sharing social-icons related-posts related-articles newsletter "
    "newsletter-signup subscribe-form advertisement ad-container ads adsbygoogle promo-box sr-only "
    "visually-hidden screen-reader-text sphinxsidebar sphinxsidebarwrapper wy-nav-side wy-nav-top wy- "
    "breadcrumbs rst-footer-buttons edit-this-page theme-doc-breadcrumbs mw-jump-link mw-editsection navbox "
    "catlinks printfooter noprint toplang bottomlang docnav language-switcher lang-switch back-to-top "
    "backtotop byline-share"
)
CLASSES = frozenset(_CLASSES.split())
"""Class names, whole."""
ASIDES = frozenset(("sidebar", "side-bar", "box", "widget", "menu", "links"))
"""Class names of boxes that hold text in books, and links on web sites."""
MOSTLY = 0.4
"""Of such a box' characters in links."""
MAX_BOXES = 100
"""Boxes of a page whose links are counted; they may lie within each other."""
WHOLE = frozenset(("body", "main", "article"))
_IDS = (
    "navheader navfooter navbar nav navigation topnav sidebar side-bar breadcrumb breadcrumbs footer page- "
    "header page-footer site-header site-footer main-nav main-menu masthead skip-link related-posts "
    "newsletter comments-form disqus_thread quickview toc mw-panel mw-navigation mw-head p-search catlinks "
    "colophon secondary"
)
IDS = frozenset(_IDS.split())
"""Ids, whole, of elements that are no sections: those are named after their headings."""
_CONSENT = re.compile(
    r"(?i)(cookie|consent|gdpr|privacy)[-_]?"
    r"(law|info|consent|banner|bar|notice|popup|modal|overlay|dialog|message|disclaimer|layer|hint|wall)"
    r"|onetrust|cybotcookiebot|cookiebot|usercentrics|didomi|qc-cmp|cmplz|iubenda-cs|hs-eu-cookie|borlabs|truste"
    r"|sp_message|cookiebar"
)
IDENTIFIED = frozenset(("div", "ul", "ol", "aside", "table", "p", "span", "header", "form"))
"""Elements whose id tells what they are for."""


class Surroundings:
    """Tells the elements of one page that stand on every page of its site and have no text of this one."""

    def __init__(self) -> None:
        self._weighed = 0

    def has(self, node: Any, tag: str) -> bool:
        """Whether the element is one of them."""
        if _is_boilerplate(node, tag):
            return True
        if self._weighed >= MAX_BOXES or tag in WHOLE:
            return False
        if ASIDES.isdisjoint((node.attributes.get("class") or "").lower().split()):
            return False
        self._weighed += 1
        return _link_share(node) > MOSTLY


def _is_boilerplate(node: Any, tag: str) -> bool:
    if tag in TAGS:
        return True
    attributes = node.attributes
    if (attributes.get("role") or "").lower() in ROLES:
        return True
    classes = (attributes.get("class") or "").lower()
    identity = (attributes.get("id") or "").lower()
    names = frozenset(classes.split())
    if names and tag not in WHOLE and not CLASSES.isdisjoint(names):
        return True
    if tag not in IDENTIFIED:
        return False
    if identity in IDS or (tag != "p" and _CONSENT.search(f"{identity} {classes}")):
        return True
    return tag == "header" and node.css_first("h1, h2, h3") is None


def _link_share(node: Any) -> float:
    letters = len("".join(node.text(deep=True).split()))
    linked = sum(len("".join(link.text(deep=True).split())) for link in node.css("a"))
    return linked / letters if letters else 1.0


@dataclass(frozen=True, slots=True)
class Read:
    """A block, and how many of its characters are links."""

    block: Block
    linked: int

    @property
    def is_links(self) -> bool:
        """Whether it is nothing but links."""
        return self.linked >= len(self.block.text.lstrip("- ")) * LINKED

    @property
    def is_text(self) -> bool:
        """Whether it can be nothing else than text of the page."""
        return self.block.kind == "code" or (
            len(self.block.text) >= SOLID and self.linked <= len(self.block.text) * LITTLE
        )


LINKED = 0.85
LITTLE = 0.3
SOLID = 60
"""Characters."""
MENU = 4
"""So many blocks of links in a row are a menu, if no text of the page stands before, or none behind them."""


def without_menus(blocks: Sequence[Read]) -> list[Block]:
    """The blocks without the runs of links at the beginning and end; all of them if there is no text in between."""
    solid = [at for at, read in enumerate(blocks) if read.is_text]
    if not solid:
        return [read.block for read in blocks]
    head, tail = blocks[: solid[0]], blocks[solid[-1] + 1 :]
    middle = blocks[solid[0] : solid[-1] + 1]
    return [read.block for part in (_unlinked(head), middle, _unlinked(tail)) for read in part]


def _unlinked(blocks: Sequence[Read]) -> list[Read]:
    kept: list[Read] = []
    run: list[Read] = []
    for read in (*blocks, None):
        if read is not None and read.is_links:
            run.append(read)
            continue
        if len(run) < MENU:
            kept += run
        run = []
        if read is not None:
            kept.append(read)
    return kept
