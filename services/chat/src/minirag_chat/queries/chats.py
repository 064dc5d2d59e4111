"""Reads of conversations."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from minirag_contracts.context import Context
from minirag_contracts.errors import InvalidRequest
from minirag_contracts.requests.chat import ChatList, ChatRead, GetChat, ListChats
from minirag_eventstore import Connection, Database, pages

from minirag_chat.errors import ChatNotFound
from minirag_chat.queries import search
from minirag_chat.queries.reach import within_reach

SELECT_CHATS = """SELECT chat_id AS id, tenant_id, bot_id AS bot_profile_id, coalesce(title, '') AS title, message_count,
                    total_prompt_tokens, total_completion_tokens, created_at, updated_at
             FROM chats LEFT JOIN (SELECT chat_id, title FROM chat_titles) AS titles USING (chat_id)"""

OFFSET_MAX = 1_000_000


class ChatQueries:
    """Chats as clients see them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, request: GetChat, context: Context) -> ChatRead:
        """One chat."""
        async with within_reach(self._database, context) as connection:
            row = await connection.fetchrow(f"{SELECT_CHATS} WHERE chat_id = $1", request.chat_id)
        if row is None:
            raise ChatNotFound
        return chat_of(dict(row))

    async def list(self, request: ListChats, context: Context) -> ChatList:
        """Newest first, of one bot if asked; with words that occur in them, see ``search``."""
        limit, after = pages.checked_limit(request.limit), pages.decode(request.cursor)
        if not 0 <= request.offset <= OFFSET_MAX:
            raise InvalidRequest(f"The offset must lie between 0 and {OFFSET_MAX}.")
        if patterns := search.patterns_of(request.search or ""):
            return await self._search(request, context, patterns, after, limit)
        async with within_reach(self._database, context) as connection:
            rows = await connection.fetch(
                f"""{SELECT_CHATS}
                    WHERE ($1::uuid IS NULL OR bot_id = $1)
                      AND ($2::timestamptz IS NULL OR (created_at, chat_id) < ($2, $3::uuid))
                    ORDER BY created_at DESC, chat_id DESC LIMIT $4 OFFSET $5""",
                request.bot_id,
                after and after[0],
                after and after[1],
                limit + 1,
                request.offset,
            )
        page, following = pages.cut([dict(row) for row in rows], limit, "id")
        return ChatList(items=[chat_of(row) for row in page], next=following)

    async def _search(
        self,
        request: ListChats,
        context: Context,
        patterns: Sequence[str],
        after: pages.Key | None,
        limit: int,
    ) -> ChatList:
        if request.offset:
            raise InvalidRequest("A search has no offset: follow the cursor.")
        async with within_reach(self._database, context) as connection:
            rows, following = await search.found(
                connection, SELECT_CHATS, patterns, request.bot_id, after, limit
            )
        return ChatList(items=[chat_of(row) for row in rows], next=following)


async def require_chat(connection: Connection, chat_id: UUID) -> None:
    """Raises ChatNotFound where there is none within the transaction's reach."""
    if not await connection.fetchval("SELECT true FROM chats WHERE chat_id = $1", chat_id):
        raise ChatNotFound


def chat_of(row: Mapping[str, Any]) -> ChatRead:
    """A row of ``SELECT_CHATS`` as clients see it."""
    return ChatRead(**dict(row))
