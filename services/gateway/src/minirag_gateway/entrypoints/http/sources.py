"""``/v1/sources``: what bots know."""

from typing import Any
from uuid import UUID

from fastapi import Request, Response
from minirag_contracts.requests.ingest import (
    GetSource,
    IngestAccepted,
    IngestSource,
    ListSources,
    SourceList,
    SourceRead,
)

from minirag_gateway.domain.access import Permission
from minirag_gateway.entrypoints.http import uploads
from minirag_gateway.entrypoints.http.answers import MAX_LIMIT, Cursor, Limit, one, page
from minirag_gateway.entrypoints.http.bodies import read_json
from minirag_gateway.entrypoints.http.routing import Resource, call_of
from minirag_gateway.entrypoints.http.schemas.sources import IngestionAccepted, SourceCreate
from minirag_gateway.errors import BodyTooLarge

resource = Resource("Sources")

MAX_TEXT = 7 * 1024 * 1024
"""Bytes of a text that fit into one message of the bus (8 MB with everything around them, design §3)."""


@resource.route(
    "POST",
    "/v1/sources",
    Permission.MANAGE_SOURCES,
    body=SourceCreate,
    returns=SourceRead,
    status=201,
    refuses=(404, 413),
)
async def create_source(request: Request) -> Response:
    """Gives a bot a text or a URL to know; `POST …/ingest` makes it known."""
    call = call_of(request)
    body = await read_json(request, SourceCreate, call.services.settings.source_body_limit)
    if body.content is not None and len(body.content.encode()) > MAX_TEXT:
        raise BodyTooLarge("The text is longer than 7 MiB: upload it as a .txt file instead.")
    return one(await call.ask(body.request(), SourceRead), 201)


_UPLOAD: dict[str, Any] = {
    "type": "object",
    "required": ["file", "bot_profile_id"],
    "properties": {
        "file": {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"},
        "bot_profile_id": {"type": "string", "format": "uuid"},
        "name": {"type": "string", "maxLength": 255},
        "description": {"type": "string", "maxLength": 1000},
        "parent_id": {"type": "string", "format": "uuid"},
    },
}


@resource.route(
    "POST",
    "/v1/sources/upload",
    Permission.MANAGE_SOURCES,
    returns=SourceRead,
    status=201,
    form=_UPLOAD,
    refuses=(404,),
)
async def upload_source(request: Request) -> Response:
    """Gives a bot a file (`.txt .md .html .pdf .docx .csv`, at most 10 MiB) and starts its ingestion."""
    return one(await uploads.receive(request, call_of(request)), 201)


@resource.route("GET", "/v1/sources", Permission.READ_SOURCES, returns=list[SourceRead])
async def list_sources(
    request: Request, bot_profile_id: UUID | None = None, limit: Limit = MAX_LIMIT, cursor: Cursor = None
) -> Response:
    """The tenant's active sources, newest first."""
    question = ListSources(bot_id=bot_profile_id, limit=limit, cursor=cursor)
    sources = await call_of(request).ask(question, SourceList)
    return page(request, sources.items, sources.next, limit)


@resource.route("GET", "/v1/sources/{source_id}", Permission.READ_SOURCES, returns=SourceRead, refuses=(404,))
async def read_source(request: Request, source_id: UUID) -> Response:
    """One source."""
    return one(await call_of(request).ask(GetSource(source_id=source_id), SourceRead))


@resource.route(
    "POST",
    "/v1/sources/{source_id}/ingest",
    Permission.MANAGE_SOURCES,
    returns=IngestionAccepted,
    status=202,
    refuses=(404, 409),
)
async def ingest_source(request: Request, source_id: UUID) -> Response:
    """Makes a new version of the source; the old one answers until it is ready."""
    await call_of(request).ask(IngestSource(source_id=source_id), IngestAccepted)
    return one(IngestionAccepted(status="accepted", message=f"Ingestion queued for source {source_id}"), 202)
