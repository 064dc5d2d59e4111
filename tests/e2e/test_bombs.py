"""Bombs and junk through a running stack: each ends in a sentence, other documents go on, and no process is another one.

``MINIRAG_CHAOS=1`` (``make chaos``) or ``MINIRAG_ALL_BOMBS=1`` sends all of them, one at a time, and takes the seconds in
earnest: some minutes, on a machine that does nothing else (``--log-cli-level=INFO`` shows each).
"""

import asyncio
import logging
import resource
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from api import Tenant
from bomb_corpus import ALL, CORPUS, SECONDS, SLOW, Bomb
from minirag_local.state import RunState
from minirag_local.testing import Stack

log = logging.getLogger(__name__)

READ_SECONDS = 30.0
"""For what is harmless and ends ready: after it is read, its text is cut and embedded too, and there may be much of it."""
MEMORY = 512 * 1024 * 1024
LOOK = 0.02
"""Seconds between two looks at the workers."""
LANES = 1 if ALL else 2
STEP = 1 if ALL else 4
"""The short form takes each fourth of the quick ones: all kinds of files, and every way in which they are broken."""


def chosen() -> list[Bomb]:
    """Those that are sent."""
    return CORPUS if ALL else [bomb for bomb in CORPUS if bomb.name not in SLOW][::STEP]


def pids(stack: Stack) -> dict[str, int | None]:
    """Every process of the stack."""
    return dict(RunState.read(stack.folder).processes)


def peak(pid: int) -> int:
    """The most memory that a process ever had, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.split("\n") if line.startswith("VmHWM")) * 1024


def children_of(pid: int) -> list[int]:
    """The processes that a process has started and that have not ended."""
    found: list[int] = []
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that has ended
            found += map(int, listed.read_text().split())
    return found


@dataclass
class Workers:
    """The extraction workers of a process while they live: the most memory that each ever had, and how much they may have.

    The last look at one may be a moment before its end. The limit leaves no such gap: it is the kernel's.
    """

    parent: int
    peaks: dict[int, int] = field(default_factory=dict)
    limits: set[int] = field(default_factory=set)

    async def watch(self) -> None:
        """Until it is cancelled."""
        while True:
            self._look()
            await asyncio.sleep(LOOK)

    def _look(self) -> None:
        for pid in children_of(self.parent):
            with suppress(
                FileNotFoundError, ProcessLookupError, StopIteration
            ):  # it ends, or has no memory any more
                if b"extract.child" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    self.limits.add(resource.prlimit(pid, resource.RLIMIT_AS)[1])
                    self.peaks[pid] = max(peak(pid), self.peaks.get(pid, 0))


async def defused(tenant: Tenant, bot_id: str, bomb: Bomb) -> str | None:
    """What is wrong with what became of it; None if nothing is."""
    data = await asyncio.to_thread(bomb.make)
    began = time.monotonic()
    response = await tenant.request(
        "POST", "/v1/sources/upload", files={"file": (bomb.filename, data)}, data={"bot_profile_id": bot_id}
    )
    if response.status_code in (413, 422):
        return None if response.json()["detail"] else f"{bomb.name}: {response.text}"
    if response.status_code != 201:
        return f"{bomb.name}: {response.status_code} {response.text}"
    source = await tenant.settled(response.json()["id"], seconds=120)
    taken = time.monotonic() - began
    log.info("%-42s %5.1f s  %s  %s", bomb.name, taken, source["status"], source["error_message"] or "")
    if ALL and taken > (SECONDS if source["status"] == "error" else READ_SECONDS):
        return f"{bomb.name} took {taken:.1f} s"
    if source["status"] == "ready":
        return None if bomb.harmless else f"{bomb.name} was read"
    sentence = source["error_message"]
    if (
        not sentence.endswith((".", ")"))
        or "on our side" in sentence
        or "of a kind that cannot be read" in sentence
    ):
        return f"{bomb.name} was not expected: {sentence}"
    return None


async def lane(tenant: Tenant, bot_id: str, bombs: list[Bomb]) -> list[str]:
    """What went wrong with these, one after the other."""
    return [told for bomb in bombs if (told := await defused(tenant, bot_id, bomb))]


async def neighbour(http: httpx.AsyncClient, done: asyncio.Event) -> int:
    """Somebody else's documents, one after the other until the bombs are through; how many became ready."""
    tenant, ready = await Tenant.sign_up(http, "Neighbour"), 0
    bot_id = await tenant.bot()
    while not done.is_set() or not ready:
        source_id = await tenant.text_source(
            bot_id, f"Lamp {ready} stands in the hall. " * 200, f"Lamp {ready}"
        )
        await tenant.ready(source_id, seconds=120)
        ready += 1
    return ready


@pytest.mark.chaos
@pytest.mark.timeout(1800 if ALL else 120)
async def test_each_ends_in_a_sentence_and_the_others_go_on(
    stack: Stack, http: httpx.AsyncClient, tenant: Tenant
) -> None:
    before, done, bombs = pids(stack), asyncio.Event(), chosen()
    assert len(bombs) >= (60 if ALL else 15)
    ingest = before["ingest"]
    assert ingest is not None
    workers = Workers(ingest)
    watching = asyncio.create_task(workers.watch())
    bot_id = await tenant.bot()
    good = asyncio.create_task(neighbour(http, done))
    wrong = await asyncio.gather(*(lane(tenant, bot_id, bombs[n::LANES]) for n in range(LANES)))
    done.set()
    assert await good > 0
    assert [told for each in wrong for told in each] == []
    assert pids(stack) == before
    assert not watching.done(), watching
    watching.cancel()
    assert peak(ingest) < MEMORY
    assert MEMORY in workers.limits
    assert 0 < max(workers.peaks.values()) <= MEMORY
    listed = await tenant.call("GET", f"/v1/sources?bot_profile_id={bot_id}&limit=1000", 200)
    assert {source["status"] for source in listed} <= {"ready", "error"}
