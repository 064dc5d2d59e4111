"""A chat service without its use cases: the event core on real servers."""

from collections.abc import Awaitable, Callable

import pytest
from ledger import PlainSeal, core_and
from minirag_eventstore import Database, EventStore


@pytest.fixture
async def database(make_database: Callable[..., Awaitable[Database]]) -> Database:
    """The schema of a service that owns the stream CHAT."""
    return await make_database("chat", core_and())


@pytest.fixture
def store(database: Database) -> EventStore:
    """Its store, without projections."""
    return EventStore("chat", database, (), PlainSeal())
