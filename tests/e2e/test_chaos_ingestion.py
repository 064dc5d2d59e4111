"""SIGKILL of any process at any moment while sources of every kind load: none is stuck, none is lost, no passage is there twice.

Five kills of a fixed seed; ``MINIRAG_CHAOS=1`` (``make chaos``) makes two hundred of a new one while 500 sources load.
``MINIRAG_CHAOS_SEED`` chooses another, ``MINIRAG_CHAOS_KILLS`` how many.
"""

import asyncio
import os
import random
import secrets
import time
from collections import Counter
from contextlib import suppress
from typing import Any
from uuid import uuid4

import httpx
import psutil
import pytest
from api import Tenant
from minirag_contracts.events.ingest import IngestCompleted, IngestFailed
from minirag_contracts.topology import SERVICES
from minirag_local.testing import Stack
from owners import events_of_owner, verify_projections
from plants import KINDS, Site, a_site, file_of, name_of, text_of
from stack_rows import held, unfinished

CHAOS = bool(os.environ.get("MINIRAG_CHAOS"))
KILLS = int(os.environ.get("MINIRAG_CHAOS_KILLS") or (200 if CHAOS else 5))
SEED = int(os.environ.get("MINIRAG_CHAOS_SEED") or (secrets.randbelow(1_000_000) if CHAOS else 395))
SOURCES = 500 if CHAOS else 25
LONGEST_PAUSE = 2.0
"""Seconds between two kills at most; often the next one comes before the last victim is back."""

WORKER = "extraction worker"
VICTIMS = ("nats", "postgres", "vectors", *SERVICES, WORKER)


@pytest.mark.chaos
@pytest.mark.timeout(3600 if CHAOS else 400)
async def test_kills_at_random_moments_leave_every_source_as_if_nothing_had_happened(
    stack: Stack, tenant: Tenant
) -> None:
    dice = random.Random(SEED)
    bot_id = await tenant.bot(name="Plants")
    async with a_site() as site:
        twins = {kind: await add(tenant, bot_id, site, kind, 0) for kind in KINDS}
        for twin in twins.values():
            await tenant.ready(twin)
        loading: dict[int, asyncio.Task[str]] = {}
        victims: Counter[str] = Counter()
        for kill in range(KILLS):
            for number in range(len(loading) + 1, SOURCES * (kill + 1) // KILLS + 1):
                loading[number] = asyncio.create_task(add(tenant, bot_id, site, kind_of(number), number))
            await asyncio.sleep(dice.uniform(0.05, LONGEST_PAUSE))
            victims[await asyncio.to_thread(kill_one, stack, dice)] += 1
        print(f"seed {SEED}: killed {dict(victims)}")  # noqa: T201  # shown with a failure
        ids = {number: await task for number, task in loading.items()}
        sources = {source["id"]: source for source in await at_rest(tenant)}

    bad = [source for source in sources.values() if source["status"] != "ready"]
    assert bad == [], f"seed {SEED}"
    names = Counter(source["name"] for source in sources.values())
    assert names == Counter([title(kind, 0) for kind in KINDS] + [title(kind_of(n), n) for n in ids])
    for number, source_id in ids.items():
        assert sources[source_id]["chunk_count"] == sources[twins[kind_of(number)]]["chunk_count"] > 1
    await asyncio.to_thread(stack.wait_healthy)
    await assert_ended_once(stack, tenant, set(sources))
    await assert_nothing_left(stack, tenant)
    await assert_nothing_twice(stack, tenant, bot_id, twins, ids)
    for service in SERVICES:
        reports = (await verify_projections(stack, service)).reports
        assert {report.projection: report.differences for report in reports if report.differences} == {}


def kind_of(number: int) -> str:
    return KINDS[number % len(KINDS)]


def title(kind: str, number: int) -> str:
    return f"Plant {kind} {number:03}"


async def add(tenant: Tenant, bot_id: str, site: Site, kind: str, number: int) -> str:
    """Creates a source and requests its ingestion, repeating what is not answered; its id."""
    fields = {"bot_profile_id": bot_id, "name": title(kind, number)}
    if kind not in ("text", "url"):
        return await upload(tenant, fields, kind, number)
    given: dict[str, Any] = (
        {"content": text_of(number)} if kind == "text" else {"config": {"url": site.url(number)}}
    )
    body = {**fields, "source_type": kind, **given}
    source_id = str((await tenant.insist("POST", "/v1/sources", 201, seconds=180, json=body))["id"])
    await tenant.insist("POST", f"/v1/sources/{source_id}/ingest", 202, seconds=180)
    return source_id


async def upload(tenant: Tenant, fields: dict[str, str], kind: str, number: int) -> str:
    """A file, which is sent again when its bytes were lost with the broker (409 upload_incomplete says so)."""
    file = (f"plant.{kind}", file_of(kind, number))
    headers = {"Idempotency-Key": str(uuid4())}
    async with asyncio.timeout(180):
        while True:
            with suppress(httpx.TransportError):
                found = await tenant.request(
                    "POST", "/v1/sources/upload", data=fields, files={"file": file}, headers=headers
                )
                if found.status_code == 201:
                    return str(found.json()["id"])
                again = found.status_code >= 500 or found.json().get("code") == "upload_incomplete"
                assert again, found.text
            await asyncio.sleep(0.2)


def kill_one(stack: Stack, dice: random.Random) -> str:
    """SIGKILL to a process that the dice choose; who it was."""
    victim = dice.choice(VICTIMS)
    if victim != WORKER:
        stack.kill(victim)
        return victim
    return victim if kill_a_worker(stack) else f"no {WORKER}"


def kill_a_worker(stack: Stack, seconds: float = 1) -> bool:
    """Whether there was one to kill: they end when there is nothing to read."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(stack.pid("ingest")).children():
                if "extract" in " ".join(child.cmdline()):
                    child.kill()
                    return True
        time.sleep(0.02)
    return False


async def at_rest(tenant: Tenant, seconds: float = 240) -> list[dict[str, Any]]:
    """All sources, once none of them is on its way."""
    waiting: list[str] = []
    try:
        async with asyncio.timeout(seconds):
            while True:
                found: list[dict[str, Any]] = []
                path: str | None = "/v1/sources?limit=100"
                while path:
                    answer = await tenant.request("GET", path)
                    assert answer.status_code == 200, answer.text
                    found += answer.json()
                    path = answer.links.get("next", {}).get("url")
                waiting = [source["name"] for source in found if source["status"] not in ("ready", "error")]
                if not waiting:
                    return found
                await asyncio.sleep(0.5)
    except TimeoutError:
        raise AssertionError(f"seed {SEED}: stuck after {seconds} s: {waiting}") from None


async def assert_ended_once(stack: Stack, tenant: Tenant, ids: set[str]) -> None:
    events = await events_of_owner(stack, "ingest", [IngestCompleted.type, IngestFailed.type])
    ends = Counter(
        (event.data["source_id"], event.type) for event in events if str(event.tenant_id) == tenant.id
    )
    assert ends == Counter((source_id, IngestCompleted.type) for source_id in ids)


async def assert_nothing_left(stack: Stack, tenant: Tenant, seconds: float = 15) -> None:
    """No work that is due or leased, and nothing given up on, in any service."""
    left: list[str] = []
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while left := await unfinished(stack, tenant.id):
                await asyncio.sleep(0.2)
    assert left == []


async def assert_nothing_twice(
    stack: Stack, tenant: Tenant, bot_id: str, twins: dict[str, str], ids: dict[int, str]
) -> None:
    """Rows and points are what the versions say, and each source's passages are its twin's but for the number."""
    found = await held(stack, tenant.id, bot_id)
    assert found.versions == {source_id: [1] for source_id in [*twins.values(), *ids.values()]}
    assert found.points_as_rows
    assert found.rows == found.points == sum(map(len, found.passages.values()))
    for number, source_id in ids.items():
        expected = found.passages[twins[kind_of(number)]]
        passages = [text.replace(name_of(number), name_of(0)) for text in found.passages[source_id]]
        assert passages == expected, (number, kind_of(number))
        assert len(set(passages)) == len(passages)
