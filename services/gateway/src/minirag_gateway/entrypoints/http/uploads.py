"""An uploaded file on its way to ingest: checked while it passes, never whole in memory.

Order of checks (spec §8): extension, then size, then what ingest knows (bot, parent, content).
"""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import PurePath
from uuid import UUID

from fastapi import Request
from minirag_contracts.errors import Unavailable
from minirag_contracts.ids import new_id
from minirag_contracts.requests.ingest import (
    ACCEPTED_TYPES,
    MAX_FILES,
    SourceBatch,
    SourceRead,
    UploadedFile,
    extension_of,
    is_archive,
    name_of_several,
)
from pydantic import ValidationError

from minirag_gateway.commands.transfer import Counted, discard, patience
from minirag_gateway.domain.upload import MEGABYTE, limit_of, too_large
from minirag_gateway.entrypoints.http.bodies import invalid, refusal_of
from minirag_gateway.entrypoints.http.calls import Call
from minirag_gateway.entrypoints.http.limits import UPLOAD_BYTES
from minirag_gateway.entrypoints.http.multipart import MAX_FIELD, Event, PartBegin, PartData, PartEnd, parse
from minirag_gateway.entrypoints.http.schemas.sources import UploadForm
from minirag_gateway.errors import (
    ArchiveAmongFiles,
    BodyTooSlow,
    EmptyFile,
    FileTooLarge,
    MalformedUpload,
    UnsupportedFileType,
    UploadRefused,
)

FIELDS = MAX_FIELD * 16
"""Bytes of a form beside its files."""

MAX_FORM = 50 * MEGABYTE + FIELDS
"""Bytes of a form without an archive: beyond it nothing needs to be read to know."""

TOO_MUCH = "The files of one upload may have at most 50 MB together."

TOLD = 5
"""Refused files that are named."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that waits in the transfer bucket."""

    described: UploadedFile
    object_name: str

    @property
    def name(self) -> str:
        """As the client calls it."""
        return self.described.filename


async def receive(request: Request, call: Call) -> SourceRead | SourceBatch:
    """Takes the form in and hands it to ingest; whatever goes wrong, nothing stays behind."""
    upload = _Upload(request, call)
    try:
        async with asyncio.timeout(call.services.settings.upload_body_timeout.total_seconds()):
            form, files = await upload.read()
        source = await _hand_over(call, form, files)
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


async def _hand_over(call: Call, form: UploadForm, files: list[StoredFile]) -> SourceRead | SourceBatch:
    size = sum(file.described.size for file in files)
    seconds = patience(call.services.settings.upload_timeout.total_seconds(), size)
    described, names = [file.described for file in files], [file.object_name for file in files]
    if len(files) == 1:
        return await call.ask(form.request(described[0], names[0]), SourceRead, timeout=seconds)
    return await call.ask(form.request_of_several(described, names), SourceBatch, timeout=seconds)


class _Upload:
    """One form being read.

    A file that is refused does not keep the others from being looked at, as long as the whole is known to be small: then the
    refusal says of each what is wrong with it.
    """

    def __init__(self, request: Request, call: Call) -> None:
        self._request = request
        self._meter = call.meter
        self._bus = call.services.bus
        self._tenant: UUID = call.principal.tenant.id
        self._archive_limit = call.services.settings.archive_limit
        self._form_limit = MAX_FORM
        told = request.headers.get("content-length", "")
        self._told = int(told) if told.isdigit() else None
        self._taken = 0
        self._fields: dict[str, str] = {}
        self._names: list[str] = []
        self._files: list[StoredFile] = []
        self._refused: list[tuple[str, UploadRefused]] = []
        self._objects: list[str] = []

    async def read(self) -> tuple[UploadForm, list[StoredFile]]:
        """The fields, checked, and the files, stored."""
        events = parse(self._request.headers.get("content-type", ""), self._metered())
        async for event in events:
            if isinstance(event, PartBegin):
                await self._part(event, events)
        if not self._names:
            raise invalid("Field required", "missing", "file")
        if self._refused:
            raise _joined(self._refused) if len(self._names) > 1 else self._refused[0][1]
        if len(self._names) > 1:
            _refuse_archives(self._names)
        return self._form(), self._files

    async def _metered(self) -> AsyncIterator[bytes]:
        """The body, counted as it comes: what is refused half-way has been sent nevertheless."""
        async for chunk in self._request.stream():
            if chunk:
                await self._meter.take(UPLOAD_BYTES, str(self._tenant), len(chunk))
            self._taken += len(chunk)
            if self._taken > self._form_limit:
                raise FileTooLarge(TOO_MUCH)
            yield chunk

    async def discard(self) -> None:
        """Drops the files from the bucket."""
        for name in self._objects:
            await discard(self._bus, name)

    async def _part(self, part: PartBegin, events: AsyncIterator[Event]) -> None:
        if part.name == "file":
            if part.filename is None:
                raise invalid("Input should be a file", "file_expected", "file")
            await self._file(clean(part.filename), events)
            return
        value = bytearray()
        async for piece in _pieces(events):
            value += piece
            if len(value) > MAX_FIELD:
                raise invalid("Input is too long", "too_long", part.name[:64])
        self._fields[part.name] = _utf8(bytes(value), part.name)

    async def _file(self, filename: str, events: AsyncIterator[Event]) -> None:
        self._names.append(filename)
        if len(self._names) > MAX_FILES:
            raise invalid(f"At most {MAX_FILES} files can be uploaded at a time", "too_many_files", "file")
        if is_archive(filename):
            self._form_limit = max(self._form_limit, self._archive_limit + FIELDS)
        part = _pieces(events)
        try:
            self._files.append(await self._store(filename, part))
        except (UnsupportedFileType, FileTooLarge, EmptyFile) as refusal:
            if self._told is None or self._told > self._form_limit:
                raise
            self._refused.append((filename, refusal))
            async for _ in part:
                pass  # the rest of it

    async def _store(self, filename: str, part: AsyncIterator[bytes]) -> StoredFile:
        check_extension(filename)
        limit = limit_of(is_archive=is_archive(filename), archive_limit=self._archive_limit)
        if self._told is not None and self._told > self._form_limit:
            raise FileTooLarge(too_large(limit))
        name = f"{self._tenant}/{new_id()}"
        self._objects.append(name)
        counted = Counted(part, limit)
        await self._bus.put_object(name, counted)
        if counted.size == 0:
            raise EmptyFile
        described = UploadedFile(filename=filename, size=counted.size, sha256=counted.sha256)
        return StoredFile(described, name)

    def _form(self) -> UploadForm:
        sent = {
            key: value for key, value in self._fields.items() if value or key not in ("name", "parent_id")
        }
        name = self._names[0] if len(self._names) == 1 else name_of_several(self._names)
        try:
            return UploadForm.model_validate({"name": name, **sent})
        except ValidationError as error:
            raise refusal_of(error) from None


def _joined(refused: list[tuple[str, UploadRefused]]) -> UploadRefused:
    """One refusal of several files; each is named."""
    told = "; ".join(f"{name}: {refusal.detail}" for name, refusal in refused[:TOLD])
    more = f" (and {len(refused) - TOLD} more)" if len(refused) > TOLD else ""
    return type(refused[0][1])(f"{told}{more}")


def _refuse_archives(names: list[str]) -> None:
    archives = [(name, ArchiveAmongFiles()) for name in names if is_archive(name)]
    if archives:
        raise _joined([*archives])


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


def clean(filename: str) -> str:
    """The last part of whatever path a client sends, without control characters, at most 255 characters."""
    name = _CONTROL.sub("", filename.replace("\\", "/").rsplit("/", 1)[-1]).strip()
    path = PurePath(name or "unnamed")
    return f"{path.stem[: 255 - len(path.suffix)]}{path.suffix}" if len(name) > 255 else str(path)


def check_extension(filename: str) -> None:
    """Raises UnsupportedFileType."""
    extension = extension_of(filename)
    if extension not in ACCEPTED_TYPES:
        shown = extension[:16] or "(none)"
        raise UnsupportedFileType(f"Unsupported file type: {shown}. Allowed: {', '.join(ACCEPTED_TYPES)}")
