"""What operators ask: which tenant it is that they mean."""

from collections.abc import Awaitable, Callable

from minirag_contracts.context import Context
from minirag_contracts.requests.gateway import FindTenant, TenantFound

from minirag_gateway.errors import NoSuchTenant


class OperatorQueries:
    """Answers without a tenant's scope, so only the system's user may ask (``contracts.grants``)."""

    def __init__(self, find: Callable[[str], Awaitable[TenantFound | None]]) -> None:
        self._find = find

    async def find_tenant(self, request: FindTenant, context: Context) -> TenantFound:
        """By slug or id; raises NoSuchTenant."""
        found = await self._find(request.slug_or_id)
        if found is None:
            raise NoSuchTenant
        return found
