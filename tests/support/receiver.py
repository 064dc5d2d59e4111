"""A real HTTP server on this machine that records what it is sent and answers as it is told."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from deployment import HERE, LISTEN


@dataclass(frozen=True)
class Received:
    """One request; header names are lower-case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What to answer, and after how many seconds; one that hangs is not given before ``Receiver.release``."""

    status: int = 204
    after: float = 0.0
    hangs: bool = False
    headers: dict[str, str] = field(default_factory=dict)


class Receiver:
    """Answers the n-th request of a path with the n-th of its answers, and goes on with the last."""

    def __init__(self) -> None:
        self.port = 0
        self.received: list[Received] = []
        self.busy = 0
        self.most_busy = 0
        self._answers: dict[str, list[Answer]] = {}
        self._released = asyncio.Event()

    def release(self) -> None:
        """Ends the waiting of every answer that hangs."""
        self._released.set()

    def url(self, path: str = "/hook", *answers: Answer) -> str:
        """An address below this server that answers like this."""
        self._answers[path] = list(answers or (Answer(),))
        return f"http://{HERE}:{self.port}{path}"

    def at(self, path: str) -> list[Received]:
        """What came to one path."""
        return [request for request in self.received if request.path == path]

    async def until(self, condition: Callable[[], bool], timeout: float = 10.0) -> None:
        """Waits for something that requests bring about."""
        async with asyncio.timeout(timeout):
            while not condition():
                await asyncio.sleep(0.01)

    async def wait(self, count: int, path: str = "/hook", *, timeout: float = 30.0) -> list[Received]:
        """What came to a path, once it is that much."""
        await self.until(lambda: len(self.at(path)) >= count, timeout)
        return self.at(path)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection with one request."""
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        try:
            request = await _read(reader)
            answers = self._answers[request.path]
            answer = answers[min(len(self.at(request.path)), len(answers) - 1)]
            self.received.append(request)
            await asyncio.sleep(answer.after)
            if answer.hangs:
                await self._released.wait()
            lines = [f"HTTP/1.1 {answer.status} X", "Connection: close", "Content-Length: 0"]
            lines += [f"{name}: {value}" for name, value in answer.headers.items()]
            writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the caller hung up, which some tests make it do
        finally:
            self.busy -= 1
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = head[0].split(" ")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)
    }
    return Received(method, path, headers, await reader.readexactly(int(headers.get("content-length", "0"))))


@contextlib.asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver on a free port."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, LISTEN, 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        receiver.release()
        server.close()
        await server.wait_closed()
