"""``minirag tenants``: who is served. Takes effect within a second on every path."""

from minirag_contracts.requests.gateway import ListTenants, SetTenantServed, TenantFound, TenantsFound

from minirag_local import outside
from minirag_local.administration import OPERATOR, operators_bus
from minirag_local.folder import DataFolder
from minirag_local.subscribers import Subscribers


async def list_tenants(folder: DataFolder) -> None:
    """One line for each, newest first."""
    async with operators_bus(folder) as bus:
        cursor: str | None = None
        while True:
            found = await bus.request(ListTenants(cursor=cursor), TenantsFound, OPERATOR)
            for tenant in found.items:
                print(f"{_line(tenant)} since {tenant.created_at:%F}")
            cursor = found.next
            if cursor is None:
                return


async def set_served(folder: DataFolder, which: str, *, served: bool) -> None:
    """Suspends a tenant, and ends its outside subscribers; or serves it again, who have to be added anew then."""
    async with operators_bus(folder) as bus:
        tenant = await bus.request(SetTenantServed(slug_or_id=which, served=served), TenantFound, OPERATOR)
    print(_line(tenant))
    if not served:
        for user, subscriber in list(Subscribers.of(folder).by_user.items()):
            if subscriber.tenant_id == str(tenant.id):
                await outside.remove(folder, user)


def _line(tenant: TenantFound) -> str:
    return f"{tenant.slug} ({tenant.id}) {'served' if tenant.is_active else 'suspended'}: {tenant.name}"
