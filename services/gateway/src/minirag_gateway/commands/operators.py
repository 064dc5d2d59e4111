"""What operators do with tenants."""

from dataclasses import replace

from minirag_contracts.context import Context
from minirag_contracts.ids import new_id
from minirag_contracts.requests.gateway import (
    EndUser,
    EraseTenant,
    FindTenant,
    SetTenantServed,
    TenantFound,
    UserEnded,
)

from minirag_gateway.commands.tenants import TenantCommands
from minirag_gateway.commands.users import UserCommands
from minirag_gateway.domain.access import require_operator
from minirag_gateway.queries.operators import OperatorQueries
from minirag_gateway.queries.users import UserQueries


class OperatorCommands:
    """Each raises NotTheOperator for anybody else."""

    def __init__(
        self, tenants: TenantCommands, users: UserCommands, people: UserQueries, queries: OperatorQueries
    ) -> None:
        self._tenants = tenants
        self._users = users
        self._people = people
        self._queries = queries

    async def set_served(self, request: SetTenantServed, context: Context) -> TenantFound:
        """Suspends a tenant, which counts within a second on every path, or resumes it; raises TenantNotFound."""
        require_operator(context)
        which = FindTenant(slug_or_id=request.slug_or_id)
        inside = await self._inside(which, context)
        await (self._tenants.resume(inside) if request.served else self._tenants.suspend(inside))
        return await self._queries.find_tenant(which, context)

    async def erase(self, request: EraseTenant, context: Context) -> TenantFound:
        """Ends a tenant for good; raises TenantNotFound."""
        require_operator(context)
        which = FindTenant(slug_or_id=request.slug_or_id)
        await self._tenants.erase(await self._inside(which, context))
        return await self._queries.find_tenant(which, context)

    async def end_user(self, request: EndUser, context: Context) -> UserEnded:
        """Deactivates a user; raises TenantNotFound, UserNotFound, and LastOwner where nobody would be left."""
        require_operator(context)
        inside = await self._inside(FindTenant(slug_or_id=request.slug_or_id), context)
        user_id = await self._people.id_of(inside.scope, request.email)
        await self._users.deactivate(inside, "owner", user_id)
        return UserEnded(tenant_id=inside.scope.tenant_id, actor=f"user:{user_id}")

    async def _inside(self, which: FindTenant, context: Context) -> Context:
        found = await self._queries.find_tenant(which, context)
        return replace(context, tenant_id=found.id, command_id=new_id())
