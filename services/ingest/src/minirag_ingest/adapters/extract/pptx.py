"""Slides by python-pptx: the slide's number is the page, its title the heading; tables, notes and grouped shapes included."""

import io
from collections.abc import Iterable, Iterator
from typing import Any

import pptx
from lxml.etree import LxmlError
from pptx.exc import PythonPptxError
from pptx.util import Emu

from minirag_ingest.adapters.extract.archive import BROKEN, checked, damaged, mended
from minirag_ingest.adapters.extract.budget import Blocks
from minirag_ingest.adapters.extract.tables import Cell, table_lines
from minirag_ingest.domain.document import Block, BlockKind, Document, flow

KIND = "PowerPoint presentation"
MAX_GROUPS = 20
"""Groups within groups."""
SENTENCE = 90
"""Characters from which on a paragraph of a slide is prose rather than a bullet point."""


def extract(data: bytes) -> Document:
    """The title is the document's property, else the first slide's."""
    checked(data, KIND).close()
    try:
        presentation = _opened(data)
        blocks = Blocks()
        first: str | None = None
        for number, slide in enumerate(presentation.slides, start=1):
            title = _title(slide)
            first = first or title
            blocks.extend(_slide(slide, number, title))
        title = flow(presentation.core_properties.title or "")
    except (*BROKEN, LxmlError, PythonPptxError, AttributeError, TypeError, IndexError) as error:
        raise damaged(KIND, error) from error
    return Document((None if title == "PowerPoint Presentation" else title) or first, tuple(blocks))


def _opened(data: bytes) -> Any:
    try:
        return pptx.Presentation(io.BytesIO(data))
    except KeyError:  # a part that is referred to and not there
        return pptx.Presentation(io.BytesIO(mended(data, KIND)))


def _title(slide: Any) -> str | None:
    shape = slide.shapes.title
    return (flow(shape.text_frame.text) or None) if shape is not None else None


def _slide(slide: Any, number: int, title: str | None) -> Iterator[Block]:
    path = (title,) if title else ()
    told = False
    for text, kind in _shapes(slide.shapes, slide.shapes.title):
        told = True
        yield Block(text, path, number, kind=kind)
    if slide.has_notes_slide and (frame := slide.notes_slide.notes_text_frame) is not None:
        for text, kind in _paragraphs(frame):
            told = True
            yield Block(text, path, number, kind=kind)
    if title and not told:
        yield Block(title, path, number)


def _shapes(shapes: Iterable[Any], title: Any, depth: int = 0) -> Iterator[tuple[str, BlockKind]]:
    """From top to bottom, then from left to right, as people read them; files keep them in the order of their making."""
    for shape in sorted(shapes, key=_position):
        if title is not None and shape.shape_id == title.shape_id:
            continue
        if hasattr(shape, "shapes"):
            if depth < MAX_GROUPS:
                yield from _shapes(shape.shapes, None, depth + 1)
        elif getattr(shape, "has_table", False):
            for line in table_lines(_rows(shape.table)):
                yield line, "line"
        elif getattr(shape, "has_chart", False):
            yield from _chart(shape.chart)
        elif shape.has_text_frame:
            yield from _paragraphs(shape.text_frame)


def _position(shape: Any) -> tuple[Emu, Emu]:
    return shape.top or Emu(0), shape.left or Emu(0)


def _paragraphs(frame: Any) -> Iterator[tuple[str, BlockKind]]:
    for paragraph in frame.paragraphs:
        text = flow(paragraph.text)
        if len(text) >= SENTENCE:
            yield text, "prose"
        elif text:
            yield f"{'  ' * min(paragraph.level, 4)}- {text}", "line"


def _rows(table: Any) -> Iterator[list[Cell]]:
    for row in table.rows:
        yield [
            Cell(flow(cell.text), *((cell.span_width, cell.span_height) if cell.is_merge_origin else (1, 1)))
            for cell in row.cells
            if not cell.is_spanned
        ]


def _chart(chart: Any) -> Iterator[tuple[str, BlockKind]]:
    """The numbers behind a chart, a line for each series."""
    if chart.has_title and chart.chart_title.has_text_frame:
        yield from _paragraphs(chart.chart_title.text_frame)
    for plot in chart.plots:
        names = [flow(str(category)) for category in plot.categories]
        for series in plot.series:
            values = [Cell(flow(str(series.name)))] + [
                Cell("" if value is None else f"{value:g}") for value in series.values
            ]
            yield from ((line, "line") for line in table_lines([[Cell(""), *map(Cell, names)], values], 1))
