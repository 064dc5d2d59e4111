"""The life of a connection: reconnects, and an end that is never quiet."""

import asyncio
import logging
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import nats.errors
import pytest
from minirag_messaging import Bus, ConnectionLost
from minirag_messaging.testing import NatsServer, reconnected, start_nats
from nats.aio.msg import Msg

Connect = Callable[..., Awaitable[Bus]]

USERS = """
authorization {
  users = [
    { user: chat, password: right, permissions: { publish: ["allowed.>"], subscribe: ["_INBOX.>"] } }
  ]
}
"""


def process_state(pid: int) -> str:
    """The letter of proc(5): Z is dead and not yet reaped; empty when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return ""


async def test_the_bus_reconnects_and_says_so(bus: Bus, server: NatsServer) -> None:
    await reconnected(bus, server.restart)
    assert bus.connected.is_set()
    assert not bus.closed.done()


async def test_a_callback_that_was_taken_off_is_not_called(bus: Bus, server: NatsServer) -> None:
    called: list[str] = []

    async def callback() -> None:
        called.append("never")

    bus.on_reconnect(callback)()
    await reconnected(bus, server.restart)
    assert called == []


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


async def test_who_closes_while_the_server_is_away_or_just_going_is_closed(
    connect: Connect, server: NatsServer
) -> None:
    buses = [await connect(f"test-{number}") for number in range(12)]
    server.kill()
    for bus in buses:
        await bus.client.publish("nobody.listens", b"in flight")
        async with asyncio.timeout(8):
            await bus.close()
            await bus.closed
        await asyncio.sleep(0.02)


async def test_a_line_that_breaks_while_it_is_closed_is_closed(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = await connect()

    async def drain() -> None:
        raise ConnectionResetError("Connection lost")

    monkeypatch.setattr(bus.client._transport, "drain", drain)
    await bus.close()
    await bus.closed


async def test_a_permission_violation_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    server = start_nats(tmp_path / "nats", extra_config=USERS)
    bus = await Bus.connect(server.url, "chat", "right", "chat")
    with caplog.at_level(logging.ERROR):
        await bus.announce("forbidden.subject", {})
        await bus.settled()
        await asyncio.sleep(0.05)
    assert "forbidden.subject" in caplog.text
    assert not bus.closed.done()
    await bus.close()
    server.stop()


async def test_wrong_credentials_are_an_error_at_once(tmp_path: Path) -> None:
    server = start_nats(tmp_path / "nats", extra_config=USERS)
    with pytest.raises(nats.errors.Error, match=r"[Aa]uthorization"):
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


def test_the_server_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys, time\n"
        "from minirag_messaging.testing import start_nats\n"
        "print(start_nats(pathlib.Path(sys.argv[1])).pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "nats")], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert process_state(child) not in {"", "Z"}
        parent.kill()
    deadline = time.monotonic() + 5
    while process_state(child) not in {"", "Z"}:
        assert time.monotonic() < deadline
        time.sleep(0.02)


async def test_what_a_callback_raises_is_no_message_of_ours(
    bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    """The client library hands it on as an error of its own; its text may be anybody's."""
    heard = asyncio.Event()

    async def fails(msg: Msg) -> None:
        heard.set()
        raise ValueError("the secret text")

    await bus.client.subscribe("anything", cb=fails)
    await bus.client.publish("anything")
    await heard.wait()
    async with asyncio.timeout(5):
        while not caplog.records:
            await asyncio.sleep(0)
    assert [record.message for record in caplog.records] == ["nats reported an error"]
    assert caplog.records[0].exc_info is not None and caplog.records[0].exc_info[0] is ValueError


async def test_a_flush_that_is_called_off_leaves_the_connection_hearing(bus: Bus) -> None:
    heard = asyncio.Event()

    async def hear(msg: Msg) -> None:
        heard.set()

    await bus.client.subscribe("anything", cb=hear)
    flushing = asyncio.create_task(bus.client.flush())
    await asyncio.sleep(0)  # the ping is sent, the pong not yet read
    flushing.cancel()
    await asyncio.wait([flushing])
    assert flushing.cancelled()
    await bus.settled()
    await bus.client.publish("anything")
    async with asyncio.timeout(5):
        await heard.wait()


async def test_a_drained_subscription_waits_for_what_came_until_the_server_read_its_end() -> None:
    read, gone = list[bytes](), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"x","version":"2.15.1","max_payload":100,"headers":true}\r\n')
        while line := await reader.readline():
            read.append(line.split()[0])
            if read[-1] == b"PING":
                writer.write(b"PONG\r\n")
        writer.close()
        gone.set()

    async def hear(msg: Msg) -> None:
        raise AssertionError

    async with asyncio.timeout(10), await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        bus = await Bus.connect(f"nats://127.0.0.1:{port}")
        subscription = await bus.client.subscribe("subject", cb=hear)
        await bus.settled()
        await subscription.drain()  # type: ignore[no-untyped-call]
        await bus.close()
        await gone.wait()
    assert read[-2:] == [b"UNSUB", b"PING"]
