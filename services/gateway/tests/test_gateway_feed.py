"""What is remembered of identities is believed exactly as long as it may be."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from gateway_memory import counted_look_ups, principals_of, settled
from gateway_world import PASSWORD, World
from minirag_eventstore.rebuild import rebuild_own
from minirag_gateway.projections import PROJECTIONS
from minirag_gateway.queries.feed import IdentityFeed
from minirag_gateway.queries.principals import UNHEARD
from minirag_messaging.testing import NatsServer

NEVER = timedelta(minutes=1)

pytestmark = pytest.mark.filterwarnings("error")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_nothing_is_believed_before_the_first_beat() -> None:
    feed = IdentityFeed(patience=0.75, clock=Clock())
    assert not feed.fresh
    assert not feed.beat(7), "events before it were not heard"
    assert feed.fresh and feed.beat(7)


def test_silence_ends_the_belief_and_a_beat_after_it_proves_nothing_about_before() -> None:
    clock = Clock()
    feed = IdentityFeed(patience=0.75, clock=clock)
    feed.beat(3)
    clock.now += 0.74
    assert feed.fresh
    clock.now += 0.02
    assert not feed.fresh
    assert not feed.beat(3)
    assert feed.fresh


def test_an_event_that_never_comes_is_noticed_by_the_second_beat() -> None:
    feed = IdentityFeed(patience=0.75, clock=Clock())
    feed.beat(3)
    feed.event(4)
    assert feed.beat(6), "events may arrive a moment after the beat that speaks of them"
    feed.event(6)
    assert not feed.beat(6), "5 was lost"
    assert feed.beat(6)


def test_events_may_come_out_of_turn() -> None:
    feed = IdentityFeed(patience=0.75, clock=Clock())
    feed.beat(3)
    for position in (6, 4, 4, 5, 2):
        feed.event(position)
    assert feed.beat(6) and feed.beat(6)


def test_a_connection_that_broke_makes_everything_doubtful() -> None:
    feed = IdentityFeed(patience=0.75, clock=Clock())
    feed.beat(3)
    feed.lost()
    assert not feed.fresh and not feed.beat(3)


async def fresh(world: World) -> None:
    async with asyncio.timeout(5):
        while not principals_of(world).feed.fresh:
            await asyncio.sleep(0.01)


@pytest.fixture
async def patient_world(start_world: Any) -> World:
    """A gateway that believes its feed however late a busy machine makes the beats."""
    world: World = await start_world(identity_patience=NEVER)
    return world


async def asked(world: World, client: httpx.AsyncClient, times: int = 5) -> int:
    """How often the database was asked for so many requests."""
    with counted_look_ups(world) as looked_up:
        for _ in range(times):
            await client.get("/v1/tenants/me")
            await asyncio.sleep(UNHEARD / 2)
    return len(looked_up)


async def test_a_running_feed_spares_the_database_every_question(patient_world: World) -> None:
    async with await patient_world.a_client() as client:
        await settled(patient_world)
        assert await asked(patient_world, client) == 1, "by the first request"
        assert await asked(patient_world, client) == 0


async def test_others_who_log_in_are_no_reason_to_ask_again(patient_world: World) -> None:
    world = patient_world
    signed_up = (await world.sign_up("mine")).json()
    async with world.bearer(signed_up["api_token"]) as client:
        await settled(world)
        assert (await client.get("/v1/tenants/me")).status_code == 200
        with counted_look_ups(world) as looked_up:
            for _ in range(3):
                answer = await world.sign_in("owner@example.com", PASSWORD, tenant_slug="mine")
                assert answer.status_code == 200
                await world.sign_up()
                await client.get("/v1/tenants/me")
        assert looked_up == []


async def test_a_silent_feed_makes_the_gateway_ask_and_a_revocation_count(start_world: Any) -> None:
    world = await start_world(identity_patience=0.3)
    async with await world.a_client() as client:
        await fresh(world)
        await client.get("/v1/tenants/me")
        world.runtime.relay.beat(nobody, NEVER)
        await asyncio.sleep(0.6)
        assert not principals_of(world).feed.fresh
        assert await asked(world, client) >= 2
        async with world.runtime.database.system() as connection:
            await connection.execute("UPDATE tokens SET is_active = false")
        await asyncio.sleep(UNHEARD)
        assert (await client.get("/v1/tenants/me")).status_code == 401


async def test_a_silent_feed_and_no_database_let_nobody_in(start_world: Any) -> None:
    world = await start_world(identity_patience=0.3)
    async with await world.a_client() as client:
        await fresh(world)
        await client.get("/v1/tenants/me")
        world.runtime.relay.beat(nobody, NEVER)
        await world.runtime.database._system.close()
        await asyncio.sleep(0.6 + UNHEARD)
        answer = await client.get("/v1/tenants/me")
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


async def test_a_bus_that_went_away_and_came_back_is_not_believed_about_meanwhile(
    world: World, nats: NatsServer
) -> None:
    async with await world.a_client() as client:
        await fresh(world)
        await client.get("/v1/tenants/me")
        nats.kill()
        async with world.runtime.database.system() as connection:
            await connection.execute("UPDATE tokens SET is_active = false")
        await asyncio.sleep(0.8 + UNHEARD)
        assert (await client.get("/v1/tenants/me")).status_code == 401
        nats.start()
        await fresh(world)
        assert (await client.get("/v1/tenants/me")).status_code == 401


async def test_a_look_up_that_began_before_a_change_is_not_remembered(world: World) -> None:
    """The answer of the database may be from before the event that was heard meanwhile."""
    async with await world.a_client() as client:
        await fresh(world)
        principals = principals_of(world)
        credentials: Any = principals._credentials
        find = credentials.find

        async def slow(lookup: Any) -> Any:
            found = await find(lookup)
            principals.forget(UUID(int=0))
            return found

        credentials.find = slow
        principals.forget(None)
        assert (await client.get("/v1/tenants/me")).status_code == 200
        credentials.find = find
        assert await asked(world, client, 1) == 1


async def nobody(position: int) -> None:
    """Swallows beats: the relay that has died."""


async def test_every_projection_equals_its_rebuild_after_a_life(world: World) -> None:
    """Made, changed, deactivated, revoked, logged in and out, suspended: each row is a fold."""
    async with await world.a_client() as owner:
        bot = await world.a_bot(owner)
        await owner.patch("/v1/tenants/me", json={"tenant_name": "Apex"})
        user = (await owner.post("/v1/users", json={"email": "a@example.com", "password": PASSWORD})).json()
        await owner.patch(f"/v1/users/{user['id']}", json={"role": "admin", "email": "b@example.com"})
        async with world.bearer(
            (await world.sign_in("b@example.com", PASSWORD)).json()["access_token"]
        ) as admin:
            token = (await admin.post("/v1/api-tokens", json={"name": "CI", "scopes": ["read"]})).json()
            await admin.delete(f"/v1/api-tokens/{token['id']}")
            await admin.post("/v1/auth/logout")
        await owner.delete(f"/v1/users/{user['id']}")
        await owner.patch(f"/v1/users/{user['id']}", json={"is_active": True})
        key = {"bot_profile_id": bot, "name": "x", "origins": ["https://example.com"]}
        for change in ({"name": "y"}, None):
            made = (await owner.post("/v1/embed-keys", json=key)).json()
            if change:
                await owner.patch(f"/v1/embed-keys/{made['id']}", json=change)
            else:
                await owner.delete(f"/v1/embed-keys/{made['id']}")
    rows = {}
    for projection in PROJECTIONS:
        report = await rebuild_own(world.runtime.database, "gateway", projection)
        assert report.differences == [], projection.name
        rows[projection.name] = report.rows
    assert rows == {"tenants": 1, "users": 2, "tokens": 2, "sessions": 1, "embed_keys": 2}


async def test_a_stream_that_stays_open_is_one_use_of_its_token(patient_world: World) -> None:
    world = patient_world
    token = (await world.sign_up()).json()["api_token"]
    await settled(world)
    principals = principals_of(world)
    proof, principal = await principals.of_bearer(token)
    with counted_look_ups(world) as asked:
        watching = asyncio.create_task(principals.ended(proof, principal))
        await principals.write_uses()
        await asyncio.sleep(3 * UNHEARD)
        assert not watching.done()
        assert principals._uses == {}
    assert asked == []
    watching.cancel()
