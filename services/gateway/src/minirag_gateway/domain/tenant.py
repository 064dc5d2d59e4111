"""The tenant: an organisation and whether it may be served."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from minirag_contracts.errors import Conflict
from minirag_contracts.events import EventPayload
from minirag_contracts.events.gateway import TenantCreated
from minirag_contracts.requests import Reply


class TenantRead(Reply):
    """A tenant as clients see it (spec §3)."""

    id: UUID
    name: str
    slug: str
    is_active: bool
    plan: str


@dataclass(frozen=True, slots=True)
class Tenant:
    """What decisions need to know of a tenant."""

    exists: bool = False


def stream_of(tenant_id: UUID) -> str:
    """The event stream of a tenant."""
    return f"tenant-{tenant_id}"


def create(tenant: Tenant, *, name: str, slug: str) -> Sequence[EventPayload]:
    """An organisation signs up; whether its slug is free is known to the register of slugs, not to the tenant."""
    if tenant.exists:
        raise Conflict
    return [TenantCreated(name=name, slug=slug)]


def evolve(tenant: Tenant, event: EventPayload) -> Tenant:
    """The tenant after the event."""
    return Tenant(exists=True) if isinstance(event, TenantCreated) else tenant
