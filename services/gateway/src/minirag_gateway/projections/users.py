"""Users, as authentication reads them."""

from typing import Any, ClassVar

from minirag_contracts.envelope import Envelope
from minirag_contracts.events.gateway import (
    UserActivated,
    UserCreated,
    UserDeactivated,
    UserRoleChanged,
    UserUpdated,
)
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

    @on(UserUpdated)
    async def updated(self, connection: Any, event: Envelope, payload: UserUpdated) -> None:
        """Perhaps another address."""
        await connection.execute(
            "UPDATE users SET email_hash = $2 WHERE user_id = $1", payload.user_id, payload.email_hash
        )

    @on(UserRoleChanged)
    async def role_changed(self, connection: Any, event: Envelope, payload: UserRoleChanged) -> None:
        """Another role."""
        await connection.execute(
            "UPDATE users SET role = $2 WHERE user_id = $1", payload.user_id, payload.role
        )

    @on(UserDeactivated)
    async def deactivated(self, connection: Any, event: Envelope, payload: UserDeactivated) -> None:
        """Nothing any more."""
        await connection.execute("UPDATE users SET is_active = false WHERE user_id = $1", payload.user_id)

    @on(UserActivated)
    async def activated(self, connection: Any, event: Envelope, payload: UserActivated) -> None:
        """Everything again."""
        await connection.execute("UPDATE users SET is_active = true WHERE user_id = $1", payload.user_id)
