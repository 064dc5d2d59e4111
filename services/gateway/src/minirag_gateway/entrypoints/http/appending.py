"""Bytes of a resumable upload as they come: each piece is committed, whatever becomes of the line."""

import asyncio

from fastapi import Request
from minirag_contracts.errors import Unavailable
from starlette.requests import ClientDisconnect

from minirag_gateway.domain.upload import MEGABYTE, Upload
from minirag_gateway.entrypoints.http.calls import Call
from minirag_gateway.entrypoints.http.limits import UPLOAD_BYTES
from minirag_gateway.errors import BodyTooLarge, BodyTooSlow, RateLimited

PIECE = MEGABYTE
"""Bytes that are committed at a time: what is lost at most when this process dies."""


class Appending:
    """One PATCH: a piece is committed when more than a piece has come, the rest at the end, however that comes about."""

    def __init__(self, request: Request, call: Call, upload: Upload) -> None:
        self._request = request
        self._call = call
        self._upload = upload
        self._at = upload.received
        self._buffer = bytearray()
        self._body = request.stream()
        seconds = call.services.settings.upload_body_timeout.total_seconds()
        self._until = asyncio.get_running_loop().time() + seconds

    async def run(self) -> None:
        """Raises OffsetConflict where somebody else goes on at the same time, BodyTooLarge for more than was announced."""
        told = self._request.headers.get("content-length", "")
        if told.isdigit() and self._at + int(told) > self._upload.length:
            raise self._too_much()
        while (chunk := await self._next()) is not None:
            if self._at + len(self._buffer) + len(chunk) > self._upload.length:
                raise self._too_much()
            self._buffer += chunk
            while (
                len(self._buffer) > PIECE
            ):  # the last piece waits for the end: more than was announced may follow
                await self._keep(PIECE)
        await self._keep(len(self._buffer))

    async def _next(self) -> bytes | None:
        """What comes next, None at the end. Where nothing more is taken, what has come is kept first."""
        try:
            chunk = await self._received()
            if chunk:
                await self._call.meter.take(UPLOAD_BYTES, str(self._upload.tenant_id), len(chunk))
        except (BodyTooSlow, ClientDisconnect, RateLimited, Unavailable):
            await self._keep(len(self._buffer))
            raise
        return chunk

    async def _received(self) -> bytes | None:
        """The deadline is one for the whole body. It ends the waiting for bytes, never a commit, whose end would not be known."""
        if asyncio.get_running_loop().time() >= self._until:
            raise BodyTooSlow  # also where the next bytes are there already
        try:
            async with asyncio.timeout_at(self._until):
                return await anext(self._body, None)
        except TimeoutError:
            raise BodyTooSlow from None

    async def _keep(self, size: int) -> None:
        if size == 0:
            return
        await self._call.still()
        piece = bytes(self._buffer[:size])
        self._at = await self._call.services.uploads.append(
            self._call.context.scope, self._upload, self._at, piece
        )
        del self._buffer[:size]

    def _too_much(self) -> BodyTooLarge:
        return BodyTooLarge(f"The upload was announced with {self._upload.length} bytes, and these are more.")
