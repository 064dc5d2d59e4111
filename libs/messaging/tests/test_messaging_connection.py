"""The life of a connection: reconnects, and an end that is never quiet."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import nats.errors
import pytest
from minirag_messaging import Bus, ConnectionLost
from minirag_messaging.testing import NatsServer, start_nats

Connect = Callable[..., Awaitable[Bus]]

USERS = """
authorization {
  users = [
    { user: chat, password: right, permissions: { publish: ["allowed.>"], subscribe: ["_INBOX.>"] } }
  ]
}
"""


async def test_the_bus_reconnects_and_says_so(bus: Bus, server: NatsServer) -> None:
    again = asyncio.Event()

    async def callback() -> None:
        again.set()

    bus.on_reconnect(callback)
    server.restart()
    async with asyncio.timeout(10):
        await again.wait()
    assert bus.connected.is_set()


async def test_a_callback_that_was_taken_off_is_not_called(bus: Bus, server: NatsServer) -> None:
    called: list[str] = []

    async def first() -> None:
        called.append("first")

    async def second() -> None:
        called.append("second")

    bus.on_reconnect(first)()
    bus.on_reconnect(second)
    server.restart()
    async with asyncio.timeout(10):
        while not called:
            await asyncio.sleep(0.02)
    assert called == ["second"]


async def test_a_connection_that_the_server_ends_is_lost_loudly(
    bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.CRITICAL):
        await bus.client._send_command(b"NONSENSE\r\n")  # the server answers with an error and hangs up
        await bus.client._flush_pending()
        with pytest.raises(ConnectionLost):
            async with asyncio.timeout(5):
                await bus.closed
    assert any(record.levelno == logging.CRITICAL for record in caplog.records)


async def test_our_own_end_is_no_loss(connect: Connect) -> None:
    bus = await connect()
    await bus.drain()
    await bus.drain()
    assert bus.closed.result() is None


async def test_a_permission_violation_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    server = start_nats(tmp_path / "nats", extra_config=USERS)
    bus = await Bus.connect(server.url, "chat", "right", "chat")
    with caplog.at_level(logging.ERROR):
        await bus.announce("forbidden.subject", {})
        await bus.client.flush()
        await asyncio.sleep(0.05)
    assert "forbidden.subject" in caplog.text
    assert not bus.closed.done()
    await bus.close()
    server.stop()


async def test_wrong_credentials_are_an_error_at_once(tmp_path: Path) -> None:
    server = start_nats(tmp_path / "nats", extra_config=USERS)
    with pytest.raises(nats.errors.Error, match="[Aa]uthorization"):
        async with asyncio.timeout(5):
            await Bus.connect(server.url, "chat", "wrong", "chat")
    server.stop()


async def test_connecting_waits_for_a_server_that_comes_later(server: NatsServer) -> None:
    server.stop()
    connecting = asyncio.create_task(Bus.connect(server.url))
    await asyncio.sleep(0.3)
    server.start()
    async with asyncio.timeout(5):
        bus = await connecting
    await bus.close()


def test_the_server_dies_with_the_process_that_started_it(server: NatsServer) -> None:
    status = Path(f"/proc/{server.pid}/status").read_text()
    assert "nats-server" in status
