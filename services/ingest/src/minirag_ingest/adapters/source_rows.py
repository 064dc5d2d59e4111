"""Sources in Postgres. Row-level security narrows every statement to the transaction's tenant."""

from typing import Any
from uuid import UUID

from minirag_contracts.requests.ingest import SourceList, SourceRead
from minirag_eventstore import Transaction, pages

_SELECT = """
SELECT s.*, coalesce(c.config, s.config) AS whole_config,
       (SELECT count(*) FROM sources child WHERE child.parent_id = s.source_id AND child.is_active) AS children_count
FROM sources s LEFT JOIN source_contents c USING (source_id)
"""


class PostgresSourceRows:
    """The port SourceRows."""

    async def get(self, tx: Transaction, source_id: UUID) -> SourceRead | None:
        """One source."""
        row = await tx.connection.fetchrow(_SELECT + "WHERE s.source_id = $1", source_id)
        return _read(dict(row)) if row else None

    async def page(self, tx: Transaction, bot_id: UUID | None, limit: int, cursor: str | None) -> SourceList:
        """A page of active top-level sources, newest first."""
        created_at, source_id, _ = pages.decode(cursor) or (None, None, 0)
        rows = await tx.connection.fetch(
            _SELECT + "WHERE s.is_active AND s.parent_id IS NULL AND ($1::uuid IS NULL OR s.bot_id = $1) "
            "AND ($2::timestamptz IS NULL OR (s.created_at, s.source_id) < ($2, $3::uuid)) "
            "ORDER BY s.created_at DESC, s.source_id DESC LIMIT $4",
            bot_id,
            created_at,
            source_id,
            limit + 1,
        )
        page, more = pages.cut(rows, limit, "source_id")
        return SourceList(items=[_read(dict(row)) for row in page], next=more)


def _read(row: dict[str, Any]) -> SourceRead:
    return SourceRead(
        id=row["source_id"],
        tenant_id=row["tenant_id"],
        bot_profile_id=row["bot_id"],
        parent_id=row["parent_id"],
        name=row["name"],
        description=row["description"],
        source_type=row["source_type"],
        status=row["status"],
        config=row["whole_config"],
        document_count=row["document_count"],
        chunk_count=row["chunk_count"],
        error_message=row["error_message"],
        is_active=row["is_active"],
        refresh_schedule=row["refresh_schedule"],
        last_refreshed_at=row["last_refreshed_at"],
        children_count=row["children_count"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
