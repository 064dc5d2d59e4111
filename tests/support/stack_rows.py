"""What lies in a stack's database and vector engine, looked at from behind: for what no request may tell."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg
from deployment import Deployment
from minirag_contracts.context import TenantScope
from minirag_contracts.topology import SERVICES
from minirag_local.credentials import ADMIN, Credentials
from minirag_local.state import RunState
from minirag_local.testing import Stack
from minirag_retrieval.adapters.edge import EdgeIndex
from minirag_retrieval.ports.index import Span

NEVER_ENDS = 2**52
"""``to_gen`` of a point that is current."""


@dataclass(frozen=True, slots=True)
class Held:
    """What retrieval holds of a tenant: by source the versions and the passages in their order; rows and points in all."""

    versions: dict[str, list[int]]
    passages: dict[str, list[str]]
    rows: int
    points: int
    points_as_rows: bool
    """Whether each row has its point, visible from the same generation on."""


async def admin_of(stack: Stack | Deployment) -> asyncpg.Connection:
    """A superuser's connection, which row-level security lets see everything."""
    if isinstance(stack, Deployment):
        return await asyncpg.connect(stack.database_url)
    addresses = RunState.read(stack.folder).addresses
    password = Credentials.of(stack.folder).postgres[ADMIN]
    return await asyncpg.connect(
        host=addresses.postgres_sockets, user=ADMIN, password=password, database="minirag"
    )


async def unfinished(stack: Stack, tenant_id: str) -> list[str]:
    """Work and dead letters of a tenant in every service, as ``service table kind key``."""
    connection = await admin_of(stack)
    found: list[str] = []
    try:
        for service in SERVICES:
            for table in ("work", "dead_letters"):
                rows = await connection.fetch(
                    f"SELECT kind, key FROM {service}.{table} WHERE tenant_id = $1", UUID(tenant_id)
                )
                found += [f"{service} {table} {row['kind']} {row['key']}" for row in rows]
    finally:
        await connection.close()
    return found


async def held(stack: Stack, tenant_id: str, bot_id: str) -> Held:
    """Rows and points of one bot."""
    connection = await admin_of(stack)
    try:
        versions = await connection.fetch(
            "SELECT source_id, version FROM retrieval.source_versions WHERE bot_id = $1", UUID(bot_id)
        )
        passages = await connection.fetch(
            """SELECT source_id, c.text FROM retrieval.version_chunks v JOIN retrieval.chunks c USING (chunk_id, source_id)
               WHERE c.bot_id = $1 ORDER BY source_id, version, ordinal""",
            UUID(bot_id),
        )
        rows = await connection.fetch(
            "SELECT chunk_id, from_gen, to_gen FROM retrieval.chunks WHERE bot_id = $1", UUID(bot_id)
        )
    finally:
        await connection.close()
    spans, points = await _points(
        stack, TenantScope(UUID(tenant_id)), UUID(bot_id), [row["chunk_id"] for row in rows]
    )
    expected = {row["chunk_id"]: Span(row["from_gen"], row["to_gen"] or NEVER_ENDS) for row in rows}
    return Held(
        _grouped(versions, "version"), _grouped(passages, "text"), len(rows), points, spans == expected
    )


async def _points(
    stack: Stack, scope: TenantScope, bot_id: UUID, ids: list[UUID]
) -> tuple[dict[UUID, Span], int]:
    index = EdgeIndex(Path(RunState.read(stack.folder).addresses.vectors or ""))
    try:
        return await index.spans(scope, ids), await index.count(scope, bot_id)
    finally:
        await index.close()


def _grouped(rows: list[asyncpg.Record], column: str) -> dict[str, list]:  # type: ignore[type-arg]
    found: dict[str, list] = defaultdict(list)  # type: ignore[type-arg]
    for row in rows:
        found[str(row["source_id"])].append(row[column])
    return dict(found)
