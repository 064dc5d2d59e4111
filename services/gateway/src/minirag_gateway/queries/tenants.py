"""Reads of the tenant itself."""

from minirag_contracts.context import TenantScope
from minirag_eventstore import Connection

from minirag_gateway.domain.tenant import TenantRead
from minirag_gateway.errors import TenantNotFound
from minirag_gateway.ports import Store


class TenantQueries:
    """The tenant as its people see it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, scope: TenantScope) -> TenantRead:
        """The tenant of the scope; raises TenantNotFound."""
        async with self._store.reading(scope) as connection:
            return await read_tenant(connection)


async def read_tenant(connection: Connection) -> TenantRead:
    """The transaction's tenant, the only one that it sees; raises TenantNotFound."""
    row = await connection.fetchrow("SELECT tenant_id AS id, name, slug, is_active, plan FROM tenants")
    if row is None:
        raise TenantNotFound
    return TenantRead(**dict(row))
