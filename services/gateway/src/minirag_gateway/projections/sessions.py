"""Logins, as authentication reads them."""

from typing import Any, ClassVar

from minirag_contracts.envelope import Envelope
from minirag_contracts.events.gateway import SessionEnded, SessionStarted
from minirag_eventstore import Projection, on


class Sessions(Projection):
    """One row per login; which refresh token is current is no event and lies in ``session_refresh``."""

    name: ClassVar[str] = "sessions"
    tables: ClassVar[tuple[str, ...]] = ("sessions",)
    owner: ClassVar[str] = "gateway"
    patterns: ClassVar[tuple[str, ...]] = ("user.session.started", "user.session.ended")

    @on(SessionStarted)
    async def started(self, connection: Any, event: Envelope, payload: SessionStarted) -> None:
        """A new session is active."""
        await connection.execute(
            "INSERT INTO sessions (session_id, tenant_id, user_id, is_active, expires_at, created_at) "
            "VALUES ($1, $2, $3, true, $4, $5)",
            payload.session_id,
            event.tenant_id,
            payload.user_id,
            payload.expires_at,
            event.recorded_at,
        )

    @on(SessionEnded)
    async def ended(self, connection: Any, event: Envelope, payload: SessionEnded) -> None:
        """It is worth nothing any more."""
        await connection.execute(
            "UPDATE sessions SET is_active = false WHERE session_id = $1", payload.session_id
        )
