"""ZIP containers (office files, EPUB): looked at before they are unpacked, and never unpacked to a disk."""

import io
import posixpath
import zipfile
import zlib
from typing import Any

from lxml import etree

from minirag_ingest.adapters.extract.errors import Unreadable

MEGABYTE = 1024 * 1024
MAX_UNPACKED = 200 * MEGABYTE
"""Bytes of all parts together, as the archive's directory announces them; zipfile reads no more of a part than it announces."""
MAX_MARKUP = 100 * MEGABYTE
"""Bytes of all XML parts together."""
MAX_PARTS = 10_000
MARKUP = (".xml", ".rels", ".xhtml", ".html", ".htm", ".opf", ".ncx", ".vml", ".svg")
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, KeyError, ValueError)
"""What zipfile raises for archives that are damaged, or packed in ways that it does not know."""


def checked(data: bytes, kind: str) -> zipfile.ZipFile:
    """The archive, open; raises Unreadable for a damaged, locked or oversized one. ``kind``: such as Word document."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except BROKEN as error:
        raise Unreadable(f"The {kind} is damaged and cannot be opened.") from error
    parts = archive.infolist()
    if any(part.flag_bits & 1 for part in parts):
        raise Unreadable(f"The {kind} is protected by a password. Please upload an unprotected copy.")
    markup = sum(part.file_size for part in parts if part.filename.lower().endswith(MARKUP))
    unpacked = sum(part.file_size for part in parts)
    if unpacked > MAX_UNPACKED or markup > MAX_MARKUP or len(parts) > MAX_PARTS:
        raise Unreadable(f"The {kind} is too large when unpacked.")
    return archive


def damaged(kind: str, error: Exception) -> Unreadable:
    """What to raise for a library's error over an archive; libxml2 takes a lack of memory for bad syntax."""
    if "memory" in str(error).lower():
        return Unreadable(f"The {kind} needs too much memory to be read.")
    return Unreadable(f"The {kind} is damaged and cannot be opened.")


def part(archive: zipfile.ZipFile, name: str, kind: str) -> bytes:
    """One part; raises Unreadable if it is damaged or not there."""
    try:
        return archive.read(name)
    except BROKEN as error:
        raise Unreadable(f"The {kind} is damaged: a part of it is missing or cannot be unpacked.") from error


def parsed(data: bytes) -> Any:
    """The root of a part's XML, read without entities, DTD or network; raises lxml.etree.XMLSyntaxError."""
    return etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))


def mended(data: bytes, kind: str) -> bytes:
    """An office file without references to parts that it does not have: libraries stumble over them, Word does not."""
    out = io.BytesIO()
    with checked(data, kind) as old, zipfile.ZipFile(out, "w") as new:
        there = frozenset(old.namelist())
        for entry in old.infolist():
            body = part(old, entry.filename, kind)
            if entry.filename.endswith(".rels"):
                body = _without_dangling(body, entry.filename, there)
            if not entry.is_dir():
                new.writestr(entry.filename, body, zipfile.ZIP_STORED)
    return out.getvalue()


def _without_dangling(body: bytes, name: str, there: frozenset[str]) -> bytes:
    root = parsed(body)
    base = posixpath.dirname(posixpath.dirname(name))
    for relationship in list(root):
        target = relationship.get("Target") or ""
        path = posixpath.normpath(posixpath.join("/", base, target)).lstrip("/")
        if relationship.get("TargetMode") != "External" and path not in there:
            root.remove(relationship)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True))
