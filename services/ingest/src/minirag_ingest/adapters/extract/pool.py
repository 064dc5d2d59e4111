"""Extraction and chunking in worker processes: a bomb, a crash or an endless loop costs one document, never the service."""

import asyncio
import json
import logging
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from minirag_contracts.requests.retrieval import Chunk
from minirag_messaging.turnstile import Turnstile

from minirag_ingest.adapters.extract.detect import detect
from minirag_ingest.adapters.extract.errors import Unreadable as ReadError
from minirag_ingest.adapters.extract.failures import READING, told_as
from minirag_ingest.adapters.extract.registry import extract
from minirag_ingest.adapters.extract.worker import CHILD, Limits, Worker
from minirag_ingest.domain.document import Document
from minirag_ingest.domain.sizes import Sizes
from minirag_ingest.ports import (
    WORKING_FOR,
    Link,
    Raw,
    RobotsAnswer,
    SitemapEntries,
    StoredDocument,
    Surveyed,
    Unreadable,
)

log = logging.getLogger(__name__)

ARCHIVE = b"PK"
"""What the worker looks into, not the service."""
SMALL = 256 * 1024
"""Bytes of plain text that are read in place; more of it goes to a thread."""


class ExtractionPool:
    """At most ``size`` worker processes, started when needed and ended after ``idle``; one tenant's documents leave one free."""

    def __init__(
        self,
        *,
        size: int = 2,
        limits: Limits | None = None,
        idle: timedelta = timedelta(seconds=60),
        module: str = CHILD,
    ) -> None:
        self._limits = limits or Limits()
        self._idle_seconds = idle.total_seconds()
        self._module = module
        self._slots = Turnstile(size, share=max(1, size - 1))
        self._idle: list[Worker] = []
        self._timers: dict[int, asyncio.Task[None]] = {}

    async def extract(self, raw: Raw) -> Document:
        """Reads a file or page; Unreadable is final, ExtractionInterrupted is not."""
        if len(raw.data) > self._limits.given:
            raise Unreadable(
                "unreadable_document", f"The document is larger than {self._limits.given >> 20} MB."
            )
        if self._is_plain(raw):
            return await self._plain(raw)
        job = {"filename": raw.filename, "media_type": raw.media_type, "charset": raw.charset}
        body = await self._answer(job, raw.data)
        return Document.from_json(await asyncio.to_thread(json.loads, body))

    async def chunk(self, stored: StoredDocument, sizes: Sizes) -> Sequence[Chunk]:
        """Cuts a document into chunks; raises as ``extract`` does."""
        job = {
            "chunk": [sizes.chunk, sizes.overlap],
            "title": stored.title,
            "url": stored.url,
            "cpu_seconds": self._limits.chunk_cpu_seconds,
        }
        body = await self._answer(job, await asyncio.to_thread(_encoded, stored.document))
        return await asyncio.to_thread(_chunks, body)

    async def survey_page(self, raw: Raw, robots_tag: str) -> Surveyed:
        """What a page of HTML says to crawlers; raises as ``extract`` does."""
        job = {"survey": "page", "charset": raw.charset, "header": robots_tag}
        found = json.loads(await self._answer(job, raw.data))
        links = tuple(Link(href, follow) for href, follow in found["links"])
        return Surveyed(found["title"], found["base"], links, found["noindex"], found["nofollow"])

    async def survey_sitemap(self, data: bytes) -> SitemapEntries:
        """Pages and further sitemaps; raises as ``extract`` does."""
        found = json.loads(await self._answer({"survey": "sitemap"}, data))
        return SitemapEntries(tuple(found["pages"]), tuple(found["sitemaps"]))

    async def survey_robots(self, text: str, urls: Sequence[str]) -> RobotsAnswer:
        """What a robots.txt allows us; raises as ``extract`` does."""
        found = json.loads(await self._answer({"survey": "robots", "urls": list(urls)}, text.encode()))
        return RobotsAnswer(tuple(found["allowed"]), found["delay"], tuple(found["sitemaps"]))

    async def close(self) -> None:
        """Ends all processes."""
        for timer in self._timers.values():
            timer.cancel()
        await asyncio.gather(*(worker.kill() for worker in self._idle))
        self._idle.clear()

    def _is_plain(self, raw: Raw) -> bool:
        """Whether these bytes are plain text, which needs no foreign code; what they are not, the worker will say."""
        if not raw.data.strip() or raw.charset not in (None, "utf-8") or raw.data.startswith(ARCHIVE):
            return False
        try:
            return detect(raw.data, raw.filename, raw.media_type) == "text"
        except ReadError:
            return False

    async def _plain(self, raw: Raw) -> Document:
        read = partial(
            extract, raw.data, filename=raw.filename, media_type=raw.media_type, charset=raw.charset
        )
        try:
            if len(raw.data) <= SMALL:
                return read()
            return await asyncio.to_thread(read)
        except ReadError as error:
            raise Unreadable(error.code, str(error)) from error

    async def _answer(self, job: dict[str, Any], data: bytes) -> bytes:
        async with self._slots.turn_of(WORKING_FOR.get() or object()):
            header, body = await self._run(job, data)
        if header["ok"]:
            return body
        if header["code"] != "unexpected":
            raise Unreadable(header["code"], header["sentence"])
        log.warning("a document could not be read", extra={"error": header["sentence"]})
        raise Unreadable("unreadable_document", "The document is damaged, or of a kind that cannot be read.")

    async def _run(self, job: dict[str, Any], data: bytes) -> tuple[dict[str, str], bytes]:
        worker = await self._take()
        try:
            with told_as(READING):
                answer = await worker.run(job, data)
            if worker.usable:
                self._keep(worker)
                worker = None  # type: ignore[assignment]  # so that it is not killed below
            return answer
        finally:
            if worker is not None:
                await asyncio.shield(worker.kill())

    async def _take(self) -> Worker:
        while self._idle:
            worker = self._idle.pop()
            timer = self._timers.pop(worker.pid, None)
            if timer:
                timer.cancel()
            if worker.usable:
                return worker
            await worker.kill()
        return await Worker.start(self._limits, self._module)

    def _keep(self, worker: Worker) -> None:
        self._idle.append(worker)
        self._timers[worker.pid] = asyncio.create_task(self._end_when_idle(worker))

    async def _end_when_idle(self, worker: Worker) -> None:
        await asyncio.sleep(self._idle_seconds)
        if worker in self._idle:
            self._idle.remove(worker)
            self._timers.pop(worker.pid, None)
            await worker.kill()


def _encoded(document: Document) -> bytes:
    return json.dumps(document.to_json(), ensure_ascii=False).encode("utf-8", "replace")


def _chunks(body: bytes) -> list[Chunk]:
    return [Chunk.model_validate(row) for row in json.loads(body)]
