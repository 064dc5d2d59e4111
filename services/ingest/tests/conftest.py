"""An ingest service on its own database, and a web to fetch from."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from ingest_builders import Ingest
from minirag_eventstore import Database


@pytest.fixture
async def ingest(make_database: Callable[..., Awaitable[Database]]) -> AsyncIterator[Ingest]:
    """A service without sources, at work."""
    found = Ingest(await make_database("ingest"))
    async with found.working():
        yield found
    await found.close()


@pytest.fixture
async def idle_ingest(make_database: Callable[..., Awaitable[Database]]) -> AsyncIterator[Ingest]:
    """The same, with its work left undone."""
    found = Ingest(await make_database("ingest"))
    yield found
    await found.close()
