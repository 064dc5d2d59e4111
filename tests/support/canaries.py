"""Listeners on this machine that count every connection, a watch over every connection that is begun, and an allowed host that
redirects to wherever it is told."""

import asyncio
import contextlib
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from itertools import chain, cycle
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import psutil

FRONT = "127.0.0.2"
"""Where the allowed host is; the canaries are everywhere else."""

STATUSES = (301, 302, 303, 307, 308)
_watching: list[list[tuple[str, int]]] = []


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and _watching and isinstance(arguments[1], tuple):
        _watching[-1].append((str(arguments[1][0]), int(arguments[1][1])))


sys.addaudithook(_note)  # for good, as hooks are: it notes nothing while nobody watches


@dataclass
class Canaries:
    """``port`` is one of several; ``connections`` counts what arrived, by address and port."""

    ports: list[int]
    connections: Counter[tuple[str, int]] = field(default_factory=Counter)

    @property
    def port(self) -> int:
        """The one that URLs name."""
        return self.ports[0]

    async def count(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, which gets a page."""
        host, port, *_ = writer.get_extra_info("sockname")
        self.connections[host, port] += 1
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\nsecret")
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 1)
            await writer.drain()
        writer.close()


def own_addresses() -> list[str]:
    """Loopback addresses, and those of this machine's interfaces, but for link-local ones."""
    found = ["127.0.0.1", "127.1.2.3", "127.255.255.254", "::1"]
    entries = [entry for entry in chain.from_iterable(psutil.net_if_addrs().values()) if _is_wanted(entry)]
    found += [entry.address for entry in entries]
    return [address for address in dict.fromkeys(found) if _can_listen(address)]


def _is_wanted(entry: Any) -> bool:
    return entry.family in (socket.AF_INET, socket.AF_INET6) and not entry.address.startswith("fe80")


def _can_listen(address: str) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


@contextlib.asynccontextmanager
async def canaries() -> AsyncIterator[Canaries]:
    """On every address of this machine, at three ports."""
    async with contextlib.AsyncExitStack() as stack:
        found = Canaries([])
        for _ in range(3):
            port = 0
            for address in own_addresses():
                server = await stack.enter_async_context(
                    await asyncio.start_server(found.count, address, port)
                )
                port = server.sockets[0].getsockname()[1]
            found.ports.append(port)
        yield found


@contextlib.contextmanager
def watched() -> Iterator[list[tuple[str, int]]]:
    """Every connection over IP that this process begins meanwhile, also where nobody listens."""
    begun: list[tuple[str, int]] = []
    _watching.append(begun)
    try:
        yield begun
    finally:
        _watching.remove(begun)


class Front:
    """An allowed host: ``/to/<url>`` redirects there, ``/hops/<n>/<url>`` over n more redirects of its own."""

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[str] = []
        self._statuses = cycle(STATUSES)

    def redirecting(self, url: str, hops: int = 0) -> str:
        """The URL of a page here that redirects there."""
        return f"http://{FRONT}:{self.port}/hops/{hops}/{quote(url, safe='')}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection with one request."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            self.requests.append(head)
            writer.write(self._answer(head.split(" ")[1]))
            await writer.drain()
        writer.close()

    def _answer(self, path: str) -> bytes:
        kind, _, rest = path[1:].partition("/")
        if kind != "hops":
            return b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 14\r\n\r\nThe front page"
        hops, _, target = rest.partition("/")
        place = unquote_to_bytes(target) if hops == "0" else f"/hops/{int(hops) - 1}/{target}".encode()
        status = next(self._statuses)
        return b"HTTP/1.1 %d X\r\nConnection: close\r\nContent-Length: 0\r\nLocation: %s\r\n\r\n" % (
            status,
            place,
        )


@contextlib.asynccontextmanager
async def fronting() -> AsyncIterator[Front]:
    """The allowed host, at a free port."""
    front = Front()
    server = await asyncio.start_server(front.serve, FRONT, 0)
    front.port = server.sockets[0].getsockname()[1]
    async with server:
        yield front
