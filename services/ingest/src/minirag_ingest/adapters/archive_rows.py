"""Archives that wait to be unpacked, in Postgres."""

import hashlib
from collections.abc import AsyncIterator
from uuid import UUID

from minirag_contracts.context import TenantScope
from minirag_eventstore import EventStore, Transaction

PIECE = 1024 * 1024
"""Bytes of a row."""


class PostgresArchiveRows:
    """The port ArchiveRows."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def keep(self, tx: Transaction, source_id: UUID, chunks: AsyncIterator[bytes]) -> tuple[int, str]:
        """Stores an archive as it comes."""
        digest, size, ordinal = hashlib.sha256(), 0, 0
        buffer = bytearray()
        async for chunk in chunks:
            digest.update(chunk)
            size += len(chunk)
            buffer += chunk
            while len(buffer) >= PIECE:
                await self._piece(tx, source_id, ordinal, bytes(buffer[:PIECE]))
                ordinal += 1
                del buffer[:PIECE]
        if buffer:
            await self._piece(tx, source_id, ordinal, bytes(buffer))
        return size, digest.hexdigest()

    async def _piece(self, tx: Transaction, source_id: UUID, ordinal: int, data: bytes) -> None:
        await tx.connection.execute(
            "INSERT INTO archive_pieces (tenant_id, source_id, ordinal, data) VALUES ($1, $2, $3, $4)",
            tx.scope.tenant_id,
            source_id,
            ordinal,
            data,
        )

    async def size(self, tx: Transaction, source_id: UUID) -> int:
        """Bytes."""
        found: int = await tx.connection.fetchval(
            "SELECT coalesce(sum(octet_length(data)), 0)::bigint FROM archive_pieces WHERE source_id = $1",
            source_id,
        )
        return found

    async def read(self, scope: TenantScope, source_id: UUID) -> AsyncIterator[bytes]:
        """Piece by piece, each in a transaction of its own, so that none is open while its reader works."""
        ordinal = 0
        while True:
            async with self._store.transaction(scope) as tx:
                data: bytes | None = await tx.connection.fetchval(
                    "SELECT data FROM archive_pieces WHERE source_id = $1 AND ordinal = $2",
                    source_id,
                    ordinal,
                )
            if data is None:
                return
            yield data
            ordinal += 1

    async def drop(self, tx: Transaction, source_id: UUID) -> None:
        """It is unpacked."""
        await tx.connection.execute("DELETE FROM archive_pieces WHERE source_id = $1", source_id)
