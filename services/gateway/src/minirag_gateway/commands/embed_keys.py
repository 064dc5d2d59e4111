"""Embed keys: handed out, changed, revoked, and spent."""

import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from uuid import UUID

from minirag_contracts.context import Context, TenantScope
from minirag_contracts.ids import new_id
from minirag_contracts.requests import Done, Reply, Request
from minirag_eventstore import Transaction

from minirag_gateway.domain import embed_key
from minirag_gateway.domain.embed_key import EmbedKey, Settings
from minirag_gateway.errors import BudgetSpent, EmbedKeyNotFound
from minirag_gateway.ports import Store
from minirag_gateway.queries.embed_keys import EmbedKeyRead, read_embed_key

KEY_BYTES = 24

_TAKE = """
INSERT INTO embed_usage AS used (key_id, day, tenant_id, messages)
SELECT key_id, (now() AT TIME ZONE 'UTC')::date, tenant_id, 1 FROM embed_keys WHERE key_id = $1 AND daily_messages > 0
ON CONFLICT (key_id, day) DO UPDATE SET messages = used.messages + 1
WHERE used.messages < (SELECT daily_messages FROM embed_keys WHERE key_id = $1)
RETURNING messages
"""

_GIVE_BACK = """
UPDATE embed_usage SET messages = messages - 1
WHERE key_id = $1 AND day = (now() AT TIME ZONE 'UTC')::date AND messages > 0
"""


class CreateEmbedKey(Request):
    """A page may show a bot."""

    service: ClassVar[str] = "gateway"
    verb: ClassVar[str] = "embed_keys.create"
    Returns: ClassVar[type[Reply]] = EmbedKeyRead

    bot_id: UUID
    name: str
    origins: list[str]
    visitor_rate: int
    daily_messages: int
    session_minutes: int


class UpdateEmbedKey(Request):
    """Whatever is not None becomes so."""

    service: ClassVar[str] = "gateway"
    verb: ClassVar[str] = "embed_keys.update"
    Returns: ClassVar[type[Reply]] = EmbedKeyRead

    key_id: UUID
    name: str | None = None
    origins: list[str] | None = None
    visitor_rate: int | None = None
    daily_messages: int | None = None
    session_minutes: int | None = None


class RevokeEmbedKey(Request):
    """It is worth nothing any more."""

    service: ClassVar[str] = "gateway"
    verb: ClassVar[str] = "embed_keys.revoke"
    Returns: ClassVar[type[Reply]] = Done

    key_id: UUID


class EmbedKeyCommands:
    """The commands of embed keys."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def create(self, context: Context, request: CreateEmbedKey) -> EmbedKeyRead:
        """A new key; the caller has made sure that the bot is the tenant's."""
        settings = Settings(
            name=request.name,
            origins=tuple(request.origins),
            visitor_rate=request.visitor_rate,
            daily_messages=request.daily_messages,
            session_minutes=request.session_minutes,
        )
        public = embed_key.PREFIX + secrets.token_urlsafe(KEY_BYTES)

        async def action(tx: Transaction) -> EmbedKeyRead:
            key_id = new_id()
            events = embed_key.create(
                EmbedKey(), settings, key_id=key_id, bot_id=request.bot_id, public=public
            )
            await tx.append(context, embed_key.stream_of(key_id), 0, events)
            return await read_embed_key(tx.connection, key_id)

        return await self._store.execute(context, request, action)

    async def update(self, context: Context, request: UpdateEmbedKey) -> EmbedKeyRead:
        """Raises EmbedKeyNotFound, also for a revoked one."""

        async def action(tx: Transaction) -> EmbedKeyRead:
            state, version = await self._load(tx, request.key_id)
            events = embed_key.update(state, request.key_id, _changed(state, request))
            await tx.append(context, embed_key.stream_of(request.key_id), version, events)
            return await read_embed_key(tx.connection, request.key_id)

        return await self._store.execute(context, request, action)

    async def revoke(self, context: Context, key_id: UUID) -> Done:
        """Raises EmbedKeyNotFound."""

        async def action(tx: Transaction) -> Done:
            state, version = await self._load(tx, key_id)
            await tx.append(context, embed_key.stream_of(key_id), version, embed_key.revoke(state, key_id))
            return Done()

        return await self._store.execute(context, RevokeEmbedKey(key_id=key_id), action)

    async def spend(self, scope: TenantScope, key_id: UUID) -> None:
        """Takes one message from today's budget; raises BudgetSpent. Exact, however many gateways take at once."""
        async with self._store.reading(scope) as connection:
            if await connection.fetchval(_TAKE, key_id) is None:
                raise BudgetSpent(_until_tomorrow(datetime.now(UTC)))

    async def give_back(self, scope: TenantScope, key_id: UUID) -> None:
        """Returns a message to today's budget: it was refused before it cost anything."""
        async with self._store.reading(scope) as connection:
            await connection.execute(_GIVE_BACK, key_id)

    async def _load(self, tx: Transaction, key_id: UUID) -> tuple[EmbedKey, int]:
        return await tx.load(embed_key.stream_of(key_id), embed_key.evolve, EmbedKey())


def _changed(key: EmbedKey, request: UpdateEmbedKey) -> Settings:
    if key.settings is None:
        raise EmbedKeyNotFound
    given = request.model_dump(exclude={"key_id"}, exclude_none=True)
    if "origins" in given:
        given["origins"] = tuple(given["origins"])
    return replace(key.settings, **given)


def _until_tomorrow(now: datetime) -> int:
    """Seconds until the next UTC day."""
    return 86_400 - int(timedelta(hours=now.hour, minutes=now.minute, seconds=now.second).total_seconds())
