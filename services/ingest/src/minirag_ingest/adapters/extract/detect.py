"""What a file is, by its content; its name and announced type only decide between kinds of text."""

import io
import re
import zipfile
import zlib
from typing import Literal

from minirag_ingest.adapters.extract.errors import UnsupportedType

Format = Literal[
    "text", "markdown", "html", "rst", "csv", "json", "eml", "pdf", "docx", "pptx", "xlsx", "epub"
]

BY_EXTENSION: dict[str, Format] = {
    ".csv": "csv",
    ".docx": "docx",
    ".eml": "eml",
    ".epub": "epub",
    ".htm": "html",
    ".html": "html",
    ".json": "json",
    ".jsonl": "json",
    ".markdown": "markdown",
    ".md": "markdown",
    ".ndjson": "json",
    ".pdf": "pdf",
    ".pptx": "pptx",
    ".rst": "rst",
    ".tsv": "csv",
    ".txt": "text",
    ".xhtml": "html",
    ".xlsx": "xlsx",
}
OOXML = "application/vnd.openxmlformats-officedocument"
BY_MEDIA_TYPE: dict[str, Format] = {
    "application/epub+zip": "epub",
    "application/json": "json",
    "application/jsonl": "json",
    "application/pdf": "pdf",
    f"{OOXML}.presentationml.presentation": "pptx",
    f"{OOXML}.spreadsheetml.sheet": "xlsx",
    f"{OOXML}.wordprocessingml.document": "docx",
    "application/x-ndjson": "json",
    "application/xhtml+xml": "html",
    "message/rfc822": "eml",
    "text/csv": "csv",
    "text/html": "html",
    "text/markdown": "markdown",
    "text/tab-separated-values": "csv",
    "text/x-markdown": "markdown",
    "text/x-rst": "rst",
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
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"MZ", "a Windows program"),
    (b"\x7fELF", "a program"),
    (b"{\\rtf", "an RTF document"),
    (b"%!PS", "a PostScript document"),
    (b"SQLite format 3\0", "an SQLite database"),
)
SURE = 3
"""Bytes; a shorter mark may also begin a text, which then has no NUL."""
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")

CONTAINERS: dict[Format, str] = {
    "pdf": "a PDF",
    "docx": "a Word document (.docx)",
    "pptx": "a PowerPoint presentation (.pptx)",
    "xlsx": "an Excel workbook (.xlsx)",
    "epub": "an EPUB book",
}
"""Formats that are told by their content alone, with what people call them."""
FOLDERS: tuple[tuple[str, Format], ...] = (("word/", "docx"), ("ppt/", "pptx"), ("xl/", "xlsx"))
OPEN_DOCUMENT = b"application/vnd.oasis.opendocument"
OPEN_DOCUMENT_TOLD = (
    "The file is an OpenDocument (LibreOffice) file. Please save it as .docx, .xlsx, .pptx or .pdf."
)
EXCEL_BINARY = "xl/workbook.bin"
SCANNED_NAMES = 20_000


def detect(data: bytes, filename: str | None, media_type: str | None) -> Format:
    """The format to read the bytes in; raises UnsupportedType with a sentence that names what they are."""
    binary = _by_magic(data)
    if binary:
        return binary
    expected = _expected(filename, media_type)
    if expected in CONTAINERS:
        raise UnsupportedType(
            f"The file is not {CONTAINERS[expected]}: it does not begin like one. It may be damaged."
        )
    if filename is None and expected in (None, "text") and _LOOKS_LIKE_HTML.match(data[:2048]):
        return "html"
    if expected is None:
        raise UnsupportedType(f"The URL leads to a file of the type {media_type}, which cannot be read.")
    return expected


def _by_magic(data: bytes) -> Format | None:
    if b"%PDF-" in data[:1024]:
        return "pdf"
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _in_zip(data)
    if data.startswith(OLE):
        if ENCRYPTED_PACKAGE in data:
            raise UnsupportedType(
                "The file is an Office document protected by a password. Please upload an unprotected copy."
            )
        raise UnsupportedType(
            "The file is an old Office document (.doc, .xls, .ppt) or protected by a password. "
            "Please save it as an unprotected .docx, .xlsx or .pptx file."
        )
    for magic, name in MAGIC:
        if data.startswith(magic) and (len(magic) > SURE or b"\0" in data[:4096]):
            raise UnsupportedType(f"The file is {name}, which cannot be read.")
    return None


def _in_zip(data: bytes) -> Format:
    """By what the archive's directory lists; a cut off one has no directory, and says by its bytes what it was."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = [entry.filename for entry in archive.infolist()[:SCANNED_NAMES]]
            if "mimetype" in names and archive.open("mimetype").read(100).startswith(OPEN_DOCUMENT):
                raise UnsupportedType(OPEN_DOCUMENT_TOLD)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, zlib.error):
        names = [folder for folder, _ in FOLDERS if folder.encode() in data]
        names += ["META-INF/container.xml"] if b"application/epub+zip" in data[:200] else []
    if "META-INF/container.xml" in names:
        return "epub"
    for folder, format_ in FOLDERS:
        if EXCEL_BINARY not in names and any(name.startswith(folder) for name in names):
            return format_
    raise UnsupportedType(_other_zip(names))


def _other_zip(names: list[str]) -> str:
    if EXCEL_BINARY in names:
        return "The file is a binary Excel workbook (.xlsb). Please save it as .xlsx."
    return "The file is a ZIP archive or another office format, which cannot be read. An archive of files is uploaded as .zip."


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
