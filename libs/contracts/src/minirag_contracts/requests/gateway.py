"""What may be asked of the gateway: by operators only."""

from typing import ClassVar
from uuid import UUID

from minirag_contracts.requests.base import Reply, Request


class GatewayRequest(Request):
    """Anything asked of the gateway."""

    service: ClassVar[str] = "gateway"


class TenantFound(Reply):
    """Which tenant it is."""

    id: UUID
    slug: str
    is_active: bool


class FindTenant(GatewayRequest):
    """The tenant with this slug or id; ``not_found`` where there is none."""

    verb: ClassVar[str] = "tenants.find"
    Returns: ClassVar[type[Reply]] = TenantFound

    slug_or_id: str
