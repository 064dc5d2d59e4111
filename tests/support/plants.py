"""Documents of every kind about numbered plants: alike but for the words of the number, so that each has as many passages as its
twin, number 0, and says nothing that another one says."""

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import docx
from deployment import HERE, LISTEN
from ingest_documents import a_pdf

DIGITS = ("red", "blue", "green", "white", "black", "river", "stone", "house", "water", "table")
"""One token each for the embedding model."""

SENTENCES = (
    "The {n} valve is opened by the {n} engineer in the early morning, before the first shift.",
    "It leads water from the {n} basin to the turbine hall, where the {n} gauge shows the pressure.",
    "Whoever closes it writes the time into the {n} book of the plant and signs with the {n} stamp.",
    "In winter the {n} pipe is heated, because the {n} spring carries ice down to the grid.",
)
KINDS = ("text", "url", "txt", "md", "html", "csv", "json", "docx", "pdf")
PARTS = 10
"""Chapters of each document."""


def name_of(number: int) -> str:
    """The words that stand for a number below 1,000."""
    return " ".join(DIGITS[int(digit)] for digit in f"{number:03}")


def text_of(number: int) -> str:
    """A few passages as a plain text."""
    return "\n\n".join(_paragraph(number, part) for part in range(PARTS))


def page_of(number: int) -> str:
    """The same as a web page."""
    body = "".join(f"<h2>{part}</h2><p>{text}</p>" for part, text in _parts(number))
    return f"<html><head><title>Plant</title></head><body><main><h1>Plant</h1>{body}</main></body></html>"


def file_of(kind: str, number: int) -> bytes:
    """The same as a file of a kind."""
    parts = _parts(number)
    if kind in ("docx", "pdf"):
        return _docx(parts) if kind == "docx" else _pdf(number)
    texts = {
        "txt": text_of(number),
        "html": page_of(number),
        "md": "\n\n".join(f"## {part}\n\n{text}" for part, text in parts),
        "csv": "part,text\n" + "".join(f'{part},"{text}"\n' for part, text in parts),
        "json": json.dumps([{"part": part, "text": text} for part, text in parts]),
    }
    return texts[kind].encode()


def _pdf(number: int) -> bytes:
    lines = [sentence.format(n=name_of(number)) for sentence in SENTENCES]
    return a_pdf(*("\n".join([f"{DIGITS[part].capitalize()}.", *lines]) for part in range(PARTS)))


def _docx(parts: list[tuple[str, str]]) -> bytes:
    document = docx.Document()
    for part, text in parts:
        document.add_heading(part, 1)
        document.add_paragraph(text)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _paragraph(number: int, part: int) -> str:
    return f"{DIGITS[part].capitalize()}. " + " ".join(SENTENCES).format(n=name_of(number))


def _parts(number: int) -> list[tuple[str, str]]:
    return [(f"Chapter {DIGITS[part]}", _paragraph(number, part)) for part in range(PARTS)]


@dataclass
class Site:
    """A web server with a page for each plant."""

    port: int = 0

    def url(self, number: int) -> str:
        """Where a plant's page is."""
        return f"http://{HERE}:{self.port}/plants/{number}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection with one request, whose asker may die meanwhile."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1]
            body = page_of(int(path.rpartition(b"/")[2])).encode()
            head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            writer.write(head.encode() + body)
            await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def a_site() -> AsyncIterator[Site]:
    """On a free port."""
    site = Site()
    server = await asyncio.start_server(site.serve, LISTEN, 0)
    site.port = server.sockets[0].getsockname()[1]
    async with server:
        yield site
