"""A small web server of a test's own: a page, a missing page, a redirect."""

import asyncio
from typing import Self

from deployment import HERE, LISTEN

PAGE = b"<html><head><title>Otters</title></head><body><p>The otters sleep under the boathouse.</p></body></html>"


class Redirector:
    """``/page`` is HTML, ``/redirect`` leads to ``target``, everything else is a 404."""

    def __init__(self, target: str) -> None:
        self._target = target

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, LISTEN, 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    @property
    def url(self) -> str:
        """Scheme, host and port."""
        return f"http://{HERE}:{self._server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1].decode()
        status, header, body = "404 Not Found", "", b"no such page"
        if path == "/redirect":
            status, header, body = "302 Found", f"Location: {self._target}\r\n", b""
        elif path == "/page":
            status, header, body = "200 OK", "Content-Type: text/html; charset=utf-8\r\n", PAGE
        head = f"HTTP/1.1 {status}\r\n{header}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()
