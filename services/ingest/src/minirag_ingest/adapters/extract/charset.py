"""In which encoding a web page is written: byte order mark, then HTTP, then ``meta``, else UTF-8 (WHATWG, Encoding §6)."""

import codecs
import re

from minirag_ingest.adapters.extract.errors import Unreadable

_META = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
PRESCAN = 4096
BAD_PER_MILLE = 1
"""Undecodable characters that a page with a declared encoding may have; they become U+FFFD."""

WINDOWS = frozenset(("iso8859-1", "ascii"))
"""What pages that claim these encodings are really written in, by the WHATWG's table of labels."""


def decode_html(data: bytes, http_charset: str | None) -> str:
    """The page's text; raises Unreadable for bytes that are not in the encoding which it declares."""
    declared = _declared(data, http_charset)
    encoding = declared or "utf-8"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        text = data.decode(encoding, errors="replace")
        if declared and text.count("\ufffd") * 1000 <= len(text) * BAD_PER_MILLE:
            return text
        told = f"declares the encoding {encoding}" if declared else "declares no encoding and is not UTF-8"
        raise Unreadable(f"The page {told}, and byte {error.start} cannot be read in it.") from error


def _declared(data: bytes, http_charset: str | None) -> str | None:
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return encoding
    meta = _META.search(data[:PRESCAN])
    labels = (http_charset, meta[1].decode("ascii") if meta else None)
    return next(filter(None, map(_known, labels)), None)


def _known(label: str | None) -> str | None:
    """Python's name of a text encoding; None for an unknown one, which is then treated as not declared."""
    try:
        info = codecs.lookup((label or "").strip("\"' "))
        "".encode(info.name)  # refuses codecs that are not text encodings, such as hex
    except (LookupError, ValueError):
        return None
    if info.name.startswith(("utf-16", "utf-32")):
        return "utf-8"  # a page without byte order mark whose meta element could be read is not UTF-16
    return "cp1252" if info.name in WINDOWS else info.name
