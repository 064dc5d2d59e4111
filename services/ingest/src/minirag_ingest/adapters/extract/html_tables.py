"""HTML tables: those that hold data become rows with their headers, those that make a layout are just boxes."""

from collections.abc import Iterator
from typing import Any

from minirag_ingest.domain.document import flow, row_text

LAYOUT_MARKS = "table, h1, h2, h3, h4, pre"
LONG_CELL = 1500
"""Characters; a cell longer than this is text in a box rather than a datum."""
MAX_COLUMNS = 200


def is_data_table(table: Any) -> bool:
    """No tables, headings or code within, and more than one column somewhere."""
    if (table.attributes.get("role") or "").lower() == "presentation":
        return False
    inner = [node for node in table.css(LAYOUT_MARKS) if node.mem_id != table.mem_id]
    if inner:
        return False
    rows = [_cells(row) for row in table.css("tr")]
    return any(len(cells) > 1 for cells in rows) and all(
        len(text) <= LONG_CELL for cells in rows for _, text in cells
    )


def table_rows(table: Any) -> Iterator[str]:
    """The caption, then each row with the headers of its columns."""
    caption = table.css_first("caption")
    if caption is not None and (text := flow(caption.text(deep=True))):
        yield text
    headers: list[str] = []
    for row in table.css("tr"):
        cells = _cells(row)
        texts = [text for _, text in cells]
        if cells and not headers and all(heading for heading, _ in cells) and len(cells) > 1:
            headers = texts
        elif line := row_text(headers if len(texts) > 1 else [], texts):
            yield line


def _cells(row: Any) -> list[tuple[bool, str]]:
    """Whether it is a header, and its text; a spanning cell is followed by empty ones, so that columns keep their places."""
    found: list[tuple[bool, str]] = []
    child = row.child
    while child is not None and len(found) < MAX_COLUMNS:
        if child.tag in ("td", "th"):
            heading = child.tag == "th"
            found.append((heading, flow(child.text(deep=True, separator=" "))))
            span = child.attributes.get("colspan") or ""
            extra = int(span) - 1 if span.isdecimal() and len(span) <= 3 else 0
            found += [(heading, "")] * min(extra, MAX_COLUMNS - len(found))
        child = child.next
    return found
