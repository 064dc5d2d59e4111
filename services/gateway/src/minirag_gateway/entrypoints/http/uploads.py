"""An uploaded file on its way to ingest: checked while it passes, never whole in memory.

Order of checks (spec §8): extension, then size, then what ingest knows (bot, parent, content).
"""

import asyncio
import hashlib
import logging
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import PurePath
from uuid import UUID

from fastapi import Request
from minirag_contracts.errors import Refusal, Unavailable
from minirag_contracts.ids import new_id
from minirag_contracts.requests.ingest import FILE_TYPES, SourceRead
from pydantic import ValidationError

from minirag_gateway.entrypoints.http.bodies import invalid, refusal_of
from minirag_gateway.entrypoints.http.calls import Call
from minirag_gateway.entrypoints.http.limits import UPLOAD_BYTES
from minirag_gateway.entrypoints.http.multipart import MAX_FIELD, Event, PartBegin, PartData, PartEnd, parse
from minirag_gateway.entrypoints.http.schemas.sources import UploadForm
from minirag_gateway.errors import BodyTooSlow, EmptyFile, FileTooLarge, MalformedUpload, UnsupportedFileType

logger = logging.getLogger(__name__)

MAX_FILE = 10 * 1024 * 1024
"""Bytes of a file (spec §8)."""

MAX_FORM = MAX_FILE + MAX_FIELD * 16
"""Bytes of a body that can hold an allowed file: beyond it nothing needs to be read to know."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that waits in the transfer bucket."""

    filename: str
    object_name: str
    size: int
    sha256: str


async def receive(request: Request, call: Call) -> SourceRead:
    """Takes the form in and hands it to ingest; whatever goes wrong, nothing stays behind."""
    upload = _Upload(request, call)
    try:
        async with asyncio.timeout(call.services.settings.upload_body_timeout.total_seconds()):
            form, file = await upload.read()
        seconds = call.services.settings.upload_timeout.total_seconds()
        question = form.request(
            filename=file.filename, object_name=file.object_name, size=file.size, sha256=file.sha256
        )
        source = await call.ask(question, SourceRead, timeout=seconds)
    except TimeoutError:
        await upload.discard()
        raise BodyTooSlow from None
    except Unavailable:
        raise  # ingest may still take it over: the bucket forgets it by itself
    except BaseException:
        await upload.discard()
        raise
    await upload.discard()
    return source


class _Upload:
    """One form being read."""

    def __init__(self, request: Request, call: Call) -> None:
        self._request = request
        self._meter = call.meter
        self._bus = call.services.bus
        self._tenant: UUID = call.principal.tenant.id
        self._fields: dict[str, str] = {}
        self._file: StoredFile | None = None
        self._object: str | None = None

    async def read(self) -> tuple[UploadForm, StoredFile]:
        """The fields, checked, and the file, stored."""
        events = parse(self._request.headers.get("content-type", ""), self._metered())
        async for event in events:
            if isinstance(event, PartBegin):
                await self._part(event, events)
        if self._file is None:
            raise invalid("Field required", "missing", "file")
        return self._form(self._file), self._file

    async def _metered(self) -> AsyncIterator[bytes]:
        """The body, counted as it comes: what is refused half-way has been sent nevertheless."""
        async for chunk in self._request.stream():
            if chunk:
                await self._meter.take(UPLOAD_BYTES, str(self._tenant), len(chunk))
            yield chunk

    async def discard(self) -> None:
        """Drops the file from the bucket; if that fails, the bucket drops it within the hour."""
        if self._object is None:
            return
        try:
            await self._bus.delete_object(self._object)
        except Refusal as refusal:
            logger.info("a transferred file was left to expire", extra={"reason": refusal.code})

    async def _part(self, part: PartBegin, events: AsyncIterator[Event]) -> None:
        if part.name == "file":
            if part.filename is None:
                raise invalid("Input should be a file", "file_expected", "file")
            if self._file is not None:
                raise invalid("Only one file can be uploaded at a time", "too_many_files", "file")
            self._file = await self._store(part.filename, events)
            return
        value = bytearray()
        async for piece in _pieces(events):
            value += piece
            if len(value) > MAX_FIELD:
                raise invalid("Input is too long", "too_long", part.name[:64])
        self._fields[part.name] = _utf8(bytes(value), part.name)

    async def _store(self, raw_name: str, events: AsyncIterator[Event]) -> StoredFile:
        filename = _clean(raw_name)
        _check_extension(filename)
        told = self._request.headers.get("content-length", "")
        if told.isdigit() and int(told) > MAX_FORM:
            raise FileTooLarge
        self._object = f"{self._tenant}/{new_id()}"
        counted = _Counted(_pieces(events))
        await self._bus.put_object(self._object, counted.chunks())
        if counted.size == 0:
            raise EmptyFile
        return StoredFile(filename, self._object, counted.size, counted.digest.hexdigest())

    def _form(self, file: StoredFile) -> UploadForm:
        sent = {
            key: value for key, value in self._fields.items() if value or key not in ("name", "parent_id")
        }
        try:
            return UploadForm.model_validate({"name": file.filename, **sent})
        except ValidationError as error:
            raise refusal_of(error) from None


class _Counted:
    """Measures and hashes a file as it passes."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces
        self.size = 0
        self.digest = hashlib.sha256()

    async def chunks(self) -> AsyncIterator[bytes]:
        async for piece in self._pieces:
            self.size += len(piece)
            if self.size > MAX_FILE:
                raise FileTooLarge
            self.digest.update(piece)
            yield piece


async def _pieces(events: AsyncIterator[Event]) -> AsyncIterator[bytes]:
    """The data of the current part, up to its end."""
    async for event in events:
        if isinstance(event, PartEnd):
            return
        if isinstance(event, PartData):
            yield event.data
    raise MalformedUpload


def _utf8(raw: bytes, name: str) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise invalid("Text must be UTF-8", "invalid_utf8", name[:64]) from None
    if "\x00" in text:
        raise invalid("Text must not contain the character U+0000", "nul_character", name[:64])
    return text


def _clean(filename: str) -> str:
    """The last part of whatever path a client sends, without control characters, at most 255 characters."""
    name = _CONTROL.sub("", filename.replace("\\", "/").rsplit("/", 1)[-1]).strip()
    path = PurePath(name or "unnamed")
    return f"{path.stem[: 255 - len(path.suffix)]}{path.suffix}" if len(name) > 255 else str(path)


def _check_extension(filename: str) -> None:
    extension = PurePath(filename).suffix.lower()
    if extension not in FILE_TYPES:
        shown = extension[:16] or "(none)"
        raise UnsupportedFileType(f"Unsupported file type: {shown}. Allowed: {', '.join(FILE_TYPES)}")
