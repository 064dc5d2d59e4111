"""Tenants, as authentication reads them."""

from typing import Any, ClassVar

from minirag_contracts.envelope import Envelope
from minirag_contracts.events.gateway import TenantCreated
from minirag_eventstore import Projection, on


class Tenants(Projection):
    """One row per tenant."""

    name: ClassVar[str] = "tenants"
    tables: ClassVar[tuple[str, ...]] = ("tenants",)
    owner: ClassVar[str] = "gateway"
    patterns: ClassVar[tuple[str, ...]] = ("tenant.>",)

    @on(TenantCreated)
    async def tenant_created(self, connection: Any, event: Envelope, payload: TenantCreated) -> None:
        """A new tenant is active."""
        await connection.execute(
            "INSERT INTO tenants (tenant_id, name, slug, plan, is_active, created_at) "
            "VALUES ($1, $2, $3, $4, true, $5)",
            event.tenant_id,
            payload.name,
            payload.slug,
            payload.plan,
            event.recorded_at,
        )
