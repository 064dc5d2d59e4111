"""PDF by pypdfium2: the text of each page, chapters from the outline."""

import ctypes
import re
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from minirag_ingest.adapters.extract.budget import Blocks
from minirag_ingest.adapters.extract.errors import EmptyDocument, Unreadable
from minirag_ingest.domain.document import Block, Document, flow, paragraphs

PROTECTED = "The PDF is protected by a password. Please upload an unprotected copy."
DAMAGED = "The PDF is damaged and cannot be opened."
NO_TEXT = "The PDF contains no text. It is probably a scan, and scans are not read (there is no OCR)."

_HYPHENATED = re.compile(r"(?<=\w)-\n(?=[a-z\u00df-\u00ff])")
"""A hyphen that the author typed may belong to the word, and stays."""
_BROKEN = re.compile(r"(?<=\w)[\ufffe\x02]\n?(?=\w)")
"""What pdfium gives for a hyphen at the end of a line, whoever put it there; mostly without the line's end."""
_TOOL_TITLES = re.compile(
    r"(?i)^(microsoft (word|powerpoint|excel) - |untitled|document\d*$|.*\.(docx?|indd|tex|dvi|qxd)$)"
)


def extract(data: bytes) -> Document:
    """One block per paragraph of each page."""
    try:
        pdf = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        protected = (
            getattr(error, "err_code", None) == pdfium.FPDF_ERR_PASSWORD or "password" in str(error).lower()
        )
        raise Unreadable(PROTECTED if protected else DAMAGED) from error
    try:
        chapters = _chapters(pdf)
        blocks = Blocks()
        for index in range(len(pdf)):
            path = _chapter_of(chapters, index)
            blocks.extend(Block(text, path, index + 1) for text in paragraphs(_page_text(pdf, index)))
        if not blocks:
            raise EmptyDocument(NO_TEXT)
        return Document(_title(pdf), tuple(blocks))
    finally:
        pdf.close()


def _page_text(pdf: Any, index: int) -> str:
    try:
        page = pdf[index]
        textpage = page.get_textpage()
    except pypdfium2.PdfiumError as error:
        raise Unreadable(f"Page {index + 1} of the PDF is damaged and cannot be read.") from error
    try:
        text: str = textpage.get_text_range()
    finally:
        textpage.close()
        page.close()
    return _HYPHENATED.sub("-", _BROKEN.sub(_rejoined, text.replace("\r\n", "\n"))).replace("\ufffe", "")


def _rejoined(found: re.Match[str]) -> str:
    """Nothing within a word (dis-tribution), the hyphen between two (US-ASCII), as far as letters show which it is."""
    text = found.string
    return "" if text[found.start() - 1].islower() and text[found.end()].islower() else "-"


def _title(pdf: Any) -> str | None:
    title = flow(pdf.get_metadata_value("Title") or "")
    return None if not title or _TOOL_TITLES.match(title) else title


def _chapters(pdf: Any) -> list[tuple[int, str]]:
    """Page index and text of the outline's first level, by page."""
    found: list[tuple[int, str]] = []
    try:
        for bookmark in pdf.get_toc(max_depth=1):
            destination = bookmark.get_dest()
            page = destination.get_index() if destination else None
            title = flow(bookmark.get_title() or "")
            if page is not None and title:
                found.append((page, title))
    except (pypdfium2.PdfiumError, ctypes.ArgumentError, ValueError):
        return []  # a broken outline only costs the headings
    return sorted(found, key=lambda entry: entry[0])


def _chapter_of(chapters: list[tuple[int, str]], index: int) -> tuple[str, ...]:
    """The first chapter that begins on the page, else the last before it."""
    starting = next((title for page, title in chapters if page == index), None)
    current = starting or next((title for page, title in reversed(chapters) if page < index), None)
    return (current,) if current else ()
