"""Erasing a tenant: all of its rows but the events and what is folded from them, which have no text of people and no secrets.

The gateway records ``tenant.erased``; each service's reactor does it, so it is done once wherever it was heard, also by a service
that was down. ``erase_again`` takes what was on its way at that moment.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from graphlib import TopologicalSorter

from minirag_contracts.context import Context, TenantScope
from minirag_contracts.envelope import Envelope
from minirag_eventstore import Connection, Database, EventStore, Transaction
from minirag_eventstore.database import affected

logger = logging.getLogger(__name__)

BOOKKEEPING = frozenset({"events", "applied_versions", "inbox", "inbox_failures", "erasures"})
"""Tables of the event core that hold ids, versions and kinds alone."""

AGAIN_FOR = "1 day"

Hook = Callable[[Transaction], Awaitable[None]]


class Erasure:
    """Erases in one service; ``hooks`` first take away what lies outside of its schema, ``kept`` names more that stays."""

    def __init__(self, store: EventStore, kept: Sequence[str], hooks: Sequence[Hook]) -> None:
        self._store = store
        folded = {table for projection in store.projections for table in projection.tables}
        self._kept = BOOKKEEPING | folded | set(kept)
        self._hooks = hooks

    async def react(self, transaction: Transaction, event: Envelope, context: Context) -> None:
        """To ``tenant.erased``."""
        await transaction.connection.execute(
            "INSERT INTO erasures (tenant_id) VALUES ($1) ON CONFLICT DO NOTHING", event.tenant_id
        )
        await self._erase(transaction)

    async def heard_of(self, scope: TenantScope) -> bool:
        """Whether the event has come; then also what was on its way meanwhile is erased."""
        async with self._store.transaction(scope) as transaction:
            heard: bool = await transaction.connection.fetchval("SELECT EXISTS (SELECT FROM erasures)")
            if heard:
                await self._erase(transaction)
        return heard

    async def erase_again(self) -> None:
        """For every tenant that was erased lately."""
        for scope in await _erased_lately(self._store.database):
            await self.heard_of(scope)

    async def _erase(self, transaction: Transaction) -> None:
        for hook in self._hooks:
            await hook(transaction)
        counts = {}
        for table in await self._tables(transaction.connection):
            done = await transaction.connection.execute(f"DELETE FROM {table}")  # noqa: S608 -- names of our own tables
            if count := affected(done):
                counts[table] = count
        logger.info("erased", extra={"tenant_id": str(transaction.scope.tenant_id), "rows": counts})

    async def _tables(self, connection: Connection) -> list[str]:
        """Those with a tenant's content, each before the ones that it refers to."""
        rows = await connection.fetch(
            """SELECT c.relname AS name, array_agg(r.relname) FILTER (WHERE r.relname IS NOT NULL) AS refers_to
               FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
               LEFT JOIN pg_constraint f ON f.conrelid = c.oid AND f.contype = 'f'
               LEFT JOIN pg_class r ON r.oid = f.confrelid
               WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' GROUP BY c.relname"""
        )
        order = TopologicalSorter({row["name"]: row["refers_to"] or () for row in rows}).static_order()
        return [table for table in reversed(list(order)) if table not in self._kept]


async def _erased_lately(database: Database) -> list[TenantScope]:
    async with database.system() as connection:
        rows = await connection.fetch(
            f"SELECT tenant_id FROM erasures WHERE erased_at > now() - interval '{AGAIN_FOR}'"  # noqa: S608 -- ours
        )
    return [TenantScope(row["tenant_id"]) for row in rows]
