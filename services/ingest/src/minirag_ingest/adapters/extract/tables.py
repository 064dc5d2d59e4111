"""Tables of every format as lines that are understood alone: ``2024 › Q1: 12; …``."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice

from minirag_ingest.domain.document import row_text

MAX_COLUMNS = 400
"""A wider row is cut off: its headers alone would fill many passages."""
MAX_HEADER_ROWS = 4
LEVELS = " \u203a "


@dataclass(frozen=True, slots=True)
class Cell:
    """Flowed text, and how many columns and rows it covers; ``heading`` and ``number`` as far as the format tells."""

    text: str
    columns: int = 1
    rows: int = 1
    heading: bool = False
    number: bool = False


@dataclass(slots=True)
class _Columns:
    """Rows placed on a grid; cells that cover several rows reach down into the next."""

    above: dict[int, tuple[str, int]] = field(default_factory=dict)

    def place(self, cells: Sequence[Cell], *, header: bool) -> list[str]:
        """A header's text stands over all its columns; a datum in the first of them, but in all of its rows."""
        found: list[str] = []
        queue = list(reversed(cells))
        while (queue or any(column >= len(found) for column in self.above)) and len(found) < MAX_COLUMNS:
            at = len(found)
            if at in self.above:
                text, left = self.above.pop(at)
                found.append(text)
                if left > 1:
                    self.above[at] = (text, left - 1)
                continue
            cell = queue.pop() if queue else Cell("")
            for column in range(at, min(at + max(1, cell.columns), MAX_COLUMNS)):
                found.append(cell.text if header or column == at else "")
                if cell.rows > 1:
                    self.above[column] = (found[-1], cell.rows - 1)
        return found


def table_lines(rows: Iterable[Sequence[Cell]], header_rows: int | None = None) -> Iterator[str]:
    """Each row with the headers of its columns. ``header_rows`` where the format tells them, else they are guessed."""
    remaining = iter(rows)
    first = [row for row in islice(remaining, MAX_HEADER_ROWS + 1) if row]
    while len(first) > 1 and (caption := _spanning(first[0], first[1:])):
        yield caption
        first = [*first[1:], *islice(remaining, 1)]
    depth = header_depth(first) if header_rows is None else header_rows
    depth = min(depth, len(first) - 1, MAX_HEADER_ROWS) if first else 0
    columns = _Columns()
    names = _names([columns.place(row, header=True) for row in first[:depth]])
    columns.above.clear()  # a header does not reach into the data
    for row in chain(first[depth:], remaining):
        cells = columns.place(row, header=False)
        if line := row_text(names if len(cells) > 1 or len(names) == 1 else [], cells):
            yield line


def header_depth(rows: Sequence[Sequence[Cell]]) -> int:
    """The first row, and those into which its cells reach: across several columns, names for each follow below."""
    depth = at = 1
    while at <= depth and at <= len(rows):
        for cell in rows[at - 1]:
            depth = max(depth, at + cell.rows - 1, at + 1 if cell.columns > 1 and cell.text else 0)
        at += 1
    return depth if depth < len(rows) else 1


def _spanning(row: Sequence[Cell], others: Sequence[Sequence[Cell]]) -> str | None:
    """The text of a row that is one cell across the whole table, such as its title; else None."""
    told = [cell for cell in row if cell.text]
    width = max(sum(cell.columns for cell in other) for other in others)
    alone = len(told) == 1 and width > 1 and told[0].rows == 1
    return told[0].text if alone and told[0].columns >= width else None


def _names(headers: list[list[str]]) -> list[str]:
    width = max(map(len, headers), default=0)
    padded = [row + [""] * (width - len(row)) for row in headers]
    return [LEVELS.join(dict.fromkeys(filter(None, column))) for column in zip(*padded, strict=True)]
