"""``/v1/uploads``: files over a line that breaks; the limits are the same. This is tus 1.0.0, as tus-js-client and Uppy speak it.

``POST`` begins an upload, ``PATCH`` sends bytes from an offset on, ``HEAD`` says how far they have come; the last byte makes a
source of the file, as ``POST /v1/sources/upload`` does.
"""

import asyncio
import time
from typing import Annotated, Any
from uuid import UUID

from fastapi import Header, Request, Response
from minirag_contracts.errors import RemoteRefusal
from minirag_contracts.requests.chat import BotRead, GetBot
from minirag_contracts.requests.ingest import GetSource, SourceRead, is_archive

from minirag_gateway.commands.resumable import StartUpload, UploadRead, read_of
from minirag_gateway.domain.access import Permission
from minirag_gateway.domain.upload import Upload, limit_of, too_large
from minirag_gateway.entrypoints.http import tus
from minirag_gateway.entrypoints.http.answers import MAX_LIMIT, Cursor, Limit, one, page
from minirag_gateway.entrypoints.http.appending import Appending
from minirag_gateway.entrypoints.http.calls import Call
from minirag_gateway.entrypoints.http.routing import Resource, call_of
from minirag_gateway.entrypoints.http.schemas.sources import UploadForm
from minirag_gateway.entrypoints.http.tus_headers import PATH, VERSION
from minirag_gateway.entrypoints.http.uploads import check_extension, clean
from minirag_gateway.errors import (
    ArchiveWithParent,
    BodyTooLarge,
    BotUnknown,
    EmptyFile,
    OffsetConflict,
    StorageLow,
    UploadFailed,
)

resource = Resource("Uploads")

LOOK, RARELY = 0.05, 1.0
"""Seconds between looks at what becomes of a file that is whole: at first, doubled each time, and at most."""

Version = Annotated[
    str,
    Header(alias="Tus-Resumable", json_schema_extra={"enum": [VERSION]}, examples=[VERSION]),
]
"""Checked by hand: another version is a 412."""

Length = Annotated[int, Header(alias="Upload-Length", ge=0, description="Bytes of the file.", examples=[25])]

Offset = Annotated[
    int, Header(alias="Upload-Offset", ge=0, description="Where these bytes begin.", examples=[0])
]

Metadata = Annotated[
    str,
    Header(
        alias="Upload-Metadata",
        max_length=8192,
        description="`filename` and `bot_profile_id`, and if you like `name`, `description`, `parent_id`: each with its value in "
        "Base64, separated by commas.",
        examples=["filename bm90ZS50eHQ=,bot_profile_id MDE5MWU3YTAtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMDAw"],
    ),
]


def _told(*names: str) -> dict[str, Any]:
    return {"headers": {name: {"schema": {"type": "string"}} for name in ("Tus-Resumable", *names)}}


@resource.route(
    "OPTIONS",
    PATH,
    Permission.PUBLIC,
    status=204,
    responses={204: _told("Tus-Version", "Tus-Extension", "Tus-Max-Size")},
)
async def describe_uploads(request: Request) -> Response:
    """What is spoken here."""
    headers = {
        "Tus-Resumable": VERSION,
        "Tus-Version": VERSION,
        "Tus-Extension": tus.EXTENSIONS,
        "Tus-Max-Size": str(call_of(request).services.settings.archive_limit),
    }
    return Response(status_code=204, headers=headers)


@resource.route(
    "POST",
    PATH,
    Permission.MANAGE_SOURCES,
    returns=UploadRead,
    status=201,
    refuses=(404, 409, 412, 413, 507),
    responses={201: _told("Location", "Upload-Offset", "Upload-Expires")},
)
async def start_upload(request: Request, length: Length, metadata: Metadata, version: Version) -> Response:
    """Begins an upload; `Location` is where its bytes go. It may be left for a day (`Upload-Expires`).

    Documents have at most 10 MiB, archives (`.zip`) 100 MiB if the operator says nothing else (`Tus-Max-Size`).
    """
    tus.check_version(version)
    call = call_of(request)
    sent = tus.metadata_of(metadata)
    filename = clean(sent.get("filename") or sent.get("name") or "")
    form = tus.form_of(sent, filename)
    _check_file(call, filename, length, form)
    await _check_surroundings(call, form)
    question = StartUpload(
        bot_id=form.bot_profile_id,
        parent_id=form.parent_id,
        name=form.name,
        description=form.description,
        filename=filename,
        metadata=metadata,
        length=length,
    )
    started = await call.services.uploads.start(call.context, question)
    answer = one(started, 201)
    answer.headers.update({**tus.about(started), "Location": f"{PATH}/{started.id}"})
    return answer


def _check_file(call: Call, filename: str, length: int, form: UploadForm) -> None:
    check_extension(filename)
    archive = is_archive(filename)
    limit = limit_of(is_archive=archive, archive_limit=call.services.settings.archive_limit)
    if length > limit:
        raise BodyTooLarge(too_large(limit))
    if length == 0:
        raise EmptyFile
    if archive and form.parent_id is not None:
        raise ArchiveWithParent


async def _check_surroundings(call: Call, form: UploadForm) -> None:
    """What ingest will ask in the end, asked before the bytes are sent."""
    await _check_disk(call)
    try:
        bot = await call.ask(GetBot(bot_id=form.bot_profile_id), BotRead)
    except RemoteRefusal as refusal:
        if refusal.code != "not_found":
            raise
        raise BotUnknown from None
    if not bot.is_active:
        raise BotUnknown
    if form.parent_id is not None:
        await call.ask(GetSource(source_id=form.parent_id), SourceRead)


async def _check_disk(call: Call) -> None:
    if await asyncio.to_thread(call.services.disk_is_low):
        raise StorageLow


@resource.route("GET", PATH, Permission.MANAGE_SOURCES, returns=list[UploadRead])
async def list_uploads(request: Request, limit: Limit = MAX_LIMIT, cursor: Cursor = None) -> Response:
    """The tenant's uploads, newest first: unfinished ones, and what has become of those of the last day."""
    call = call_of(request)
    found, following = await call.services.uploads.list(call.context.scope, limit, cursor)
    return page(request, found, following, limit)


@resource.route(
    "HEAD",
    f"{PATH}/{{upload_id}}",
    Permission.MANAGE_SOURCES,
    refuses=(404, 412),
    responses={
        200: _told("Upload-Offset", "Upload-Length", "Upload-Metadata", "Upload-Expires", tus.SOURCE_ID)
    },
)
async def locate_upload(request: Request, upload_id: UUID, version: Version) -> Response:
    """How far it is: `Upload-Offset`. `X-MiniRAG-Source-Id` once a source was made of it."""
    tus.check_version(version)
    call = call_of(request)
    found = await call.services.uploads.get(call.context.scope, upload_id)
    headers = {"Upload-Length": str(found.length), "Upload-Metadata": found.metadata}
    return Response(headers={**tus.about(read_of(found)), **headers})


@resource.route("GET", f"{PATH}/{{upload_id}}", Permission.MANAGE_SOURCES, returns=UploadRead, refuses=(404,))
async def read_upload(request: Request, upload_id: UUID) -> Response:
    """The same as JSON, and what has become of it: its source, or why there is none. It is told for a day."""
    call = call_of(request)
    return one(read_of(await call.services.uploads.get(call.context.scope, upload_id)))


@resource.route(
    "PATCH",
    f"{PATH}/{{upload_id}}",
    Permission.MANAGE_SOURCES,
    status=204,
    raw=tus.MEDIA_TYPE,
    refuses=(404, 409, 412, 413, 415, 507),
    responses={204: _told("Upload-Offset", "Upload-Expires", tus.SOURCE_ID)},
)
async def append_to_upload(request: Request, upload_id: UUID, offset: Offset, version: Version) -> Response:
    """Sends bytes from `Upload-Offset` on. What has come is kept, also when the line breaks.

    The answer to the last byte has `X-MiniRAG-Source-Id`, or says why no source can be made; where that is not known within 30
    seconds it has neither, and `GET /v1/uploads/{upload_id}` says `making` until it is.
    """
    tus.check_version(version)
    call = call_of(request)
    found = await call.services.uploads.get(call.context.scope, upload_id)
    tus.check_media_type(request)
    if offset != found.received:
        raise OffsetConflict
    if found.status == "open":
        await _check_disk(call)
    await Appending(request, call, found).run()
    found = await _outcome(call, upload_id)
    return Response(status_code=204, headers=tus.about(read_of(found)))


@resource.route(
    "DELETE",
    f"{PATH}/{{upload_id}}",
    Permission.MANAGE_SOURCES,
    status=204,
    refuses=(404, 409, 412),
    responses={204: _told()},
)
async def end_upload(request: Request, upload_id: UUID, version: Version) -> Response:
    """Forgets an upload and its bytes. A source that was made of it stays."""
    tus.check_version(version)
    call = call_of(request)
    await call.still()
    await call.services.uploads.remove(call.context.scope, upload_id)
    return Response(status_code=204, headers={"Tus-Resumable": VERSION})


async def _outcome(call: Call, upload_id: UUID) -> Upload:
    """How it stands; a file that is whole is waited for a while, since most sources are made at once."""
    until = time.monotonic() + call.services.settings.upload_timeout.total_seconds()
    pause = LOOK
    while True:
        found = await call.services.uploads.get(call.context.scope, upload_id)
        if found.refusal is not None:
            raise UploadFailed(found.refusal.status, found.refusal.code, found.refusal.detail)
        left = until - time.monotonic()
        if found.status != "making" or left <= 0:
            return found
        await asyncio.sleep(min(pause, left))
        pause = min(2 * pause, RARELY)
