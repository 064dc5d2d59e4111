"""An answer in as many pieces as its server can think of keeps nobody else in the process waiting."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from minirag_service.egress import Allowance, FetchFailed, GuardedClient


@contextlib.asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[str]:
    """A server that gives everybody these bytes; its URL."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


@contextlib.asynccontextmanager
async def turns() -> AsyncIterator[list[int]]:
    """How often somebody else has had a turn meanwhile."""
    count = [0]

    async def somebody() -> None:
        while True:
            count[0] += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(somebody())
    try:
        yield count
    finally:
        task.cancel()


async def test_a_body_of_single_bytes_lets_others_in_at_each_of_them() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with answering(head + b"1\r\nx\r\n" * 5000 + b"0\r\n\r\n") as url:
        async with GuardedClient(Allowance.parse("127.0.0.1")) as client, turns() as others:
            assert (await client.fetch(url)).body == b"x" * 5000
    assert others[0] >= 5000


async def test_interim_responses_let_others_in_every_few_hundred_of_them() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\n" * 12_000
    async with answering(interim + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") as url:
        async with GuardedClient(Allowance.parse("127.0.0.1")) as client, turns() as others:
            assert (await client.fetch(url)).body == b"ok"
    assert others[0] >= len(interim) // 8192


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"]
)
async def test_a_head_without_end_is_cut(head: bytes) -> None:
    async with answering(head + b"X: y\r\n" * 100_000) as url:
        async with GuardedClient(Allowance.parse("127.0.0.1")) as client:
            with pytest.raises(FetchFailed, match="broke off"):
                await client.fetch(url)
