"""``/v1/chat/export`` and ``/v1/chat/{id}/export``: conversations as documents, streamed page by page."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request, Response
from minirag_contracts.requests.exports import ExportChats, ExportPage
from pydantic import BeforeValidator

from minirag_gateway.domain.access import Permission
from minirag_gateway.entrypoints.http import sse
from minirag_gateway.entrypoints.http.calls import Call
from minirag_gateway.entrypoints.http.export_formats import ChatExport, ChatsExport, Csv, Format, Json
from minirag_gateway.entrypoints.http.routing import Resource, call_of

resource = Resource("Chat")

MAX_ASKED = 1_000_000
"""A limit beyond this is a mistake; one beyond chat's own cap means that cap."""

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def _day(value: Any) -> Any:
    """A day as people write it; a bare number, which would be taken for seconds, is none."""
    if isinstance(value, str) and not _DAY.fullmatch(value):
        raise ValueError("a date is written YYYY-MM-DD")
    return value


Day = Annotated[date | None, BeforeValidator(_day)]

FormatName = Annotated[str, Query(description="`csv`; anything else is JSON.")]

CSV: dict[int | str, dict[str, Any]] = {
    200: {"description": "The conversations.", "content": {"text/csv": {"schema": {"type": "string"}}}}
}


@resource.route("GET", "/v1/chat/export", Permission.EXPORT_CHATS, returns=ChatsExport, responses=CSV)
async def export_chats(
    request: Request,
    bot_profile_id: UUID | None = None,
    from_date: Annotated[Day, Query(description="The first day (UTC).")] = None,
    to_date: Annotated[Day, Query(description="The last day (UTC).")] = None,
    format: FormatName = "json",  # noqa: A002  # the name in the contract
    limit: Annotated[
        int, Query(ge=1, le=MAX_ASKED, description="At most so many chats, and never over 1000.")
    ] = 100,
) -> Response:
    """Conversations with their messages, newest conversation first."""
    question = ExportChats(bot_id=bot_profile_id, from_date=from_date, to_date=to_date, limit=limit)
    return await _answer(call_of(request), question, format, "chats_export.csv")


@resource.route(
    "GET",
    "/v1/chat/{chat_id}/export",
    Permission.EXPORT_CHATS,
    returns=ChatExport,
    responses=CSV,
    refuses=(404,),
)
async def export_chat(
    request: Request,
    chat_id: UUID,
    format: FormatName = "json",  # noqa: A002  # the name in the contract
) -> Response:
    """One conversation with all of its messages."""
    return await _answer(call_of(request), ExportChats(chat_id=chat_id), format, f"chat_{chat_id}.csv")


async def _answer(call: Call, question: ExportChats, name: str, filename: str) -> Response:
    """The first page is asked for before any byte is sent, so that a refusal is still a problem."""
    first = await call.ask(question, ExportPage)
    single = question.chat_id is not None
    made: Format = Csv(single=single) if name == "csv" else Json(single=single)
    headers = {"Content-Disposition": f"attachment; filename={filename}"} if name == "csv" else {}
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(call.open_stream())
        pieces = _document(call, question, first, made)
        return sse.HeldResponse(pieces, made.media_type, headers, stack.pop_all())


async def _document(call: Call, question: ExportChats, page: ExportPage, made: Format) -> AsyncIterator[str]:
    """The document in pieces. What fails on the way breaks the connection off: half a document must not look whole."""
    yield made.begin()
    while True:
        for part in page.parts:
            yield made.part(part)
        if page.next is None:
            break
        page = await call.ask(question.model_copy(update={"cursor": page.next}), ExportPage)
    yield made.end()
