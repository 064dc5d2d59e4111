"""Embed keys, as authentication and their administrators read them."""

from typing import Any, ClassVar

from minirag_contracts.envelope import Envelope
from minirag_contracts.events.gateway import EmbedKeyCreated, EmbedKeyRevoked, EmbedKeyUpdated
from minirag_eventstore import Projection, on


class EmbedKeys(Projection):
    """One row per key; how much of its budget is used is no event and lies in ``embed_usage``."""

    name: ClassVar[str] = "embed_keys"
    tables: ClassVar[tuple[str, ...]] = ("embed_keys",)
    owner: ClassVar[str] = "gateway"
    patterns: ClassVar[tuple[str, ...]] = ("embed_key.>",)

    @on(EmbedKeyCreated)
    async def created(self, connection: Any, event: Envelope, payload: EmbedKeyCreated) -> None:
        """A new key is active."""
        await connection.execute(
            "INSERT INTO embed_keys (key_id, tenant_id, bot_id, key, name, origins, visitor_rate, daily_messages, "
            "session_minutes, is_active, created_at, updated_at) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, true, $10, $10)",
            payload.key_id,
            event.tenant_id,
            payload.bot_id,
            payload.key,
            payload.name,
            payload.origins,
            payload.visitor_rate,
            payload.daily_messages,
            payload.session_minutes,
            event.recorded_at,
        )

    @on(EmbedKeyUpdated)
    async def updated(self, connection: Any, event: Envelope, payload: EmbedKeyUpdated) -> None:
        """The event has the whole."""
        await connection.execute(
            "UPDATE embed_keys SET name = $2, origins = $3, visitor_rate = $4, daily_messages = $5, "
            "session_minutes = $6, updated_at = $7 WHERE key_id = $1",
            payload.key_id,
            payload.name,
            payload.origins,
            payload.visitor_rate,
            payload.daily_messages,
            payload.session_minutes,
            event.recorded_at,
        )

    @on(EmbedKeyRevoked)
    async def revoked(self, connection: Any, event: Envelope, payload: EmbedKeyRevoked) -> None:
        """It is worth nothing any more."""
        await connection.execute(
            "UPDATE embed_keys SET is_active = false, updated_at = $2 WHERE key_id = $1",
            payload.key_id,
            event.recorded_at,
        )
