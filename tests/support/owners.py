"""What the services' own stores say, read over the bus as another service would."""

import shutil
from collections.abc import Sequence

from deployment import Deployment
from minirag_contracts.context import Context
from minirag_contracts.requests.common import (
    EventsRead,
    EventsReply,
    ProjectionsReply,
    ProjectionsVerify,
    RecordedEvent,
)
from minirag_local.credentials import SYSTEM, Credentials
from minirag_local.folder import DataFolder
from minirag_local.testing import Stack
from minirag_messaging import Bus

CONTEXT = Context.for_system("test")


async def bus_of(stack: Stack | Deployment) -> Bus:
    """A connection to the stack's bus with the operator's credential."""
    if isinstance(stack, Deployment):
        return await Bus.connect(stack.bus_url, SYSTEM, stack.bus_password, "test")
    address = next(process["address"] for process in stack.status() if process["name"] == "nats")
    password = Credentials.of(DataFolder(stack.data_dir)).nats[SYSTEM]
    return await Bus.connect(address, SYSTEM, password, "test")


def restart_without_bus(stack: Stack | Deployment) -> None:
    """Everything stops, the bus loses its disk, everything starts."""
    stack.stop()
    if isinstance(stack, Deployment):
        stack.throw_away("nats")
    else:
        shutil.rmtree(stack.data_dir / "nats")
    stack.start()


async def events_of_owner(stack: Stack, owner: str, patterns: Sequence[str]) -> list[RecordedEvent]:
    """All events of an owner that match, in the order of their positions."""
    bus = await bus_of(stack)
    found: list[RecordedEvent] = []
    position = 0
    try:
        while True:
            question = EventsRead(after=position, patterns=list(patterns))
            reply = await bus.ask(owner, "events.read", question, EventsReply, CONTEXT)
            found += reply.events
            if not reply.events or reply.head <= position:
                return found
            position = reply.head
    finally:
        await bus.close()


async def verify_projections(stack: Stack, service: str) -> ProjectionsReply:
    """Every projection of a service held against its rebuild from position 0."""
    bus = await bus_of(stack)
    try:
        return await bus.ask(
            service, "projections.verify", ProjectionsVerify(), ProjectionsReply, CONTEXT, 60
        )
    finally:
        await bus.close()
