"""The look-ups before a tenant is known: who is it that brings this? The gateway's one room that opens the system role."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from minirag_contracts.context import TenantScope
from minirag_contracts.requests.gateway import TenantFound
from minirag_eventstore import Connection, Database, reachable
from minirag_service.persons import is_erased

from minirag_gateway.ports import Account, CredentialRecord, Lookup, PublicKey, TokenUse

_PERSON = """
       users.user_id, users.role, coalesce(users.is_active, false) AS user_active,
       tenant.tenant_id, tenant.name AS tenant_name, tenant.slug AS tenant_slug, tenant.plan AS tenant_plan,
       tenant.is_active AS tenant_active
"""

_FIND = {
    "token": f"""
SELECT token.token_id AS credential_id, token.is_active, token.expires_at, token.scopes, {_PERSON}
FROM tokens AS token
JOIN tenants AS tenant ON tenant.tenant_id = token.tenant_id
LEFT JOIN users ON users.user_id = token.user_id AND users.tenant_id = token.tenant_id
WHERE token.token_hash = $1
""",  # noqa: S608  # the list of columns is ours
    "session": f"""
SELECT session.session_id AS credential_id, session.is_active, session.expires_at, {_PERSON}
FROM sessions AS session
JOIN tenants AS tenant ON tenant.tenant_id = session.tenant_id
LEFT JOIN users ON users.user_id = session.user_id AND users.tenant_id = session.tenant_id
WHERE session.session_id = $1::text::uuid
""",  # noqa: S608
    "embed_key": """
SELECT key.key_id AS credential_id, key.is_active, NULL AS expires_at, key.bot_id, key.origins,
       key.visitor_rate, tenant.tenant_id, tenant.name AS tenant_name, tenant.slug AS tenant_slug, tenant.plan AS tenant_plan,
       tenant.is_active AS tenant_active
FROM embed_keys AS key JOIN tenants AS tenant ON tenant.tenant_id = key.tenant_id
WHERE key.key_id = $1::text::uuid
""",
}

_ACCOUNTS = """
SELECT tenant.tenant_id, tenant.is_active AS tenant_active, users.user_id, users.is_active AS user_active,
       content.password_hash
FROM user_content AS content
JOIN users ON users.user_id = content.user_id
JOIN tenants AS tenant ON tenant.tenant_id = content.tenant_id
WHERE lower(content.email) = lower($1) AND ($2::text IS NULL OR tenant.slug = $2)
ORDER BY users.created_at LIMIT $3
"""

MAX_ACCOUNTS = 8
"""Tenants in which one address may log in without saying which; each costs a comparison of the password."""

_PUBLIC = """
SELECT key.tenant_id, tenant.is_active AS tenant_active, key.key_id, key.bot_id, key.origins, key.session_minutes
FROM embed_keys AS key JOIN tenants AS tenant ON tenant.tenant_id = key.tenant_id
WHERE key.key = $1 AND key.is_active
"""

_TENANTS = "SELECT tenant_id AS id, slug, name, is_active, created_at FROM tenants"

_FORGET = (
    "DELETE FROM invites WHERE expires_at < now() - interval '30 days' AND used_at IS NULL",
    "DELETE FROM password_resets WHERE expires_at < now()",
    "DELETE FROM session_refresh USING sessions WHERE session_refresh.session_id = sessions.session_id AND expires_at < now()",
    "DELETE FROM embed_usage WHERE day < current_date - 7",
    """DELETE FROM uploads
       WHERE expires_at < now() AND (received < length OR source_id IS NOT NULL OR refusal IS NOT NULL)""",
)
"""What is good for nothing any more; of a used invite the row stays, to tell who came by it, and an upload that is whole until
a source was made of it."""

_NOTE = """
INSERT INTO token_use (token_id, tenant_id, last_used_at)
SELECT used.* FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS used (token_id, tenant_id, last_used_at)
WHERE NOT EXISTS (SELECT FROM erasures WHERE erasures.tenant_id = used.tenant_id)
ON CONFLICT (token_id) DO UPDATE SET last_used_at = greatest(token_use.last_used_at, excluded.last_used_at)
"""
"""Of a tenant that was erased since then nothing; what crosses the erasure itself goes when that is asked for or swept again."""


class PostgresCredentials:
    """``Credentials`` over the projections of identity, and ``Invites``, which belong to nobody yet."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, lookup: Lookup) -> CredentialRecord | None:
        """See the port."""
        async with self._looking() as connection:
            row = await connection.fetchrow(_FIND[lookup.kind], lookup.key)
        if row is None:
            return None
        fields = dict(row)
        return CredentialRecord(**{**fields, "origins": tuple(fields.get("origins") or ())})

    async def accounts(self, email: str, tenant_slug: str | None) -> list[Account]:
        """See the port."""
        async with self._looking() as connection:
            rows = await connection.fetch(_ACCOUNTS, email, tenant_slug, MAX_ACCOUNTS)
        return [Account(**dict(row)) for row in rows]

    async def session_tenant(self, session_id: UUID) -> UUID | None:
        """See the port."""
        return await self._tenant("SELECT tenant_id FROM sessions WHERE session_id = $1", session_id)

    async def reset_tenant(self, secret_hash: str) -> UUID | None:
        """See the port."""
        return await self._tenant("SELECT tenant_id FROM password_resets WHERE secret_hash = $1", secret_hash)

    async def public_key(self, key: str) -> PublicKey | None:
        """See the port."""
        async with self._looking() as connection:
            row = await connection.fetchrow(_PUBLIC, key)
        return None if row is None else PublicKey(**{**dict(row), "origins": tuple(row["origins"])})

    async def is_erased(self, scope: TenantScope, actor: str) -> bool:
        """See the port."""
        async with reachable(), self._database.tenant(scope) as connection:
            return await is_erased(connection, actor)

    async def is_embed_origin(self, origin: str) -> bool:
        """See the port."""
        async with self._looking() as connection:
            return bool(
                await connection.fetchval(
                    "SELECT EXISTS (SELECT FROM embed_keys WHERE is_active AND origins @> ARRAY[$1])", origin
                )
            )

    async def find_tenant(self, slug_or_id: str) -> TenantFound | None:
        """See the port."""
        async with self._looking() as connection:
            row = await connection.fetchrow(
                _TENANTS + " WHERE slug = $1 OR tenant_id::text = lower($1)", slug_or_id
            )
        return None if row is None else TenantFound(**dict(row))

    async def tenants(self, after: tuple[datetime, UUID] | None, limit: int) -> list[TenantFound]:
        """See the port."""
        created_at, tenant_id = after or (None, None)
        async with self._looking() as connection:
            rows = await connection.fetch(
                _TENANTS + " WHERE $1::timestamptz IS NULL OR (created_at, tenant_id) < ($1, $2::uuid) "
                "ORDER BY created_at DESC, tenant_id DESC LIMIT $3",
                created_at,
                tenant_id,
                limit,
            )
        return [TenantFound(**dict(row)) for row in rows]

    async def note_uses(self, uses: Sequence[TokenUse]) -> None:
        """See the port."""
        async with self._looking() as connection:
            await connection.execute(
                _NOTE,
                [use.token_id for use in uses],
                [use.tenant_id for use in uses],
                [use.used_at for use in uses],
            )

    async def add(self, invite_hash: str, expires_at: datetime) -> None:
        """See ``Invites``: an invite is no tenant's until it is used."""
        async with self._looking() as connection:
            await connection.execute(
                "INSERT INTO invites (invite_hash, expires_at) VALUES ($1, $2)", invite_hash, expires_at
            )

    async def forget_expired(self) -> None:
        """Deletes the notes of all tenants whose time is over."""
        async with self._database.system() as connection:
            for statement in _FORGET:
                await connection.execute(statement)

    async def _tenant(self, query: str, argument: Any) -> UUID | None:
        async with self._looking() as connection:
            found: UUID | None = await connection.fetchval(query, argument)
        return found

    @asynccontextmanager
    async def _looking(self) -> AsyncIterator[Connection]:
        async with reachable(), self._database.system() as connection:
            yield connection
