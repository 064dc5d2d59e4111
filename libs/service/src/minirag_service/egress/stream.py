"""A connection that is read in small pieces, so that no answer can keep the loop busy for long."""

import ssl
from typing import Any

import httpcore

PIECE = 8 * 1024
"""Bytes that are parsed at a time: a server may pack thousands of chunks, or of interim responses, into one read."""


class Piecemeal(httpcore.AsyncNetworkStream):
    """Passes everything on."""

    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """At most ``PIECE`` bytes."""
        return await self._inner.read(min(max_bytes, PIECE), timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """All of it."""
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        """Closes."""
        await self._inner.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        """The same within TLS."""
        return Piecemeal(await self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """What is known of the connection."""
        return self._inner.get_extra_info(info)
