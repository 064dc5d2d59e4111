"""Reads of bot profiles."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from minirag_contracts.context import Context
from minirag_contracts.requests.chat import BotList, BotRead, GetBot, ListBots
from minirag_eventstore import Connection, Database, pages

from minirag_chat.errors import BotNotFound

_SELECT = """SELECT bot_id AS id, tenant_id, name, description, model, embedding_model, system_prompt, temperature,
                    max_tokens, has_credentials, is_active, created_at, updated_at, greeting, suggested_questions,
                    has_identity_secret
             FROM bots"""


class BotQueries:
    """Bots as clients see them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, request: GetBot, context: Context) -> BotRead:
        """One bot, active or not."""
        async with self._database.tenant(context.scope) as connection:
            return await read_bot(connection, request.bot_id)

    async def list(self, request: ListBots, context: Context) -> BotList:
        """Newest first; a page ends before it is larger than the bus carries."""
        limit, after = pages.checked_limit(request.limit), pages.decode(request.cursor)
        async with self._database.tenant(context.scope) as connection:
            rows = await connection.fetch(
                _SELECT
                + """ WHERE $1::timestamptz IS NULL OR (created_at, bot_id) < ($1, $2::uuid)
                      ORDER BY created_at DESC, bot_id DESC LIMIT $3""",
                after and after[0],
                after and after[1],
                limit + 1,
            )
        page, following = pages.cut([dict(row) for row in rows], limit, "id", pages.PAGE_BYTES)
        return BotList(items=[_bot(row) for row in page], next=following)


async def read_bot(connection: Connection, bot_id: UUID) -> BotRead:
    """One bot; raises BotNotFound."""
    row = await connection.fetchrow(_SELECT + " WHERE bot_id = $1", bot_id)
    if row is None:
        raise BotNotFound
    return _bot(dict(row))


def _bot(row: Mapping[str, Any]) -> BotRead:
    return BotRead(**dict(row))
