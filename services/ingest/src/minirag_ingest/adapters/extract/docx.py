"""Word documents by python-docx: paragraphs, headings and tables in their order."""

import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import docx
from docx.opc.exceptions import PackageNotFoundError
from docx.table import Table
from docx.text.paragraph import Paragraph
from lxml.etree import XMLSyntaxError

from minirag_ingest.adapters.extract.errors import Unreadable
from minirag_ingest.domain.document import Block, Document, Headings, flow, row_text

DAMAGED = "The Word document is damaged and cannot be opened."
TOO_LARGE = "The Word document is too large when unpacked."
MAX_UNPACKED = 200 * 1024 * 1024
"""Bytes of all parts together, as the archive's directory announces them; what lies, dies at the worker's memory limit."""

_HEADING = re.compile(r"(?i)^heading (\d)$")


def extract(data: bytes) -> Document:
    """The title is the document's property, else the paragraph in the style Title, else the first heading."""
    _check_archive(data)
    try:
        document = docx.Document(io.BytesIO(data))
        reader = _Reader()
        reader.read(document.iter_inner_content())
        title = flow(document.core_properties.title or "") or reader.title
    except (
        PackageNotFoundError,
        XMLSyntaxError,
        KeyError,
        ValueError,
        AttributeError,
        zipfile.BadZipFile,
    ) as error:
        raise Unreadable(DAMAGED) from error
    return Document(title or None, tuple(reader.blocks))


def _check_archive(data: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
    except zipfile.BadZipFile as error:
        raise Unreadable(DAMAGED) from error
    if any(entry.flag_bits & 1 for entry in entries):
        raise Unreadable("The Word document is protected by a password. Please upload an unprotected copy.")
    if sum(entry.file_size for entry in entries) > MAX_UNPACKED:
        raise Unreadable(TOO_LARGE)


class _Reader:
    """Goes through the body once."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.title: str | None = None
        self._headings = Headings()

    def read(self, content: Iterator[Any]) -> None:
        for element in content:
            if isinstance(element, Paragraph):
                self._paragraph(element)
            elif isinstance(element, Table):
                self._table(element)

    def _paragraph(self, paragraph: Paragraph) -> None:
        text = flow(paragraph.text)
        if not text:
            return
        style = (paragraph.style.name or "") if paragraph.style is not None else ""
        heading = _HEADING.match(style)
        if style == "Title":
            self.title = text
        elif heading:
            self._headings.enter(int(heading[1]), text)
            self.title = self.title or text
        elif style.startswith("List"):
            self._add(f"- {text}", "line")
        else:
            self._add(text, "prose")

    def _table(self, table: Table) -> None:
        rows = [[flow(cell.text) for cell in row.cells] for row in table.rows]
        headers, values = (rows[0], rows[1:]) if len(rows) > 1 else ([], rows)
        for row in values:
            self._add(row_text(headers, row), "line")

    def _add(self, text: str, kind: Any) -> None:
        if text:
            self.blocks.append(Block(text, self._headings.path, kind=kind))
