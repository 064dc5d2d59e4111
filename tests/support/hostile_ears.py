"""Hears what hostile texts achieve: a server that nobody may ask for anything, and everything that a browser tells of."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from canaries import own_addresses
from playwright.async_api import BrowserContext, Dialog, Download, Frame, Page, Request

OWNED = "heard"
# Whatever runs says so by assigning to it.
LISTEN = f"Object.defineProperty(window, '__owned', {{set: (number) => window.{OWNED}(number)}})"


@dataclass
class Canary:
    """``connections`` counts all that arrive, also those that ask for nothing; ``asked`` has the paths."""

    port: int = 0
    connections: int = 0
    asked: list[str] = field(default_factory=list)

    @property
    def host(self) -> str:
        """Host and port, another than those of the pages."""
        return f"localhost:{self.port}"

    def cases(self) -> set[int]:
        """The numbers of the cases that asked."""
        found = (re.match(r"/(\d+)/?", path) for path in self.asked)
        return {int(match[1]) for match in found if match}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, which gets something that runs where it can."""
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            path = head.split(" ")[1]
            self.asked.append(path)
            writer.write(_answer(path))
            await writer.drain()
        writer.close()


def _answer(path: str) -> bytes:
    number = (re.match(r"/(\d+)/", path) or ["", "0"])[1]
    run = f"top.__owned={number}"
    kinds = {".js": ("text/javascript", run), ".css": ("text/css", "*{color:red}")}
    kind, body = kinds.get(path[path.rfind(".") :], ("text/html", f"<script>{run}</script>"))
    head = f"HTTP/1.1 200 X\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Access-Control-Allow-Origin: *\r\n\r\n{body}".encode()


@contextlib.asynccontextmanager
async def listening_canary() -> AsyncIterator[Canary]:
    """A canary at the addresses of localhost."""
    canary = Canary()
    async with contextlib.AsyncExitStack() as stack:
        for address in [one for one in ("127.0.0.1", "::1") if one in own_addresses()]:
            server = await stack.enter_async_context(
                await asyncio.start_server(canary.serve, address, canary.port)
            )
            canary.port = server.sockets[0].getsockname()[1]
        yield canary


@dataclass
class Ears:
    """What the pages of a context did, besides asking the ``allowed`` origins."""

    allowed: set[str]
    owned: list[int] = field(default_factory=list)
    other: list[str] = field(default_factory=list)

    async def listen(self, context: BrowserContext) -> None:
        """Hear every page of the context that is opened or loaded from now on."""
        await context.expose_binding(OWNED, lambda _, number: self.owned.append(number))
        await context.add_init_script(LISTEN)
        context.on("request", self._request)
        context.on("dialog", self._dialog)
        context.on("page", self._page)
        for page in context.pages:
            self._attend(page)

    def achieved(self) -> list[str]:
        """Everything that ran, was asked for, or was opened."""
        return [*(f"case {number} ran" for number in self.owned), *self.other]

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https") and f"{parts.scheme}://{parts.netloc}" not in self.allowed:
            self.other.append(f"asked for {request.url[:200]}")
        elif parts.scheme not in ("http", "https") and request.url != "data:,":  # an icon that is none
            self.other.append(f"loaded {request.url[:200]}")

    async def _dialog(self, dialog: Dialog) -> None:
        self.other.append(f"a dialog: {dialog.message}")
        await dialog.dismiss()

    def _page(self, page: Page) -> None:
        self.other.append(f"opened {page.url}")
        self._attend(page)

    def _attend(self, page: Page) -> None:
        page.on("frameattached", self._frame)
        page.on("download", self._download)

    def _frame(self, frame: Frame) -> None:
        self.other.append(f"a frame of {frame.url}")

    def _download(self, download: Download) -> None:
        self.other.append(f"a download of {download.url}")
