"""A real server, a bus per test, and builders with defaults."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from minirag_contracts.envelope import Envelope, Metadata
from minirag_contracts.ids import new_id
from minirag_messaging import Bus, topology
from minirag_messaging.testing import NatsServer, start_nats

TENANT = UUID("018f0000-0000-7000-8000-000000000001")

AnEvent = Callable[..., Envelope]
Connect = Callable[..., Awaitable[Bus]]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    running = start_nats(tmp_path / "nats")
    yield running
    running.kill()


@pytest.fixture
async def connect(server: NatsServer) -> AsyncIterator[Connect]:
    buses: list[Bus] = []

    async def another(name: str = "test") -> Bus:
        buses.append(await Bus.connect(server.url, name=name))
        return buses[-1]

    yield another
    for bus in buses:
        await bus.close()


@pytest.fixture
async def bus(connect: Connect) -> Bus:
    return await connect()


@pytest.fixture
async def streams(bus: Bus) -> None:
    """Everything that the contracts declare, with leases of a second."""
    await topology.apply(bus, ack_wait=timedelta(seconds=1))


@pytest.fixture
def an_event() -> AnEvent:
    def build(position: int = 1, **changes: Any) -> Envelope:
        values: dict[str, Any] = {
            "event_id": new_id(),
            "tenant_id": TENANT,
            "service": "chat",
            "stream": "bot-1",
            "version": position,
            "type": "bot.created",
            "schema_version": 1,
            "data": {"n": position},
            "metadata": Metadata(actor="user:1", correlation_id=new_id()),
            "recorded_at": datetime(2026, 11, 22, tzinfo=UTC),
            "position": position,
        }
        return Envelope(**(values | changes))

    return build
