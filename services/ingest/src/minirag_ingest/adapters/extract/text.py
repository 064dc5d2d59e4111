"""Plain text: UTF-8 and nothing else, paragraphs apart by blank lines."""

import codecs

from minirag_ingest.adapters.extract.errors import Unreadable
from minirag_ingest.domain.document import Block, Document, paragraphs

NUL = "The file contains NUL bytes, so it is not a text file."


def decode_utf8(data: bytes) -> str:
    """Strictly; raises Unreadable that says where the first foreign byte is."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise Unreadable("The file is UTF-16 text. Please save it as UTF-8.")
    if b"\0" in data:
        raise Unreadable(NUL)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Unreadable(
            f"The file is not UTF-8 text: byte 0x{data[error.start]:02X} in line {line} is not valid. "
            "Please save it as UTF-8."
        ) from error


def extract(data: bytes) -> Document:
    """Every paragraph a block."""
    return from_text(decode_utf8(data))


def from_text(text: str) -> Document:
    """The same for text that is decoded already."""
    return Document(None, tuple(Block(part) for part in paragraphs(text)))
