"""A lean HTTP/1.1 client for streams, so that the measuring costs little beside what is measured."""

import asyncio
import json
import re
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final, Self
from urllib.parse import urlsplit

LAST_CHUNK: Final = b"\r\n0\r\n\r\n"
READ: Final = 65536  # bytes


class StreamFailed(RuntimeError):
    """The answer was no whole stream; the message holds its beginning."""


@dataclass(frozen=True)
class Turn:
    """Milliseconds from sending the request to the first token, and to the end of the stream."""

    first_token: float
    whole: float


@dataclass(frozen=True)
class Endpoint:
    """Where a question goes. `token` finds the first piece of the answer in the stream, `end` the mark of success."""

    url: str
    key: str
    body: dict[str, Any]
    token: re.Pattern[bytes]
    end: bytes

    def request(self) -> bytes:
        """The bytes of one request."""
        parts = urlsplit(self.url)
        body = json.dumps(self.body).encode()
        head = (
            f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {self.key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


class Connection:
    """One kept-alive connection; one request at a time."""

    def __init__(
        self, endpoint: Endpoint, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._endpoint, self._reader, self._writer = endpoint, reader, writer
        self._request = endpoint.request()

    @classmethod
    async def open(cls, endpoint: Endpoint) -> Self:
        """Connect."""
        parts = urlsplit(endpoint.url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        return cls(endpoint, reader, writer)

    async def turn(self) -> Turn:
        """Ask once, and read the stream to its end."""
        received, first = b"", 0.0
        began = perf_counter()
        self._writer.write(self._request)
        while not received.endswith(LAST_CHUNK):
            piece = await self._reader.read(READ)
            received += piece
            if not first and self._endpoint.token.search(received):
                first = perf_counter()
            if not piece or (not first and not received.startswith(b"HTTP/1.1 200")):
                break
        ended = perf_counter()
        if not first or self._endpoint.end not in received:
            raise StreamFailed(received[-2000:].decode(errors="replace"))
        return Turn((first - began) * 1000, (ended - began) * 1000)

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


async def one_after_another(connections: list[Connection], turns: int) -> list[list[Turn]]:
    """So many turns on each connection, taking the connections in turn, so that both meet the same moments."""
    results: list[list[Turn]] = [[] for _ in connections]
    for _ in range(turns):
        for result, connection in zip(results, connections, strict=True):
            result.append(await connection.turn())
    return results


async def concurrently(endpoint: Endpoint, clients: int, turns: int) -> tuple[list[Turn], float]:
    """So many turns by so many clients at once, each on its own connection; with the seconds that it took."""
    connections = [await Connection.open(endpoint) for _ in range(clients)]
    left = iter(range(turns))
    done: list[Turn] = []

    async def client(connection: Connection) -> None:
        done.extend([await connection.turn() for _ in left])

    began = perf_counter()
    async with asyncio.TaskGroup() as group:
        for connection in connections:
            group.create_task(client(connection))
    seconds = perf_counter() - began
    for connection in connections:
        connection.close()
    return done, seconds
