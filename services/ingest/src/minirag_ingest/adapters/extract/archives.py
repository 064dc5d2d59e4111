"""Archives as the service sees them: each open one has a worker process of its own, which holds the whole of it."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from minirag_ingest.adapters.extract.worker import Limits, ReplyTooLarge, Stalled, Worker, WorkerDied
from minirag_ingest.ports import ArchivedFile, ExtractionInterrupted, OpenArchive, SkippedFile, Unreadable

log = logging.getLogger(__name__)

OPEN_CPU_SECONDS = 20
"""Processor time for looking through the directory of the largest archive."""
COPIES = 3
"""How often the archive is in the process' memory while it arrives."""
CODE = "unreadable_archive"
INTERRUPTED = "The process that unpacked the archive was ended."


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


async def _answer(running: Any) -> tuple[dict[str, Any], bytes]:
    """What the worker answers, or why there is no answer."""
    try:
        answer: tuple[dict[str, Any], bytes] = await running
    except WorkerDied as error:
        log.warning("a worker died over an archive", extra={"signal": str(error.signal)})
        if error.out_of_memory:
            raise Unreadable(CODE, "The archive needs too much memory to be unpacked.") from error
        if error.signal is not None and error.signal.name == "SIGXCPU":
            raise Unreadable(CODE, "Unpacking the archive takes too long.") from error
        raise ExtractionInterrupted(INTERRUPTED) from error
    except (Stalled, ReplyTooLarge) as error:
        raise Unreadable(CODE, "Unpacking the archive takes too long.") from error
    return answer


def _unreadable(header: dict[str, Any]) -> Unreadable:
    if header["code"] == "unexpected":
        log.warning("an archive could not be read", extra={"error": header["sentence"]})
        return Unreadable(CODE, "The archive is damaged, and cannot be unpacked.")
    code = CODE if header["code"] == "unreadable_document" else header["code"]
    return Unreadable(code, header["sentence"])
