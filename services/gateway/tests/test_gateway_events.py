"""``GET /v1/events`` through HTTP: what starts, resumes, filters, refuses and ends a stream."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import httpx
import pytest
from gateway_memory import principals_of, settled
from gateway_world import PASSWORD, World
from minirag_contracts.context import Context, TenantScope
from minirag_contracts.errors import Unavailable
from minirag_contracts.events.gateway import TenantUpdated
from minirag_contracts.examples import EXAMPLES
from minirag_contracts.ids import new_id
from minirag_contracts.requests.common import RecordedEvent
from minirag_contracts.signals import Progress, progress_subject
from minirag_gateway.queries.event_stream import EventStream, EventStreams
from subscriber import Subscriber, blocks_of
from turning import turning


@dataclass
class Account:
    """A tenant whose events come."""

    world: World
    tenant_id: UUID
    headers: dict[str, str]

    async def rename(self, times: int = 1) -> list[str]:
        """Makes events of the gateway's own; answers their ids."""
        context = Context(actor="user:test", tenant_id=self.tenant_id, correlation_id=new_id())
        async with self.world.runtime.store.transaction(context.scope) as transaction:
            renamed = [TenantUpdated(name=f"Name {n}") for n in range(times)]
            events = await transaction.append(context, f"rename-{new_id()}", 0, renamed)
        return [str(event.event_id) for event in events]

    def subscriber(self, **fields: Any) -> Subscriber:
        return Subscriber(self.headers, **fields)

    async def get(self, **options: Any) -> httpx.Response:
        headers = {**self.headers, **options.pop("headers", {})}
        return await self.world.client.get("/v1/events", headers=headers, **options)

    def record(self, owner: str, event_type: str, position: int, at: datetime | None = None) -> None:
        """An event that another owner has."""
        event_id, payload = new_id(), EXAMPLES[event_type]
        event = RecordedEvent(
            event_id=event_id,
            tenant_id=self.tenant_id,
            stream=f"s-{position}",
            version=1,
            type=event_type,
            schema_version=payload.schema_version,
            data=payload.model_dump(mode="json"),
            metadata={"actor": "user:test", "correlation_id": str(event_id)},
            recorded_at=at or datetime.now().astimezone(),
            position=position,
        )
        self.world.owners.recorded.setdefault(owner, []).append(event)


async def an_account(world: World) -> Account:
    """Its own first events are past: a stream that begins now does not hear them."""
    signed_up = (await world.sign_up()).json()
    await settled(world)
    headers = {"Authorization": f"Bearer {signed_up['api_token']}"}
    return Account(world, UUID(signed_up["tenant"]["id"]), headers)


@pytest.fixture
async def account(world: World) -> Account:
    return await an_account(world)


async def test_a_stream_begins_at_once_and_starts_from_now(account: Account) -> None:
    subscriber = account.subscriber()
    async with subscriber.listening(account.world.url):
        ids = await account.rename(3)
        await subscriber.until(lambda: len(subscriber.events) == 3)
    assert [event["id"] for event in subscriber.events] == ids


async def test_an_event_is_a_cloud_event(account: Account) -> None:
    subscriber = account.subscriber()
    async with subscriber.listening(account.world.url):
        await account.rename()
        await subscriber.until(lambda: bool(subscriber.events))
    event = subscriber.events[0]
    assert event == event | {
        "specversion": "1.0",
        "source": "/minirag/gateway",
        "type": "tenant.updated",
        "datacontenttype": "application/json",
        "tenantid": str(account.tenant_id),
        "streamversion": 1,
        "schemaversion": 1,
        "actor": "user:test",
        "data": {"name": "Name 0"},
    }
    assert event["subject"].startswith("rename-")
    assert event["time"].endswith("Z")
    assert None not in event.values()


async def test_the_response_is_made_for_proxies_too(account: Account) -> None:
    async with account.world.client.stream("GET", "/v1/events", headers=account.headers) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["x-accel-buffering"] == "no"
        assert response.headers["cache-control"] == "no-cache"
        async for block in blocks_of(response):
            assert block.data is None and block.id
            return


async def test_a_client_that_saw_no_event_yet_misses_none(account: Account) -> None:
    subscriber = account.subscriber()
    async with subscriber.listening(account.world.url):
        pass
    ids = await account.rename(2)
    async with subscriber.listening(account.world.url):
        await subscriber.until(lambda: len(subscriber.events) == 2)
    assert [event["id"] for event in subscriber.events] == ids


async def test_a_stream_resumes_where_it_was_cut_off(account: Account) -> None:
    subscriber = account.subscriber()
    ids: list[str] = []
    for _ in range(4):
        async with subscriber.listening(account.world.url):
            ids += await account.rename(2)
            await subscriber.until(partial(holds, subscriber, len(ids)))
        ids += await account.rename()
    async with subscriber.listening(account.world.url):
        await subscriber.until(lambda: len(subscriber.events) == len(ids))
    assert [event["id"] for event in subscriber.events] == ids


def holds(subscriber: Subscriber, count: int) -> bool:
    return len(subscriber.events) == count


async def test_the_hash_of_a_token_is_shown_to_nobody(account: Account) -> None:
    subscriber, token = account.subscriber(types="token.*"), EXAMPLES["token.created"]
    context = Context(actor="user:test", tenant_id=account.tenant_id, correlation_id=new_id())
    async with subscriber.listening(account.world.url):
        async with account.world.runtime.store.transaction(context.scope) as transaction:
            await transaction.append(context, f"token-{new_id()}", 0, [token])
        await subscriber.until(lambda: bool(subscriber.events))
    data = token.model_dump(mode="json")
    assert data.pop("token_hash")
    assert subscriber.events[0]["data"] == data


async def test_what_was_not_asked_for_moves_the_place_all_the_same(account: Account) -> None:
    subscriber = account.subscriber(types="bot.>,token.created")
    async with subscriber.listening(account.world.url):
        await account.rename(5)
        before = subscriber.last_id
        await subscriber.until(lambda: subscriber.last_id != before)
    everything = account.subscriber(last_id=subscriber.last_id)
    async with everything.listening(account.world.url):
        ids = await account.rename()
        await everything.until(lambda: bool(everything.events))
    assert subscriber.events == []
    assert [event["id"] for event in everything.events] == ids


async def test_what_is_no_cursor_is_refused(account: Account) -> None:
    for cursor in ("nonsense", "1", "A" * 5000, "ä", "%00", "eyJjaGF0IjoxfQ", "''"):
        response = await account.get(headers={"Last-Event-ID": cursor.encode()})
        assert (response.status_code, response.json()["code"]) == (422, "invalid_last_event_id"), cursor


async def test_another_tenants_cursor_is_refused(account: Account) -> None:
    other = await an_account(account.world)
    subscriber = other.subscriber()
    async with subscriber.listening(account.world.url):
        pass
    response = await account.get(headers={"Last-Event-ID": str(subscriber.last_id)})
    assert (response.status_code, response.json()["code"]) == (422, "invalid_last_event_id")


async def test_what_is_no_event_type_is_refused(account: Account) -> None:
    for types in ("nothing.>", "bot", "bot.created.", "Bot.created", "a.b.c.d", "bot.>.x", ",", "bot;", "'"):
        response = await account.get(params={"types": types})
        assert (response.status_code, response.json()["code"]) == (422, "invalid_event_type"), types


async def test_nobody_hears_anybody_elses_events(account: Account) -> None:
    other = await an_account(account.world)
    mine, theirs = account.subscriber(), other.subscriber()
    async with mine.listening(account.world.url), theirs.listening(account.world.url):
        await account.rename(3)
        ids = await other.rename(2)
        await mine.until(lambda: len(mine.events) == 3)
        await theirs.until(lambda: len(theirs.events) == 2)
        await asyncio.sleep(0.2)
    assert {event["tenantid"] for event in mine.events} == {str(account.tenant_id)}
    assert [event["id"] for event in theirs.events] == ids


async def test_the_progress_of_ingestions_comes_along_without_id(account: Account) -> None:
    all_of_it, bots = account.subscriber(), account.subscriber(types="bot.>")
    progress = Progress(source_id=new_id(), bot_id=new_id(), version=1, stage="embedding", done=3, total=9)
    bus, url = account.world.owners.bus, account.world.url
    async with all_of_it.listening(url), bots.listening(url):
        before = all_of_it.last_id
        await bus.signal(progress_subject(new_id()), progress)
        await bus.signal(progress_subject(account.tenant_id), progress)
        await all_of_it.until(lambda: bool(all_of_it.progress))
        await asyncio.sleep(0.1)
    assert all_of_it.progress == [progress.model_dump(mode="json")]
    assert all_of_it.last_id == before
    assert bots.progress == []


async def test_an_owner_that_is_away_delays_its_own_events_only(account: Account) -> None:
    owners, subscriber = account.world.owners, account.subscriber()
    account.record("chat", "bot.created", 7)
    async with subscriber.listening(account.world.url):
        owners.away.add("chat")
        account.record("chat", "bot.updated", 9)
        await account.rename()
        await subscriber.until(lambda: subscriber.types_seen == ["tenant.updated"])
        owners.away.clear()
        await subscriber.until(lambda: subscriber.types_seen == ["tenant.updated", "bot.updated"])


async def test_an_owner_that_is_away_at_the_start_is_read_from_that_moment(account: Account) -> None:
    owners, subscriber = account.world.owners, account.subscriber()
    account.record("ingest", "source.created", 3)
    owners.away.add("ingest")
    async with subscriber.listening(account.world.url):
        account.record("ingest", "source.ingest.requested", 4)
        await account.rename()
        await subscriber.until(lambda: subscriber.types_seen == ["tenant.updated"])
    owners.away.clear()
    async with subscriber.listening(account.world.url):
        await subscriber.until(lambda: len(subscriber.events) == 2)
    assert subscriber.types_seen == ["tenant.updated", "source.ingest.requested"]


async def test_a_store_that_was_set_back_is_read_from_its_new_end(account: Account) -> None:
    owners, subscriber = account.world.owners, account.subscriber()
    account.record("chat", "bot.created", 70)
    async with subscriber.listening(account.world.url):
        pass
    owners.recorded["chat"].clear()
    account.record("chat", "bot.created", 5)
    async with subscriber.listening(account.world.url):
        before = subscriber.last_id
        await subscriber.until(lambda: subscriber.last_id != before)
        account.record("chat", "bot.updated", 6)
        await subscriber.until(lambda: subscriber.types_seen == ["bot.updated"])


Ending = tuple[str, Awaitable[httpx.Response]]
"""A bearer token that may listen, and what ends that."""


async def a_revoked_token(owner: httpx.AsyncClient) -> Ending:
    made = (await owner.post("/v1/api-tokens", json={"name": "x"})).json()
    return made["raw_token"], owner.delete(f"/v1/api-tokens/{made['id']}")


async def a_deactivated_user(owner: httpx.AsyncClient) -> Ending:
    user, token = await an_admin(owner)
    return token, owner.delete(f"/v1/users/{user['id']}")


async def a_demoted_user(owner: httpx.AsyncClient) -> Ending:
    user, token = await an_admin(owner)
    return token, owner.patch(f"/v1/users/{user['id']}", json={"role": "member"})


async def a_logout(owner: httpx.AsyncClient) -> Ending:
    _, token = await an_admin(owner)
    return token, owner.post("/v1/auth/logout", headers={"Authorization": f"Bearer {token}"})


async def an_admin(owner: httpx.AsyncClient, role: str = "admin") -> tuple[dict[str, Any], str]:
    """A user and the JWT of their login."""
    slug = (await owner.get("/v1/tenants/me")).json()["slug"]
    who = {"email": f"{new_id().hex}@example.com", "password": PASSWORD}
    user = (await owner.post("/v1/users", json={**who, "role": role})).json()
    login = await owner.post("/v1/auth/login", json={**who, "tenant_slug": slug})
    return user, login.json()["access_token"]


@pytest.mark.parametrize("prepare", [a_revoked_token, a_deactivated_user, a_demoted_user, a_logout])
async def test_who_may_no_longer_listen_is_cut_off_within_a_second(
    account: Account, prepare: Callable[[httpx.AsyncClient], Awaitable[Ending]]
) -> None:
    async with httpx.AsyncClient(base_url=account.world.url, headers=account.headers) as owner:
        token, end = await prepare(owner)
        subscriber = Subscriber({"Authorization": f"Bearer {token}"})
        async with subscriber.listening(account.world.url) as connection:
            assert (await end).is_success
            async with turning(1):
                await connection
            await is_shut_out(account, subscriber)


async def test_who_listens_is_cut_off_within_a_second_of_the_end_of_the_token(account: Account) -> None:
    """Its row is changed behind the events' back, so that it surely ends after the stream has begun."""
    at = datetime.now(UTC) + timedelta(hours=1)
    body = {"name": "x", "expires_at": at.isoformat()}
    made = (await account.world.client.post("/v1/api-tokens", json=body, headers=account.headers)).json()
    subscriber = Subscriber({"Authorization": f"Bearer {made['raw_token']}"})
    async with subscriber.listening(account.world.url) as connection:
        async with account.world.runtime.database.system() as rows:
            await rows.execute(
                "UPDATE tokens SET expires_at = now() + interval '500 milliseconds' WHERE token_id = $1",
                UUID(made["id"]),
            )
        principals_of(account.world).forget(account.tenant_id)
        async with turning(1.5):
            await connection
        await is_shut_out(account, subscriber)


async def is_shut_out(account: Account, subscriber: Subscriber) -> None:
    """Whoever was cut off hears nothing more, and may not come again."""
    heard = len(subscriber.events)
    await account.rename()
    await asyncio.sleep(0.2)
    assert len(subscriber.events) == heard
    answer = await account.world.client.get("/v1/events", headers=dict(subscriber.headers))
    assert answer.status_code in (401, 403)


async def test_members_and_strangers_hear_nothing(account: Account) -> None:
    assert (await account.world.client.get("/v1/events")).status_code == 401
    async with httpx.AsyncClient(base_url=account.world.url, headers=account.headers) as owner:
        _, token = await an_admin(owner, "member")
    refused = await account.world.client.get("/v1/events", headers={"Authorization": f"Bearer {token}"})
    assert refused.status_code == 403


async def test_a_client_that_does_not_read_slows_its_readers_down(account: Account) -> None:
    """What it was not sent yet stays in the stores: at most a page of each owner is in memory."""
    async with account.world.client.stream("GET", "/v1/events", headers=account.headers) as response:
        written = 0
        for _ in range(40):
            written += len(await account.rename(500))
        await asyncio.sleep(1)
        [stream] = open_streams(account.world)
        assert sum(len(page.events) for page, _ in stream._mailbox._pages) <= 100
        assert (await place_of(account)) - stream._places["gateway"] > 0
        async for block in blocks_of(response):
            written -= block.data is not None
            if not written:
                return


def open_streams(world: World) -> set[EventStream]:
    """Every stream that is open at the gateway."""
    (leave,) = world.runtime.leaving
    streams: EventStreams = leave.args[1]  # type: ignore[attr-defined]
    return streams._open


async def place_of(account: Account) -> int:
    """The position of the tenant's last event."""
    async with account.world.runtime.database.tenant(TenantScope(account.tenant_id)) as rows:
        return int(await rows.fetchval("SELECT max(position) FROM events"))


async def test_a_gateway_that_stops_lets_its_subscribers_go_at_once(start_world: Any) -> None:
    world = await start_world(drain=20, heartbeat=5)
    account = await an_account(world)
    subscriber = account.subscriber()
    async with subscriber.listening(world.url) as connection:
        began = time.monotonic()
        world.runtime.hurry.set()
        for leave in world.runtime.leaving:
            await leave()
        await asyncio.wait_for(connection, 5)
        assert time.monotonic() - began < 5


async def accepts(world: Any) -> bool:
    """Whether the gateway takes connections."""
    try:
        await world.runtime.checks["http"]()
    except Unavailable:
        return False
    return True


async def test_who_comes_over_an_open_connection_to_a_gateway_that_stops_is_sent_on_with_a_cursor(
    start_world: Any,
) -> None:
    world = await start_world(drain=20, heartbeat=5)
    account = await an_account(world)
    (leave,) = world.runtime.leaving
    async with asyncio.timeout(10):
        assert (await account.world.client.get("/v1/auth/me", headers=account.headers)).status_code == 200
        leaving = asyncio.create_task(leave())
        while await accepts(world):
            await asyncio.sleep(0.01)
        stream = account.world.client.stream("GET", "/v1/events", headers=account.headers)
        async with stream as response:
            assert response.headers["connection"] == "close"
            blocks = [block async for block in blocks_of(response)]
        await leaving
    assert [block.data for block in blocks] == [None]
