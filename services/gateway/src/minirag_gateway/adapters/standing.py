"""Whether somebody may go on, by looking every second.

The feed of identity events takes this place: it knows at once, and asks nobody while nothing changes.
"""

import asyncio
import logging

from minirag_contracts.context import TenantScope
from minirag_eventstore import DATABASE_AWAY, Database

from minirag_gateway.domain.principal import Principal

logger = logging.getLogger(__name__)

_STANDS = """
SELECT users.role = $2 AND users.is_active AND tenants.is_active
       AND ($3::uuid IS NULL OR coalesce(tokens.is_active AND (tokens.expires_at IS NULL OR tokens.expires_at > now()), false))
FROM users JOIN tenants USING (tenant_id) LEFT JOIN tokens ON tokens.token_id = $3
WHERE users.user_id = $1
"""


class PolledStanding:
    """``Standing`` over the projections of identity. A database that cannot be asked ends it as well."""

    def __init__(self, database: Database, every: float = 0.5) -> None:
        self._database = database
        self._every = every

    async def ended(self, principal: Principal) -> None:
        """See the port."""
        while await self._stands(principal):  # noqa: ASYNC110  # the row may be changed by another process
            await asyncio.sleep(self._every)

    async def _stands(self, principal: Principal) -> bool:
        token_id = principal.credential_id if principal.kind == "token" else None
        try:
            async with asyncio.timeout(2), self._database.tenant(TenantScope(principal.tenant.id)) as rows:
                found = await rows.fetchval(_STANDS, principal.user_id, principal.role, token_id)
        except (TimeoutError, *DATABASE_AWAY) as error:
            logger.warning("cannot ask who may go on", extra={"error": type(error).__name__})
            return False
        return bool(found)
