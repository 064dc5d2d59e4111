"""A fresh ledger for each test."""

from collections.abc import Awaitable, Callable

import pytest
from ledger import SERVICE, TABLES, Accounts, PlainSeal, core_and
from minirag_eventstore import Database, EventStore


@pytest.fixture
async def database(make_database: Callable[..., Awaitable[Database]]) -> Database:
    """An empty ledger."""
    return await make_database(SERVICE, core_and(TABLES), pool_size=16)


@pytest.fixture
async def store(database: Database) -> EventStore:
    """A ledger's store."""
    return EventStore(SERVICE, database, [Accounts()], PlainSeal())
