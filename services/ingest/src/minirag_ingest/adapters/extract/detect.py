"""What a file is, by its content; its name and announced type only decide between kinds of text."""

import re
from typing import Literal

from minirag_ingest.adapters.extract.errors import UnsupportedType

Format = Literal["text", "markdown", "html", "pdf", "docx", "csv"]

BY_EXTENSION: dict[str, Format] = {
    ".csv": "csv",
    ".docx": "docx",
    ".html": "html",
    ".htm": "html",
    ".md": "markdown",
    ".markdown": "markdown",
    ".pdf": "pdf",
    ".txt": "text",
}
BY_MEDIA_TYPE: dict[str, Format] = {
    "application/pdf": "pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/xhtml+xml": "html",
    "text/csv": "csv",
    "text/html": "html",
    "text/markdown": "markdown",
    "text/x-markdown": "markdown",
}
TEXTUAL = re.compile(r"text/.+|application/(.+\+)?(json|xml|yaml|x-yaml|javascript|x-ndjson)")
_LOOKS_LIKE_HTML = re.compile(
    rb"(?is)^\s*(<!--.*?-->\s*)*(<\?xml[^>]*>\s*)?<(!doctype\s+html|html|head|body)[\s>]"
)

MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"MZ", "a Windows program"),
    (b"\x7fELF", "a program"),
    (b"{\\rtf", "an RTF document"),
    (b"%!PS", "a PostScript document"),
)
SURE = 3
"""Bytes; a shorter mark may also begin a text, which then has no NUL."""
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def detect(data: bytes, filename: str | None, media_type: str | None) -> Format:
    """The format to read the bytes in; raises UnsupportedType with a sentence that names what they are."""
    binary = _by_magic(data)
    if binary:
        return binary
    expected = _expected(filename, media_type)
    if expected == "pdf":
        raise UnsupportedType("The file is not a PDF: it does not begin like one. It may be damaged.")
    if expected == "docx":
        raise UnsupportedType(
            "The file is not a Word document (.docx): it does not begin like one. It may be damaged."
        )
    if filename is None and expected in (None, "text") and _LOOKS_LIKE_HTML.match(data[:2048]):
        return "html"
    if expected is None:
        raise UnsupportedType(f"The URL leads to a file of the type {media_type}, which cannot be read.")
    return expected


def _by_magic(data: bytes) -> Format | None:
    if b"%PDF-" in data[:1024]:
        return "pdf"
    if data.startswith(b"PK\x03\x04"):
        if b"word/" in data:
            return "docx"
        raise UnsupportedType(
            "The file is a ZIP archive or another office format, not a Word document (.docx)."
        )
    if data.startswith(OLE):
        raise UnsupportedType(
            "The file is an old Office document (.doc, .xls) or protected by a password. "
            "Please save it as an unprotected .docx file."
        )
    for magic, name in MAGIC:
        if data.startswith(magic) and (len(magic) > SURE or b"\0" in data[:4096]):
            raise UnsupportedType(f"The file is {name}, which cannot be read.")
    return None


def _expected(filename: str | None, media_type: str | None) -> Format | None:
    """By name for files, by announced type for pages (nothing announced: text)."""
    if filename is not None:
        return BY_EXTENSION.get(extension(filename), "text")
    if not media_type or media_type == "application/octet-stream":
        return "text"
    return BY_MEDIA_TYPE.get(media_type) or ("text" if TEXTUAL.fullmatch(media_type) else None)


def extension(filename: str) -> str:
    """Lower-case, with its dot; empty where there is none."""
    name = filename.replace("\\", "/").rsplit("/", 1)[-1]
    return f".{name.rsplit('.', 1)[1].lower()}" if "." in name else ""
