"""A gateway that stops beside another one: nobody's request breaks, whoever is connected is sent to the other."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet
from fastapi import FastAPI
from minirag_contracts.errors import Unavailable
from minirag_gateway.entrypoints.http import server as http_server
from minirag_gateway.entrypoints.http.armour import Armour
from minirag_gateway.entrypoints.http.server import HttpServer
from minirag_gateway.settings import Settings
from pydantic import SecretStr
from turning import turning

GET = b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n"


@dataclass
class Gateway:
    """The server over a small application that says which one it is."""

    server: HttpServer
    hurry: asyncio.Event
    begun: asyncio.Event


def application(name: str, begun: asyncio.Event) -> FastAPI:
    app = FastAPI()
    app.add_middleware(Armour)

    @app.get("/who")
    async def who() -> str:
        return name

    @app.get("/slow")
    async def slow() -> str:
        begun.set()
        await asyncio.sleep(0.3)
        return name

    @app.get("/endless")
    async def endless() -> None:
        begun.set()
        await asyncio.Event().wait()

    return app


def settings_of(mode: str, **others: Any) -> Settings:
    return Settings(
        mode=mode,  # type: ignore[arg-type]
        nats_password=SecretStr("x" * 20),
        database_url=SecretStr("postgresql://nobody"),
        database_system_url=SecretStr("postgresql://nobody"),
        secret_key=SecretStr(Fernet.generate_key().decode()),
        **others,
    )


@asynccontextmanager
async def serving(
    listening: socket.socket, name: str, mode: str = "embedded", **others: Any
) -> AsyncIterator[Gateway]:
    """One process at the shared socket."""
    begun, hurry = asyncio.Event(), asyncio.Event()
    settings = settings_of(mode, http_fd=socket.dup(listening.fileno()), **others)
    server = HttpServer(application(name, begun), settings, hurry)
    running = asyncio.create_task(server.run())
    async with asyncio.timeout(5):
        while not await is_well(server):
            await asyncio.sleep(0.01)
    try:
        yield Gateway(server, hurry, begun)
    finally:
        hurry.set()
        await server.stop()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def is_well(server: HttpServer) -> bool:
    try:
        await server.check()
    except Unavailable:
        return False
    return True


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as made:
        yield made


@asynccontextmanager
async def connected(
    listening: socket.socket,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(*listening.getsockname())
    try:
        yield reader, writer
    finally:
        writer.close()


async def answer(reader: asyncio.StreamReader) -> tuple[str, bool]:
    """Who answered, and whether the connection ends with it."""
    async with asyncio.timeout(5):
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert head.startswith(b"http/1.1 200")
        length = int(head.partition(b"content-length: ")[2].split(b"\r\n")[0])
        return (await reader.readexactly(length)).decode(), b"connection: close" in head


async def test_an_idle_connection_is_answered_once_more_and_ends_with_that(listening: socket.socket) -> None:
    async with serving(listening, "old") as old, connected(listening) as (reader, writer):
        writer.write(GET % b"who")
        assert await answer(reader) == ('"old"', False)
        await old.server.leave()
        stopping = asyncio.create_task(old.server.stop())
        await asyncio.sleep(0.2)
        assert not stopping.done()
        writer.write(GET % b"who")
        assert await answer(reader) == ('"old"', True)
        assert await reader.read() == b""
        await asyncio.wait_for(stopping, 5)


async def test_what_is_being_answered_says_that_the_connection_ends(listening: socket.socket) -> None:
    async with serving(listening, "old") as old, connected(listening) as (reader, writer):
        writer.write(GET % b"slow")
        await old.begun.wait()
        await old.server.leave()
        assert not await is_well(old.server)
        assert await answer(reader) == ('"old"', True)


async def test_who_comes_now_reaches_the_other_process_at_the_socket(listening: socket.socket) -> None:
    async with serving(listening, "old") as old:
        await old.server.leave()
        async with connected(listening) as (reader, writer):  # waits in the backlog for whoever comes
            writer.write(GET % b"who")
            async with serving(listening, "new"):
                assert await answer(reader) == ('"new"', False)


@pytest.mark.parametrize(("mode", "waits"), [("embedded", False), ("server", True)])
async def test_in_a_hurry_idle_connections_are_left_open_only_behind_a_balancer(
    listening: socket.socket, mode: str, waits: bool
) -> None:
    async with serving(listening, "old", mode) as old, connected(listening) as (reader, writer):
        writer.write(GET % b"who")
        await answer(reader)
        old.hurry.set()
        await old.server.leave()
        stopping = asyncio.create_task(old.server.stop())
        if waits:
            assert (await asyncio.wait({stopping}, timeout=1))[0] == set()
            writer.write(GET % b"who")
            assert await answer(reader) == ('"old"', True)
            await asyncio.wait_for(stopping, 5)
        else:
            async with turning(1):  # well before the connection would end by itself
                await stopping


async def test_whoever_is_not_answered_in_time_is_told_so_in_the_form_of_every_error(
    listening: socket.socket,
) -> None:
    async with serving(listening, "old", drain=timedelta(seconds=1)) as old:
        async with connected(listening) as (reader, writer):
            writer.write(GET % b"endless")
            await old.begun.wait()
            old.hurry.set()
            await asyncio.wait_for(old.server.stop(), 5)
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503")
    assert b"application/problem+json" in head and b"retry-after: 1" in head.lower()
    problem = json.loads(body)
    assert problem["code"] == "unavailable"
    assert "Please send it again" in problem["detail"]


async def test_nobody_waits_for_an_idle_connection_that_a_balancer_keeps_for_long(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "LINGER", 0.3)
    async with serving(listening, "old", "server") as old, connected(listening) as (reader, writer):
        writer.write(GET % b"slow")
        await old.begun.wait()
        await old.server.leave()
        stopping = asyncio.create_task(old.server.stop())
        assert await answer(reader) == ('"old"', True)
        await asyncio.wait_for(stopping, 5)
    async with serving(listening, "old", "server") as old, connected(listening) as (reader, writer):
        writer.write(GET % b"who")
        assert await answer(reader) == ('"old"', False)
        await old.server.leave()
        await asyncio.wait_for(old.server.stop(), 5)
        assert await reader.read() == b""


@pytest.mark.parametrize("mode", ["embedded", "server"])
def test_a_connection_is_kept_longer_than_whoever_asks_keeps_it(mode: str) -> None:
    assert settings_of(mode).idle_seconds == 75 > (httpx.Limits().keepalive_expiry or 0)
    assert settings_of(mode, keep_alive=timedelta(minutes=10)).idle_seconds == 600
