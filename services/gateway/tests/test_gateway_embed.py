"""Embed keys and the sessions of visitors: what they open, and that they open nothing else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import jwt
import pytest
from gateway_memory import settled
from gateway_world import World
from minirag_contracts.context import Context
from minirag_contracts.ids import new_id
from minirag_contracts.requests.chat import StartTurn, TurnRead
from minirag_contracts.requests.common import PersonErase, PersonEraseReply
from minirag_gateway.domain.access import VISITOR
from minirag_gateway.entrypoints.http.app import RESOURCES
from minirag_gateway.entrypoints.http.routing import declaration_of

SITE, SHOP = "https://www.example.com", "https://shop.example.com"

pytestmark = pytest.mark.filterwarnings("error")


@dataclass
class Site:
    """A tenant with a bot and an embed key."""

    world: World
    owner: httpx.AsyncClient
    bot: str
    key: dict[str, Any]

    async def arrive(self, origin: str | None = SITE, **body: str) -> httpx.Response:
        headers = {} if origin is None else {"Origin": origin}
        return await self.world.client.post(
            f"/v1/embed/{self.key['key']}/sessions", json=body, headers=headers
        )

    async def visitor(self, **body: str) -> dict[str, Any]:
        response = await self.arrive(**body)
        assert response.status_code == 201, response.text
        session: dict[str, Any] = response.json()
        return session

    async def ask(self, session: dict[str, Any], origin: str | None = SITE, **fields: Any) -> httpx.Response:
        body = {"bot_profile_id": self.bot, "message": "Are you open?", **fields}
        return await self.world.client.post("/v1/chat", json=body, headers=of(session, origin))


def of(session: dict[str, Any], origin: str | None = SITE) -> dict[str, str]:
    headers = {"Authorization": f"Bearer {session['session_token']}"}
    return headers if origin is None else {**headers, "Origin": origin}


@asynccontextmanager
async def a_site(world: World, **fields: Any) -> AsyncIterator[Site]:
    async with await world.a_client() as owner:
        yield await a_site_of(world, owner, **fields)


async def a_site_of(world: World, owner: httpx.AsyncClient, **fields: Any) -> Site:
    bot = await world.a_bot(owner)
    body = {"bot_profile_id": bot, "name": "site", "origins": [SITE], **fields}
    made = await owner.post("/v1/embed-keys", json=body)
    assert made.status_code == 201, made.text
    return Site(world, owner, bot, made.json())


@pytest.fixture
async def site(world: World) -> AsyncIterator[Site]:
    async with a_site(world) as site:
        yield site


async def test_a_key_is_made_read_listed_changed_and_revoked(site: Site) -> None:
    key = site.key
    assert set(key) == {
        *("id", "tenant_id", "bot_profile_id", "key", "name", "origins", "visitor_rate", "daily_messages"),
        *("session_minutes", "is_active", "messages_today", "created_at", "updated_at"),
    }
    assert key["key"].startswith("pk_") and (key["is_active"], key["messages_today"]) == (True, 0)
    url = f"/v1/embed-keys/{key['id']}"
    assert (await site.owner.get(url)).json() == key
    assert (await site.owner.get("/v1/embed-keys")).json() == [key]
    changed = (
        await site.owner.patch(url, json={"origins": [f"{SHOP}:443/", SITE], "visitor_rate": 3})
    ).json()
    assert (changed["origins"], changed["visitor_rate"], changed["name"]) == ([SHOP, SITE], 3, "site")
    for _ in range(2):
        assert (await site.owner.delete(url)).status_code == 204
    assert (await site.owner.get(url)).json()["is_active"] is False
    assert (await site.owner.patch(url, json={"name": "x"})).status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"origins": []},
        {"origins": ["*"]},
        {"origins": ["https://example.com/path"]},
        {"origins": None},
        {"visitor_rate": 0},
        {"daily_messages": -1},
        {"session_minutes": 61},
    ],
)
async def test_a_key_that_cannot_be_is_refused(site: Site, wrong: dict[str, Any]) -> None:
    body = {"bot_profile_id": site.bot, "name": "x", "origins": [SITE], **wrong}
    assert (await site.owner.post("/v1/embed-keys", json=body)).status_code == 422
    assert (await site.owner.patch(f"/v1/embed-keys/{site.key['id']}", json=wrong)).status_code == 422


async def test_a_key_is_for_a_bot_of_ones_own(site: Site) -> None:
    async with await site.world.a_client() as stranger:
        body = {"bot_profile_id": str(new_id()), "name": "x", "origins": [SITE]}
        answer = await stranger.post("/v1/embed-keys", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "bot_not_found")
        for act in (
            stranger.get(f"/v1/embed-keys/{site.key['id']}"),
            stranger.patch(f"/v1/embed-keys/{site.key['id']}", json={"name": "x"}),
            stranger.delete(f"/v1/embed-keys/{site.key['id']}"),
        ):
            assert (await act).status_code == 404
        assert (await stranger.get("/v1/embed-keys")).json() == []


async def test_a_page_of_the_list_gets_a_session_and_an_answer(site: Site) -> None:
    session = await site.visitor()
    assert session["bot"]["id"] == site.bot and session["token_type"] == "bearer"
    answer = await site.ask(session)
    assert answer.status_code == 200, answer.text
    asked, context = site.world.owners.asked[-1]
    turn, started = next((r, c) for r, c in site.world.owners.asked if isinstance(r, StartTurn))
    assert str(turn.bot_id) == site.bot
    assert started.actor == f"visitor:{session['visitor_id']}"
    assert (started.reach, started.via) == ("own", f"embed_key:{site.key['id']}")
    assert (await site.owner.get(f"/v1/embed-keys/{site.key['id']}")).json()["messages_today"] == 1
    assert asked and context


@pytest.mark.parametrize(
    "origin", [None, SHOP, "http://www.example.com", "null", f"{SITE}.evil.example", SITE + "/"]
)
async def test_a_page_of_another_origin_gets_nothing(site: Site, origin: str | None) -> None:
    answer = await site.arrive(origin)
    assert (answer.status_code, answer.json()["code"]) == (403, "origin_not_allowed")


async def test_a_session_is_refused_on_another_page_and_when_the_origin_is_taken_off_the_list(
    site: Site,
) -> None:
    session = await site.visitor()
    assert (await site.ask(session, SHOP)).json()["code"] == "origin_not_allowed"
    assert (await site.ask(session, None)).status_code == 200, (
        "scripts are stopped by budgets, not by origins"
    )
    await site.owner.patch(f"/v1/embed-keys/{site.key['id']}", json={"origins": [SHOP]})
    await settled(site.world)
    assert (await site.ask(session)).status_code == 403


@pytest.mark.parametrize("key", ["pk_unknown", "pk_", "x", "sk_abcdef", "pk_%00", "pk_" + "a" * 200])
async def test_a_key_of_nobody_opens_nothing(world: World, key: str) -> None:
    answer = await world.client.post(f"/v1/embed/{key}/sessions", json={}, headers={"Origin": SITE})
    assert answer.status_code in (404, 422)


async def test_a_revoked_key_opens_nothing_and_ends_its_sessions(site: Site) -> None:
    session = await site.visitor()
    await site.owner.delete(f"/v1/embed-keys/{site.key['id']}")
    await settled(site.world)
    assert (await site.arrive()).status_code == 404
    assert (await site.ask(session)).status_code == 401


async def test_a_visitor_may_do_three_things_and_nothing_else(site: Site) -> None:
    """Every route that there is, by its declaration."""
    session = await site.visitor()
    answers = {}
    for resource in RESOURCES:
        for route in resource.router.routes:
            permission = declaration_of(route.endpoint).permission  # type: ignore[attr-defined]
            if permission == "public":
                continue
            path = route.path.format(**{name: str(new_id()) for name in route.param_convertors})  # type: ignore[attr-defined]
            [method] = route.methods  # type: ignore[attr-defined]
            answer = await site.world.client.request(method, path, headers=of(session), json={})
            answers[method, route.path] = (permission in VISITOR, answer.status_code)  # type: ignore[attr-defined]
    assert {status for allowed, status in answers.values() if not allowed} == {403}
    assert 403 not in {status for allowed, status in answers.values() if allowed}
    assert sum(allowed for allowed, _ in answers.values()) >= 7


async def test_a_session_serves_its_own_bot_only(site: Site) -> None:
    other = await site.world.a_bot(site.owner)
    answer = await site.ask(await site.visitor(), bot_profile_id=other)
    assert (answer.status_code, answer.json()["code"]) == (403, "other_bot")


async def test_who_comes_back_is_the_same_visitor_and_nobody_else_is(site: Site) -> None:
    first = await site.visitor()
    again = await site.visitor(visitor_token=first["visitor_token"])
    other = await site.visitor()
    assert first["visitor_id"] == again["visitor_id"] != other["visitor_id"]
    for wrong in (first["session_token"], "x", first["visitor_token"] + "x"):
        assert (await site.arrive(visitor_token=wrong)).status_code == 401
    async with a_site(site.world, origins=[SITE]) as shop:
        assert (await shop.arrive(visitor_token=first["visitor_token"])).status_code == 401


async def test_who_was_erased_comes_back_as_somebody_else(site: Site) -> None:
    first, other = await site.visitor(), await site.visitor()
    tenant_id = (await site.owner.get("/v1/tenants/me")).json()["id"]
    erased = PersonErase(tenant_id=tenant_id, actor=f"visitor:{first['visitor_id']}")
    operator = Context.for_system("operator")
    await site.world.owners.bus.ask("gateway", "person.erase", erased, PersonEraseReply, operator)
    assert (await site.arrive(visitor_token=first["visitor_token"])).status_code == 401
    again = await site.visitor(visitor_token=other["visitor_token"])
    assert again["visitor_id"] == other["visitor_id"]
    assert (await site.visitor())["visitor_id"] not in (first["visitor_id"], other["visitor_id"])


async def test_the_token_of_a_return_opens_nothing(site: Site) -> None:
    session = await site.visitor()
    assert (await site.ask({"session_token": session["visitor_token"]})).status_code == 401


async def test_a_visitor_whom_the_site_vouches_for_is_the_same_everywhere(site: Site) -> None:
    ada = await site.visitor(identity="ada")
    assert ada["visitor_id"] == (await site.visitor(identity="ada"))["visitor_id"]
    assert ada["visitor_id"] != (await site.visitor(identity="grace"))["visitor_id"]


async def test_a_session_lasts_as_long_as_the_key_says(world: World) -> None:
    async with a_site(world, session_minutes=5) as site:
        claims = jwt.decode((await site.visitor())["session_token"], options={"verify_signature": False})
        assert claims["exp"] - claims["iat"] == 300
        assert set(claims) == {"sub", "tid", "key", "org", "aud", "iat", "exp"}


async def test_a_budget_of_messages_is_exact_however_many_ask_at_once(world: World) -> None:
    async with a_site(world, daily_messages=5, visitor_rate=1000) as site:
        session = await site.visitor()
        answers = await asyncio.gather(*(site.ask(session) for _ in range(9)))
        assert sorted(answer.status_code for answer in answers) == [200] * 5 + [429] * 4
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert (refused.json()["code"], refused.headers["content-type"]) == (
            "budget_spent",
            "application/problem+json",
        )
        assert (await site.owner.get(f"/v1/embed-keys/{site.key['id']}")).json()["messages_today"] == 5


@pytest.mark.usefixtures("one_window")
async def test_a_visitor_who_is_too_fast_is_told_so_and_others_are_not(world: World) -> None:
    async with a_site(world, visitor_rate=2) as site:
        hasty, calm = await site.visitor(), await site.visitor()
        statuses = [(await site.ask(hasty)).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
        assert (await site.ask(calm)).status_code == 200


async def test_visitors_have_open_streams_of_their_own_and_are_told_whose(start_world: Any) -> None:
    world: World = await start_world(limit_streams=1, turn_quiet=0.2, heartbeat=0.1, drain=1)
    chat_id, message_id = new_id(), new_id()
    world.owners.turns[message_id] = TurnRead(chat_id=chat_id, message_id=message_id, state="running")
    path = f"/v1/chat/{chat_id}/messages/{message_id}/stream"
    async with a_site(world) as site:
        first, second = of(await site.visitor()), of(await site.visitor())
        async with (
            world.client.stream("GET", path, headers=first) as one,
            site.owner.stream("GET", path) as own,
        ):
            assert (one.status_code, own.status_code) == (200, 200)
            for client, headers, whose in (
                (world.client, second, "the visitors of this embed key"),
                (site.owner, {}, "this tenant"),
            ):
                refused = await client.get(path, headers=headers)
                assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
                assert f"Too many open streams of {whose}: at most 1 at a time" in refused.json()["detail"]


async def test_a_preflight_knows_the_origins_of_keys(start_world: Any) -> None:
    """Where the operator's list is short, pages with a key may still call; nobody else may."""
    world = await start_world(allowed_origins="https://console.example")
    async with a_site(world) as site:

        async def preflight(origin: str, path: str) -> httpx.Response:
            headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
            return await world.client.options(path, headers=headers)

        for path in (f"/v1/embed/{site.key['key']}/sessions", "/v1/chat"):
            allowed = await preflight(SITE, path)
            assert allowed.headers["access-control-allow-origin"] == SITE
            assert "access-control-allow-credentials" not in allowed.headers
            refused = await preflight(SHOP, path)
            assert refused.status_code == 403 and "access-control-allow-origin" not in refused.headers
        answered = await site.ask(await site.visitor())
        assert answered.headers["access-control-allow-origin"] == SITE


@pytest.mark.usefixtures("one_window")
async def test_visitors_use_up_nothing_of_the_tenants_own(start_world: Any) -> None:
    world = await start_world(limit_tenant_requests=12, limit_key_requests=8)
    async with a_site(world, visitor_rate=1000) as site:
        session = await site.visitor()
        statuses = [(await world.client.get("/v1/chat", headers=of(session))).status_code for _ in range(10)]
        assert statuses == [200] * 8 + [429] * 2
        assert [(await site.owner.get("/v1/tenants/me")).status_code for _ in range(5)] == [200] * 5


async def test_a_question_that_is_refused_costs_nothing(site: Site) -> None:
    session = await site.visitor()
    site.world.owners.bots.clear()
    assert (await site.ask(session)).status_code == 404
    assert (await site.owner.get(f"/v1/embed-keys/{site.key['id']}")).json()["messages_today"] == 0
