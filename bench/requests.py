"""What a plain request costs, beside a bare FastAPI route in the same run: `python -m bench.requests`.

`GET /v1/tenants/me` with a valid token, and a route of FastAPI alone behind the same uvicorn settings, in alternating rounds:
requests per second and CPU-ms per request of the serving process. Then Postgres' own statistics tell what the requests
have read and written of the gateway's tables: nothing, or the run fails.
"""

import argparse
import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Final
from urllib.parse import urlsplit

from bench.client import client_of
from bench.processes import Tree
from bench.report import heading, line
from bench.stack import Measured, own_stack
from bench.tables import FLUSH, Counts, counts

PATH: Final = "/v1/tenants/me"
ROUNDS: Final = 5
PERIODIC: Final = 50
"""Reads and writes more than in the same idle time that are chance: what runs every few seconds may fall in either. Idle windows
of seven seconds differ by 22 scans; a read for every request would be tens of thousands.
"""


class RequestFailed(RuntimeError):
    """The answer was no 200; the message is its beginning."""


@dataclass
class Side:
    """One of the two servers, and what was measured of it."""

    name: str
    url: str
    token: str
    tree: Tree
    process: str
    """The supervised process that serves."""
    requests: int = 0
    seconds: float = 0.0
    cpu_ms: float = 0.0
    rates: list[float] = field(default_factory=list)

    async def round(self, clients: int, requests: int) -> None:
        """So many requests by so many kept-alive connections."""
        before, began = self.tree.cpu(), perf_counter()
        left = iter(range(requests))
        await asyncio.gather(*(one_client(self.url, self.token, left) for _ in range(clients)))
        seconds = perf_counter() - began
        self.cpu_ms += self.tree.cpu().since(before).get(self.process, 0.0)
        self.requests += requests
        self.seconds += seconds
        self.rates.append(requests / seconds)

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds

    @property
    def cpu(self) -> float:
        """CPU-ms per request of the serving process."""
        return self.cpu_ms / self.requests


async def one_client(url: str, token: str, left: Iterator[int]) -> None:
    """Asks again and again on one connection, as leanly as Python can."""
    parts = urlsplit(url)
    request = f"GET {PATH} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    for _ in left:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RequestFailed(head.decode(errors="replace"))
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length))
    writer.close()


@contextmanager
def bare_server() -> Iterator[tuple[str, Tree]]:
    """FastAPI alone, a process of its own."""
    with subprocess.Popen([sys.executable, "-m", "bench.bare"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), Tree({process.pid: "bare"})
        finally:
            process.terminate()


def print_ratio(bare: Side, minirag: Side) -> None:
    """Both, and how they compare."""
    heading(f"GET {PATH}, {minirag.requests} requests each, in {ROUNDS} rounds in alternation")
    for side in (bare, minirag):
        spread = f"rounds: {min(side.rates):.0f} to {max(side.rates):.0f}"
        line(f"{side.name}: requests/s", f"{side.rate:.0f} ({spread})")
        line(f"{side.name}: CPU-ms per request", f"{side.cpu:.3f}")
    line("ratio of requests/s, MiniRAG to bare FastAPI", f"{minirag.rate / bare.rate:.2f}")
    line("ratio of CPU per request", f"{minirag.cpu / bare.cpu:.2f}")


async def database_use(
    data_dir: Path, side: Side, clients: int, seconds: float
) -> tuple[Counts, Counts, int]:
    """Counts of an idle time and of an equally long one full of requests, and how many those were."""
    await asyncio.sleep(FLUSH)
    start = await counts(data_dir, "gateway")
    await asyncio.sleep(seconds + FLUSH)
    between = await counts(data_dir, "gateway")
    before, began = side.requests, perf_counter()
    while perf_counter() - began < seconds:
        await side.round(clients, 500)
    await asyncio.sleep(FLUSH)
    return between.since(start), (await counts(data_dir, "gateway")).since(between), side.requests - before


def print_database_use(idle: Counts, busy: Counts, requests: int) -> bool:
    """What the requests did to the database; true if that was nothing."""
    heading(f"Postgres' statistics: an idle time, and an equally long one with {requests} requests")
    line("scans of gateway's tables", f"{idle.reads} / {busy.reads}")
    line("rows of gateway's tables written", f"{idle.writes} / {busy.writes}")
    line("transactions of the whole database", f"{idle.transactions} / {busy.transactions}")
    nothing = busy.reads - idle.reads <= PERIODIC and busy.writes - idle.writes <= PERIODIC
    line("the requests have read and written", "nothing" if nothing else "SOMETHING: a valid token must not")
    return nothing


async def measure(stack: Measured, data_dir: Path, clients: int, requests: int, seconds: float) -> bool:
    """The whole run; false if the requests used the database."""
    assert stack.tree is not None
    async with client_of(stack.url) as client:
        token = client.token
    with bare_server() as (url, tree):
        bare = Side("bare FastAPI", url, "none", tree, "bare")
        minirag = Side("MiniRAG", stack.url, token, stack.tree, "gateway")
        for side in (bare, minirag):
            await side.round(clients, requests // 5)  # warm-up
            side.requests, side.seconds, side.cpu_ms, side.rates = 0, 0.0, 0.0, []
        for _ in range(ROUNDS):
            for side in (bare, minirag):
                await side.round(clients, requests)
        print_ratio(bare, minirag)
    return print_database_use(*await database_use(data_dir, minirag, clients, seconds))


def main() -> None:
    """Prints the figures; fails when the requests were not free of the database."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--requests", type=int, default=4000, help="of a round")
    parser.add_argument("--seconds", type=float, default=10.0, help="of watching the database")
    given = parser.parse_args()
    with own_stack() as stack:
        assert stack.data_dir is not None
        if not asyncio.run(measure(stack, stack.data_dir, given.clients, given.requests, given.seconds)):
            sys.exit(1)


if __name__ == "__main__":
    main()
