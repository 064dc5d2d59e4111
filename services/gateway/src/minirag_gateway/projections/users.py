"""Users, as authentication reads them."""

from typing import Any, ClassVar

from minirag_contracts.envelope import Envelope
from minirag_contracts.events.gateway import UserCreated
from minirag_eventstore import Projection, on


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
