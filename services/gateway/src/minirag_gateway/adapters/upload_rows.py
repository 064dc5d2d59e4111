"""Resumable uploads in Postgres. Row-level security narrows every statement to the transaction's tenant."""

from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from uuid import UUID

from minirag_contracts.context import TenantScope
from minirag_eventstore import Connection, Explained, Transaction, pages

from minirag_gateway.domain.upload import Refused, Upload
from minirag_gateway.ports import NewUpload, Store

_OPEN = "source_id IS NULL AND refusal IS NULL"

_THERE = "(expires_at > now() OR received = length)"
"""What is whole stays until something has become of it, and its row a while longer."""


class PieceMissing(Explained):
    """A file has a hole: no source can be made of it."""


class PostgresUploadRows:
    """The port ``UploadRows``."""

    def __init__(self, store: Store, lifetime: timedelta) -> None:
        self._store = store
        self._lifetime = lifetime

    async def add(self, tx: Transaction, new: NewUpload) -> None:
        """See the port."""
        await tx.connection.execute(
            """INSERT INTO uploads (upload_id, tenant_id, actor, via, bot_id, parent_id, name, description, filename, metadata,
                                    length, expires_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, now() + $12)""",
            new.upload_id,
            tx.scope.tenant_id,
            new.actor,
            new.via,
            new.bot_id,
            new.parent_id,
            new.name,
            new.description,
            new.filename,
            new.metadata,
            new.length,
            self._lifetime,
        )

    async def lock_open(self, tx: Transaction) -> None:
        """See the port."""
        await tx.connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"uploads {tx.scope.tenant_id}"
        )

    async def count_open(self, connection: Connection) -> int:
        """See the port."""
        found: int = await connection.fetchval(
            f"SELECT count(*) FROM uploads WHERE {_OPEN} AND {_THERE}"  # noqa: S608  # our own conditions
        )
        return found

    async def get(self, connection: Connection, upload_id: UUID) -> Upload | None:
        """See the port."""
        row = await connection.fetchrow(
            f"SELECT * FROM uploads WHERE upload_id = $1 AND {_THERE}",  # noqa: S608  # our own condition
            upload_id,
        )
        return None if row is None else _upload(dict(row))

    async def page(
        self, connection: Connection, limit: int, cursor: str | None
    ) -> tuple[list[Upload], str | None]:
        """See the port."""
        created_at, last_id, _ = pages.decode(cursor) or (None, None, 0)
        rows = await connection.fetch(
            f"""SELECT * FROM uploads
                WHERE {_THERE} AND ($1::timestamptz IS NULL OR (created_at, upload_id) < ($1, $2::uuid))
                ORDER BY created_at DESC, upload_id DESC LIMIT $3""",  # noqa: S608  # our own condition
            created_at,
            last_id,
            limit + 1,
        )
        page, following = pages.cut([dict(row) for row in rows], limit, "upload_id")
        return [_upload(row) for row in page], following

    async def append(self, tx: Transaction, upload_id: UUID, at: int, data: bytes) -> bool:
        """See the port."""
        moved = await tx.connection.fetchval(
            """UPDATE uploads SET received = received + $3, expires_at = now() + $4
               WHERE upload_id = $1 AND received = $2 AND received + $3 <= length AND expires_at > now()
               RETURNING upload_id""",
            upload_id,
            at,
            len(data),
            self._lifetime,
        )
        if moved is None:
            return False
        await tx.connection.execute(
            "INSERT INTO upload_pieces (upload_id, at, tenant_id, data) VALUES ($1, $2, $3, $4)",
            upload_id,
            at,
            tx.scope.tenant_id,
            data,
        )
        return True

    async def read(self, scope: TenantScope, upload: Upload) -> AsyncIterator[bytes]:
        """See the port."""
        at = 0
        while at < upload.length:
            async with self._store.reading(scope) as connection:
                data: bytes | None = await connection.fetchval(
                    "SELECT data FROM upload_pieces WHERE upload_id = $1 AND at = $2", upload.upload_id, at
                )
            if data is None:
                raise PieceMissing(f"The upload has no bytes at {at}, of {upload.length}.")
            yield data
            at += len(data)

    async def end(
        self,
        tx: Transaction,
        upload_id: UUID,
        *,
        source_id: UUID | None = None,
        refusal: Refused | None = None,
    ) -> None:
        """See the port."""
        await tx.connection.execute(
            "UPDATE uploads SET source_id = $2, refusal = $3, expires_at = now() + $4 WHERE upload_id = $1",
            upload_id,
            source_id,
            None if refusal is None else asdict(refusal),
            self._lifetime,
        )
        await tx.connection.execute("DELETE FROM upload_pieces WHERE upload_id = $1", upload_id)

    async def remove(self, tx: Transaction, upload_id: UUID) -> None:
        """See the port. Its pieces go with it: also one that is just being added, which holds the row until it is there."""
        await tx.connection.execute("DELETE FROM uploads WHERE upload_id = $1", upload_id)


def _upload(row: dict[str, Any]) -> Upload:
    refusal = row["refusal"]
    return Upload(**{**row, "refusal": None if refusal is None else Refused(**refusal)})
