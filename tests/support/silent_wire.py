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
        self._carries = asyncio.Event()
        self._carries.set()
        self._ends = asyncio.Event()
        self._ends.set()
        self._tasks: set[asyncio.Task[None]] = set()

    def silent(self) -> AbstractContextManager[None]:
        """Takes everything and passes on nothing."""
        return _without(self._carries)

    def endless(self) -> AbstractContextManager[None]:
        """Passes on what the server says, and keeps to itself that it has hung up: what is on its way is longer on its way."""
        return _without(self._ends)

    @asynccontextmanager
    async def open(self, folder: Path) -> AsyncIterator[str]:
        """Answers the URL that leads through it."""
        async with await asyncio.start_unix_server(self._carry, folder / ".s.PGSQL.5432"):
            user, _, _ = self._parts.netloc.rpartition("@")
            yield urlunsplit(self._parts._replace(netloc=f"{user}@", query=f"host={folder}&port=5432"))
            for task in self._tasks:
                task.cancel()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await self._reach()
        for source, target in ((reader, back), (there, writer)):
            self._tasks.add(asyncio.create_task(self._pass_on(source, target)))

    async def _reach(self) -> Streams:
        query = parse_qs(self._parts.query)
        if "host" in query:
            return await asyncio.open_unix_connection(f"{query['host'][0]}/.s.PGSQL.{query['port'][0]}")
        return await asyncio.open_connection(self._parts.hostname, self._parts.port or 5432)

    async def _pass_on(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                await self._carries.wait()
                target.write(data)
                await target.drain()
            await self._ends.wait()
        finally:
            target.close()


@contextmanager
def _without(event: asyncio.Event) -> Iterator[None]:
    event.clear()
    try:
        yield
    finally:
        event.set()
