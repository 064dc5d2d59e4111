"""API tokens, as authentication reads them."""

from typing import Any, ClassVar

from minirag_contracts.envelope import Envelope
from minirag_contracts.events.gateway import TokenCreated, TokenRevoked
from minirag_eventstore import Projection, on


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
            "INSERT INTO tokens (token_id, tenant_id, user_id, name, token_prefix, token_hash, is_active, scopes, "
            "expires_at, created_at) VALUES ($1, $2, $3, $4, $5, $6, true, $7, $8, $9)",
            payload.token_id,
            event.tenant_id,
            payload.user_id,
            payload.name,
            payload.token_prefix,
            payload.token_hash,
            payload.scopes,
            payload.expires_at,
            event.recorded_at,
        )

    @on(TokenRevoked)
    async def revoked(self, connection: Any, event: Envelope, payload: TokenRevoked) -> None:
        """It is worth nothing any more."""
        await connection.execute("UPDATE tokens SET is_active = false WHERE token_id = $1", payload.token_id)
