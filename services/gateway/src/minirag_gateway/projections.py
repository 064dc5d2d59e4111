"""Events of identity → the rows that authentication reads."""

from typing import Any, ClassVar

from minirag_contracts.envelope import Envelope
from minirag_contracts.events.gateway import TenantCreated, TokenCreated, UserCreated
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


class Users(Projection):
    """One row per user; addresses and names are content and lie in ``user_content``."""

    name: ClassVar[str] = "users"
    tables: ClassVar[tuple[str, ...]] = ("users",)
    owner: ClassVar[str] = "gateway"
    patterns: ClassVar[tuple[str, ...]] = ("user.>",)

    @on(UserCreated)
    async def user_created(self, connection: Any, event: Envelope, payload: UserCreated) -> None:
        """A new user is active."""
        await connection.execute(
            "INSERT INTO users (user_id, tenant_id, role, email_hash, is_active, created_at) "
            "VALUES ($1, $2, $3, $4, true, $5)",
            payload.user_id,
            event.tenant_id,
            payload.role,
            payload.email_hash,
            event.recorded_at,
        )


class Tokens(Projection):
    """One row per API token; when it was last used is no event and lies in ``token_use``."""

    name: ClassVar[str] = "tokens"
    tables: ClassVar[tuple[str, ...]] = ("tokens",)
    owner: ClassVar[str] = "gateway"
    patterns: ClassVar[tuple[str, ...]] = ("token.>",)

    @on(TokenCreated)
    async def token_created(self, connection: Any, event: Envelope, payload: TokenCreated) -> None:
        """A new token is active."""
        await connection.execute(
            "INSERT INTO tokens (token_id, tenant_id, user_id, name, token_prefix, token_hash, is_active, expires_at, "
            "created_at) VALUES ($1, $2, $3, $4, $5, $6, true, $7, $8)",
            payload.token_id,
            event.tenant_id,
            payload.user_id,
            payload.name,
            payload.token_prefix,
            payload.token_hash,
            payload.expires_at,
            event.recorded_at,
        )


PROJECTIONS: tuple[Projection, ...] = (Tenants(), Users(), Tokens())
"""Every projection of the gateway, applied in the transaction that appends."""
