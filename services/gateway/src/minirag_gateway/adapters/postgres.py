"""The store, as use cases see it: a database that is down, starting or stopping is a 503 that may be repeated."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from minirag_contracts.context import Context, TenantScope
from minirag_contracts.requests import Reply, Request
from minirag_eventstore import Connection, EventStore, Transaction, reachable

R = TypeVar("R", bound=Reply)


class ReachableStore:
    """``Store`` over the event store."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def execute(
        self, context: Context, request: Request, action: Callable[[Transaction], Awaitable[R]]
    ) -> R:
        """See the port. A repetition by the client is safe: its command id decides."""
        async with reachable():
            return await self._store.execute(context, request, action)

    @asynccontextmanager
    async def transaction(self, scope: TenantScope) -> AsyncIterator[Transaction]:
        """See the port."""
        async with reachable(), self._store.transaction(scope) as transaction:
            yield transaction

    @asynccontextmanager
    async def reading(self, scope: TenantScope) -> AsyncIterator[Connection]:
        """See the port."""
        async with reachable(), self._store.database.tenant(scope) as connection:
            yield connection
