"""Word documents: python-docx opens them; their body is walked once, with insertions, content controls, boxes and notes."""

import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import docx
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.opc.exceptions import PackageNotFoundError
from docx.oxml import parse_xml
from docx.oxml.ns import qn
from lxml.etree import LxmlError

from minirag_ingest.adapters.extract.archive import checked, damaged, mended
from minirag_ingest.adapters.extract.budget import Blocks
from minirag_ingest.adapters.extract.tables import Cell, table_lines
from minirag_ingest.domain.document import Block, Document, Headings, flow

KIND = "Word document"

_HEADING = re.compile(r"(?i)^heading (\d)$")
P, TBL, SDT, TXBX = qn("w:p"), qn("w:tbl"), qn("w:sdt"), qn("w:txbxContent")
SKIPPED = frozenset(
    (
        qn("w:del"),
        qn("w:moveFrom"),
        qn("w:pPr"),
        qn("w:rPr"),
        "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback",
    )
)
"""Deleted text, properties, and the second form of what is there already."""
BREAKS = frozenset((qn("w:br"), qn("w:cr"), qn("w:tab")))
NOTES = (RELATIONSHIP_TYPE.FOOTNOTES, RELATIONSHIP_TYPE.ENDNOTES)


def extract(data: bytes) -> Document:
    """The title is the document's property, else the paragraph in the style Title, else the first heading."""
    checked(data, KIND).close()
    try:
        document = _opened(data)
        reader = _Reader(_styles(document))
        reader.read(document.element.body)
        reader.read_notes(document.part)
        title = flow(document.core_properties.title or "") or reader.title
    except (
        PackageNotFoundError,
        LxmlError,
        KeyError,
        ValueError,
        AttributeError,
        zipfile.BadZipFile,
    ) as error:
        raise damaged(KIND, error) from error
    return Document(title or None, tuple(reader.blocks))


def _opened(data: bytes) -> Any:
    try:
        return docx.Document(io.BytesIO(data))
    except KeyError:  # a part that is referred to and not there
        return docx.Document(io.BytesIO(mended(data, KIND)))


def _styles(document: Any) -> dict[str, str]:
    """Style id → its English name, which Word keeps in every language; an own style has that of the one it is based on."""
    names, based = {}, {}
    for style in document.styles.element.iterchildren(qn("w:style")):
        name, base = style.find(qn("w:name")), style.find(qn("w:basedOn"))
        names[style.get(qn("w:styleId"))] = name.get(qn("w:val"), "") if name is not None else ""
        based[style.get(qn("w:styleId"))] = base.get(qn("w:val")) if base is not None else None
    return {key: _known(key, names, based) for key in names}


def _known(key: str, names: dict[str, str], based: dict[str, str | None]) -> str:
    at: str | None = key
    for _ in range(10):
        name = names.get(at or "", "")
        if _HEADING.match(name) or name.lower() == "title" or name.lower().startswith("list"):
            return name
        at = based.get(at or "")
    return ""


class _Reader:
    """Goes through the body once."""

    def __init__(self, styles: dict[str, str]) -> None:
        self.blocks = Blocks()
        self.title: str | None = None
        self._styles = styles
        self._headings = Headings()

    def read(self, container: Any) -> None:
        """Paragraphs and tables in their order, those in content controls and other wrappers too."""
        pending = list(reversed(container))
        while pending:
            element = pending.pop()
            if element.tag == P:
                self._paragraph(element)
            elif element.tag == TBL:
                for line in table_lines(_rows(element)):
                    self._add(line, "line")
            elif element.tag not in SKIPPED and isinstance(element.tag, str):
                pending.extend(reversed(element))

    def read_notes(self, part: Any) -> None:
        """Footnotes and endnotes, after everything else."""
        self._headings = Headings()
        for relationship in part.rels.values():
            if relationship.reltype in NOTES and not relationship.is_external:
                for note in parse_xml(relationship.target_part.blob):
                    if note.get(qn("w:type")) is None:  # the others are separating lines
                        self._add(flow(_text(note)), "prose")

    def _paragraph(self, paragraph: Any) -> None:
        boxes: list[Any] = []
        text = flow(_text(paragraph, boxes))
        if text:
            self._told(text, paragraph)
        for box in boxes:
            self.read(box)

    def _told(self, text: str, paragraph: Any) -> None:
        style = self._styles.get(paragraph.style or "", "")
        heading = _HEADING.match(style)
        if style.lower() == "title":
            self.title = text
        elif heading:
            self._headings.enter(int(heading[1]), text)
            self.title = self.title or text
        elif style.lower().startswith("list") or paragraph.find(f"{qn('w:pPr')}/{qn('w:numPr')}") is not None:
            self._add(f"- {text}", "line")
        else:
            self._add(text, "prose")

    def _add(self, text: str, kind: Any) -> None:
        if text:
            self.blocks.append(Block(text, self._headings.path, kind=kind))


def _text(element: Any, boxes: list[Any] | None = None) -> str:
    """What one reads of a paragraph; text boxes that hang on it go to ``boxes``, or are left out."""
    parts: list[str] = []
    pending = [element]
    while pending:
        node = pending.pop()
        if node.tag == qn("w:t"):
            parts.append(node.text or "")
        elif node.tag in BREAKS:
            parts.append(" ")
        elif node.tag == qn("w:noBreakHyphen"):
            parts.append("-")
        elif node.tag == TXBX:
            if boxes is not None:
                boxes.append(node)
        elif node.tag not in SKIPPED and isinstance(node.tag, str):
            if node.tag == P and parts:
                parts.append(" ")
            pending.extend(reversed(node))
    return "".join(parts)


def _rows(table: Any) -> Iterator[list[Cell]]:
    """The table's rows; what a cell that is merged downwards covers takes its text."""
    above: dict[int, str] = {}
    for row in table.iter(qn("w:tr")):
        if next(row.iterancestors(TBL)) is not table:
            continue
        cells: list[Cell] = []
        column = 0
        for cell in row.iterchildren(qn("w:tc")):
            properties = cell.tcPr
            span = (
                properties.gridSpan.val if properties is not None and properties.gridSpan is not None else 1
            )
            merge = properties.find(qn("w:vMerge")) if properties is not None else None
            continued = merge is not None and merge.get(qn("w:val"), "continue") == "continue"
            text = above.get(column, "") if continued else flow(_text(cell))
            if merge is not None:
                above[column] = text
            else:
                above.pop(column, None)
            cells.append(Cell(text, max(1, min(span, 100))))
            column += max(1, span)
        yield cells
