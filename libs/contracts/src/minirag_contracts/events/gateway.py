"""Events of identity: who may use the product. E-mail addresses and secrets are content, not events."""

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from minirag_contracts.events.base import EventPayload

Role = Literal["owner", "admin", "member"]


class TenantCreated(EventPayload):
    """An organisation signed up."""

    type: ClassVar[str] = "tenant.created"
    owner: ClassVar[str] = "gateway"

    name: str
    slug: str
    plan: str = "free"


class UserCreated(EventPayload):
    """Somebody may act for a tenant. The address lies in content; the hash is salted."""

    type: ClassVar[str] = "user.created"
    owner: ClassVar[str] = "gateway"

    user_id: UUID
    role: Role
    email_hash: str


class TokenCreated(EventPayload):
    """An API token was handed out, once."""

    type: ClassVar[str] = "token.created"
    owner: ClassVar[str] = "gateway"

    token_id: UUID
    user_id: UUID
    name: str
    token_prefix: str
    token_hash: str
    expires_at: datetime | None = None
