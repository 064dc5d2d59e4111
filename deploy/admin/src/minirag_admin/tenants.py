"""Who is served. Takes effect within a second on every path."""

from minirag_contracts.requests.gateway import ListTenants, SetTenantServed, TenantFound, TenantsFound

from minirag_admin.deployment import OPERATOR, Deployment


async def list_tenants(deployment: Deployment) -> None:
    """One line for each, newest first."""
    async with deployment.access().bus() as bus:
        cursor: str | None = None
        while True:
            found = await bus.request(ListTenants(cursor=cursor), TenantsFound, OPERATOR)
            for tenant in found.items:
                print(f"{_line(tenant)} since {tenant.created_at:%F}")
            cursor = found.next
            if cursor is None:
                return


async def set_served(deployment: Deployment, which: str, *, served: bool) -> None:
    """Suspends a tenant, and ends its outside subscribers; or serves it again, who have to be added anew then."""
    async with deployment.access().bus() as bus:
        tenant = await bus.request(SetTenantServed(slug_or_id=which, served=served), TenantFound, OPERATOR)
    print(_line(tenant))
    if not served:
        await deployment.shut_out(tenant.id)


def _line(tenant: TenantFound) -> str:
    return f"{tenant.slug} ({tenant.id}) {'served' if tenant.is_active else 'suspended'}: {tenant.name}"
