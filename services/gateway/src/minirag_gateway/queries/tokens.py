"""Reads of API tokens."""

from datetime import datetime
from typing import Any
from uuid import UUID

from minirag_contracts.context import TenantScope
from minirag_contracts.events.gateway import Scope
from minirag_contracts.requests import Reply
from minirag_eventstore import Connection, pages

from minirag_gateway.errors import TokenNotFound
from minirag_gateway.ports import Store

_SELECT = """
SELECT token_id AS id, tokens.tenant_id, user_id, name, token_prefix, scopes, is_active, expires_at, last_used_at, created_at
FROM tokens LEFT JOIN (SELECT token_id, last_used_at FROM token_use) AS uses USING (token_id)
"""


class TokenRead(Reply):
    """An API token as clients see it (spec §5); ``scopes`` null: it may do what its user may."""

    id: UUID
    tenant_id: UUID
    user_id: UUID
    name: str
    token_prefix: str
    scopes: list[Scope] | None
    is_active: bool
    expires_at: datetime | None
    last_used_at: datetime | None
    created_at: datetime


class TokenQueries:
    """Tokens as clients see them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def list(
        self, scope: TenantScope, limit: int, cursor: str | None
    ) -> tuple[list[TokenRead], str | None]:
        """Newest first, revoked ones included."""
        after = pages.decode(cursor)
        async with self._store.reading(scope) as connection:
            rows = await connection.fetch(
                _SELECT + "WHERE $1::timestamptz IS NULL OR (created_at, token_id) < ($1, $2::uuid) "
                "ORDER BY created_at DESC, token_id DESC LIMIT $3",
                after and after[0],
                after and after[1],
                limit + 1,
            )
        page, following = pages.cut([dict(row) for row in rows], limit, "id")
        return [_token(row) for row in page], following


async def read_token(connection: Connection, token_id: UUID) -> TokenRead:
    """One token of the transaction's tenant; raises TokenNotFound."""
    row = await connection.fetchrow(_SELECT + "WHERE token_id = $1", token_id)
    if row is None:
        raise TokenNotFound
    return _token(dict(row))


def _token(row: dict[str, Any]) -> TokenRead:
    return TokenRead(**row)
