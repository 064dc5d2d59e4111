"""``/v1/sources``: what bots know."""

from typing import Any
from uuid import UUID

from fastapi import Request, Response
from minirag_contracts.requests import Done
from minirag_contracts.requests.ingest import (
    ChildrenQueued,
    CrawlPreview,
    DeactivateSource,
    GetSource,
    IngestAccepted,
    IngestChildren,
    IngestSource,
    ListChildren,
    ListSources,
    SourceBatch,
    SourceList,
    SourceRead,
)

from minirag_gateway.domain.access import Permission
from minirag_gateway.entrypoints.http import uploads
from minirag_gateway.entrypoints.http.answers import MAX_LIMIT, Cursor, Limit, one, page
from minirag_gateway.entrypoints.http.bodies import read_json
from minirag_gateway.entrypoints.http.calls import Call
from minirag_gateway.entrypoints.http.limits import CRAWL_PREVIEWS
from minirag_gateway.entrypoints.http.routing import Resource, call_of
from minirag_gateway.entrypoints.http.schemas.sources import (
    ChildIngestionsAccepted,
    CrawlPreviewRequest,
    IngestionAccepted,
    SourceBatchCreate,
    SourceCreate,
    SourceUpdate,
)
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
    refuses=(404, 409, 413, 507),
)
async def create_source(request: Request) -> Response:
    """Gives a bot a text or a URL to know; `POST …/ingest` makes it known."""
    call = call_of(request)
    body = await read_json(request, SourceCreate, call.services.settings.source_body_limit)
    _check_length(body.content)
    return one(await call.ask(body.request(), SourceRead), 201)


@resource.route(
    "POST",
    "/v1/sources/batch",
    Permission.MANAGE_SOURCES,
    body=SourceBatchCreate,
    returns=SourceBatch,
    status=201,
    refuses=(409, 413, 507),
)
async def create_source_batch(request: Request) -> Response:
    """Makes a parent and up to 1,000 children, all or none; `POST …/ingest-children` makes them known."""
    call = call_of(request)
    body = await read_json(request, SourceBatchCreate, call.services.settings.source_body_limit)
    _check_length(*(child.content for child in body.children))
    return one(await call.ask(body.request(), SourceBatch, timeout=_patience(call)), 201)


def _patience(call: Call) -> float:
    """Seconds for what concerns up to a thousand sources."""
    return call.services.settings.upload_timeout.total_seconds()


def _check_length(*texts: str | None) -> None:
    if sum(len(text.encode()) for text in texts if text is not None) > MAX_TEXT:
        raise BodyTooLarge("The text is longer than 7 MiB: upload it as a .txt file instead.")


PREVIEW_SECONDS = 40.0
"""How long to wait for the look at a site, which ends by itself after half of that."""


@resource.route(
    "POST",
    "/v1/sources/crawl-preview",
    Permission.MANAGE_SOURCES,
    body=CrawlPreviewRequest,
    returns=CrawlPreview,
    refuses=(413,),
)
async def preview_crawl(request: Request) -> Response:
    """Looks at a site as a crawl would, for at most 20 seconds: which pages it would take, which not and why. Nothing is kept."""
    call = call_of(request)
    body = await read_json(request, CrawlPreviewRequest, call.services.settings.json_body_limit)
    await call.meter.take(CRAWL_PREVIEWS, str(call.principal.tenant.id))
    return one(await call.ask(body.request(), CrawlPreview, timeout=PREVIEW_SECONDS))


_UPLOAD: dict[str, Any] = {
    "type": "object",
    "required": ["file", "bot_profile_id"],
    "properties": {
        "file": {
            "type": "string",
            "format": "binary",
            "contentMediaType": "application/octet-stream",
            "description": "The file; several parts of this name are several files.",
        },
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
    returns=SourceRead | SourceBatch,
    status=201,
    form=_UPLOAD,
    refuses=(404, 409, 507),
)
async def upload_source(request: Request) -> Response:
    """Gives a bot a file (at most 10 MiB) and starts its ingestion.

    `.txt .md .html .rst .csv .tsv .json .jsonl .eml .pdf .docx .pptx .xlsx .epub`; what it is, its content says. Several
    `file` parts (100, 50 MiB together), all or none, become children of a new parent, or of `parent_id`, and are answered like a
    batch. A `.zip` becomes a parent with a child for each file in it that can be read; its `config` names what was
    left out. What comes over a line that breaks goes to `POST /v1/uploads`; the limits are the same.
    """
    return one(await uploads.receive(request, call_of(request)), 201)


@resource.route("GET", "/v1/sources", Permission.READ_SOURCES, returns=list[SourceRead])
async def list_sources(
    request: Request,
    bot_profile_id: UUID | None = None,
    parent_id: UUID | None = None,
    include_children: bool = False,
    limit: Limit = MAX_LIMIT,
    cursor: Cursor = None,
) -> Response:
    """The tenant's active sources, newest first.

    Those at the top, parents with the figures of their children; with `parent_id` its children; with `include_children` all,
    each with figures of its own.
    """
    question = ListSources(
        bot_id=bot_profile_id,
        parent_id=parent_id,
        include_children=include_children,
        limit=limit,
        cursor=cursor,
    )
    sources = await call_of(request).ask(question, SourceList)
    return page(request, sources.items, sources.next, limit)


@resource.route("GET", "/v1/sources/{source_id}", Permission.READ_SOURCES, returns=SourceRead, refuses=(404,))
async def read_source(request: Request, source_id: UUID) -> Response:
    """One source, deactivated ones included; a parent with the figures of its active children."""
    return one(await call_of(request).ask(GetSource(source_id=source_id), SourceRead))


@resource.route(
    "GET",
    "/v1/sources/{source_id}/children",
    Permission.READ_SOURCES,
    returns=list[SourceRead],
    refuses=(404,),
)
async def list_source_children(
    request: Request, source_id: UUID, limit: Limit = MAX_LIMIT, cursor: Cursor = None
) -> Response:
    """A source's active children, oldest first."""
    question = ListChildren(source_id=source_id, limit=limit, cursor=cursor)
    sources = await call_of(request).ask(question, SourceList)
    return page(request, sources.items, sources.next, limit)


@resource.route(
    "PATCH",
    "/v1/sources/{source_id}",
    Permission.MANAGE_SOURCES,
    body=SourceUpdate,
    returns=SourceRead,
    refuses=(404, 409, 413, 507),
)
async def update_source(request: Request, source_id: UUID) -> Response:
    """Changes the fields that are sent; what is known stays until `POST …/ingest`.

    `is_active: false` does what DELETE does; `true` brings the source back, with the children that went with it, and starts its
    ingestion.
    """
    call = call_of(request)
    body = await read_json(request, SourceUpdate, call.services.settings.source_body_limit)
    _check_length(body.content)
    return one(await call.ask(body.request(source_id), SourceRead, timeout=_patience(call)))


@resource.route(
    "DELETE", "/v1/sources/{source_id}", Permission.MANAGE_SOURCES, status=204, refuses=(404, 409)
)
async def delete_source(request: Request, source_id: UUID) -> Response:
    """Deactivates the source and its children: from the answer on, nothing of them is found.

    After a 503 it is deactivated too and will be hidden in a moment; repeat the request to be sure.
    """
    call = call_of(request)
    await call.ask(DeactivateSource(source_id=source_id), Done, timeout=_patience(call))
    return Response(status_code=204)


@resource.route(
    "POST",
    "/v1/sources/{source_id}/ingest",
    Permission.MANAGE_SOURCES,
    returns=IngestionAccepted,
    status=202,
    refuses=(404, 409, 507),
)
async def ingest_source(request: Request, source_id: UUID) -> Response:
    """Makes a new version of the source; the old one answers until it is ready."""
    await call_of(request).ask(IngestSource(source_id=source_id), IngestAccepted)
    return one(IngestionAccepted(status="accepted", message=f"Ingestion queued for source {source_id}"), 202)


@resource.route(
    "POST",
    "/v1/sources/{source_id}/ingest-children",
    Permission.MANAGE_SOURCES,
    returns=ChildIngestionsAccepted,
    status=202,
    refuses=(404, 409, 507),
)
async def ingest_source_children(request: Request, source_id: UUID, only_failed: bool = False) -> Response:
    """Makes a new version of each active child that is not being processed.

    With `only_failed` of those whose last ingestion failed: one call takes up all that was given up.
    """
    call = call_of(request)
    question = IngestChildren(source_id=source_id, only_failed=only_failed)
    queued = await call.ask(question, ChildrenQueued, timeout=_patience(call))
    message = f"Ingestion queued for {queued.enqueued} child sources"
    return one(ChildIngestionsAccepted(status="accepted", message=message, enqueued=queued.enqueued), 202)
