"""Holds what a stack tells everybody against what its owners have recorded: nothing lost, nothing doubled, in order."""

import asyncio
import json
from collections import Counter, defaultdict

from api import Tenant
from minirag_contracts.requests.common import RecordedEvent
from minirag_contracts.topology import SERVICES, STREAM_OF
from minirag_local.testing import Stack
from minirag_messaging.headers import POSITION
from owners import bus_of, events_of_owner, verify_projections
from receiver import Receiver
from steady_load import Load

CAUSES = ("chat.message.completed", "source.ingest.completed")
"""What the load's endpoint hears of."""


async def assert_accounts(stack: Stack, load: Load, receiver: Receiver) -> None:
    """Everything that a life under load has to leave behind."""
    await asyncio.gather(*(load.tenant.ready(source_id) for source_id in load.sources))
    ledger = {owner: await events_of_owner(stack, owner, []) for owner in STREAM_OF}
    for owner, events in ledger.items():
        assert_in_order(owner, events)
        await assert_published(stack, owner, events)
    mine = [event for events in ledger.values() for event in events if str(event.tenant_id) == load.tenant.id]
    assert_once_for_each_answer(load, mine)
    await assert_delivered_once(receiver, mine)
    await assert_counted(load.tenant, len(load.answers))
    for service in SERVICES:
        reports = (await verify_projections(stack, service)).reports
        assert {report.projection: report.differences for report in reports if report.differences} == {}


def assert_in_order(owner: str, events: list[RecordedEvent]) -> None:
    """Positions without a gap; each aggregate's versions from 1, one after the other."""
    positions = [event.position for event in events]
    assert positions == list(range(1, len(events) + 1)), f"positions of {owner}"
    versions: defaultdict[str, list[int]] = defaultdict(list)
    for event in events:
        versions[event.stream].append(event.version)
    wrong = {stream: found for stream, found in versions.items() if found != list(range(1, len(found) + 1))}
    assert wrong == {}, owner


async def assert_published(stack: Stack, owner: str, events: list[RecordedEvent]) -> None:
    """The owner's stream has each event once, in the order of their positions."""
    bus = await bus_of(stack)
    try:
        jetstream = bus.client.jetstream()
        name = STREAM_OF[owner].name
        told: list[int] = []
        async with asyncio.timeout(20):  # the relay is a moment behind the commit
            while (await jetstream.stream_info(name)).state.messages < len(events):
                await asyncio.sleep(0.05)
        subscription = await jetstream.subscribe("", stream=name, ordered_consumer=True)
        while len(told) < len(events):
            message = await subscription.next_msg(timeout=10)
            told.append(int((message.headers or {})[POSITION]))
        assert told == [event.position for event in events]
    finally:
        await bus.close()


def assert_once_for_each_answer(load: Load, mine: list[RecordedEvent]) -> None:
    """Every turn that was asked for has ended once, and all of them as answers."""
    ended = Counter(event.data["message_id"] for event in mine if event.type == "chat.message.completed")
    assert ended == Counter(load.answers)
    begun = Counter(event.data["message_id"] for event in mine if event.type == "chat.message.created")
    assert begun == ended
    made = Counter(event.data["source_id"] for event in mine if event.type == "source.ingest.completed")
    assert made == Counter(load.sources)


async def assert_delivered_once(receiver: Receiver, mine: list[RecordedEvent]) -> None:
    """The endpoint has heard of each answer and each ingestion exactly once."""
    wanted = Counter(event.type for event in mine if event.type in CAUSES)
    await receiver.wait(wanted.total(), timeout=30)
    await asyncio.sleep(0.5)  # one too many would come now
    calls = [json.loads(request.body) for request in receiver.at("/hook")]
    heard = Counter(call.get("message_id") or call["source_id"] for call in calls)
    caused = Counter(
        event.data.get("message_id") or event.data["source_id"] for event in mine if event.type in CAUSES
    )
    assert heard == caused


async def assert_counted(tenant: Tenant, answers: int) -> None:
    """Statistics have every answer, a moment later."""
    async with asyncio.timeout(30):
        while True:
            days = await tenant.call("GET", "/v1/stats/usage", 200)
            if (counted := sum(day["request_count"] for day in days)) >= answers:
                break
            await asyncio.sleep(0.2)
    assert counted == answers
