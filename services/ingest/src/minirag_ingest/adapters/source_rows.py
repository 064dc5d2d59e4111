"""Sources in Postgres. Row-level security narrows every statement to the transaction's tenant."""

import base64
import binascii
from datetime import datetime
from typing import Any
from uuid import UUID

from minirag_contracts.requests.ingest import SourceList, SourceRead
from minirag_eventstore import Transaction

from minirag_ingest.errors import InvalidCursor

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
        created_at, source_id = _decode(cursor) if cursor else (None, None)
        rows = await tx.connection.fetch(
            _SELECT + "WHERE s.is_active AND s.parent_id IS NULL AND ($1::uuid IS NULL OR s.bot_id = $1) "
            "AND ($2::timestamptz IS NULL OR (s.created_at, s.source_id) < ($2, $3::uuid)) "
            "ORDER BY s.created_at DESC, s.source_id DESC LIMIT $4",
            bot_id,
            created_at,
            source_id,
            limit + 1,
        )
        items = [_read(dict(row)) for row in rows[:limit]]
        more = len(rows) > limit and items
        return SourceList(items=items, next=_encode(items[-1]) if more else None)


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


def _encode(last: SourceRead) -> str:
    return base64.urlsafe_b64encode(f"{last.created_at.isoformat()}|{last.id}".encode()).decode()


def _decode(cursor: str) -> tuple[datetime, UUID]:
    try:
        created_at, _, source_id = base64.urlsafe_b64decode(cursor.encode()).decode().partition("|")
        moment = datetime.fromisoformat(created_at)
        if moment.tzinfo is None:
            raise InvalidCursor
        return moment, UUID(source_id)
    except (ValueError, binascii.Error) as error:
        raise InvalidCursor from error
