"""``GET /v1/events`` against everything that can happen to a subscriber: every event once, in order, and nobody else's.

The writers go on while the subscriber is cut off at random moments and comes back at either of two gateways.
``MINIRAG_CHAOS=1`` (``make chaos``) does so a hundred times instead of six.
"""

import asyncio
import os
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

import httpx
import pytest
from api import Tenant
from gateways import Gateway, second_gateway
from jsonschema import Draft202012Validator
from minirag_contracts.requests.common import RecordedEvent
from minirag_contracts.topology import STREAM_OF
from minirag_local.testing import Stack
from owners import events_of_owner, restart_without_bus
from subscriber import Subscriber

TIMES = 100 if os.environ.get("MINIRAG_CHAOS") else 5
"""How often the subscriber is killed."""

SEED = 20_260_301


@pytest.fixture(scope="module")
def other(stack: Stack) -> Iterator[Gateway]:
    """A second gateway over the same stack."""
    with second_gateway(stack) as gateway:
        yield gateway


async def recorded(stack: Stack, tenant: Tenant) -> list[RecordedEvent]:
    """All of the tenant's events, as their owners have them."""
    found = await asyncio.gather(*(events_of_owner(stack, owner, []) for owner in STREAM_OF))
    return [event for events in found for event in events if str(event.tenant_id) == tenant.id]


def faults_of(subscriber: Subscriber, wanted: list[RecordedEvent], tenant: Tenant) -> list[str]:
    """Everything that is wrong with what a subscriber got."""
    ids = [event["id"] for event in subscriber.events]
    missing = {str(event.event_id) for event in wanted} - set(ids)
    faults = [f"{len(ids) - len(set(ids))} doubled"] if len(set(ids)) != len(ids) else []
    faults += [f"{len(missing)} of {len(wanted)} missing"] if missing else []
    faults += [
        f"{event['type']} of a stranger" for event in subscriber.events if event["tenantid"] != tenant.id
    ]
    versions: defaultdict[str, int] = defaultdict(int)
    for event in subscriber.events:
        if versions[event["subject"]] and event["streamversion"] != versions[event["subject"]] + 1:
            faults.append(f"{event['subject']} jumps to {event['streamversion']}")
        versions[event["subject"]] = event["streamversion"]
    return faults


def an_event(number: int, tenant: Tenant, **fields: object) -> dict[str, object]:
    event = {"id": f"{number}", "type": "bot.created", "tenantid": tenant.id, "subject": "bot-1"}
    return {**event, "streamversion": number, **fields}


async def test_the_auditor_sees_what_is_doubled_missing_inverted_or_a_strangers(tenant: Tenant) -> None:
    def heard(*events: dict[str, object]) -> list[str]:
        return faults_of(Subscriber({}, events=list(events)), [], tenant)

    first, second, third = (an_event(number, tenant) for number in (1, 2, 3))
    assert heard(first, second, third) == heard(second, third) == []
    assert "1 doubled" in heard(first, second, second)
    assert heard(first, third) == heard(first, third, second)[:1] == ["bot-1 jumps to 3"]
    assert heard(an_event(1, tenant, tenantid="x")) == ["bot.created of a stranger"]


async def live(tenant: Tenant, bot_id: str, stop: asyncio.Event, made: list[str]) -> None:
    """What a tenant does all day, so that every owner has something to tell."""
    hook = {"url": "https://127.0.0.1:9/hook", "events": ["chat.message"]}
    while not stop.is_set():
        number = len(made)
        made.append(await tenant.bot(name=f"Bot {number}"))
        webhook = await tenant.insist("POST", "/v1/webhooks", 201, json=hook)
        await tenant.call("DELETE", f"/v1/webhooks/{webhook['id']}", 204)
        source = await tenant.text_source(bot_id, f"Room {number} is on the {number}th floor.")
        with suppress(httpx.TransportError):
            await tenant.ask(bot_id, f"Where is room {number}?")
        await tenant.settled(source)


@asynccontextmanager
async def living(*tenants: Tenant) -> AsyncIterator[None]:
    """These tenants live for as long as it is entered; afterwards nothing of theirs is under way."""
    stop = asyncio.Event()
    bots = [await tenant.bot() for tenant in tenants]
    lives = [
        asyncio.create_task(live(tenant, bot_id, stop, []))
        for tenant, bot_id in zip(tenants, bots, strict=True)
        for _ in range(2)
    ]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*lives)


async def killed_at_random(subscriber: Subscriber, stack: Stack, other: Gateway, dice: random.Random) -> None:
    """One connection after the other, at either gateway, none of which ends well; at times the gateway is killed instead."""
    for number in range(TIMES):
        connection = asyncio.create_task(subscriber.listen(dice.choice((stack.url, other.url))))
        await asyncio.sleep(dice.random() * 1.2)
        if number % 5 == 4:
            await asyncio.to_thread(other.kill)
            await asyncio.to_thread(other.start)
        connection.cancel()
        with suppress(asyncio.CancelledError, httpx.TransportError):
            await connection
        await asyncio.sleep(dice.random() * 0.3)


async def caught_up(subscriber: Subscriber, wanted: list[RecordedEvent], url: str) -> None:
    """Listens until it has as many as it must have, and a little longer for what it must not have."""
    async with subscriber.listening(url):
        with suppress(TimeoutError):
            await subscriber.until(lambda: len(subscriber.events) >= len(wanted), 30)
        await asyncio.sleep(1)


async def since(stack: Stack, tenant: Tenant, earlier: list[RecordedEvent]) -> list[RecordedEvent]:
    """The tenant's events but for the earlier ones."""
    known = {event.event_id for event in earlier}
    return [event for event in await recorded(stack, tenant) if event.event_id not in known]


@pytest.mark.chaos
@pytest.mark.timeout(90 + 15 * TIMES)
async def test_a_subscriber_that_is_killed_at_random_on_two_gateways_has_every_event_once(
    stack: Stack, other: Gateway, tenant: Tenant, stranger: Tenant
) -> None:
    await asyncio.sleep(0.5)
    earlier = await recorded(stack, tenant)
    subscriber = Subscriber(tenant.headers)
    async with subscriber.listening(stack.url):
        pass
    async with living(tenant, stranger):
        await killed_at_random(subscriber, stack, other, random.Random(SEED))
    wanted = await since(stack, tenant, earlier)
    await caught_up(subscriber, wanted, other.url)
    assert faults_of(subscriber, wanted, tenant) == []
    assert {event["source"] for event in subscriber.events} >= {
        "/minirag/chat",
        "/minirag/ingest",
        "/minirag/retrieval",
        "/minirag/webhooks",
    }
    assert len(await recorded(stack, stranger)) > 20


async def test_a_wiped_bus_between_two_resumes_costs_nothing(stack: Stack, tenant: Tenant) -> None:
    await asyncio.sleep(0.5)
    earlier = await recorded(stack, tenant)
    subscriber = Subscriber(tenant.headers)
    async with subscriber.listening(stack.url):
        bot_id = await tenant.bot()
        await tenant.ready(await tenant.text_source(bot_id, "The ferry leaves at seven."))
    await tenant.ask(bot_id, "When does the ferry leave?")

    await asyncio.to_thread(restart_without_bus, stack)

    async with subscriber.listening(stack.url):
        await tenant.bot(name="Afterwards")
    wanted = await since(stack, tenant, earlier)
    await caught_up(subscriber, wanted, stack.url)
    assert faults_of(subscriber, wanted, tenant) == []
    assert subscriber.types_seen.count("bot.created") == 2


async def test_only_what_was_asked_for_comes(stack: Stack, tenant: Tenant) -> None:
    subscriber = Subscriber(tenant.headers, types="source.ingest.*,bot.created")
    async with subscriber.listening(stack.url):
        bot_id = await tenant.bot()
        await tenant.ready(await tenant.text_source(bot_id, "The ferry leaves at seven."))
        await subscriber.until(lambda: len(subscriber.events) >= 3)
    assert subscriber.types_seen == ["bot.created", "source.ingest.requested", "source.ingest.completed"]
    for event in subscriber.events:
        answer = await tenant.http.get(f"/v1/schemas/{event['type']}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
        schema = answer.json()
        assert (schema["type"], schema["additionalProperties"]) == ("object", False)
        Draft202012Validator(schema).validate(event["data"])
        assert set(event["data"]) == set(schema["properties"])
    assert (await tenant.http.get("/v1/schemas/bot.unheard")).status_code == 404


async def test_the_audit_log_has_what_people_did_and_not_what_the_machine_did(
    stack: Stack, tenant: Tenant, stranger: Tenant
) -> None:
    bot_id = await tenant.bot()
    await stranger.bot()
    await tenant.ready(await tenant.text_source(bot_id, "The ferry leaves at seven."))
    await tenant.ask(bot_id, "When does the ferry leave?")
    acts = await tenant.call("GET", "/v1/audit", 200)
    assert [act["type"] for act in acts] == [
        "source.created",
        "bot.created",
        *sorted(("tenant.created", "user.created", "token.created"), key=lambda name: position(acts, name)),
    ]
    assert acts[0]["actor"].startswith("user:") and acts[0]["via"].startswith("token:")
    assert acts[1]["subject"] == f"bot-{bot_id}"
    work = await tenant.call("GET", "/v1/audit", 200, params={"types": "chat.message.*,index.>"})
    assert [act["type"] for act in work][:2] == ["chat.message.completed", "chat.message.created"]
    activated = [act for act in work if act["type"] == "index.version.activated"]
    assert [(act["actor"], act["address"]) for act in activated] == [("system:ingest", None)]


def position(acts: list[dict[str, str]], name: str) -> int:
    """Where a type stands in the log."""
    return [act["type"] for act in acts].index(name)
