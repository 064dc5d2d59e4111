"""HTML tables: those that hold data become rows with their headers, those that make a layout are just boxes."""

from collections.abc import Iterator
from typing import Any

from minirag_ingest.adapters.extract.tables import MAX_COLUMNS, Cell, table_lines
from minirag_ingest.domain.document import flow

LAYOUT_MARKS = frozenset(("table", "h1", "h2", "h3", "h4", "pre"))
LONG_CELL = 1500
"""Characters; a cell longer than this is text in a box rather than a datum."""


def is_data_table(table: Any) -> bool:
    """No tables, headings or code within, and more than one column somewhere."""
    if (table.attributes.get("role") or "").lower() == "presentation":
        return False
    # The first mark ends the search: tables within tables within tables would be looked through again and again.
    if any(node.tag in LAYOUT_MARKS for node in table.traverse() if node.mem_id != table.mem_id):
        return False
    rows = [_cells(row) for row in table.css("tr")]
    return any(len(cells) > 1 for cells in rows) and all(
        len(cell.text) <= LONG_CELL for cells in rows for cell in cells
    )


def table_rows(table: Any) -> Iterator[str]:
    """The caption, then each row with the headers of its columns."""
    caption = table.css_first("caption")
    if caption is not None and (text := flow(caption.text(deep=True))):
        yield text
    rows = [cells for row in table.css("tr") if (cells := _cells(row))]
    yield from table_lines(rows, header_rows=_header_rows(rows))


def _header_rows(rows: list[list[Cell]]) -> int:
    """Leading rows of nothing but header cells; a table that marks none has none."""
    count = 0
    while count < len(rows) and all(cell.heading for cell in rows[count]):
        count += 1
    return count


def _cells(row: Any) -> list[Cell]:
    found: list[Cell] = []
    child = row.child
    while child is not None and len(found) < MAX_COLUMNS:
        if child.tag in ("td", "th"):
            text = flow(child.text(deep=True, separator=" "))
            found.append(Cell(text, _span(child, "colspan"), _span(child, "rowspan"), child.tag == "th"))
        child = child.next
    return found


def _span(cell: Any, name: str) -> int:
    told = cell.attributes.get(name) or ""
    return max(1, int(told)) if told.isdecimal() and len(told) <= 3 else 1
