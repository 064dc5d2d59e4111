"""reStructuredText by docutils, which may neither include files nor pass anything through raw."""

from collections.abc import Iterator
from typing import Any

import docutils.core
from docutils import nodes
from docutils.utils import SystemMessage

from minirag_ingest.adapters.extract.budget import Blocks
from minirag_ingest.adapters.extract.errors import Unreadable
from minirag_ingest.adapters.extract.rst_names import know_all
from minirag_ingest.adapters.extract.tables import Cell, table_lines
from minirag_ingest.adapters.extract.text import decode_utf8
from minirag_ingest.domain.document import Block, BlockKind, Document, flow

MAX_BYTES = 1_500_000
"""docutils reads about 650 KB a second of a manual, much less of what is all markup."""
SETTINGS: dict[str, Any] = {
    "_disable_config": True,
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "report_level": 5,
    "halt_level": 5,
    "input_encoding": "unicode",
    "line_length_limit": 20_000,
    "doctitle_xform": False,
}
SURPRISES = (ValueError, AttributeError, IndexError, KeyError, TypeError, AssertionError)
"""What docutils stumbles into over substitutions and references that go in circles."""
SKIPPED = (
    nodes.system_message,
    nodes.comment,
    nodes.substitution_definition,
    nodes.target,
    nodes.pending,
    nodes.decoration,
    nodes.raw,
)
LEAVES = (
    nodes.paragraph,
    nodes.line,
    nodes.term,
    nodes.caption,
    nodes.rubric,
    nodes.attribution,
    nodes.subtitle,
    nodes.title,
    nodes.label,
)


def extract(data: bytes) -> Document:
    """The title is the first section's, if no text stands before it."""
    if len(data) > MAX_BYTES:
        raise Unreadable(
            "The reStructuredText file is larger than 1.5 MB. Please split it, or save it as .txt."
        )
    text = decode_utf8(data)
    know_all(text)
    try:
        tree = docutils.core.publish_doctree(text, settings_overrides=SETTINGS)
    except (SystemMessage, *SURPRISES) as error:
        raise Unreadable("The file is not valid reStructuredText.") from error
    section = next((node for node in tree if not isinstance(node, SKIPPED)), None)
    title = _title(section) if isinstance(section, nodes.section) else None
    return Document(title, tuple(Blocks(_blocks(tree, (), None))))


def _title(section: Any) -> str | None:
    return flow(section[0].astext()) or None if section.children else None


def _blocks(parent: Any, path: tuple[str, ...], anchor: str | None) -> Iterator[Block]:
    for node in parent.children:
        if isinstance(node, nodes.section):
            heading = _title(node)
            inner = (*path, heading) if heading else path
            yield from _blocks(node, inner, next(iter(node["ids"]), None))
        elif isinstance(node, SKIPPED) or (
            isinstance(parent, nodes.section) and isinstance(node, nodes.title)
        ):
            continue
        else:
            yield from _body(node, path, anchor)


def _body(node: Any, path: tuple[str, ...], anchor: str | None) -> Iterator[Block]:
    if isinstance(node, (nodes.literal_block, nodes.doctest_block)):
        yield from _block(node.astext().strip("\n"), path, anchor, "code")
    elif isinstance(node, nodes.table):
        yield from (Block(line, path, None, anchor, "line") for line in _table(node))
    elif isinstance(node, nodes.list_item):
        yield from _item(node, path, anchor)
    elif isinstance(node, nodes.field):
        yield from _block(": ".join(flow(part.astext()) for part in node), path, anchor, "line")
    elif isinstance(node, nodes.image):
        yield from _block(flow(node.get("alt", "")), path, anchor, "prose")
    elif isinstance(node, LEAVES):
        yield from _block(flow(node.astext()), path, anchor, "prose")
    elif isinstance(node, nodes.Element):
        yield from _blocks(node, path, anchor)


def _block(text: str, path: tuple[str, ...], anchor: str | None, kind: BlockKind) -> Iterator[Block]:
    if text.strip():
        yield Block(text, path, None, anchor, kind)


def _item(item: Any, path: tuple[str, ...], anchor: str | None) -> Iterator[Block]:
    """The item's first paragraph behind a dash, the rest as it is."""
    for index, block in enumerate(_blocks(item, path, anchor)):
        if index == 0 and block.kind == "prose":
            yield Block(f"- {block.text}", path, None, anchor, "line")
        else:
            yield block


def _table(table: Any) -> Iterator[str]:
    for title in table.findall(nodes.title):
        yield flow(title.astext())
    heads = [row for head in table.findall(nodes.thead) for row in head.children]
    rows = [row for body in table.findall(nodes.tbody) for row in body.children]
    yield from table_lines([_cells(row) for row in [*heads, *rows]], header_rows=len(heads))


def _cells(row: Any) -> list[Cell]:
    return [
        Cell(flow(entry.astext()), entry.get("morecols", 0) + 1, entry.get("morerows", 0) + 1)
        for entry in row.children
    ]
