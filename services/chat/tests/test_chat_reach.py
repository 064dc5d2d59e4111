"""Members and visitors see the conversations that they began, and of all others not even that they exist."""

import secrets
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from chat_builders import ChatClient, Stage
from minirag_chat.projections import Chats
from minirag_contracts.errors import RemoteRefusal
from minirag_contracts.ids import new_id
from minirag_contracts.requests import Request
from minirag_contracts.requests.chat import (
    CancelTurn,
    GetChat,
    GetTurn,
    GiveFeedback,
    ListChats,
    ListMessages,
    StartTurn,
)
from minirag_contracts.requests.exports import ExportChats
from minirag_eventstore.migrate import migrate, migrations_of, prepare_database
from minirag_eventstore.rebuild import rebuild_own

NOT_THERE = (404, "not_found", "Chat session not found")


async def refusal(client: ChatClient, request: object) -> tuple[int, str, str]:
    with pytest.raises(RemoteRefusal) as caught:
        await client.ask(request)
    return caught.value.status, caught.value.code, caught.value.detail


@pytest.fixture
async def theirs(no_keys: None, stage: Stage) -> dict[str, Any]:
    """A conversation of one visitor."""
    bot = await stage.client.create_bot()
    visitor = stage.client.as_actor(f"visitor:{uuid4()}")
    done = (await visitor.converse(bot.id))[-1].data
    return {"bot": bot.id, "chat": done["chat_id"], "message": done["message_id"], "visitor": visitor}


def requests_about(theirs: dict[str, Any]) -> list[Request]:
    chat, message = theirs["chat"], theirs["message"]
    return [
        GetChat(chat_id=chat),
        ListMessages(chat_id=chat),
        GetTurn(chat_id=chat, message_id=message),
        GiveFeedback(chat_id=chat, message_id=message, feedback="positive"),
        CancelTurn(chat_id=chat, message_id=message),
        ExportChats(chat_id=chat),
        StartTurn(bot_id=theirs["bot"], chat_id=chat, message_id=new_id(), content="And then?"),
    ]


async def test_what_somebody_else_began_is_not_there(stage: Stage, theirs: dict[str, Any]) -> None:
    other = stage.client.as_actor(f"visitor:{uuid4()}")
    for request in requests_about(theirs):
        assert await refusal(other, request) == NOT_THERE, request
    assert (await other.ask(ListChats())).items == []
    assert (await other.ask(ExportChats())).parts == []
    own = (await other.converse(theirs["bot"]))[-1].data["chat_id"]
    assert [str(chat.id) for chat in (await other.ask(ListChats())).items] == [own]
    assert [str(part.chat.id) for part in (await other.ask(ExportChats())).parts] == [own]


async def test_who_began_it_and_who_sees_the_tenant_may_all_of_it(
    stage: Stage, theirs: dict[str, Any]
) -> None:
    for client in (theirs["visitor"], stage.client):
        for request in requests_about(theirs):
            assert await client.ask(request) is not None
        chats = (await client.ask(ListChats())).items
        assert [str(chat.id) for chat in chats] == [theirs["chat"]]


async def test_a_chat_belongs_to_who_began_it_whoever_goes_on(stage: Stage, theirs: dict[str, Any]) -> None:
    await stage.client.converse(theirs["bot"], "I am the owner", chat_id=theirs["chat"])
    messages = (await theirs["visitor"].ask(ListMessages(chat_id=theirs["chat"]))).items
    assert "I am the owner" in [message.content for message in messages]
    report = await rebuild_own(stage.runtime.database, "chat", Chats())
    assert report.differences == [] and report.rows == 1


async def test_the_database_confines_whatever_a_statement_asks(stage: Stage, theirs: dict[str, Any]) -> None:
    """The first layer taken away: a query that forgets everything still shows no row."""
    async with stage.runtime.database.tenant(stage.client.scope) as connection:
        assert await connection.fetchval("SELECT count(*) FROM turns") == 1
        await connection.execute("SELECT set_config('minirag.own', 'user:another', true)")
        for table in ("chats", "turns"):
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0
    async with stage.runtime.database.tenant(stage.client.scope) as connection:  # perhaps the same session
        assert await connection.fetchval("SELECT count(*) FROM chats") == 1


@pytest.fixture
async def old_database(postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    """An empty database with the roles of chat."""
    name = f"test_{secrets.token_hex(6)}"
    admin = await asyncpg.connect(postgres_url)
    await admin.execute(f"CREATE DATABASE {name}")
    connection = await asyncpg.connect(postgres_url, database=name)
    await prepare_database(connection, "minirag_owner", {})
    yield connection
    await connection.close()
    await admin.close()


async def test_chats_from_before_get_their_starter_from_their_event(
    old_database: asyncpg.Connection, chat_urls: tuple[str, str]
) -> None:
    """``chat_urls`` made the roles, which belong to the whole server."""
    connection = old_database
    migrations = list(migrations_of("chat"))
    new = next(migration for migration in migrations if migration.name.endswith("0002_reach_and_faces.sql"))
    before = migrations[: migrations.index(new)]
    await migrate(connection, "minirag_owner", "chat", before)
    tenants = [uuid4(), uuid4()]
    for tenant in tenants:
        chat = uuid4()
        await connection.execute(
            """INSERT INTO chat.chats (tenant_id, chat_id, bot_id, message_count, total_prompt_tokens,
                                       total_completion_tokens, created_at, updated_at)
               VALUES ($1, $2, $2, 0, 0, 0, now(), now())""",
            tenant,
            chat,
        )
        await connection.execute(
            """INSERT INTO chat.events (event_id, tenant_id, stream, version, type, schema_version, data, metadata, recorded_at)
               VALUES ($1, $2, $3, 1, 'chat.started', 1, '{}', jsonb_build_object('actor', $4::text), now())""",
            uuid4(),
            tenant,
            f"chat-{chat}",
            f"user:{tenant}",
        )
    assert new.name in await migrate(connection, "minirag_owner", "chat", migrations)
    rows = await connection.fetch("SELECT tenant_id, started_by FROM chat.chats")
    assert {row["started_by"] for row in rows} == {f"user:{tenant}" for tenant in tenants}
    forced = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'chat'::regnamespace AND relforcerowsecurity"
    )
    assert {"chats", "events"} <= {row["relname"] for row in forced}
