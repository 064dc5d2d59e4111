"""The tenant: an organisation and whether it may be served."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from minirag_contracts.errors import Conflict
from minirag_contracts.events import EventPayload
from minirag_contracts.events.gateway import (
    TenantCreated,
    TenantErased,
    TenantResumed,
    TenantSuspended,
    TenantUpdated,
)
from minirag_contracts.requests import Reply

from minirag_gateway.errors import TenantIsErased

SignupMode = Literal["open", "invite", "closed"]
"""Who may make a tenant: anybody, whoever brings an invite, nobody."""


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
    name: str = ""
    is_active: bool = False
    is_erased: bool = False


def stream_of(tenant_id: UUID) -> str:
    """The event stream of a tenant."""
    return f"tenant-{tenant_id}"


def create(tenant: Tenant, *, name: str, slug: str) -> Sequence[EventPayload]:
    """An organisation signs up; whether its slug is free is known to the register of slugs, not to the tenant."""
    if tenant.exists:
        raise Conflict
    return [TenantCreated(name=name, slug=slug)]


def rename(tenant: Tenant, name: str) -> Sequence[EventPayload]:
    """The organisation calls itself something else."""
    return [] if name == tenant.name else [TenantUpdated(name=name)]


def suspend(tenant: Tenant) -> Sequence[EventPayload]:
    """The operator serves it no more; nothing of it is deleted."""
    return [TenantSuspended()] if tenant.is_active else []


def resume(tenant: Tenant) -> Sequence[EventPayload]:
    """The operator serves it again."""
    if tenant.is_erased:
        raise TenantIsErased
    return [TenantResumed()] if tenant.exists and not tenant.is_active else []


def erase(tenant: Tenant) -> Sequence[EventPayload]:
    """The operator serves it never again, and every service erases what it has of it."""
    return [TenantErased()] if tenant.exists and not tenant.is_erased else []


def evolve(tenant: Tenant, event: EventPayload) -> Tenant:
    """The tenant after the event."""
    match event:
        case TenantCreated():
            return Tenant(exists=True, name=event.name, is_active=True)
        case TenantUpdated():
            return replace(tenant, name=event.name)
        case TenantSuspended() | TenantResumed():
            return replace(tenant, is_active=isinstance(event, TenantResumed))
        case TenantErased():
            return replace(tenant, is_active=False, is_erased=True)
    return tenant
