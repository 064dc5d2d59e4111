"""Kill -9 of each process, once, in one stack, while sources are ingested and chats run: nothing lost, nothing doubled.

Accepted is what the client got a 2xx for; clients repeat with the same Idempotency-Key until they are answered.
"""

import asyncio
import os
from collections import Counter
from uuid import uuid4

import httpx
import pytest
from api import Tenant
from minirag_contracts.events.ingest import IngestCompleted
from minirag_local.testing import Stack
from owners import events_of_owner

VICTIMS = ("retrieval", "nats", "ingest", "postgres", "chat", "gateway", "vectors", "webhooks", "analytics")
SOURCES_PER_VICTIM = 50 if os.environ.get("MINIRAG_CHAOS") else 6
"""Added right before each kill; those of the victims before may still be on their way."""

TOLD_FAILURES = {"turn_interrupted", "turn_failed", "turn_timeout", "retrieval_unavailable"}

DIGITS = ("red", "blue", "green", "white", "black", "river", "stone", "house", "water", "table")
"""One token each for the embedding model, so that every source has the same number of chunks."""

PARAGRAPH = (
    "The {n} valve is opened by the {n} engineer in the early morning. It leads water from the {n} basin to the turbine "
    "hall, where the {n} gauge shows the pressure. Whoever closes it writes the time into the {n} book of the plant. "
)


def text_of_source(number: int) -> str:
    """A few chunks that no other source has."""
    name = " ".join(DIGITS[int(digit)] for digit in f"{number:03}")
    return "\n\n".join(PARAGRAPH.format(n=name) for _ in range(6))


async def add_source(tenant: Tenant, bot_id: str, number: int) -> str:
    """Creates a source and requests its ingestion, whatever happens meanwhile."""
    body = {
        "bot_profile_id": bot_id,
        "name": f"Plant {number}",
        "source_type": "text",
        "content": text_of_source(number),
    }
    source = await tenant.insist("POST", "/v1/sources", 201, json=body)
    await tenant.insist("POST", f"/v1/sources/{source['id']}/ingest", 202)
    return str(source["id"])


async def converse(tenant: Tenant, bot_id: str, stop: asyncio.Event, outcomes: dict[str, str]) -> None:
    """Asks one question after the other; every one of them ends in an answer or in a failure that we are told."""
    while not stop.is_set():
        question = f"Who opens the valve of plant {uuid4()}?"
        outcomes[question] = "open"
        outcomes[question] = await outcome_of(tenant, bot_id, question)


async def outcome_of(tenant: Tenant, bot_id: str, question: str) -> str:
    headers = {"Idempotency-Key": str(uuid4())}
    body = {"bot_profile_id": bot_id, "message": question}
    async with asyncio.timeout(60):
        while True:
            try:
                response = await tenant.request("POST", "/v1/chat", json=body, headers=headers)
            except httpx.TransportError:
                await asyncio.sleep(0.2)
                continue
            if response.status_code == 200:
                return "answered"
            code = response.json().get("code", "")
            if code in TOLD_FAILURES:
                return str(code)
            assert response.status_code >= 500, response.text
            await asyncio.sleep(0.2)


@pytest.mark.chaos
@pytest.mark.timeout(400)
async def test_each_process_is_killed_and_nothing_is_lost_or_doubled(stack: Stack, tenant: Tenant) -> None:
    bot_id = await tenant.bot(name="Plants")
    expected = (await tenant.ready(await add_source(tenant, bot_id, 0)))["chunk_count"]
    assert expected > 1
    stop = asyncio.Event()
    outcomes: dict[str, str] = {}
    chats = [asyncio.create_task(converse(tenant, bot_id, stop, outcomes)) for _ in range(4)]
    sources: list[asyncio.Task[str]] = []
    for index, victim in enumerate(VICTIMS):
        before = pids_of(stack)
        first = 1 + index * SOURCES_PER_VICTIM
        numbers = range(first, first + SOURCES_PER_VICTIM)
        sources += [asyncio.create_task(add_source(tenant, bot_id, number)) for number in numbers]
        await asyncio.sleep(0.7)
        stack.kill(victim)
        await back(stack, victim, before[victim])
        assert before | {victim: 0} == pids_of(stack) | {victim: 0}, "nobody else ended with it"
    ids = await asyncio.gather(*sources)
    settled = await asyncio.gather(*(tenant.settled(source_id, seconds=180) for source_id in ids))
    stop.set()
    await asyncio.gather(*chats)

    assert [source for source in settled if source["status"] != "ready"] == []
    assert Counter(source["chunk_count"] for source in settled) == {expected: len(ids)}
    listed = await tenant.call("GET", "/v1/sources", 200)
    assert Counter(source["name"] for source in listed) == Counter(f"Plant {n}" for n in range(len(ids) + 1))
    await assert_completed_once(stack, tenant, {*ids})
    await assert_turns(tenant, outcomes)


def pids_of(stack: Stack) -> dict[str, int]:
    return {process["name"]: int(process["pid"] or 0) for process in stack.status()}


async def back(stack: Stack, name: str, before: int, seconds: float = 30) -> None:
    """Until the supervisor has brought the process back, healthy and with another pid."""
    async with asyncio.timeout(seconds):
        while True:
            processes = {process["name"]: process for process in await asyncio.to_thread(stack.status)}
            found = processes.get(name)
            if found and found["pid"] not in (None, before) and found["health"] == "ok":
                return
            await asyncio.sleep(0.2)


async def assert_completed_once(stack: Stack, tenant: Tenant, ids: set[str]) -> None:
    events = await events_of_owner(stack, "ingest", [IngestCompleted.type])
    completed = Counter(event.data["source_id"] for event in events if str(event.tenant_id) == tenant.id)
    assert {source_id: completed[source_id] for source_id in ids} == dict.fromkeys(ids, 1)


async def assert_turns(tenant: Tenant, outcomes: dict[str, str]) -> None:
    """Every question that was asked stands in exactly one chat, once, and the counters agree."""
    assert set(outcomes.values()) <= {"answered", *TOLD_FAILURES}, Counter(outcomes.values())
    assert Counter(outcomes.values())["answered"] >= len(outcomes) * 0.8, Counter(outcomes.values())
    chats: list[dict[str, str]] = []
    while page := await tenant.call("GET", "/v1/chat", 200, params={"limit": 100, "offset": len(chats)}):
        chats += page
    asked: Counter[str] = Counter()
    for chat in chats:
        messages = await tenant.call("GET", f"/v1/chat/{chat['id']}/messages", 200)
        questions = [message["content"] for message in messages if message["role"] == "user"]
        asked.update(questions)
        answers = [message for message in messages if message["role"] == "assistant"]
        if all(outcomes[question] == "answered" for question in questions):
            assert len(answers) == len(questions) == 1
            assert answers[0]["content"]
    assert asked == Counter(dict.fromkeys(outcomes, 1))
