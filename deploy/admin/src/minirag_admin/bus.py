"""A connection to the bus of a deployment, as the one who may do everything."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from minirag_contracts.errors import Refusal
from minirag_contracts.grants import SYSTEM_USER
from minirag_messaging import Bus, BusError, topology

from minirag_admin.errors import StackError

CONNECT_TIMEOUT = 10.0


@asynccontextmanager
async def connected(url: str, password: str, name: str = "operator") -> AsyncIterator[Bus]:
    """The connection; refusals become a StackError."""
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            bus = await Bus.connect(url, SYSTEM_USER, password, name)
    except TimeoutError:
        raise StackError(f"The bus at {url} does not answer.") from None
    except BusError as error:
        raise StackError(f"The bus refuses: {error}.") from error
    try:
        yield bus
    except Refusal as refusal:
        raise StackError(refusal.detail) from refusal
    finally:
        await bus.close()


async def apply_topology(url: str, password: str, replicas: int = 1) -> None:
    """Streams, consumers and the object store, as this version declares them. Safe to repeat while services work."""
    async with connected(url, password, "setup") as bus:
        try:
            await topology.apply(bus, replicas=replicas)
        except BusError as error:
            raise StackError(f"The bus cannot have these streams: {error}.") from error
