"""Whole conversations, page by page, each page in two statements however many chats it holds."""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from minirag_contracts.context import Context
from minirag_contracts.errors import InvalidRequest
from minirag_contracts.requests.chat import MessageRead
from minirag_contracts.requests.exports import ExportChats, ExportedPart, ExportPage
from minirag_eventstore import Connection, Database, pages

from minirag_chat.errors import ChatNotFound
from minirag_chat.queries.chats import SELECT_CHATS, chat_of
from minirag_chat.queries.messages import listed_message
from minirag_chat.queries.reach import within_reach

LIMIT_MAX = 1000
"""Chats of one export (spec §12)."""

CHATS, MESSAGES = 50, 500
"""Chats and messages of a page at most."""

BYTES = 512 * 1024
"""Bytes of text after which a page ends; the message that passes them is still in it. Far below what the bus carries."""

_CHATS = f"""{SELECT_CHATS}
WHERE ($1::uuid IS NULL OR chat_id = $1)
  AND ($2::uuid IS NULL OR bot_id = $2)
  AND ($3::date IS NULL OR created_at >= $3::timestamp AT TIME ZONE 'UTC')
  AND ($4::date IS NULL OR created_at < ($4 + 1)::timestamp AT TIME ZONE 'UTC')
  AND ($5::timestamptz IS NULL OR (created_at, chat_id) <= ($5, $6::uuid))
  AND (NOT $7 OR chat_id <> $6)
ORDER BY created_at DESC, chat_id DESC LIMIT $8
"""

_MESSAGES = """
WITH chosen AS (SELECT * FROM unnest($1::uuid[]) WITH ORDINALITY AS chosen (chat_id, place)),
told AS (
    SELECT messages.*, row_number() OVER (ORDER BY place, created_at, turn_id, part) AS rank FROM (
        SELECT place, user_message_id AS id, message_id AS turn_id, 0 AS part, chat_id, 'user' AS role, 0 AS prompt_tokens,
               0 AS completion_tokens, NULL AS feedback, created_at, created_at AS sent_at
        FROM chosen JOIN turns USING (chat_id)
        UNION ALL
        SELECT place, message_id, message_id, 1, chat_id, 'assistant', prompt_tokens, completion_tokens, feedback,
               created_at, ended_at
        FROM chosen JOIN turns USING (chat_id) WHERE state <> 'running') AS messages
    WHERE $2::uuid IS NULL OR chat_id <> $2 OR (created_at, turn_id, part) > ($3::timestamptz, $4::uuid, $5::int)
    ORDER BY rank LIMIT $6 + 1
),
weighed AS (
    SELECT told.*, coalesce(content, '') AS content, citations, count(*) OVER () AS found,
           coalesce(sum(octet_length(content) + octet_length(citations::text))
                    OVER (ORDER BY rank ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS bytes_before
    FROM told LEFT JOIN (SELECT message_id AS id, content, citations FROM message_contents) AS contents USING (id)
)
SELECT * FROM weighed WHERE rank <= $6 AND bytes_before < $7 ORDER BY rank
"""


@dataclass(frozen=True, slots=True)
class Place:
    """How far an export has come: the last chat that was begun, its last message if there are more, chats still to begin."""

    left: int
    chat: pages.Key | None = None
    message: pages.Key | None = None

    @classmethod
    def of(cls, request: ExportChats) -> Self:
        """Where the request wants to go on; raises InvalidRequest."""
        if request.cursor is None:
            if request.limit < 1:
                raise InvalidRequest("The limit must be at least 1.")
            return cls(left=min(request.limit, LIMIT_MAX))
        try:
            left, chat, message = json.loads(base64.urlsafe_b64decode(request.cursor))
            if left not in range(LIMIT_MAX + 1):
                raise ValueError("an export has between none and all of its chats left")
            return cls(left=int(left), chat=pages.decode(chat), message=pages.decode(message))
        except (ValueError, TypeError, AttributeError, RecursionError, binascii.Error) as error:
            raise InvalidRequest("The cursor is not one that this export has given.") from error

    @property
    def within(self) -> bool:
        """Whether it goes on in the middle of a chat."""
        return self.message is not None

    @property
    def room(self) -> int:
        """How many chats the next page may hold, the one that goes on included."""
        return min(CHATS, self.left + self.within)

    def after(self, chats: list[dict[str, Any]], message: dict[str, Any] | None) -> "Place | None":
        """Where it goes on behind these chats, or behind this message of the last of them; None at the end."""
        left = self.left - len(chats) + self.within
        if message is None and left < 1:
            return None
        return Place(
            left=left,
            chat=(chats[-1]["created_at"], chats[-1]["id"], 0),
            message=None if message is None else (message["created_at"], message["turn_id"], message["part"]),
        )

    @property
    def cursor(self) -> str:
        """The same as text."""
        keys = [None if key is None else pages.encode(key) for key in (self.chat, self.message)]
        return base64.urlsafe_b64encode(json.dumps([self.left, *keys]).encode()).decode()


class ExportQueries:
    """Exports, as far as the caller sees."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, request: ExportChats, context: Context) -> ExportPage:
        """The next part of an export; raises ChatNotFound where one chat is asked for and is not there."""
        place = Place.of(request)
        async with within_reach(self._database, context) as connection:
            chats = await _chats(connection, request, place)
            if not chats and request.chat_id is not None and place.chat is None:
                raise ChatNotFound
            messages = await _messages(connection, [chat["id"] for chat in chats], place)
        return _page(chats, messages, place)


async def _chats(connection: Connection, request: ExportChats, place: Place) -> list[dict[str, Any]]:
    rows = await connection.fetch(
        _CHATS,
        request.chat_id,
        request.bot_id,
        request.from_date,
        request.to_date,
        place.chat and place.chat[0],
        place.chat and place.chat[1],
        place.chat is not None and not place.within,
        place.room,
    )
    return [dict(row) for row in rows]


async def _messages(connection: Connection, chat_ids: list[UUID], place: Place) -> list[dict[str, Any]]:
    resumed = place.chat[1] if place.chat and place.within else None
    key = place.message or (None, None, None)
    rows = await connection.fetch(_MESSAGES, chat_ids, resumed, *key, MESSAGES, BYTES)
    return [dict(row) for row in rows]


def _page(chats: list[dict[str, Any]], messages: list[dict[str, Any]], place: Place) -> ExportPage:
    cut = bool(messages) and len(messages) < messages[-1]["found"]
    if cut:  # the chats behind the last message come with the next page
        last = next(n for n, chat in enumerate(chats) if chat["id"] == messages[-1]["chat_id"])
        chats, full = chats[: last + 1], True
    else:
        full = len(chats) == place.room
    by_chat: dict[UUID, list[MessageRead]] = {}
    for row in messages:
        by_chat.setdefault(row["chat_id"], []).append(listed_message(row))
    parts = [
        ExportedPart(
            chat=chat_of(chat),
            messages=by_chat.get(chat["id"], []),
            continued=place.within and n == 0,
        )
        for n, chat in enumerate(chats)
    ]
    following = place.after(chats, messages[-1] if cut else None) if full and chats else None
    return ExportPage(parts=parts, next=following.cursor if following else None)
