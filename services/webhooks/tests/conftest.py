"""A webhooks service on its own database, and a server for it to call."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from minirag_eventstore import Database
from receiver import Receiver, receiving
from webhooks_builders import Webhooks


@pytest.fixture
async def webhooks(make_database: Callable[..., Awaitable[Database]]) -> Webhooks:
    """A service without endpoints."""
    return Webhooks(await make_database("webhooks"))


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Somebody who receives webhooks."""
    async with receiving() as found:
        yield found
