"""Spreadsheets by openpyxl, row by row: each visible sheet a heading, each row a line with the headers of its table."""

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, time
from typing import Any
from xml.etree.ElementTree import ParseError

import openpyxl
from openpyxl.utils.cell import range_boundaries
from openpyxl.utils.exceptions import InvalidFileException

from minirag_ingest.adapters.extract.archive import BROKEN, checked, damaged
from minirag_ingest.adapters.extract.budget import Blocks
from minirag_ingest.adapters.extract.tables import MAX_COLUMNS, Cell, header_depth, table_lines
from minirag_ingest.domain.document import Block, Document, flow

KIND = "Excel workbook"
MAX_MERGED = 200_000
"""Cells of a sheet in merged ranges; where there are more, none are told apart."""
MAX_COVERED = 20_000
"""Cells of one merged range; a larger one is a background."""
PIECE = 1024 * 1024
_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s[^>]*?ref=[\"']([A-Z]{1,3}\d{1,7}:[A-Z]{1,3}\d{1,7})[\"']")
MAX_TABLE = 20_000
"""Rows; a longer table is read in parts of this size, with the same headers."""
AHEAD = 6
"""Rows that are looked at to tell headers from data."""

Row = list[Cell]
Spans = dict[tuple[int, int], tuple[int, int]]
"""(row, column) from 1 → how many rows and columns the merged cell there covers; 0, 0 for one that another covers."""


def extract(data: bytes) -> Document:
    """Cells have the values that were last calculated; hidden sheets are what nobody was meant to read."""
    with checked(data, KIND) as archive:
        try:
            book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
            blocks = Blocks()
            for sheet in book.worksheets:
                if sheet.sheet_state == "visible":
                    blocks.extend(_sheet(archive, sheet))
            title = flow(str(book.properties.title or ""))
        except (*BROKEN, InvalidFileException, ParseError, TypeError, AttributeError, IndexError) as error:
            raise damaged(KIND, error) from error
    return Document(title or None, tuple(blocks))


def _sheet(archive: zipfile.ZipFile, sheet: Any) -> Iterator[Block]:
    path = (flow(sheet.title),)
    spans = _spans(archive, sheet._worksheet_path)  # noqa: SLF001  # read-only sheets do not tell their merged cells
    sheet.reset_dimensions()  # what a file says about its size may be wrong, and would cut off its rows
    headers: list[Row] = []
    for table in _tables(sheet, spans):
        titles, rows = _titles(table)
        depth = _header_rows(rows, first=not headers)
        if depth:
            headers, rows = rows[:depth], rows[depth:]
        elif headers and max(map(len, rows)) > max(map(len, headers)):
            headers = []  # another table than the one that the headers belong to
        for title in titles:
            yield Block(title, path, kind="line")
        for line in table_lines([*headers, *rows], header_rows=len(headers)):
            yield Block(line, path, kind="line")


def _tables(sheet: Any, spans: Spans) -> Iterator[list[Row]]:
    """Rows between blank ones."""
    table: list[Row] = []
    for number, values in enumerate(sheet.iter_rows(values_only=True), start=1):
        row = _row(values, number, spans)
        if row:
            table.append(row)
        if table and (not row or len(table) >= MAX_TABLE):
            yield table
            table = []
    if table:
        yield table


def _row(values: Sequence[Any], number: int, spans: Spans) -> Row:
    """The cells up to the last one that is not empty; the empty rest of a merged cell belongs to the first."""
    found: Row = []
    for column, value in enumerate(values[:MAX_COLUMNS], start=1):
        rows, columns = spans.get((number, column), (1, 1))
        if columns:
            cell = _cell(value)
            found.append(replace(cell, rows=rows, columns=columns) if rows * columns > 1 else cell)
    while found and not found[-1].text:
        found.pop()
    return found


def _cell(value: Any) -> Cell:
    if value is None or value == "":
        return Cell("")
    if isinstance(value, bool):
        return Cell(str(value).lower())
    if isinstance(value, float):
        return Cell(f"{value:.12g}", number=True)
    if isinstance(value, datetime) and value.time() == time():
        value = value.date()
    if isinstance(value, str):
        return Cell(flow(value))
    return Cell(str(value), number=True)


def _titles(rows: list[Row]) -> tuple[list[str], list[Row]]:
    """Rows with one text above a table of more than one column tell what the table is about."""
    at = 0
    while at + 1 < len(rows) and _lone(rows[at]) and not all(map(_lone, rows[at:])):
        at += 1
    return [cell.text for row in rows[:at] for cell in row if cell.text], rows[at:]


def _lone(row: Row) -> bool:
    return sum(1 for cell in row if cell.text) == 1


def _header_rows(rows: list[Row], *, first: bool) -> int:
    """How many rows are headers. After a blank row the table may just go on: then new headers must differ from data."""
    if len(rows) < 2 or not _texts(rows[0]):
        return 0
    told = sum(1 for cell in rows[0] if cell.text)
    numbers = any(cell.number for row in rows[1:AHEAD] for cell in row)
    if not (first or numbers) or (told < 2 and len(rows[0]) > 1):
        return 0
    depth = header_depth(rows[:AHEAD])
    return depth if all(map(_texts, rows[:depth])) else 1


def _texts(row: Row) -> bool:
    return not any(cell.number for cell in row)


def _spans(archive: zipfile.ZipFile, name: str) -> Spans:
    """Merged cells, which stand behind all rows in the sheet's part."""
    found: Spans = {}
    before = b""
    with archive.open(name) as part:
        while piece := part.read(PIECE):
            text = before + piece
            for match in _MERGED.finditer(text):
                left, top, right, bottom = range_boundaries(match[1].decode())
                if (bottom - top + 1) * (right - left + 1) <= MAX_COVERED:
                    cells = (
                        (row, column) for row in range(top, bottom + 1) for column in range(left, right + 1)
                    )
                    found.update(dict.fromkeys(cells, (0, 0)))
                    found[(top, left)] = (bottom - top + 1, right - left + 1)
            if len(found) > MAX_MERGED:
                return {}
            before = text[-200:]
    return found
