"""A web site on this machine, of pages that a test writes: it knows validators, counts what is asked, and fails as it is told."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from deployment import HERE, LISTEN


@dataclass(frozen=True)
class Asked:
    """One request; header names are lower-case."""

    path: str
    headers: dict[str, str]
    at: float = field(default_factory=time.monotonic)


@dataclass
class Answer:
    """What a path answers. With an ``etag`` or ``modified`` it is a 304 for whoever has that already."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    etag: str | None = None
    modified: str | None = None

    def holds(self, asked: Asked) -> bool:
        """Whether whoever asks has it already."""
        if self.etag and "if-none-match" in asked.headers:
            return asked.headers["if-none-match"] == self.etag
        return bool(self.modified) and asked.headers.get("if-modified-since") == self.modified

    def said(self) -> dict[str, str]:
        """All headers."""
        known = {"ETag": self.etag, "Last-Modified": self.modified}
        return {**self.headers, **{name: value for name, value in known.items() if value}}


def html(title: str, text: str = "", links: Iterable[str] = (), head: str = "") -> bytes:
    """A page."""
    anchors = "".join(f'<a href="{link}">more</a>' for link in links)
    said = text or f"This page tells of {title}. It has a sentence of its own about {title}."
    main = f"<main><h1>{title}</h1><p>{said}</p></main>"
    whole = f"<html><head><title>{title}</title>{head}</head><body>{main}<nav>{anchors}</nav></body></html>"
    return whole.encode()


class Site:
    """Answers by path and query; ``before`` may wait or count before each answer."""

    def __init__(self) -> None:
        self.port = 0
        self.answers: dict[str, Answer] = {}
        self.asked: list[Asked] = []
        self.busy = 0
        self.most_busy = 0
        self.before: Callable[[Asked], Awaitable[None]] | None = None

    @property
    def host(self) -> str:
        """Host and port."""
        return f"{HERE}:{self.port}"

    def url(self, path: str = "/") -> str:
        """The address of a path."""
        return f"http://{self.host}{path}"

    def page(
        self, path: str, text: str = "", links: Iterable[str] = (), *, head: str = "", **said: str
    ) -> None:
        """An HTML page, titled by its path, with an ETag of its content unless ``etag`` says otherwise."""
        body = html(path.strip("/") or "home", text, links, head)
        etag = said.pop("etag", f'"{hash(body):x}"') or None
        headers = {"Content-Type": "text/html; charset=utf-8", **said}
        self.answers[path] = Answer(body, headers=headers, etag=etag)

    def text(self, path: str, body: str, kind: str = "text/plain") -> None:
        """Anything else."""
        self.answers[path] = Answer(body.encode(), headers={"Content-Type": kind})

    def sitemap(self, path: str, locations: Iterable[str]) -> None:
        """A sitemap of these URLs."""
        entries = "".join(f"<url><loc>{location}</loc></url>" for location in locations)
        self.text(path, f'<?xml version="1.0"?><urlset xmlns="x">{entries}</urlset>', "application/xml")

    def fail(self, path: str, status: int, **headers: str) -> None:
        """From now on this path answers so; ``Retry_After`` stands for Retry-After."""
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers[path] = Answer(b"no", status, said)

    def times(self, path: str) -> int:
        """How often a path was asked for."""
        return sum(asked.path == path for asked in self.asked)

    def paths(self) -> list[str]:
        """What was asked for since the last ``forget``."""
        return [asked.path for asked in self.asked]

    def forget(self) -> None:
        """Begins to count anew."""
        self.asked.clear()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection with one request."""
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        try:
            asked = _asked((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"))
            self.asked.append(asked)
            if self.before is not None:
                await self.before(asked)
            writer.write(_answer(self.answers.get(asked.path, Answer(b"nothing", 404)), asked))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the caller hung up, which some tests make it do
        finally:
            self.busy -= 1
            writer.close()


def _asked(head: str) -> Asked:
    first, *lines = head.split("\r\n")
    pairs = (line.partition(":") for line in lines if line)
    return Asked(first.split(" ")[1], {name.lower(): value.strip() for name, _, value in pairs})


def _answer(answer: Answer, asked: Asked) -> bytes:
    holds = answer.holds(asked)
    status, body = (304, b"") if holds else (answer.status, answer.body)
    lines = [f"HTTP/1.1 {status} X", "Connection: close"]
    lines += [] if holds else [f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in answer.said().items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


@contextlib.asynccontextmanager
async def a_site() -> AsyncIterator[Site]:
    """A site on a free port."""
    site = Site()
    server = await asyncio.start_server(site.serve, LISTEN, 0)
    site.port = server.sockets[0].getsockname()[1]
    async with server:
        yield site
