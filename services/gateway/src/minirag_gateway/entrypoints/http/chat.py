"""``/v1/chat``: conversations."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response
from minirag_contracts.requests.chat import (
    ChatList,
    ChatRead,
    GetChat,
    ListChats,
    ListMessages,
    MessageList,
    MessageRead,
)

from minirag_gateway.domain.access import Permission
from minirag_gateway.entrypoints.http import embed, turns
from minirag_gateway.entrypoints.http.answers import MAX_LIMIT, Cursor, Limit, one, page
from minirag_gateway.entrypoints.http.bodies import read_json
from minirag_gateway.entrypoints.http.routing import Resource, call_of
from minirag_gateway.entrypoints.http.schemas.chat import ChatAnswer, ChatCreate, FeedbackWrite

resource = Resource("Chat")

MAX_CHATS = 100
"""Rows of a page; a larger limit means as many (spec §11)."""

MAX_ASKED = 1_000_000
"""A limit beyond this is a mistake."""

MAX_OFFSET = 1_000_000

MAX_SEARCH = 200


@resource.route(
    "POST",
    "/v1/chat",
    Permission.CHAT,
    body=ChatCreate,
    returns=ChatAnswer,
    refuses=(404, 413, 502, 504),
    responses=turns.STREAM_RESPONSES,
)
async def create_chat_message(request: Request) -> Response:
    """Asks a bot. With `stream` the answer comes as server-sent events: `sources`, `delta`…, then `done` or `error`.

    The turn goes on when the client goes away; it can be resumed by the ids of its events.
    """
    call = call_of(request)
    body = await read_json(request, ChatCreate)
    async with embed.spending(call, body.bot_profile_id):
        return await turns.start(call, body)


@resource.route("GET", "/v1/chat", Permission.READ_CHATS, returns=list[ChatRead])
async def list_chats(
    request: Request,
    bot_profile_id: UUID | None = None,
    limit: Annotated[
        int, Query(ge=1, le=MAX_ASKED, description="At most so many rows, and never over 100.")
    ] = 50,
    offset: Annotated[int, Query(ge=0, le=MAX_OFFSET, description="Rows to skip; a cursor is better.")] = 0,
    cursor: Cursor = None,
    search: Annotated[
        str | None,
        Query(
            max_length=MAX_SEARCH,
            pattern=r"^[^\x00]*$",
            description="Words, or parts of them, that all occur in the conversation or its title, in any case.",
        ),
    ] = None,
) -> Response:
    """Conversations, newest first.

    A search looks at so many conversations for each page that a page may have few rows, or none, and still a
    `Link` to the rest: the end of the list is where there is no `Link`.
    """
    limit = min(limit, MAX_CHATS)
    question = ListChats(bot_id=bot_profile_id, limit=limit, offset=offset, cursor=cursor, search=search)
    chats = await call_of(request).ask(question, ChatList)
    return page(request, chats.items, chats.next, limit)


@resource.route("GET", "/v1/chat/{chat_id}", Permission.READ_CHATS, returns=ChatRead, refuses=(404,))
async def read_chat(request: Request, chat_id: UUID) -> Response:
    """One conversation."""
    return one(await call_of(request).ask(GetChat(chat_id=chat_id), ChatRead))


@resource.route(
    "GET", "/v1/chat/{chat_id}/messages", Permission.READ_CHATS, returns=list[MessageRead], refuses=(404,)
)
async def list_messages(
    request: Request, chat_id: UUID, limit: Limit = MAX_LIMIT, cursor: Cursor = None
) -> Response:
    """The messages of a conversation, oldest first, answers with their citations."""
    messages = await call_of(request).ask(
        ListMessages(chat_id=chat_id, limit=limit, cursor=cursor), MessageList
    )
    return page(request, messages.items, messages.next, limit)


@resource.route(
    "GET",
    "/v1/chat/{chat_id}/messages/{message_id}/stream",
    Permission.READ_CHATS,
    refuses=(404,),
    responses=turns.STREAM_RESPONSES,
)
async def resume_message_stream(request: Request, chat_id: UUID, message_id: UUID) -> Response:
    """The events of an answer after `Last-Event-ID` (all of them without it), running or finished, on any gateway."""
    after = turns.parse_event_id(request.headers.get("last-event-id"), message_id)
    return await turns.resume(call_of(request), chat_id, message_id, after)


@resource.route(
    "POST",
    "/v1/chat/{chat_id}/messages/{message_id}/cancel",
    Permission.CHAT,
    returns=MessageRead,
    refuses=(404, 409),
)
async def cancel_message(request: Request, chat_id: UUID, message_id: UUID) -> Response:
    """Stops an answer that is being written, and gives what is kept of it; one that has ended is given as it is."""
    return one(await turns.cancel(call_of(request), chat_id, message_id))


@resource.route(
    "PATCH",
    "/v1/chat/{chat_id}/messages/{message_id}/feedback",
    Permission.GIVE_FEEDBACK,
    body=FeedbackWrite,
    returns=MessageRead,
    refuses=(404, 409, 413),
)
async def set_message_feedback(request: Request, chat_id: UUID, message_id: UUID) -> Response:
    """Judges an answer, or takes the judgement back with `null`."""
    body = await read_json(request, FeedbackWrite)
    return one(await call_of(request).ask(body.request(chat_id, message_id), MessageRead))
