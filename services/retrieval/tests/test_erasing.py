"""An erased tenant's points are gone, also those of a batch that died before its rows were written."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest
from contexts import a_context
from minirag_contracts.context import TenantScope
from minirag_contracts.events.gateway import TenantErased
from minirag_eventstore import Database
from minirag_eventstore.rows import record
from minirag_retrieval.adapters.chunk_rows import PostgresChunkRows
from minirag_retrieval.commands.erasing import Erasing
from minirag_retrieval.ports import VectorIndex
from minirag_service.erasure import Erasure
from retrieval_rooms import Rooms, Source, WordEmbedder


class Dead(Exception):
    """The process, in the place where it dies."""


async def erased(erasure: Erasure, rooms: Rooms, tenant_id: UUID) -> None:
    """As the reactor has it when it hears of it."""
    context = a_context(tenant_id)
    (event,) = record("gateway", context, f"tenant-{tenant_id}", 1, [TenantErased()])
    async with rooms.store.transaction(context.scope) as transaction:
        await erasure.react(transaction, event, context)


async def test_points_that_no_row_names_go_as_well_at_once_and_again(
    make_database: Callable[[str], Awaitable[Database]], index: VectorIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms = Rooms(await make_database("retrieval"), index, WordEmbedder())
    source, other = Source(rooms), Source(rooms)
    await other.ingest(1, "the harbour")
    await source.ingest(1, "the lighthouse")
    tenant: TenantScope = source.scope

    async def die(*_: object) -> None:
        raise Dead

    async def dies_before_its_rows() -> None:
        with monkeypatch.context() as patch, pytest.raises(Dead):
            patch.setattr(PostgresChunkRows, "stage", die)
            await source.stage(2, "the garden", "the keeper")

    await dies_before_its_rows()
    assert await index.count(tenant, source.bot_id) == 3
    erasure = Erasure(rooms.store, (), [Erasing(index).points])
    await erased(erasure, rooms, tenant.tenant_id)
    assert await index.count(tenant, source.bot_id) == 0
    await dies_before_its_rows()
    assert await index.count(tenant, source.bot_id) == 2, "it was on its way when the tenant was erased"
    await erasure.erase_again()
    assert await index.count(tenant, source.bot_id) == 0
    assert await index.count(other.scope, other.bot_id) == 1
