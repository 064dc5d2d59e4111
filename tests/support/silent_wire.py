"""A way to Postgres that can fall silent, as when a machine or a network is gone: nothing arrives, and nothing says so."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit, urlunsplit

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class SilentWire:
    """Carries bytes between a socket of its own and the server of ``url``."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self.url = ""
        """Leads through it, once it is open."""
        self._carries = asyncio.Event()
        self._carries.set()
        self._ends = asyncio.Event()
        self._ends.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.lines: set[asyncio.StreamReader] = set()
        """What the server says, of each connection on which it has not hung up."""

    def silent(self) -> AbstractContextManager[None]:
        """Takes everything and passes on nothing."""
        return _without(self._carries)

    def endless(self) -> AbstractContextManager[None]:
        """Passes on what the server says, and keeps to itself that it has hung up: what is on its way is longer on its way.

        Whoever says something to a server that has hung up is told then, as by a reset.
        """
        return _without(self._ends)

    @asynccontextmanager
    async def open(self, folder: Path) -> AsyncIterator[str]:
        """Answers its ``url``."""
        async with await asyncio.start_unix_server(self._carry, folder / ".s.PGSQL.5432"):
            user, _, _ = self._parts.netloc.rpartition("@")
            self.url = urlunsplit(self._parts._replace(netloc=f"{user}@", query=f"host={folder}&port=5432"))
            yield self.url
            for task in self._tasks:
                task.cancel()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client, server = (reader, writer), await self._reach()
        self.lines.add(server[0])
        for work in (self._ask(client, server), self._answer(server, client)):
            self._tasks.add(asyncio.create_task(work))

    async def _reach(self) -> Streams:
        query = parse_qs(self._parts.query)
        if "host" in query:
            return await asyncio.open_unix_connection(f"{query['host'][0]}/.s.PGSQL.{query['port'][0]}")
        return await asyncio.open_connection(self._parts.hostname, self._parts.port or 5432)

    async def _ask(self, client: Streams, server: Streams) -> None:
        try:
            async for data in self._carried(client[0]):
                if server[0] not in self.lines:
                    client[1].transport.abort()
                    break
                server[1].write(data)
                await server[1].drain()
        finally:
            server[1].close()

    async def _answer(self, server: Streams, client: Streams) -> None:
        try:
            async for data in self._carried(server[0]):
                client[1].write(data)
                await client[1].drain()
            self.lines.discard(server[0])
            await self._ends.wait()
        finally:
            self.lines.discard(server[0])
            client[1].close()

    async def _carried(self, source: asyncio.StreamReader) -> AsyncIterator[bytes]:
        while data := await source.read(65536):
            await self._carries.wait()
            yield data


@contextmanager
def _without(event: asyncio.Event) -> Iterator[None]:
    event.clear()
    try:
        yield
    finally:
        event.set()
