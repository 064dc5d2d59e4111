"""Reads of embed keys."""

from datetime import datetime
from typing import Any
from uuid import UUID

from minirag_contracts.context import TenantScope
from minirag_contracts.requests import Reply
from minirag_eventstore import Connection, pages

from minirag_gateway.errors import EmbedKeyNotFound
from minirag_gateway.ports import Store

_SELECT = """
SELECT key_id AS id, tenant_id, bot_id AS bot_profile_id, key, name, origins, visitor_rate, daily_messages, session_minutes,
       is_active, coalesce((SELECT messages FROM embed_usage AS used
                            WHERE used.key_id = embed_keys.key_id AND used.day = (now() AT TIME ZONE 'UTC')::date), 0)
                  AS messages_today,
       created_at, updated_at
FROM embed_keys
"""


class EmbedKeyRead(Reply):
    """An embed key. ``key`` is meant to be published; ``visitor_rate`` is messages a minute and visitor."""

    id: UUID
    tenant_id: UUID
    bot_profile_id: UUID
    key: str
    name: str
    origins: list[str]
    visitor_rate: int
    daily_messages: int
    session_minutes: int
    is_active: bool
    messages_today: int
    created_at: datetime
    updated_at: datetime


class EmbedKeyQueries:
    """Embed keys as their administrators see them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, scope: TenantScope, key_id: UUID) -> EmbedKeyRead:
        """One key, active or not; raises EmbedKeyNotFound."""
        async with self._store.reading(scope) as connection:
            return await read_embed_key(connection, key_id)

    async def list(
        self, scope: TenantScope, limit: int, cursor: str | None
    ) -> tuple[list[EmbedKeyRead], str | None]:
        """Newest first, revoked ones included."""
        after = pages.decode(cursor)
        async with self._store.reading(scope) as connection:
            rows = await connection.fetch(
                _SELECT + "WHERE $1::timestamptz IS NULL OR (created_at, key_id) < ($1, $2::uuid) "
                "ORDER BY created_at DESC, key_id DESC LIMIT $3",
                after and after[0],
                after and after[1],
                limit + 1,
            )
        page, following = pages.cut([dict(row) for row in rows], limit, "id")
        return [_key(row) for row in page], following


async def read_embed_key(connection: Connection, key_id: UUID) -> EmbedKeyRead:
    """One key of the transaction's tenant; raises EmbedKeyNotFound."""
    row = await connection.fetchrow(_SELECT + "WHERE key_id = $1", key_id)
    if row is None:
        raise EmbedKeyNotFound
    return _key(dict(row))


def _key(row: dict[str, Any]) -> EmbedKeyRead:
    return EmbedKeyRead(**row)
