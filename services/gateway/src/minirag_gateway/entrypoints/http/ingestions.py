"""``/v1/sources/{source_id}/…``: the ingestions of a source and its versions."""

from uuid import UUID

from fastapi import Request, Response
from minirag_contracts.requests.ingest import (
    CancelIngestion,
    IngestAccepted,
    IngestionList,
    IngestionRead,
    ListIngestions,
    ListVersions,
    SourceRead,
    VersionList,
    VersionRead,
)

from minirag_gateway.domain.access import Permission
from minirag_gateway.entrypoints.http.answers import MAX_LIMIT, Cursor, Limit, one, page
from minirag_gateway.entrypoints.http.bodies import read_json
from minirag_gateway.entrypoints.http.routing import Resource, call_of
from minirag_gateway.entrypoints.http.schemas.sources import RollbackAccepted, RollbackCreate

resource = Resource("Sources")


@resource.route(
    "GET",
    "/v1/sources/{source_id}/ingestions",
    Permission.READ_SOURCES,
    returns=list[IngestionRead],
    refuses=(404,),
)
async def list_ingestions(
    request: Request, source_id: UUID, limit: Limit = MAX_LIMIT, cursor: Cursor = None
) -> Response:
    """The ingestions of a source and of its children, newest first: how far they are, or how they ended and why.

    `retrying` waits until `next_attempt_at`; `failed` is given up until it is asked for again (`POST …/ingest`, or for all
    failed children `POST …/ingest-children?only_failed=true`). What happens next is told by `GET /v1/events`.
    """
    question = ListIngestions(source_id=source_id, limit=limit, cursor=cursor)
    found = await call_of(request).ask(question, IngestionList)
    return page(request, found.items, found.next, limit)


@resource.route(
    "POST",
    "/v1/sources/{source_id}/cancel",
    Permission.MANAGE_SOURCES,
    returns=SourceRead,
    refuses=(404, 409),
)
async def cancel_ingestion(request: Request, source_id: UUID) -> Response:
    """Ends the ingestion of the source and of its children; what answered before goes on answering.

    409 when nothing is being processed, or when it is just becoming visible.
    """
    return one(await call_of(request).ask(CancelIngestion(source_id=source_id), SourceRead))


@resource.route(
    "GET",
    "/v1/sources/{source_id}/versions",
    Permission.READ_SOURCES,
    returns=list[VersionRead],
    refuses=(404,),
)
async def list_versions(
    request: Request, source_id: UUID, limit: Limit = MAX_LIMIT, cursor: Cursor = None
) -> Response:
    """The versions of a source that answered, newest first, with what each added, changed and removed in passages.

    An ingestion that finds nothing changed makes no version. Those that are `kept` can be gone back to.
    """
    question = ListVersions(source_id=source_id, limit=limit, cursor=cursor)
    found = await call_of(request).ask(question, VersionList)
    return page(request, found.items, found.next, limit)


@resource.route(
    "POST",
    "/v1/sources/{source_id}/rollback",
    Permission.MANAGE_SOURCES,
    body=RollbackCreate,
    returns=RollbackAccepted,
    status=202,
    refuses=(404, 409, 413),
)
async def roll_back_source(request: Request, source_id: UUID) -> Response:
    """Makes a version with the text of an earlier one; it becomes visible in one step, as every version.

    A later ingestion takes what the source says then: deactivate its schedule first if the old text shall stay.
    """
    call = call_of(request)
    body = await read_json(request, RollbackCreate)
    accepted = await call.ask(body.request(source_id), IngestAccepted)
    message = f"Version {accepted.version} is being made"
    return one(RollbackAccepted(status="accepted", message=message, version=accepted.version), 202)
