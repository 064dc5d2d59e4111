"""Bots through the running service: changed, deactivated, shown to visitors, and vouched for by sites."""

import asyncio
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
from chat_builders import ChatClient, Stage
from ledger import done_or_waiting
from minirag_chat.adapters.identities import JwtIdentities
from minirag_chat.errors import InvalidIdentity
from minirag_contracts.errors import RemoteRefusal
from minirag_contracts.ids import new_id
from minirag_contracts.requests.bots import (
    BotChanges,
    DeactivateBot,
    GetBotFace,
    IdentifyVisitor,
    UpdateBot,
)
from minirag_contracts.requests.chat import BotCredentials, BotRead, GetBot, StartTurn
from openai_server import FakeOpenAI

SECRET = "a-secret-of-the-site-and-the-bot!"


async def changed(client: ChatClient, bot: BotRead, **fields: Any) -> BotRead:
    updated: BotRead = await client.ask(UpdateBot(bot_id=bot.id, changes=BotChanges(**fields)))
    return updated


async def refusal(client: ChatClient, request: object) -> tuple[int, str, str]:
    with pytest.raises(RemoteRefusal) as caught:
        await client.ask(request)
    return caught.value.status, caught.value.code, caught.value.detail


async def event_types(stage: Stage, bot: BotRead) -> list[str]:
    async with stage.runtime.database.tenant(stage.client.scope) as connection:
        rows = await connection.fetch(
            "SELECT type FROM events WHERE stream = $1 ORDER BY version", f"bot-{bot.id}"
        )
    return [row["type"] for row in rows]


def signed(secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    claims = {"sub": "customer-7", "exp": int(time.time()) + 600, **claims}
    return jwt.encode({key: value for key, value in claims.items() if value is not None}, secret, algorithm)


async def test_a_patched_bot_has_what_was_sent_and_keeps_the_rest(no_keys: None, stage: Stage) -> None:
    client = stage.client
    bot = await client.create_bot(greeting="Hello", suggested_questions=["Where?"])
    assert (bot.greeting, bot.suggested_questions) == ("Hello", ["Where?"])
    updated = await changed(client, bot, name="Sales", suggested_questions=[])
    assert updated.updated_at > bot.updated_at
    kept = {"name": "Sales", "suggested_questions": [], "updated_at": updated.updated_at}
    assert updated == bot.model_copy(update=kept) == await client.ask(GetBot(bot_id=bot.id))
    again = await changed(client, bot, name="Sales")
    assert again == updated and await event_types(stage, bot) == ["bot.created", "bot.updated"]


async def test_keys_are_replaced_and_cleared_and_are_nowhere_in_clear(
    openai: FakeOpenAI, stage: Stage
) -> None:
    client = stage.client
    bot = await client.create_bot(model="openai/fake--tokens-2")
    for key in ("sk-first-of-the-bot", "sk-second-of-the-bot"):
        bot = await changed(client, bot, credentials=BotCredentials(api_key=key), identity_secret=SECRET)
        assert bot.has_credentials and bot.has_identity_secret
        await client.converse(bot.id)
        assert openai.keys[-1] == key
    count = len(await event_types(stage, bot))
    await changed(client, bot, credentials=BotCredentials(api_key="sk-second-of-the-bot"))
    assert len(await event_types(stage, bot)) == count
    async with stage.runtime.database.tenant(client.scope) as connection:
        for table in ("events", "bots", "bot_credentials", "bot_identity_secrets", "commands"):
            rows = [row[0] for row in await connection.fetch(f"SELECT t::text FROM {table} AS t")]
            assert rows and not any("sk-" in row or SECRET in row for row in rows)
    bot = await changed(client, bot, credentials=None, identity_secret=None)
    assert not bot.has_credentials and not bot.has_identity_secret
    await client.converse(bot.id)
    assert openai.keys[-1] == "sk-test"
    async with stage.runtime.database.tenant(client.scope) as connection:
        assert await connection.fetchval("SELECT count(*) FROM bot_credentials") == 0
        assert await connection.fetchval("SELECT count(*) FROM bot_identity_secrets") == 0


async def test_a_deactivated_bot_can_be_read_and_answers_no_more(no_keys: None, stage: Stage) -> None:
    client = stage.client
    bot = await client.create_bot()
    question = StartTurn(bot_id=bot.id, message_id=new_id(), content="Hello?")
    for _ in range(2):
        await client.ask(DeactivateBot(bot_id=bot.id))
        assert not (await client.ask(GetBot(bot_id=bot.id))).is_active
        not_usable = (404, "not_found", "Bot profile not found or inactive")
        assert await refusal(client, question) == not_usable
        assert await refusal(client, GetBotFace(bot_id=bot.id)) == not_usable
    assert await event_types(stage, bot) == ["bot.created", "bot.deactivated"]
    assert (await changed(client, bot, is_active=True)).is_active
    assert (await client.converse(bot.id))[-1].event == "done"
    assert await refusal(client, DeactivateBot(bot_id=uuid4())) == (404, "not_found", "Bot profile not found")


async def test_a_bot_deactivated_before_its_turn_ran_does_not_answer(no_keys: None, stage: Stage) -> None:
    client = stage.client
    bot = await client.create_bot()
    async with stage.runtime.database.tenant(client.scope) as connection:
        await connection.execute("LOCK TABLE message_contents IN ACCESS EXCLUSIVE MODE")
        asked = asyncio.create_task(client.start(bot.id))  # waits for the lock with its bot found active
        await done_or_waiting(asked, stage.runtime.database)
        await client.ask(DeactivateBot(bot_id=bot.id))
    turn = await client.ended(await asked)
    assert (turn.state, turn.error_code) == ("failed", "bot_inactive")
    assert "deactivated" in str(turn.error_detail) and stage.retrieval.asked == []


async def test_a_bots_face_shows_no_more_than_a_page_may_know(no_keys: None, stage: Stage) -> None:
    bot = await stage.client.create_bot(greeting="Hi", suggested_questions=["Why?"], identity_secret=SECRET)
    face = await stage.client.ask(GetBotFace(bot_id=bot.id))
    assert face.model_dump() == {
        "name": "Support",
        "greeting": "Hi",
        "suggested_questions": ["Why?"],
        "has_identity_secret": True,
    }
    stranger = ChatClient(stage.client.bus)
    assert (await refusal(stranger, GetBotFace(bot_id=bot.id)))[0] == 404


async def test_a_visitor_is_the_same_for_the_same_bot_and_name_only(no_keys: None, stage: Stage) -> None:
    client = stage.client
    first, second = [await client.create_bot(identity_secret=SECRET) for _ in range(2)]

    async def visitor(bot: BotRead, **claims: Any) -> UUID:
        identified = await client.ask(IdentifyVisitor(bot_id=bot.id, identity=signed(**claims)))
        return UUID(str(identified.visitor_id))

    known = await visitor(first)
    assert await visitor(first, exp=int(time.time()) + 3600, name="Ada") == known
    assert len({known, await visitor(first, sub="customer-8"), await visitor(second)}) == 3


async def test_a_bot_without_a_secret_believes_nobody(no_keys: None, stage: Stage) -> None:
    bot = await stage.client.create_bot()
    status, code, detail = await refusal(
        stage.client, IdentifyVisitor(bot_id=bot.id, identity=signed(secret="x" * 32))
    )
    assert (status, code) == (401, "invalid_identity") and "no identity secret" in detail
    secret = await stage.client.create_bot(identity_secret=SECRET)
    foreign = IdentifyVisitor(bot_id=secret.id, identity=signed(secret="another-secret-of-32-characters!!"))
    assert (await refusal(stage.client, foreign))[:2] == (401, "invalid_identity")
    await stage.client.ask(DeactivateBot(bot_id=secret.id))
    request = IdentifyVisitor(bot_id=secret.id, identity=signed())
    assert (await refusal(stage.client, request))[0] == 404


@pytest.mark.parametrize(
    ("token", "words"),
    [
        (lambda: signed(exp=None), "lacks the claim exp"),
        (lambda: signed(sub=None), "lacks the claim sub"),
        (lambda: signed(exp=int(time.time()) - 60), "has expired"),
        (lambda: signed(exp=int(time.time()) + 25 * 3600), "within 24 hours"),
        (lambda: signed(exp=float("inf")), "not a valid token"),
        (lambda: signed(exp=10**400), "within 24 hours"),
        (lambda: signed(exp="soon"), "not a valid token"),
        (lambda: signed(sub=""), "1 to 200 characters"),
        (lambda: signed(sub="x" * 201), "1 to 200 characters"),
        (lambda: signed(sub="a\x00b"), "NUL"),
        (lambda: signed(sub=7), "not a valid token"),
        (lambda: signed(algorithm="HS512", secret=SECRET * 2), "signed with HS256"),
        (lambda: jwt.encode({"sub": "x", "exp": int(time.time()) + 60}, None, "none"), "signed with HS256"),
        (lambda: signed(secret="another-secret-of-32-characters!!"), "not a valid token"),
        (lambda: "", "not a valid token"),
        (lambda: "a.b", "not a valid token"),
        (lambda: "é.é.é", "not a valid token"),
        (lambda: "x" * 9000, "longer than"),
    ],
    ids=range(18),
)
def test_an_identity_that_is_none_is_refused_with_a_sentence(token: Callable[[], str], words: str) -> None:
    with pytest.raises(InvalidIdentity) as caught:
        JwtIdentities().subject(token(), SECRET)
    assert words in caught.value.detail and caught.value.status == 401
