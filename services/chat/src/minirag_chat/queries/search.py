"""Finding conversations by what was said in them.

Row-level security lets no index on text be used: before a row is known to be the caller's, Postgres applies only
operators that cannot tell of it, and neither LIKE nor a text search is one of them. So a page looks through the newest
conversations that it has not seen, as many as ``LOOKED_THROUGH``, and its cursor says where it stopped. Each page costs about
the same, however much a tenant has, and substrings need no rules of a language.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from minirag_contracts.errors import InvalidRequest
from minirag_eventstore import Connection, pages

LOOKED_THROUGH = 5_000
"""Conversations that one page looks through."""

MAX_WORDS = 10

_STOP = """
SELECT created_at, chat_id FROM chats
WHERE ($1::uuid IS NULL OR bot_id = $1) AND ($2::timestamptz IS NULL OR (created_at, chat_id) < ($2, $3::uuid))
ORDER BY created_at DESC, chat_id DESC OFFSET $4 LIMIT 1
"""

_FOUND = """
WHERE ($1::uuid IS NULL OR bot_id = $1)
  AND ($2::timestamptz IS NULL OR (created_at, chat_id) < ($2, $3::uuid))
  AND ($4::timestamptz IS NULL OR (created_at, chat_id) >= ($4, $5::uuid))
  AND NOT EXISTS (
    SELECT FROM unnest($6::text[]) AS wanted (pattern)
    WHERE coalesce(title, '') NOT ILIKE pattern AND NOT EXISTS (
      SELECT FROM turns
      JOIN message_contents AS said
        ON said.message_id IN (turns.message_id, turns.user_message_id)
      WHERE turns.chat_id = chats.chat_id AND said.content ILIKE pattern))
ORDER BY created_at DESC, chat_id DESC LIMIT $7
"""


def patterns_of(search: str) -> list[str]:
    """What LIKE looks for: each word wherever it occurs. Raises InvalidRequest for more words than are looked for."""
    words = search.split()
    if len(words) > MAX_WORDS:
        raise InvalidRequest(f"A search has at most {MAX_WORDS} words.")
    return [f"%{_literal(word)}%" for word in words]


async def found(
    connection: Connection,
    select: str,
    patterns: Sequence[str],
    bot_id: UUID | None,
    after: pages.Key | None,
    limit: int,
) -> tuple[list[dict[str, Any]], str | None]:
    """Rows of ``select`` (from chats, with title), newest first, that come after one, and the cursor of the rest, which may have
    none.
    """
    at, chat_id = after[:2] if after else (None, None)
    stop = await connection.fetchrow(_STOP, bot_id, at, chat_id, LOOKED_THROUGH - 1)
    until = (stop["created_at"], stop["chat_id"]) if stop else (None, None)
    rows = await connection.fetch(f"{select} {_FOUND}", bot_id, at, chat_id, *until, patterns, limit + 1)
    shown, following = pages.cut([dict(row) for row in rows], limit, "id")
    if following is None and stop is not None:
        following = pages.encode((stop["created_at"], stop["chat_id"], 0))
    return list(shown), following


def _literal(word: str) -> str:
    """Without a meaning to LIKE."""
    return word.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
