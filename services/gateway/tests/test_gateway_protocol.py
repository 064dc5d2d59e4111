"""HTTP/1.1 on a raw socket: what has no end or never comes is refused, whatever is in order passes."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from minirag_gateway.entrypoints.http import protocol
from minirag_gateway.entrypoints.http.protocol import HEAD_BYTES
from minirag_gateway.entrypoints.http.server import config_of
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

GET = b"GET /length HTTP/1.1\r\nHost: x\r\n"

Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def length(request: Request) -> Response:
    """How long the body and the headers are."""
    try:
        return PlainTextResponse(f"{len(await request.body())} {len(request.headers)}")
    except ClientDisconnect:
        return PlainTextResponse("nobody reads this")


async def slowly(_: Request) -> Response:
    """Takes longer than a head may."""
    await asyncio.sleep(0.6)
    return PlainTextResponse("slow")


@asynccontextmanager
async def serving(connections: int = 0) -> AsyncIterator[int]:
    """The gateway's way to speak HTTP, over a small application; answers the port."""
    routes = [Route("/length", length, methods=["GET", "POST"]), Route("/slowly", slowly)]
    config = config_of(Starlette(routes=routes), 1, connections)  # type: ignore[arg-type]
    config.host, config.port = "127.0.0.1", 0
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    port: int = server.servers[0].sockets[0].getsockname()[1]
    ticking = asyncio.create_task(server.main_loop())
    try:
        yield port
    finally:
        server.should_exit = True
        await ticking
        await server.shutdown()


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """With less patience than in earnest."""
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.4)
    async with serving() as number:
        yield number


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def answer_of(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """The next answer of a connection."""
    async with asyncio.timeout(10):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:-2])}
        return int(head[0].split()[1]), headers, await reader.readexactly(int(headers["content-length"]))


async def refusal_of(wire: Wire) -> dict[str, Any]:
    """The problem with which the connection ends."""
    status, headers, body = await answer_of(wire[0])
    problem: dict[str, Any] = json.loads(body)
    assert problem["status"] == status and problem["trace_id"] == headers["x-request-id"]
    assert (headers["content-type"], headers["connection"]) == ("application/problem+json", "close")
    async with asyncio.timeout(10):
        assert await wire[0].read() == b""
    return problem


async def pour(wire: Wire, piece: bytes, pieces: int) -> int:
    """Sends until all is sent or the other side is gone; answers how many pieces it took."""
    for number in range(pieces):
        wire[1].write(piece)
        try:
            await wire[1].drain()
        except ConnectionError:
            return number
    return pieces


MEGABYTE = 1024 * 1024


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (GET, b"X-Some-Header: some value\r\n" * 400),
        (GET + b"X-One: ", b"a" * MEGABYTE),
        (GET, b"a" * MEGABYTE),
        (b"GET /length?q=", b"a" * MEGABYTE),
        (b"", b"\r\n" * MEGABYTE),
        (
            b"POST /length HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
            b"X-Trailer: 1\r\n" * 400,
        ),
        (
            b"POST /length HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-One: ",
            b"a" * MEGABYTE,
        ),
    ],
    ids=[
        "endless-headers",
        "huge-header",
        "huge-name",
        "long-url",
        "empty-lines",
        "trailers",
        "huge-trailer",
    ],
)
async def test_a_head_without_end_is_refused_and_not_kept(port: int, start: bytes, piece: bytes) -> None:
    async with connected(port) as wire:
        wire[1].write(start)
        pouring = asyncio.create_task(pour(wire, piece, 40 * MEGABYTE // len(piece)))
        problem = await refusal_of(wire)
        assert (problem["status"], problem["code"]) == (431, "headers_too_large")
        await pouring


@pytest.mark.parametrize("size", [HEAD_BYTES - 200, HEAD_BYTES + 1])
@pytest.mark.parametrize("piece", [1000, 10**6])
async def test_the_bound_is_the_same_however_the_head_is_cut(port: int, size: int, piece: int) -> None:
    for head in (
        GET + b"X-One: " + b"a" * size + b"\r\n\r\n",
        b"GET /length?" + b"a" * size + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ):
        async with connected(port) as wire:
            for start in range(0, len(head), piece):
                await pour(wire, head[start : start + piece], 1)
            status, _, _ = await answer_of(wire[0])
            assert status == (200 if size < HEAD_BYTES else 431)


@pytest.mark.parametrize("start", [b"", b"G", GET, GET + b"X-One: a", b"\r\n"])
async def test_a_head_that_does_not_come_ends_the_connection(port: int, start: bytes) -> None:
    async with connected(port) as (reader, writer):
        writer.write(start)
        async with asyncio.timeout(2):
            assert await reader.read() == b""


async def test_a_trickled_head_ends_the_connection_on_a_used_one_too(port: int) -> None:
    async with connected(port) as wire:
        wire[1].write(GET + b"\r\n")
        assert (await answer_of(wire[0]))[0] == 200
        took = await pour_slowly(wire, GET + b"X-Long: " + b"a" * 100)
        assert took < 20


async def pour_slowly(wire: Wire, head: bytes) -> int:
    """A byte each 50 ms; answers after how many the other side was gone."""
    for number, byte in enumerate(head):
        wire[1].write(bytes([byte]))
        await asyncio.sleep(0.05)
        if wire[0].at_eof():
            return number
    return len(head)


async def test_good_requests_pass_pipelined_and_on_a_connection_that_is_kept(port: int) -> None:
    body = b"b" * (3 * MEGABYTE)
    post = b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    many = GET + b"X-Some-Header: some value\r\n\r\n"
    async with connected(port) as wire:
        for _ in range(2):
            await pour(wire, many * 5 + post + body + GET + b"\r\n", 1)
            answers = [(await answer_of(wire[0]))[2] for _ in range(7)]
            assert answers == [b"0 2"] * 5 + [b"%d 2" % len(body), b"0 1"]


async def test_many_pipelined_heads_are_counted_each_for_itself(port: int) -> None:
    one = GET + b"X-One: " + b"a" * 20_000 + b"\r\n\r\n"
    async with connected(port) as wire:
        pouring = asyncio.create_task(pour(wire, one * 30, 1))
        assert [(await answer_of(wire[0]))[0] for _ in range(30)] == [200] * 30
        await pouring


async def test_an_answer_that_takes_long_is_given_whatever_follows_the_request(port: int) -> None:
    request = b"GET /slowly HTTP/1.1\r\nHost: x\r\n\r\n"
    for following in (b"", b"\r\n", b"GET /sl", GET + b"X-One: " + b"a" * 200_000, b"nonsense\r\n\r\n"):
        async with connected(port) as wire:
            await pour(wire, request + following, 1)
            assert (await answer_of(wire[0]))[2] == b"slow", following


async def test_what_is_no_http_is_a_problem(port: int) -> None:
    async with connected(port) as wire:
        wire[1].write(b"nonsense\r\n\r\n")
        assert (await refusal_of(wire))["code"] == "bad_request"


async def test_a_connection_too_many_is_told_so() -> None:
    async with serving(connections=3) as port, connected(port), connected(port) as wire:
        wire[1].write(GET + b"\r\n")
        assert (await answer_of(wire[0]))[0] == 200
        async with connected(port) as third:
            third[1].write(GET + b"\r\n")
            problem = await refusal_of(third)
            assert (problem["status"], problem["code"]) == (503, "unavailable")
