"""Postgres: where commands take effect, and the look-up of a token before its tenant is known.

``PostgresCredentials`` is the gateway's one room that opens the system role. A database that is down, starting or stopping
is a 503 that may be repeated, not a fault of ours.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import asyncpg
from minirag_contracts.context import Context
from minirag_contracts.errors import Unavailable
from minirag_contracts.requests import Reply, Request
from minirag_contracts.requests.gateway import TenantFound
from minirag_eventstore import Database, EventStore, Transaction

from minirag_gateway.ports import TokenRecord, TokenUse

_FIND = """
SELECT token.token_id, token.tenant_id, token.user_id, token.is_active AS token_active, token.scopes, token.expires_at,
       users.role, coalesce(users.is_active, false) AS user_active,
       tenant.is_active AS tenant_active, tenant.name AS tenant_name, tenant.slug AS tenant_slug,
       tenant.plan AS tenant_plan
FROM tokens AS token
JOIN tenants AS tenant ON tenant.tenant_id = token.tenant_id
LEFT JOIN users ON users.user_id = token.user_id AND users.tenant_id = token.tenant_id
WHERE token.token_hash = $1
"""

_TENANT = """
SELECT tenant_id AS id, slug, is_active FROM tenants WHERE slug = $1 OR tenant_id::text = lower($1)
"""

_NOTE = """
INSERT INTO token_use (token_id, tenant_id, last_used_at)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[])
ON CONFLICT (token_id) DO UPDATE SET last_used_at = greatest(token_use.last_used_at, excluded.last_used_at)
"""

R = TypeVar("R", bound=Reply)

AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
)
"""What such a database looks like from here."""


@asynccontextmanager
async def reachable() -> AsyncIterator[None]:
    """Turns the errors of a database that is away into Unavailable."""
    try:
        yield
    except AWAY as error:
        raise Unavailable("The database cannot be reached at the moment. Please try again.") from error


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


class PostgresCredentials:
    """``Credentials`` over the projections of identity."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_token(self, token_hash: str) -> TokenRecord | None:
        """See the port."""
        async with reachable(), self._database.system() as connection:
            row = await connection.fetchrow(_FIND, token_hash)
        return None if row is None else TokenRecord(**dict(row))

    async def find_tenant(self, slug_or_id: str) -> TenantFound | None:
        """A tenant by what an operator knows of it."""
        async with reachable(), self._database.system() as connection:
            row = await connection.fetchrow(_TENANT, slug_or_id)
        return None if row is None else TenantFound(**dict(row))

    async def note_uses(self, uses: Sequence[TokenUse]) -> None:
        """See the port."""
        async with self._database.system() as connection:
            await connection.execute(
                _NOTE,
                [use.token_id for use in uses],
                [use.tenant_id for use in uses],
                [use.used_at for use in uses],
            )
