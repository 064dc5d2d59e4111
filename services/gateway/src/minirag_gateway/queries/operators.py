"""What operators ask: which tenants there are. Without a tenant's scope, so only the system's user may (``contracts.grants``)."""

from minirag_contracts.context import Context
from minirag_contracts.requests.gateway import FindTenant, ListTenants, TenantFound, TenantsFound
from minirag_eventstore import pages

from minirag_gateway.domain.access import require_operator
from minirag_gateway.errors import NoSuchTenant
from minirag_gateway.ports import Credentials


class OperatorQueries:
    """The tenants as operators see them. Each raises NotTheOperator for anybody else."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    async def find_tenant(self, request: FindTenant, context: Context) -> TenantFound:
        """By slug or id; raises NoSuchTenant."""
        require_operator(context)
        found = await self._credentials.find_tenant(request.slug_or_id)
        if found is None:
            raise NoSuchTenant
        return found

    async def list_tenants(self, request: ListTenants, context: Context) -> TenantsFound:
        """Newest first."""
        require_operator(context)
        limit, after = pages.checked_limit(request.limit), pages.decode(request.cursor)
        found = await self._credentials.tenants(after and (after[0], after[1]), limit + 1)
        more = None
        if len(found) > limit:
            last = found[limit - 1]
            more = pages.encode((last.created_at, last.id, 0))
        return TenantsFound(items=found[:limit], next=more)
