"""Format → the function that reads it, imported when it is first needed: reading HTML takes no PDF library."""

import importlib
from collections.abc import Callable
from dataclasses import replace

from minirag_ingest.adapters.extract.budget import Blocks
from minirag_ingest.adapters.extract.detect import CONTAINERS, detect
from minirag_ingest.adapters.extract.errors import EmptyDocument
from minirag_ingest.domain.document import Document
from minirag_ingest.domain.language import language_of

OWN_ENCODING = frozenset((*CONTAINERS, "eml", "html"))
"""Formats that say themselves how they are encoded; HTML listens to what HTTP says, too."""


def extract(data: bytes, *, filename: str | None, media_type: str | None, charset: str | None) -> Document:
    """Reads a file or page; raises Unreadable (or one of its kinds) with a sentence."""
    if not data.strip():
        raise EmptyDocument("The file is empty." if filename is not None else "The page is empty.")
    format_ = detect(data, filename, media_type)
    module = importlib.import_module(f"minirag_ingest.adapters.extract.{format_}")
    reader: Callable[..., Document] = module.extract
    if format_ == "html":
        document = reader(data, charset)
    elif charset and format_ not in OWN_ENCODING:
        document = reader(_as_utf8(data, charset))
    else:
        document = reader(data)
    if not document.blocks:
        raise EmptyDocument(
            "There is no text in the file." if filename is not None else "There is no text on the page."
        )
    return replace(document, blocks=tuple(Blocks(document.blocks)), language=language_of(document))


def _as_utf8(data: bytes, charset: str | None) -> bytes:
    """Text that came over HTTP in another encoding, as its header says."""
    try:
        return data.decode(charset or "utf-8").encode()
    except (LookupError, UnicodeError):
        return data  # not what the header says: strict UTF-8 decides, and explains
