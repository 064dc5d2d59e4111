"""Tenants, as authentication reads them."""

from typing import Any, ClassVar

from minirag_contracts.envelope import Envelope
from minirag_contracts.events.gateway import (
    TenantCreated,
    TenantErased,
    TenantResumed,
    TenantSuspended,
    TenantUpdated,
)
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

    @on(TenantUpdated)
    async def updated(self, connection: Any, event: Envelope, payload: TenantUpdated) -> None:
        """Another name."""
        await connection.execute(
            "UPDATE tenants SET name = $2 WHERE tenant_id = $1", event.tenant_id, payload.name
        )

    @on(TenantSuspended)
    async def suspended(self, connection: Any, event: Envelope, payload: TenantSuspended) -> None:
        """Served no more."""
        await connection.execute("UPDATE tenants SET is_active = false WHERE tenant_id = $1", event.tenant_id)

    @on(TenantResumed)
    async def resumed(self, connection: Any, event: Envelope, payload: TenantResumed) -> None:
        """Served again."""
        await connection.execute("UPDATE tenants SET is_active = true WHERE tenant_id = $1", event.tenant_id)

    @on(TenantErased)
    async def erased(self, connection: Any, event: Envelope, payload: TenantErased) -> None:
        """Never served again."""
        await connection.execute("UPDATE tenants SET is_active = false WHERE tenant_id = $1", event.tenant_id)
