"""Archives as the service sees them: each open one has a worker process of its own, which holds the whole of it."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from minirag_ingest.adapters.extract.failures import UNPACKING, told_as
from minirag_ingest.adapters.extract.worker import Limits, Worker
from minirag_ingest.ports import ArchivedFile, OpenArchive, SkippedFile, Unreadable

log = logging.getLogger(__name__)

OPEN_CPU_SECONDS = 20
"""Processor time for looking through the directory of the largest archive."""
COPIES = 3
"""How often the archive is in the process' memory while it arrives."""


class ArchiveWorkers:
    """The port ArchiveOpener: at most ``size`` archives at a time, of at most ``largest`` bytes."""

    def __init__(self, limits: Limits, *, largest: int, size: int = 2) -> None:
        self._limits = replace(limits, memory=limits.memory + COPIES * largest)
        self._slots = asyncio.Semaphore(size)

    @asynccontextmanager
    async def open(self, size: int, chunks: AsyncIterator[bytes]) -> AsyncIterator[OpenArchive]:
        """See the port."""
        async with self._slots:
            worker = await Worker.start(self._limits)
            try:
                header, body = await _answer(
                    worker.run_streamed({"archive": "open", "cpu_seconds": OPEN_CPU_SECONDS}, size, chunks)
                )
                if not header["ok"]:
                    raise _unreadable(header)
                listing = json.loads(body)
                files = tuple(ArchivedFile(n, *file) for n, file in enumerate(listing["files"]))
                skipped = tuple(SkippedFile(*file) for file in listing["skipped"])
                yield _Open(worker, files, skipped, is_document=listing["document"])
            finally:
                await asyncio.shield(worker.kill())


class _Open:
    """The port OpenArchive."""

    def __init__(
        self,
        worker: Worker,
        files: tuple[ArchivedFile, ...],
        skipped: tuple[SkippedFile, ...],
        *,
        is_document: bool,
    ) -> None:
        self._worker = worker
        self.is_document = is_document
        self.files = files
        self.skipped = skipped

    async def read(self, file: ArchivedFile) -> bytes | None:
        """See the port."""
        header, body = await _answer(self._worker.run({"archive": file.index}, b""))
        if header["ok"]:
            return body
        if header["code"] == "unexpected":
            log.warning("a file of an archive could not be read", extra={"error": header["sentence"]})
        return None


async def _answer(running: Awaitable[tuple[dict[str, Any], bytes]]) -> tuple[dict[str, Any], bytes]:
    """What the worker answers, or why there is no answer."""
    with told_as(UNPACKING):
        return await running


def _unreadable(header: dict[str, Any]) -> Unreadable:
    if header["code"] == "unexpected":
        log.warning("an archive could not be read", extra={"error": header["sentence"]})
        return Unreadable(UNPACKING.code, "The archive is damaged, and cannot be unpacked.")
    code = UNPACKING.code if header["code"] == "unreadable_document" else header["code"]
    return Unreadable(code, header["sentence"])
