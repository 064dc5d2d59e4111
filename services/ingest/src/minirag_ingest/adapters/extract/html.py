"""HTML by selectolax (Lexbor): what a reader of the page would read, without what surrounds it on every page."""

import re
from typing import Any

from selectolax.lexbor import LexborHTMLParser

from minirag_ingest.adapters.extract.budget import Blocks
from minirag_ingest.adapters.extract.charset import decode_html
from minirag_ingest.adapters.extract.html_boilerplate import TAGS, Read, Surroundings, without_menus
from minirag_ingest.adapters.extract.html_tables import is_data_table, table_rows
from minirag_ingest.domain.document import Block, BlockKind, Document, Headings, clean, flow

_BLOCKS = (
    "address article aside blockquote body caption center dd details div dl dt fieldset figcaption figure form h1 h2 h3 h4 "
    "h5 h6 header "
    "hgroup hr li main menu ol p section summary table tbody td tfoot th thead tr ul"
)
BLOCKS = frozenset(_BLOCKS.split())
HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
BOX_TAGS = frozenset(("aside", "blockquote", "figure", "li", "td"))
BOX_CLASSES = frozenset(("admonition", "caution", "important", "note", "tip", "warning"))
MAX_BOX_CLIMB = 4
MAX_ANCHOR_CLIMB = 5
ENOUGH = 2000
"""Characters that are a text of their own, whatever surrounds it."""
MIN_SHARE = 0.1
"""Of a page's text that must be left; where less is, what looked like its surroundings was its text."""
PROLOGUE = 2000
_XHTML = re.compile(r"<\?xml|XHTML|http://www\.w3\.org/1999/xhtml")
_SELF_CLOSED = re.compile(
    r"<(title|script|style|iframe|textarea|a|div|span|p|td|th|tr|li|ul|ol|dl|dt|dd|h[1-6]|em|i|b|strong|code|pre|section)"
    r"((?:\s[^<>]*?)?)\s*/>"
)
_PERMALINK = re.compile(r"[\s\u00b6#\u00a7\U0001f517]+$")


def extract(data: bytes, charset: str | None = None) -> Document:
    """``charset`` is what the HTTP header said. The title is the page's, else its first h1."""
    tree = LexborHTMLParser(_closed(decode_html(data, charset)))
    titles = tree.css_first("head > title") or tree.css_first("title")
    root = _main(tree)
    if root is None:
        return Document(None, ())
    reader = _Reader(strict=True)
    reader.read(root)
    blocks = without_menus(reader.reads)
    kept = sum(len(block.text) for block in blocks)
    if kept < ENOUGH and kept < MIN_SHARE * len(_visible(root)):
        reader = _Reader(strict=False)  # a page of nothing but navigation, such as a table of contents
        reader.read(tree.body or root)
        blocks = [read.block for read in reader.reads]
    title = flow(titles.text()) if titles is not None else ""
    return Document(title or reader.first_h1, tuple(Blocks(blocks)))


def _closed(text: str) -> str:
    """XHTML may end an element where it begins; HTML would take all the rest of the page into it."""
    return _SELF_CLOSED.sub(r"<\1\2></\1>", text) if _XHTML.search(text[:PROLOGUE]) else text


def _visible(root: Any) -> str:
    """The text without scripts and styles."""
    return flow(
        " ".join(node.text(deep=False) for node in root.traverse(include_text=True) if _is_text(node))
    )


def _is_text(node: Any) -> bool:
    return bool(node.tag == "-text" and node.parent is not None and node.parent.tag not in TAGS)


def _main(tree: LexborHTMLParser) -> Any:
    """The element that holds the content, if the page says which."""
    for selector in ("main", "[role=main]", "article"):
        found = tree.css(selector)
        if len(found) == 1 and found[0].text(deep=True).strip():
            return found[0]
    return tree.body


class _Reader:
    """Walks the tree without recursion, so that nesting depth cannot exhaust the stack."""

    def __init__(self, *, strict: bool) -> None:
        self.reads: list[Read] = []
        self.first_h1: str | None = None
        self._strict = strict
        self._surroundings = Surroundings()
        self._headings = Headings()
        self._anchor: str | None = None
        self._text: list[str] = []
        self._links = 0
        self._linked = 0
        self._kind: BlockKind = "prose"

    def read(self, root: Any) -> None:
        """Visits what is in ``root`` in reading order."""
        pending: list[Any] = [root]
        while pending:
            node = pending.pop()
            if isinstance(node, str):  # the end of the element of this name
                if node == "a":
                    self._links -= 1
                    continue
                self._flush()
                if node == "li":  # its dash must not reach what follows an empty item
                    self._text, self._kind = [], "prose"
                continue
            children = self._enter(node)
            if not children:
                continue
            if node.tag in BLOCKS or node.tag == "a":
                pending.append(node.tag)
            inner, child = [], node.child
            while child is not None:
                inner.append(child)
                child = child.next
            pending.extend(reversed(inner))
        self._flush()

    def _enter(self, node: Any) -> bool:
        """Takes in one node; answers whether its children are to be visited."""
        tag = node.tag
        if tag == "-text":
            text = node.text(deep=False)
            self._text.append(text)
            self._linked += len(text.strip()) if self._links else 0
            return False
        if tag.startswith(("-", "_", "!")) or self._skipped(node, tag) or self._whole(node, tag):
            return False
        if tag in BLOCKS:
            self._flush()
            if tag == "li":
                self._kind, self._text = "line", ["- "]
        elif tag == "a":
            self._links += 1
        elif tag == "br":
            self._text.append("\n")
        elif tag == "img":
            self._text.append(f" {node.attributes.get('alt') or ''} ")
        return True

    def _whole(self, node: Any, tag: str) -> bool:
        """Takes in an element that is read as one: a heading, code, a table of data. False if it is none of these."""
        if tag in HEADINGS and not _in_box(node):
            self._heading(node, int(tag[1]))
        elif tag in ("pre", "listing", "xmp"):
            self._flush()
            self._add(clean(node.text(deep=True)).strip("\n"), "code")
        elif tag == "table" and is_data_table(node):
            self._flush()
            for row in table_rows(node):
                self._add(row, "line")
        else:
            return False
        return True

    def _skipped(self, node: Any, tag: str) -> bool:
        attributes = node.attributes
        if "hidden" in attributes or attributes.get("aria-hidden") == "true":
            return True
        return self._surroundings.has(node, tag) if self._strict else tag in TAGS and tag != "nav"

    def _heading(self, node: Any, level: int) -> None:
        self._flush()
        text = _PERMALINK.sub("", flow(node.text(deep=True, separator="")))
        self._headings.enter(level, text)
        self._anchor = _anchor(node)
        if level == 1:
            self.first_h1 = self.first_h1 or text or None

    def _flush(self) -> None:
        """Ends the block that is being read."""
        text = flow("".join(self._text))
        if text not in ("", "-"):
            self._add(text, self._kind, self._linked)
            self._kind = "prose"
        self._linked = 0
        self._text = [] if text != "-" else ["- "]  # a list item whose text lies in an element of its own

    def _add(self, text: str, kind: BlockKind, linked: int = 0) -> None:
        if text.strip():
            self.reads.append(Read(Block(text, self._headings.path, None, self._anchor, kind), linked))


def _in_box(heading: Any) -> bool:
    """Whether it is the title of a box, such as a note or a list item; the text after the box is not under it."""
    node = heading
    for _ in range(MAX_BOX_CLIMB):
        node = node.parent
        if node is None:
            return False
        if node.tag in BOX_TAGS or not BOX_CLASSES.isdisjoint(
            (node.attributes.get("class") or "").lower().split()
        ):
            return True
    return False


def _anchor(heading: Any) -> str | None:
    """The id that leads to a heading: its own, one within it, or that of the section which it opens."""
    if heading.attributes.get("id"):
        return str(heading.attributes["id"])
    for inner in heading.css("a[id], a[name]"):
        found = inner.attributes.get("id") or inner.attributes.get("name")
        if found:
            return str(found)
    node = heading
    for _ in range(MAX_ANCHOR_CLIMB):
        parent = node.parent
        if parent is None or parent.tag in ("body", "main", "html", "-undef") or not _opens(parent, node):
            return None
        if parent.attributes.get("id"):
            return str(parent.attributes["id"])
        node = parent
    return None


def _opens(parent: Any, node: Any) -> bool:
    """Whether ``node`` is the first element of its parent."""
    child = parent.child
    while child is not None and child.tag.startswith(("-", "_", "!")):
        child = child.next
    return child is not None and child.mem_id == node.mem_id
