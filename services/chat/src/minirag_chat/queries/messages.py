"""Reads of messages: every turn is a question and, once it has ended, an answer (or what there is of one)."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from minirag_contracts.context import Context
from minirag_contracts.requests.chat import (
    CitationRead,
    GetTurn,
    ListMessages,
    MessageList,
    MessageRead,
    TurnRead,
    UsageRead,
)
from minirag_eventstore import Connection, Database, pages

from minirag_chat.errors import MessageNotFound
from minirag_chat.queries.chats import require_chat
from minirag_chat.queries.reach import within_reach

_MESSAGES = """
SELECT page.*, coalesce(contents.content, '') AS content, contents.citations
FROM (SELECT user_message_id AS id, message_id AS turn_id, 0 AS part, chat_id, 'user' AS role, 0 AS prompt_tokens,
             0 AS completion_tokens, NULL AS feedback, created_at, created_at AS sent_at
      FROM turns WHERE chat_id = $1
      UNION ALL
      SELECT message_id, message_id, 1, chat_id, 'assistant', prompt_tokens, completion_tokens, feedback, created_at, ended_at
      FROM turns WHERE chat_id = $1 AND state <> 'running') AS page
LEFT JOIN message_contents AS contents ON contents.message_id = page.id
WHERE $2::timestamptz IS NULL OR (page.created_at, page.turn_id, page.part) > ($2, $3::uuid, $4::int)
ORDER BY page.created_at, page.turn_id, page.part LIMIT $5
"""

_TURN = """
SELECT turns.*, coalesce(contents.content, '') AS content, contents.citations
FROM turns LEFT JOIN (SELECT message_id, content, citations FROM message_contents) AS contents USING (message_id)
WHERE message_id = $1 AND chat_id = $2
"""


class MessageQueries:
    """Messages and turns as clients and gateways see them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, request: ListMessages, context: Context) -> MessageList:
        """Oldest first; a page ends before it is larger than the bus carries."""
        limit = pages.checked_limit(request.limit)
        at, turn_id, part = pages.decode(request.cursor) or (None, None, None)
        async with within_reach(self._database, context) as connection:
            await require_chat(connection, request.chat_id)
            rows = await connection.fetch(_MESSAGES, request.chat_id, at, turn_id, part, limit + 1)
        page, following = pages.cut([dict(row) for row in rows], limit, "turn_id", pages.PAGE_BYTES)
        return MessageList(items=[listed_message(row) for row in page], next=following)

    async def turn(self, request: GetTurn, context: Context) -> TurnRead:
        """How a turn stands, from Postgres."""
        async with within_reach(self._database, context) as connection:
            row = await turn_row(connection, request.chat_id, request.message_id)
        return turn_of(row)


def turn_of(row: Mapping[str, Any]) -> TurnRead:
    """How a turn stands."""
    ended = row["state"] != "running"
    return TurnRead(
        chat_id=row["chat_id"],
        message_id=row["message_id"],
        state=row["state"],
        message=answer_of(row) if ended else None,
        usage=_usage(row) if ended and row["model"] else None,
        error_code=row["error_code"],
        error_detail=row["error_detail"],
        frames=row["frames"],
        stopped=row["stopped"],
    )


async def turn_row(connection: Connection, chat_id: UUID, message_id: UUID) -> Mapping[str, Any]:
    """A turn with its answer's content; raises ChatNotFound or MessageNotFound."""
    row = await connection.fetchrow(_TURN, message_id, chat_id)
    if row is None:
        await require_chat(connection, chat_id)
        raise MessageNotFound
    return dict(row)


def answer_of(row: Mapping[str, Any]) -> MessageRead:
    """The assistant's message of a turn that has ended."""
    return MessageRead(
        id=row["message_id"],
        chat_id=row["chat_id"],
        role="assistant",
        content=row["content"],
        prompt_tokens=row["prompt_tokens"],
        completion_tokens=row["completion_tokens"],
        feedback=row["feedback"],
        created_at=row["ended_at"],
        sources=_citations(row["citations"]),
    )


def listed_message(row: Mapping[str, Any]) -> MessageRead:
    """A row of a list of messages as clients see it."""
    return MessageRead(
        id=row["id"],
        chat_id=row["chat_id"],
        role=row["role"],
        content=row["content"],
        prompt_tokens=row["prompt_tokens"],
        completion_tokens=row["completion_tokens"],
        feedback=row["feedback"],
        created_at=row["sent_at"],
        sources=_citations(row["citations"]),
    )


def _usage(row: Mapping[str, Any]) -> UsageRead:
    return UsageRead(
        model=row["model"],
        prompt_tokens=row["prompt_tokens"],
        completion_tokens=row["completion_tokens"],
        total_tokens=row["prompt_tokens"] + row["completion_tokens"],
    )


def _citations(stored: list[dict[str, Any]] | None) -> list[CitationRead]:
    return [CitationRead.model_validate(citation) for citation in stored or []]
