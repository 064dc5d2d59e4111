"""Extraction in child processes: what kills one costs one document."""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from ingest_documents import A_PAGE, a_docx, a_pdf, a_zip_bomb
from minirag_ingest.adapters.extract import registry
from minirag_ingest.adapters.extract.archives import ArchiveWorkers
from minirag_ingest.adapters.extract.budget import MAX_BLOCKS
from minirag_ingest.adapters.extract.errors import OUT_OF_MEMORY
from minirag_ingest.adapters.extract.failures import READING, UNPACKING, told_as
from minirag_ingest.adapters.extract.pool import SMALL, ExtractionPool
from minirag_ingest.adapters.extract.worker import Limits, Stalled, Worker, WorkerDied
from minirag_ingest.domain.document import Document
from minirag_ingest.ports import WORKING_FOR, ExtractionInterrupted, Raw, Unreadable

PDF = Raw(a_pdf("Hello."), "x.pdf")


@pytest.fixture
async def pool() -> AsyncIterator[ExtractionPool]:
    found = ExtractionPool(limits=Limits(seconds=20, cpu_seconds=10))
    yield found
    await found.close()


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def proc(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text()


async def test_every_format_is_read(pool: ExtractionPool) -> None:
    files = [
        PDF,
        Raw(a_docx(), "x.docx"),
        Raw(A_PAGE.encode(), "x.html"),
        Raw(b"a,b\n1,2", "x.csv"),
        Raw(b"# H\ntext", "x.md"),
    ]
    documents = await asyncio.gather(*(pool.extract(raw) for raw in files))
    assert all(document.blocks for document in documents)


async def test_a_worker_reads_many_documents_and_is_then_replaced() -> None:
    pool = ExtractionPool(size=1, limits=Limits(jobs=3))
    pids = []
    for _ in range(4):
        await pool.extract(PDF)
        pids += [worker.pid for worker in pool._idle]
    await pool.close()
    assert pids[0] == pids[1]
    assert len(pids) == 3
    assert pids[2] != pids[0]
    assert not any(alive(pid) for pid in pids)


class Watched(ExtractionPool):
    """Remembers whom it kept."""

    kept: list[Worker]

    def _keep(self, worker: Worker) -> None:
        self.kept = [*getattr(self, "kept", []), worker]
        super()._keep(worker)


async def test_an_idle_worker_ends() -> None:
    pool = Watched(size=1, idle=timedelta(milliseconds=50))
    await pool.extract(PDF)
    [worker] = pool.kept
    async with asyncio.timeout(30):
        while alive(worker.pid) or pool._idle:
            await asyncio.sleep(0.02)


async def test_a_worker_is_kept_however_large_the_service_is() -> None:
    """A new process begins with the peak of its parent in its own account."""
    ballast = bytearray(Limits().memory)
    assert len(ballast) > Limits().memory // 2
    pool = ExtractionPool(size=1)
    await pool.extract(PDF)
    [first] = pool._idle
    await pool.extract(PDF)
    assert pool._idle == [first]
    await pool.close()


async def test_a_worker_that_has_seen_a_large_document_is_replaced() -> None:
    pool = ExtractionPool(size=1)
    page = "<html><body><p>" + "word " * 3_900_000
    await pool.extract(Raw(page.encode(), "big.html"))
    assert pool._idle == []
    await pool.extract(PDF)
    assert len(pool._idle) == 1
    await pool.close()


async def test_a_refusal_is_a_sentence_and_the_worker_goes_on(pool: ExtractionPool) -> None:
    with pytest.raises(Unreadable, match="damaged") as refused:
        await pool.extract(Raw(b"%PDF-1.4 broken", "x.pdf"))
    assert refused.value.code == "unreadable_document"
    assert len(pool._idle) == 1


async def test_a_zip_bomb_costs_one_document(pool: ExtractionPool) -> None:
    with pytest.raises(Unreadable, match="too large"):
        await pool.extract(Raw(a_zip_bomb(), "x.docx"))
    assert (await pool.extract(PDF)).blocks


async def run_child(pool: ExtractionPool, raw: Raw, sent: signal.Signals) -> None:
    task = asyncio.create_task(pool.extract(raw))
    started = asyncio.Event()

    original = Worker.run

    async def noticed(self: Worker, job: dict, data: bytes) -> tuple[dict, bytes]:
        os.kill(self.pid, signal.SIGSTOP)
        started.set()
        os.kill(self.pid, sent)
        os.kill(self.pid, signal.SIGCONT)
        return await original(self, job, data)

    Worker.run = noticed  # type: ignore[method-assign]
    try:
        await task
    finally:
        Worker.run = original  # type: ignore[method-assign]
        assert started.is_set()


@pytest.mark.parametrize("sent", [signal.SIGSEGV, signal.SIGABRT])
async def test_a_crash_is_the_documents_fault_and_final(pool: ExtractionPool, sent: signal.Signals) -> None:
    with pytest.raises(Unreadable, match="damaged"):
        await run_child(pool, PDF, sent)
    assert (await pool.extract(PDF)).blocks


async def test_a_kill_from_outside_is_tried_again(pool: ExtractionPool) -> None:
    with pytest.raises(ExtractionInterrupted):
        await run_child(pool, PDF, signal.SIGKILL)
    assert (await pool.extract(PDF)).blocks


async def stopped_worker(pool: ExtractionPool) -> Worker:
    """The pool's only worker, standing still."""
    await pool.extract(PDF)
    [worker] = pool._idle
    os.kill(worker.pid, signal.SIGSTOP)
    return worker


async def test_a_worker_that_stands_still_is_given_up_and_the_document_tried_again() -> None:
    pool = ExtractionPool(size=1, limits=Limits(seconds=0.3))
    worker = await stopped_worker(pool)
    with pytest.raises(ExtractionInterrupted, match="stood still"):
        await pool.extract(PDF)
    assert not alive(worker.pid)
    assert pool._idle == []
    await pool.close()


async def test_an_archive_that_arrives_too_slowly_is_tried_again() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"PK"
        await asyncio.sleep(3600)

    opener = ArchiveWorkers(Limits(seconds=0.3), largest=1_000)
    with pytest.raises(ExtractionInterrupted, match="unpacked the archive stood still"):
        async with opener.open(1_000, pieces()):
            pass


@pytest.mark.parametrize("sent", [signal.SIGSEGV, signal.SIGXCPU, signal.SIGKILL])
async def test_what_kills_a_worker_means_the_same_for_an_archive_as_for_a_document(
    sent: signal.Signals,
) -> None:
    final = sent is not signal.SIGKILL
    for sentences in (READING, UNPACKING):
        with pytest.raises((Unreadable, ExtractionInterrupted)) as told, told_as(sentences):
            raise WorkerDied(-sent)
        assert isinstance(told.value, Unreadable) == final
        assert not final or told.value.code == sentences.code


async def test_a_machine_that_is_busy_with_others_fails_no_document() -> None:
    """The worker seldom gets its turn: it takes longer than ``seconds`` by the clock, and works all the time."""
    limits = Limits(seconds=1)
    worker = await Worker.start(limits)
    os.sched_setaffinity(worker.pid, {0})
    others = [await asyncio.create_subprocess_exec(sys.executable, "-c", HOG) for _ in range(4)]
    rows = "".join(f"{number},row {number} of a long table\n" for number in range(120_000))
    started = time.monotonic()
    try:
        job = {"filename": "x.csv", "media_type": None, "charset": None}
        header, _ = await worker.run(job, f"number,text\n{rows}".encode())
    finally:
        for other in others:
            other.kill()
            await other.wait()
        await worker.kill()
    assert header["ok"]
    assert time.monotonic() - started > limits.seconds


async def test_a_tenants_long_documents_leave_a_worker_for_anothers_short_one(
    pool: ExtractionPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy, other, gate = uuid4(), uuid4(), asyncio.Event()
    came: list[UUID] = []
    begun: list[UUID | None] = []
    real = pool._run

    async def run(job: dict[str, Any], data: bytes) -> tuple[dict[str, str], bytes]:
        begun.append(WORKING_FOR.get())
        if WORKING_FOR.get() == busy:
            await gate.wait()
        return await real(job, data)

    async def read(tenant_id: UUID) -> None:
        WORKING_FOR.set(tenant_id)
        came.append(tenant_id)  # and is at the door with its next step
        assert (await pool.extract(PDF)).blocks

    monkeypatch.setattr(pool, "_run", run)
    many = [asyncio.create_task(read(busy)) for _ in range(3)]
    async with asyncio.timeout(30):
        await asyncio.create_task(read(other))
    assert came == [busy, busy, busy, other]
    assert begun == [busy, other], "one of two workers is kept for others"
    gate.set()
    await asyncio.gather(*many)


@pytest.mark.parametrize(
    "error", [ConnectionRefusedError(), asyncio.IncompleteReadError(b"", 4), ValueError()]
)
async def test_a_source_of_pieces_that_fails_ends_the_worker_and_not_the_patience_of_who_waits(
    error: Exception,
) -> None:
    """The pieces come from a database, which can go away; the worker is alive then, and waits for the rest of them."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"PK"
        raise error

    worker = await Worker.start(Limits())
    try:
        async with asyncio.timeout(10):
            with pytest.raises((WorkerDied, ValueError)) as failed:
                await worker.run_streamed({"archive": "open"}, 100, pieces())
        assert error in (failed.value, failed.value.__cause__)
        assert isinstance(failed.value, ValueError) or not alive(worker.pid)
    finally:
        await worker.kill()


async def test_whoever_gives_up_on_a_worker_leaves_no_source_of_pieces_open() -> None:
    closed = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        try:
            yield b"PK"
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0.05)  # as a transaction takes its time to end
            closed.set()

    worker = await Worker.start(Limits(seconds=0.3))
    with pytest.raises(Stalled):
        await worker.run_streamed({"archive": "open"}, 100, pieces())
    assert closed.is_set()
    await worker.kill()


@pytest.mark.parametrize("code", [OUT_OF_MEMORY, 3])
async def test_the_exit_code_of_a_worker_that_ended_by_itself_is_kept(code: int) -> None:
    ending = await asyncio.create_subprocess_exec(
        sys.executable, "-c", f"import os; os.read(0, 1); os._exit({code})",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    with pytest.raises(WorkerDied) as died:
        await Worker(ending, Limits()).run({}, b"x" * 1_000_000)
    assert died.value.out_of_memory == (code == OUT_OF_MEMORY)
    assert died.value.signal is None


async def test_a_loop_that_never_ends_is_stopped_by_its_processor_time(tmp_path: Path) -> None:
    worker = await Worker.start(Limits(), module="minirag_ingest.adapters.extract.child")
    os.kill(worker.pid, signal.SIGXCPU)
    with pytest.raises(WorkerDied) as died:
        await worker.run({"filename": "x.pdf", "media_type": None, "charset": None}, PDF.data)
    assert died.value.signal is signal.SIGXCPU


async def test_a_worker_has_none_of_our_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIRAG_SECRET_KEY", "do-not-inherit")
    worker = await Worker.start(Limits())
    await worker.run({"filename": "x.pdf", "media_type": None, "charset": None}, PDF.data)
    environment, limits = proc(worker.pid, "environ"), proc(worker.pid, "limits")
    await worker.kill()
    assert "do-not-inherit" not in environment
    assert str(Limits().memory) in limits


async def test_reading_does_not_block_the_loop(pool: ExtractionPool) -> None:
    big = Raw(("<html><body>" + "<p>word word word</p>" * 60_000).encode(), "big.html")
    turns, done = 0, False

    async def watch() -> None:
        nonlocal turns
        while not done:
            await asyncio.sleep(0.001)
            turns += 1

    watching = asyncio.create_task(watch())
    document = await pool.extract(big)
    done = True
    await watching
    assert len(document.blocks) == 60_000
    assert turns > 20, "the loop stood still while a file was read"


async def test_plain_text_needs_no_process(pool: ExtractionPool) -> None:
    assert (await pool.extract(Raw(b"Just text.", "x.txt"))).blocks[0].text == "Just text."
    assert pool._idle == []


async def test_plain_text_has_the_limits_of_every_document(pool: ExtractionPool) -> None:
    many = Raw(b"a\n\n" * (MAX_BLOCKS + 1), "x.txt")
    with pytest.raises(Unreadable, match="more than 1,000,000 paragraphs"):
        await pool.extract(many)
    with pytest.raises(Unreadable, match="no text in the file"):
        await pool.extract(Raw(b"\xef\xbb\xbf \n", "x.txt"))


async def test_the_language_of_a_large_text_is_found_beside_the_loop(
    pool: ExtractionPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[threading.Thread] = []

    def language_of(document: Document) -> str | None:
        asked.append(threading.current_thread())
        return real(document)

    real = registry.language_of
    monkeypatch.setattr(registry, "language_of", language_of)
    await pool.extract(Raw(b"Just text.", "x.txt"))
    await pool.extract(Raw(b"Just text.\n\n" * (SMALL // 10), "x.txt"))
    assert [thread is threading.main_thread() for thread in asked] == [True, False]


HOG = "import os; os.sched_setaffinity(0, {0})\nwhile True: pass"
PARENT = """
import asyncio, sys
from minirag_ingest.adapters.extract.worker import Limits, Worker

async def main():
    worker = await Worker.start(Limits())
    await worker.run({"filename": "x.csv", "media_type": None, "charset": None}, b"a,b\\n1,2")
    print(worker.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_no_worker_outlives_a_killed_service() -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    assert alive(pid)
    parent.kill()
    await parent.wait()
    async with asyncio.timeout(5):
        while alive(pid):
            await asyncio.sleep(0.02)
