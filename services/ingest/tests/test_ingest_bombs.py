"""Bombs and junk: each ends in time, under its limits, with a sentence or harmless text, and the pool goes on serving.

``MINIRAG_CHAOS=1`` (``make chaos``) or ``MINIRAG_ALL_BOMBS=1`` runs the slow ones too, under the limits of production (about two
minutes).
"""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bomb_corpus import ALL, CORPUS, OFFICE, SECONDS, SLOW, Bomb
from bombs import with_entities
from ingest_documents import a_pdf
from minirag_ingest.adapters.extract.pool import ExtractionPool
from minirag_ingest.adapters.extract.worker import Limits, Worker
from minirag_ingest.domain.sizes import Sizes
from minirag_ingest.ports import LastingFailure, Raw, StoredDocument, Unreadable

LIMITS = Limits() if ALL else Limits(cpu_seconds=2)
MEMORY = 512 * 1024 * 1024
GOOD = Raw(a_pdf("Still here."), "good.pdf")
GROUPS = 4


def test_there_are_enough_of_them() -> None:
    assert len({bomb.name for bomb in CORPUS}) == len(CORPUS) >= 100
    assert {bomb.name for bomb in CORPUS} >= SLOW
    assert Limits().memory == MEMORY


@pytest.mark.chaos
@pytest.mark.parametrize("group", range(GROUPS))
async def test_a_bomb_costs_one_document(group: int) -> None:
    """Two at a time, each lane with a worker of its own; one at a time where time is measured in earnest."""
    bombs = [bomb for bomb in CORPUS if ALL or bomb.name not in SLOW]
    lanes = lane(bombs[group :: 2 * GROUPS]), lane(bombs[group + GROUPS :: 2 * GROUPS])
    wrong = [await each for each in lanes] if ALL else await asyncio.gather(*lanes)
    assert [*wrong[0], *wrong[1]] == []


async def lane(bombs: list[Bomb]) -> list[str]:
    """What went wrong with these, one after the other."""
    pool = ExtractionPool(size=1, limits=LIMITS)
    wrong = [told for bomb in bombs if (told := await defused(pool, bomb))]
    await pool.close()
    return wrong


async def defused(pool: ExtractionPool, bomb: Bomb) -> str | None:
    """What went wrong, None if nothing did."""
    data = bomb.make()
    started = time.monotonic()
    try:
        document = await pool.extract(Raw(data, bomb.filename))
        taken = time.monotonic() - started
        if not bomb.harmless:
            return f"{bomb.name} was read: {document.blocks[:1]}"
        chunks = await pool.chunk(StoredDocument("Bomb", None, document), Sizes())
        assert chunks
    except Unreadable as refusal:
        taken = time.monotonic() - started
        if not str(refusal).endswith((".", ")")) or "of a kind that cannot be read" in str(refusal):
            return f"{bomb.name} was not expected: {refusal}"
    if taken > SECONDS:
        return f"{bomb.name} took {taken:.1f} s"
    good = await pool.extract(GOOD)
    return None if good.blocks[0].text == "Still here." else f"after {bomb.name} nothing could be read"


def status_of(worker: Worker) -> str:
    return Path(f"/proc/{worker.pid}/status").read_text()


async def peak_of(data: bytes, filename: str) -> int:
    """The most memory that a worker had while it read this, in bytes."""
    worker = await Worker.start(Limits())
    await worker.run({"filename": filename, "media_type": None, "charset": None}, data)
    status = status_of(worker)
    await worker.kill()
    return next(int(line.split()[1]) for line in status.split("\n") if line.startswith("VmHWM")) * 1024


async def test_the_greediest_stay_below_the_limit() -> None:
    for name in (
        "docx-of-90-mb-of-runs",
        "eml-of-a-huge-header",
        "pdf-stream-packed-five-times",
        "pdf-of-deep-arrays",
    ):
        bomb = next(bomb for bomb in CORPUS if bomb.name == name)
        assert await peak_of(bomb.make(), bomb.filename) <= MEMORY


SECRET = "the-canary-sings"
RST = """
Title
=====

.. include:: {path}

.. raw:: text
   :file: {path}

.. csv-table::
   :file: {path}

.. csv-table::
   :url: {url}

.. literalinclude:: {path}

.. image:: {url}

The end.
"""
PAGE = """<!DOCTYPE html SYSTEM "{url}"><html><head><link rel=stylesheet href="{url}"><script src="{url}"></script></head><body>
<img src="{url}"><iframe src="file://{path}"></iframe><object data="file://{path}"></object><p>The end.</p></body></html>"""


@pytest.fixture
async def canary(tmp_path: Path):
    """A file that must not be read, a server that must not be asked, and who asked it."""
    (tmp_path / "canary").write_text(SECRET)
    calls: list[str] = []
    server = await asyncio.start_server(
        lambda _, writer: (calls.append("asked"), writer.close()), "127.0.0.1", 0
    )
    port = server.sockets[0].getsockname()[1]
    yield str(tmp_path / "canary"), f"http://127.0.0.1:{port}/canary", calls
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("kind", [*OFFICE, "rst", "html"])
async def test_nothing_that_a_document_names_is_read_or_fetched(kind: str, canary) -> None:
    path, url, calls = canary
    if kind in OFFICE:
        files = [with_entities(kind, f"file://{path}"), with_entities(kind, url)]
    else:
        files = [{"rst": RST, "html": PAGE}[kind].format(path=path, url=url).encode()]
    pool = ExtractionPool(size=1)
    told = []
    for data in files:
        try:
            told.append(str((await pool.extract(Raw(data, f"x.{kind}"))).to_json()))
        except LastingFailure as refusal:
            told.append(str(refusal))
    await pool.close()
    assert len(told) == len(files)
    assert SECRET not in " ".join(told)
    assert calls == []
    if kind not in OFFICE:
        assert "The end." in told[0]


CONFINED = """
import os, socket, subprocess, sys, threading
from minirag_ingest.adapters.extract.sandbox import confine
confine()
path, port = sys.argv[1], int(sys.argv[2])
for name, act in {
    "read": lambda: open(path).read(),
    "passwd": lambda: open("/etc/passwd").read(),
    "list": lambda: os.listdir(os.path.dirname(path)),
    "write": lambda: open(path + ".new", "w"),
    "connect": lambda: socket.create_connection(("127.0.0.1", port)),
    "datagram": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    "local": lambda: socket.socket(socket.AF_UNIX),
    "fork": os.fork,
    "exec": lambda: os.execv("/bin/true", ["true"]),
    "spawn": lambda: subprocess.run(["/bin/true"]),
    "thread": lambda: threading.Thread(target=int).start(),
    "import": lambda: __import__("openpyxl"),
}.items():
    try:
        act()
        print(name, "allowed")
    except PermissionError:
        print(name, "refused")
"""


async def test_the_worker_has_no_network_no_programs_and_no_files(canary) -> None:
    path, url, calls = canary
    port = url.split(":")[2].split("/")[0]
    command = [sys.executable, "-I", "-c", CONFINED, path, port]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
    told = dict(line.split() for line in done.stdout.splitlines())
    allowed = {name for name, answer in told.items() if answer == "allowed"}
    assert allowed == {"thread", "import"}, "and nothing else, such as writing"
    assert calls == []


async def test_the_workers_are_confined() -> None:
    worker = await Worker.start(Limits())
    await worker.run({"filename": "x.csv", "media_type": None, "charset": None}, b"a,b\n1,2")
    status = status_of(worker)
    await worker.kill()
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
