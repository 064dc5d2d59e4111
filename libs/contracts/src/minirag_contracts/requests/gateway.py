"""What may be asked of the gateway: by the operator (``system:operator``) only."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from pydantic import Field

from minirag_contracts.requests.base import Page, Reply, Request


class OperatorRequest(Request):
    """Anything that an operator asks of the gateway."""

    service: ClassVar[str] = "gateway"


class InviteCreated(Reply):
    """An invite to sign up, for the one time that it is shown."""

    holds_secret: ClassVar[bool] = True

    invite: str = Field(repr=False)
    expires_at: datetime


class CreateInvite(OperatorRequest):
    """Let somebody sign up, once, in the next ``days``."""

    verb: ClassVar[str] = "invites.create"
    Returns: ClassVar[type[Reply]] = InviteCreated

    days: int = Field(default=7, ge=1, le=365)


class TenantFound(Reply):
    """Which tenant it is, and whether it is served."""

    id: UUID
    slug: str
    name: str
    is_active: bool
    created_at: datetime


class FindTenant(OperatorRequest):
    """The tenant with this slug or id; ``not_found`` where there is none."""

    verb: ClassVar[str] = "tenants.find"
    Returns: ClassVar[type[Reply]] = TenantFound

    slug_or_id: str


class SetTenantServed(OperatorRequest):
    """Suspend the tenant with this slug or id, or serve it again; what is so already stays so."""

    verb: ClassVar[str] = "tenants.serve"
    Returns: ClassVar[type[Reply]] = TenantFound

    slug_or_id: str
    served: bool


class EraseTenant(OperatorRequest):
    """Serve the tenant with this slug or id never again and erase what there is of it; what is so already stays so."""

    verb: ClassVar[str] = "tenants.erase"
    Returns: ClassVar[type[Reply]] = TenantFound

    slug_or_id: str


class UserEnded(Reply):
    """Who it was, for all that is recorded of them."""

    tenant_id: UUID
    actor: str


class EndUser(OperatorRequest):
    """Let the user with this address do nothing any more; what is so already stays so."""

    verb: ClassVar[str] = "users.end"
    Returns: ClassVar[type[Reply]] = UserEnded

    slug_or_id: str
    email: str = Field(repr=False)


class TenantsFound(Reply):
    """Newest first."""

    items: list[TenantFound]
    next: str | None = None


class ListTenants(OperatorRequest, Page):
    """Every tenant."""

    verb: ClassVar[str] = "tenants.list"
    Returns: ClassVar[type[Reply]] = TenantsFound
