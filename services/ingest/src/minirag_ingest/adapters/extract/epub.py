"""EPUB books: the package's spine tells the order, each chapter is a page of HTML."""

import posixpath
import zipfile
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from lxml import etree

from minirag_ingest.adapters.extract import html
from minirag_ingest.adapters.extract.archive import checked, damaged, parsed, part
from minirag_ingest.adapters.extract.budget import Blocks
from minirag_ingest.adapters.extract.errors import Unreadable
from minirag_ingest.domain.document import Block, Document, flow

KIND = "EPUB book"
DAMAGED = "The EPUB book is damaged and cannot be opened."
CONTAINER = "META-INF/container.xml"
ENCRYPTION = "META-INF/encryption.xml"
PAGES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")
MAX_CHAPTERS = 5000


def extract(data: bytes) -> Document:
    """The title is the book's. Anchors are ``chapter.xhtml#id``."""
    with checked(data, KIND) as archive:
        package_name = _package_name(archive)
        package = _xml(part(archive, package_name, KIND))
        title = package.find(".//{*}metadata/{*}title")
        names = list(_chapters(package, posixpath.dirname(package_name)))
        there = [name for name in names if name in archive.NameToInfo]
        if not there:
            raise Unreadable(DAMAGED)
        _check_open(archive, names)
        contents = _contents(archive, package, posixpath.dirname(package_name))
        blocks = Blocks()
        for name in there:
            blocks.extend(_chapter(archive, name, contents.get(name)))
    return Document(flow("".join(title.itertext())) or None if title is not None else None, tuple(blocks))


def _xml(data: bytes) -> Any:
    try:
        return parsed(data)
    except etree.XMLSyntaxError as error:
        raise damaged(KIND, error) from error


def _package_name(archive: zipfile.ZipFile) -> str:
    root = _xml(part(archive, CONTAINER, KIND)).find(".//{*}rootfile")
    path = root.get("full-path") if root is not None else None
    if not path:
        raise Unreadable(DAMAGED)
    return str(path)


def _chapters(package: Any, folder: str) -> Iterator[str]:
    """The archive's names of the chapters in reading order, each once."""
    items = {item.get("id"): item for item in package.iterfind(".//{*}manifest/{*}item")}
    seen: set[str] = set()
    for reference in package.iterfind(".//{*}spine/{*}itemref"):
        item = items.get(reference.get("idref"))
        if (
            item is None
            or item.get("media-type") not in PAGES
            or "nav" in (item.get("properties") or "").split()
        ):
            continue
        name = _name(folder, item.get("href") or "")
        if name not in seen and len(seen) < MAX_CHAPTERS:
            seen.add(name)
            yield name


def _name(folder: str, href: str) -> str:
    return posixpath.normpath(posixpath.join(folder, unquote(href.split("#", 1)[0])))


def _check_open(archive: zipfile.ZipFile, names: list[str]) -> None:
    """Bookshops encrypt chapters; fonts are often encrypted in books that anybody may read."""
    if ENCRYPTION not in archive.NameToInfo:
        return
    locked = {
        unquote(at.get("URI") or "")
        for at in _xml(part(archive, ENCRYPTION, KIND)).iterfind(".//{*}CipherReference")
    }
    if not locked.isdisjoint(names):
        raise Unreadable("The EPUB book is protected against copying (DRM) and cannot be read.")


def _contents(archive: zipfile.ZipFile, package: Any, folder: str) -> dict[str, str]:
    """Chapter → its title in the table of contents (the old form, which most books still have)."""
    item = next(
        (
            item
            for item in package.iterfind(".//{*}manifest/{*}item")
            if item.get("media-type") == "application/x-dtbncx+xml"
        ),
        None,
    )
    name = _name(folder, item.get("href") or "") if item is not None else ""
    if name not in archive.NameToInfo:
        return {}
    found: dict[str, str] = {}
    for point in _xml(part(archive, name, KIND)).iterfind(".//{*}navPoint"):
        label, target = point.find("{*}navLabel/{*}text"), point.find("{*}content")
        if label is not None and label.text and target is not None:
            found.setdefault(_name(posixpath.dirname(name), target.get("src") or ""), flow(label.text))
    return found


def _chapter(archive: zipfile.ZipFile, name: str, label: str | None) -> Iterator[Block]:
    """A chapter that does not name itself has its title in the table of contents."""
    page = html.extract(part(archive, name, KIND))
    for block in page.blocks:
        path = block.heading_path or ((label,) if label else ())
        anchor = f"{name}#{block.anchor}" if block.anchor else name
        yield Block(block.text, path, None, anchor, block.kind)
