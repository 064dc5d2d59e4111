"""Content tables of bots' secrets: sealed before they reach the database, opened for the one use that they have."""

from typing import Any
from uuid import UUID

from minirag_contracts.context import TenantScope
from minirag_service.sealing import Sealer


class PostgresSecrets:
    """Secrets in the service's own schema, each call inside the caller's transaction."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    async def credentials(self, connection: Any, bot_id: UUID) -> str | None:
        """The provider's key."""
        return await self._read(connection, "bot_credentials", bot_id)

    async def set_credentials(
        self, connection: Any, scope: TenantScope, bot_id: UUID, api_key: str | None
    ) -> None:
        """Replaces or forgets it."""
        await self._write(connection, "bot_credentials", scope, bot_id, api_key)

    async def identity_secret(self, connection: Any, bot_id: UUID) -> str | None:
        """The site's secret."""
        return await self._read(connection, "bot_identity_secrets", bot_id)

    async def set_identity_secret(
        self, connection: Any, scope: TenantScope, bot_id: UUID, secret: str | None
    ) -> None:
        """Replaces or forgets it."""
        await self._write(connection, "bot_identity_secrets", scope, bot_id, secret)

    async def _read(self, connection: Any, table: str, bot_id: UUID) -> str | None:
        sealed = await connection.fetchval(f"SELECT sealed FROM {table} WHERE bot_id = $1", bot_id)  # noqa: S608  # ours
        return None if sealed is None else self._sealer.open(sealed).decode()

    async def _write(
        self, connection: Any, table: str, scope: TenantScope, bot_id: UUID, value: str | None
    ) -> None:
        if value is None:
            await connection.execute(f"DELETE FROM {table} WHERE bot_id = $1", bot_id)  # noqa: S608  # ours
            return
        await connection.execute(
            f"""INSERT INTO {table} (tenant_id, bot_id, sealed) VALUES ($1, $2, $3)
                ON CONFLICT (bot_id) DO UPDATE SET sealed = excluded.sealed""",  # noqa: S608  # ours
            scope.tenant_id,
            bot_id,
            self._sealer.seal(value.encode()),
        )
