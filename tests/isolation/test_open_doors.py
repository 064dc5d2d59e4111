"""The first layer is taken away, and what lies below still answers another tenant's questions with nothing.

Each service runs as its bootstrap joins it, on the real Postgres and bus, with rows of a tenant that are marked. Then the door,
``Database.tenant``, is broken in the two ways in which code breaks it, and everything that can be asked is asked.
"""

import asyncio
import base64
import contextlib
import json
import os
import re
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from any_request import a_request
from minirag_contracts.context import Context, TenantScope
from minirag_contracts.errors import Internal, Refusal, Unavailable
from minirag_contracts.ids import new_id
from minirag_contracts.requests import REQUESTS, Request
from minirag_contracts.requests.analytics import GetOverview, Overview
from minirag_contracts.requests.chat import (
    BotRead,
    CreateBot,
    GetBot,
    GetChat,
    GetTurn,
    ListMessages,
    MessageList,
    StartTurn,
    TurnRead,
    TurnStarted,
)
from minirag_contracts.requests.common import AuditRead, AuditReply
from minirag_contracts.requests.ingest import CreateSource, GetSource, SourceRead
from minirag_contracts.requests.retrieval import Search, SearchReply
from minirag_contracts.requests.webhooks import CreateWebhook, GetWebhook, WebhookCreatedReply
from minirag_eventstore import Database
from minirag_messaging import Bus, RpcServer
from minirag_messaging.testing import NatsServer
from minirag_retrieval.adapters.edge import EdgeIndex
from minirag_service.testing import running, settings_for
from retrieval_engine import EngineProcess
from retrieval_rooms import Rooms, Source, WordEmbedder

MARK = "marked-7f3a"
"""Stands in every text of the tenant's, and in nothing that is asked with."""

OF_NOBODY = {"/v1/schemas/{event_type}"}
"""Routes with something in their path that is no tenant's."""

RUNNING = ("chat", "ingest", "webhooks", "analytics")

Urls = Callable[..., Awaitable[tuple[str, str]]]


@dataclass
class World:
    """The running services, and the ids of what the tenant has in them."""

    bus: Bus
    http: httpx.AsyncClient
    tenant: UUID = field(default_factory=new_id)
    ids: dict[str, str] = field(default_factory=dict)

    def id(self, name: str) -> UUID:
        """Of something that the tenant has."""
        return UUID(self.ids[name])

    async def ask(self, request: Request, tenant: UUID | None = None) -> str:
        """The reply's JSON, for the tenant or another; a refusal's code and detail otherwise."""
        context = Context(actor="user:1", tenant_id=tenant or self.tenant, command_id=new_id())
        try:
            reply = await self.bus.request(request, type(request).Returns, context, timeout=5)
        except Refusal as refusal:
            return f"{refusal.code}: {refusal.detail}"
        return reply.model_dump_json()

    async def get(self, request: Request, returns: type[Any]) -> Any:
        """A reply that must not be a refusal."""
        context = Context(actor="user:1", tenant_id=self.tenant, command_id=new_id())
        return await self.bus.request(request, returns, context, timeout=10)


@pytest.fixture
async def world(database_urls: Urls, nats: NatsServer, bus: Bus) -> AsyncIterator[World]:
    """Four services, and a tenant with a bot, a chat, a source and an endpoint."""
    async with AsyncExitStack() as stack:
        for service in RUNNING:
            package = f"minirag_{service}"
            settings = settings_for(
                import_module(f"{package}.settings").Settings, nats.url, await database_urls(service)
            )
            assemble = import_module(f"{package}.bootstrap").assemble
            projections = import_module(f"{package}.projections").PROJECTIONS
            await stack.enter_async_context(running(settings, assemble, projections))
        search = RpcServer(bus, "retrieval")
        search.on(Search, _nothing)
        search.on_common("audit.read", _nothing_happened)
        await search.start()
        http = await stack.enter_async_context(_gateway(await database_urls("gateway"), nats))
        world = World(bus, http)
        await fill(world)
        yield world
        await search.drain(1)


async def _nothing(request: Search, context: Context) -> SearchReply:
    return SearchReply(passages=[], relevance=0.0)


async def _nothing_happened(request: AuditRead, context: Context) -> AuditReply:
    return AuditReply(entries=[], more=False)


@asynccontextmanager
async def _gateway(urls: tuple[str, str], nats: NatsServer) -> AsyncIterator[httpx.AsyncClient]:
    """A running gateway, and a client of it."""
    module = import_module("minirag_gateway.settings")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        settings = settings_for(module.Settings, nats.url, urls, http_fd=os.dup(listening.fileno()), drain=1)
        assemble = import_module("minirag_gateway.bootstrap").assemble
        projections = import_module("minirag_gateway.projections").PROJECTIONS
        port = listening.getsockname()[1]
        async with (
            running(settings, assemble, projections),
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as http,
        ):
            yield http


async def fill(world: World) -> None:
    sign_up = {
        "tenant_name": "Acme",
        "tenant_slug": f"acme-{new_id().hex[-8:]}",
        "owner_email": f"owner@{MARK}.example",
        "owner_password": "a-long-password",
    }
    reply = (await world.http.post("/v1/tenants", json=sign_up)).json()
    world.tenant = UUID(reply["tenant"]["id"])
    world.http.headers["Authorization"] = f"Bearer {reply['api_token']}"
    bot = await world.get(CreateBot(name=MARK, system_prompt=MARK, description=MARK), BotRead)
    webhook = await world.get(
        CreateWebhook(url=f"https://hooks.example.invalid/{MARK}", events=["chat.message"]),
        WebhookCreatedReply,
    )
    turn = await world.get(StartTurn(bot_id=bot.id, message_id=new_id(), content=MARK), TurnStarted)
    source = await world.get(
        CreateSource(bot_id=bot.id, name=MARK, source_type="text", content=MARK), SourceRead
    )
    world.ids = {
        "bot_id": str(bot.id),
        "chat_id": str(turn.chat_id),
        "message_id": str(turn.message_id),
        "source_id": str(source.id),
        "webhook_id": str(webhook.id),
        "bot_profile_id": str(bot.id),
        "event_type": "bot.created",
    }
    while (
        await world.get(GetTurn(chat_id=turn.chat_id, message_id=turn.message_id), TurnRead)
    ).state == "running":
        await asyncio.sleep(0.05)
    async with asyncio.timeout(20):
        while (await world.get(GetOverview(), Overview)).chats == 0:
            await asyncio.sleep(0.05)
        world.ids |= await _ids_of_the_gateway(world) | {"delivery_id": await _delivery(world)}


async def _ids_of_the_gateway(world: World) -> dict[str, str]:
    """Of the tenant's owner, a token, an embed key and an upload."""
    [user] = (await world.http.get("/v1/users")).json()
    token = (await world.http.post("/v1/api-tokens", json={"name": MARK})).json()
    site = {"name": MARK, "bot_profile_id": world.ids["bot_id"], "origins": ["https://www.example.invalid"]}
    key = (await world.http.post("/v1/embed-keys", json=site)).json()
    ids = {"user_id": user["id"], "token_id": token["id"], "key_id": key["id"], "key": key["key"]}
    return ids | {"upload_id": await _upload(world)}


async def _upload(world: World) -> str:
    """A file of which nothing has come yet."""
    told = {"filename": f"{MARK}.txt", "bot_profile_id": world.ids["bot_id"]}
    metadata = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in told.items())
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "10", "Upload-Metadata": metadata}
    made = await world.http.post("/v1/uploads", headers=headers)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def _delivery(world: World) -> str:
    """The first that the endpoint has, once there is one."""
    while not (listed := (await world.http.get(f"/v1/webhooks/{world.ids['webhook_id']}/deliveries")).json()):
        await asyncio.sleep(0.05)
    return str(listed[0]["id"])


def everything(service: str, known: dict[str, str]) -> list[Request]:
    """One of each request of a service, about what the tenant has."""
    known = known | {"url": "https://hooks.example.invalid/", "filename": "note.txt"}
    found = [
        a_request(model, known) for key, model in sorted(REQUESTS.items()) if key.startswith(f"{service}.")
    ]
    assert found
    return found


@asynccontextmanager
async def forgotten(self: Database, scope: TenantScope) -> AsyncIterator[Any]:
    """The door without its setting: what a repository gets that forgot the tenant."""
    async with self._tenants.acquire() as connection, connection.transaction():
        yield connection


@asynccontextmanager
async def confused(self: Database, scope: TenantScope) -> AsyncIterator[Any]:
    """The door of somebody else: what a repository gets that mixed tenants up."""
    async with self._tenants.acquire() as connection, connection.transaction():
        await connection.execute("SELECT set_config('minirag.tenant', $1, true)", str(new_id()))
        yield connection


@pytest.fixture(params=[forgotten, confused], ids=lambda door: door.__name__)
def broken_door(request: pytest.FixtureRequest) -> Any:
    return request.param


async def test_with_its_door_a_tenant_sees_what_it_has(world: World) -> None:
    """So that the tests below have something to leak."""
    for request in (
        GetBot(bot_id=world.id("bot_id")),
        GetSource(source_id=world.id("source_id")),
        GetWebhook(webhook_id=world.id("webhook_id")),
        GetChat(chat_id=world.id("chat_id")),
        ListMessages(chat_id=world.id("chat_id")),
    ):
        assert MARK in await world.ask(request), request
    messages = await world.get(ListMessages(chat_id=world.id("chat_id")), MessageList)
    assert [message.content for message in messages.items][:1] == [MARK]


async def test_behind_a_broken_door_nothing_is_read_or_changed(
    world: World, broken_door: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await reading(world)
    with monkeypatch.context() as patch:
        patch.setattr(Database, "tenant", broken_door)
        for service in RUNNING:
            for request in everything(service, world.ids):
                said = await world.ask(request)
                if isinstance(request, CreateBot | CreateWebhook):
                    assert said == f"{Internal.code}: {Internal().detail}", (
                        "Postgres takes no row without its tenant"
                    )
                else:
                    assert_empty(said, request)
        overview = await world.ask(GetOverview())
        assert all(value == 0 for value in Overview.model_validate_json(overview).model_dump().values())
    assert await reading(world) == before


def assert_empty(said: str, request: Request) -> None:
    """An answer or refusal without the mark. Whoever could not answer has not been tested."""
    assert MARK not in said, type(request).__name__
    assert not said.startswith((f"{Unavailable.code}:", f"{Internal.code}:")), (type(request).__name__, said)


STOCKS = ("sources", "webhooks", "unfinished-uploads")
"""Limits whose use is a count of the tenant's rows."""

BY_COOKIE = "/v1/auth/browser"
"""Reads a browser's session, which a token is not."""

ENDLESS = "/v1/events"


async def pages(world: World) -> dict[str, tuple[int, str]]:
    """What the tenant's token gets of every route that reads; of an endless stream its first two seconds."""
    document = (await world.http.get("/openapi.json")).json()
    found: dict[str, tuple[int, str]] = {}
    for path, verbs in document["paths"].items():
        if "get" in verbs and path != BY_COOKIE:
            url, text = path.format_map(world.ids), ""
            async with world.http.stream("GET", url) as response:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(2 if path == ENDLESS else None):
                        async for piece in response.aiter_text():
                            text += piece
            found[path] = (response.status_code, text)
    return found


async def test_the_tenant_has_something_for_every_parameter_of_a_path(world: World) -> None:
    """So that no route is asked about what nobody has."""
    document = (await world.http.get("/openapi.json")).json()
    named = {name for path in document["paths"] for name in re.findall(r"{(\w+)}", path)}
    assert named - set(world.ids) == set()
    assert {path: page for path, page in (await pages(world)).items() if page[0] != 200} == {}


async def test_behind_a_broken_door_no_route_shows_anything(
    world: World, broken_door: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = await pages(world)
    marked = {path for path, (_, page) in whole.items() if MARK in page}
    assert {"/v1/bot-profiles", "/v1/sources", "/v1/webhooks", "/v1/chat/{chat_id}/messages"} <= marked
    with monkeypatch.context() as patch:
        patch.setattr(Database, "tenant", broken_door)
        shown = await pages(world)
    assert {path for path, (_, page) in shown.items() if MARK in page} == set()
    for path, (status, text) in whole.items():
        if path == "/v1/limits":  # always the same rows
            assert {row["used"] for row in json.loads(shown[path][1]) if row["name"] in STOCKS} == {0}
        elif text.startswith("[") and "{" not in path:
            assert shown[path] == (200, "[]"), path
        elif "{" in path and path not in OF_NOBODY:
            assert shown[path][0] == 404, path
        elif (
            path != "/v1/auth/me"
        ):  # the user is a row of the tenant's; what else is there is a sum, or of everybody
            assert shown[path][0] == status == 200, path
    assert shown["/v1/auth/me"][0] == 404


async def test_a_stranger_who_knows_every_id_gets_nothing(world: World) -> None:
    """With the door in place: everything is asked about the tenant's things in another's name."""
    before, stranger = await reading(world), new_id()
    for service in RUNNING:
        for request in everything(service, world.ids):
            assert_empty(await world.ask(request, stranger), request)
    assert await reading(world) == before


async def reading(world: World) -> list[str]:
    """What the tenant reads of its own things."""
    return [
        await world.ask(GetBot(bot_id=world.id("bot_id"))),
        await world.ask(GetSource(source_id=world.id("source_id"))),
        await world.ask(GetWebhook(webhook_id=world.id("webhook_id"))),
    ]


@pytest.fixture
def engine() -> Iterator[EngineProcess]:
    """Running, on an empty folder; the path is short because sockets allow 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="minirag-engine-") as folder:
        process = EngineProcess(Path(folder))
        process.start()
        yield process
        process.kill()


class OpenEngine(EdgeIndex):
    """An engine that was told to look through the eyes of whoever owns the points."""

    owner: TenantScope

    async def search(self, scope: TenantScope, *arguments: Any, **options: Any) -> Any:
        """The filter's tenant is not the one who asks."""
        return await super().search(self.owner, *arguments, **options)


async def test_vectors_that_leak_lead_to_rows_that_do_not(
    make_database: Callable[..., Awaitable[Database]], engine: EngineProcess
) -> None:
    """The vector filter names no tenant and the bot's state is somebody's: the passages' rows are still not there."""
    database = await make_database("retrieval")
    index = OpenEngine(engine.socket, patience=10.0)
    rooms = Rooms(database, index, WordEmbedder())
    victim = Source(rooms)
    index.owner = victim.scope
    await victim.ingest(1, f"The {MARK} opens the gate.")
    assert await victim.texts("gate")
    stranger = Source(rooms, bot_id=victim.bot_id)
    assert await stranger.texts("gate", highlights=3) == []

    async with database.tenant(victim.scope) as connection:
        state = await rooms.bots.read(connection, victim.bot_id)

    async def anybodys(connection: Any, bot_id: UUID) -> Any:
        return state

    rooms.searching._bots.read = anybodys
    hits = await index.search(stranger.scope, victim.bot_id, state.generation, *(await vectors(rooms)), 10)
    assert hits.dense, "the engine leaks, as the test wants it to"
    reply = await stranger.ask("gate", highlights=3)
    assert reply.passages == [] and reply.highlights == []
    await index.close()


async def vectors(rooms: Rooms) -> tuple[Any, Any]:
    return await rooms.embedder.embed_query("gate"), rooms.searching._encoder.query("gate")


async def test_each_door_of_retrieval_stands_alone(
    make_database: Callable[..., Awaitable[Database]],
    engine: EngineProcess,
    broken_door: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database = await make_database("retrieval")
    index = EdgeIndex(engine.socket, patience=10.0)
    source = Source(Rooms(database, index, WordEmbedder()))
    await source.ingest(1, f"The {MARK} opens the gate.")
    with monkeypatch.context() as patch:
        patch.setattr(Database, "tenant", broken_door)
        assert await source.texts("gate") == []
    assert MARK in (await source.texts("gate"))[0]
    await index.close()
