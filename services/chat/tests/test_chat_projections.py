"""Every projection of chat is a fold of its events; lists are paged; secrets and texts stay where they belong."""

from typing import Any

import pytest
from chat_builders import ChatClient, Stage
from minirag_chat.projections import PROJECTIONS
from minirag_contracts.errors import RemoteRefusal, Unavailable
from minirag_contracts.ids import new_id
from minirag_contracts.requests.bots import BotChanges, UpdateBot
from minirag_contracts.requests.chat import (
    BotCredentials,
    GetBot,
    GiveFeedback,
    ListBots,
    ListChats,
    ListMessages,
)
from minirag_eventstore import Projection
from minirag_eventstore.rebuild import rebuild_own
from openai_server import FakeOpenAI, answer_text


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda projection: projection.name)
async def test_a_projection_equals_its_rebuild(no_keys: None, stage: Stage, projection: Projection) -> None:
    client = stage.client
    bot = await client.create_bot(credentials=BotCredentials(api_key="sk-1"))
    done = (await client.converse(bot.id))[-1].data
    await client.converse(bot.id, chat_id=done["chat_id"], stream=True)
    await client.ask(
        GiveFeedback(chat_id=done["chat_id"], message_id=done["message_id"], feedback="negative")
    )
    stage.retrieval.refusal = Unavailable()
    await client.converse(bot.id, chat_id=done["chat_id"])
    changes = BotChanges(name="Sales", credentials=None, suggested_questions=["Why?"], is_active=False)
    await client.ask(UpdateBot(bot_id=bot.id, changes=changes))
    for active in (True, False):
        await client.ask(UpdateBot(bot_id=bot.id, changes=BotChanges(is_active=active)))
    report = await rebuild_own(stage.runtime.database, "chat", projection)
    assert report.differences == [] and report.rows > 0


async def test_lists_are_paged_newest_first_without_gaps(no_keys: None, stage: Stage) -> None:
    client = stage.client
    bots = [(await client.create_bot(name=f"bot {n}")).id for n in range(5)]
    chats = [(await client.converse(bots[0]))[-1].data["chat_id"] for _ in range(3)]
    seen, cursor = [], None
    while True:
        page = await client.ask(ListBots(limit=2, cursor=cursor))
        seen += [bot.id for bot in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert seen == bots[::-1]
    first = await client.ask(ListChats(limit=2))
    rest = await client.ask(ListChats(limit=2, cursor=first.next))
    assert [str(chat.id) for chat in (*first.items, *rest.items)] == chats[::-1] and rest.next is None
    assert [str(chat.id) for chat in (await client.ask(ListChats(limit=2, offset=2))).items] == chats[:1]
    assert (await client.ask(ListChats(bot_id=bots[1]))).items == []
    [question] = (await client.ask(ListMessages(chat_id=chats[0], limit=1))).items
    following = (await client.ask(ListMessages(chat_id=chats[0], limit=1))).next
    [answer] = (await client.ask(ListMessages(chat_id=chats[0], limit=1, cursor=following))).items
    assert (question.role, answer.role) == ("user", "assistant")


async def all_of(client: ChatClient, request: ListBots | ListMessages) -> tuple[list[Any], int]:
    """What the pages of a list have together, and how many there are."""
    found, pages = [], 0
    while True:
        page = await client.ask(request)
        found, pages = found + page.items, pages + 1
        if page.next is None:
            return found, pages
        request = request.model_copy(update={"cursor": page.next})


async def test_a_list_that_is_larger_than_a_message_of_the_bus_has_several_pages(
    no_keys: None, stage: Stage
) -> None:
    client = stage.client
    escaped = "\x01" * 100_000  # six bytes of JSON each
    bots = [(await client.create_bot(system_prompt=escaped)).id for _ in range(15)]
    found, pages = await all_of(client, ListBots())
    assert [bot.id for bot in found] == bots[::-1] and pages == 3

    chat_id = (await client.converse(bots[0]))[-1].data["chat_id"]
    for _ in range(2):
        await client.converse(bots[0], chat_id=chat_id)
    single, _ = await all_of(client, ListMessages(chat_id=chat_id, limit=1))
    async with stage.runtime.database.tenant(client.scope) as connection:
        await connection.execute("UPDATE message_contents SET content = repeat('x', 1900000)")
    found, pages = await all_of(client, ListMessages(chat_id=chat_id))
    assert [message.id for message in found] == [message.id for message in single] and pages == 3


@pytest.mark.parametrize("page", [{"limit": 0}, {"limit": -1}, {"cursor": "nonsense"}, {"cursor": "W10"}])
async def test_a_page_that_is_none_is_refused(no_keys: None, stage: Stage, page: dict[str, object]) -> None:
    with pytest.raises(RemoteRefusal) as caught:
        await stage.client.ask(ListBots.model_validate(page))
    assert caught.value.status == 422


async def test_a_bot_shows_that_it_has_a_key_and_nobody_stores_it_in_clear(
    openai: FakeOpenAI, stage: Stage
) -> None:
    client = stage.client
    bot = await client.create_bot(
        model="openai/fake--tokens-3", credentials=BotCredentials(api_key="sk-of-this-bot")
    )
    assert bot.has_credentials and await client.ask(GetBot(bot_id=bot.id)) == bot
    async with stage.runtime.database.tenant(client.scope) as connection:
        for table in ("events", "bot_credentials", "commands", "bots"):
            rows = await connection.fetch(f"SELECT t::text AS row FROM {table} AS t")
            assert rows and not any("sk-of-this-bot" in row["row"] for row in rows)
    assert (await client.converse(bot.id))[-1].event == "done"
    assert openai.keys[-1] == "sk-of-this-bot"


async def test_what_people_say_is_in_no_event(no_keys: None, stage: Stage) -> None:
    client = stage.client
    bot = await client.create_bot()
    await client.converse(bot.id, "A very personal question, isn't it?")
    async with stage.runtime.database.tenant(client.scope) as connection:
        rows = await connection.fetch("SELECT data::text || metadata::text AS row FROM events")
    assert not any("personal" in row["row"] or "refund" in row["row"] for row in rows)


async def test_a_model_is_told_the_last_ten_turns_of_this_chat_only(openai: FakeOpenAI, stage: Stage) -> None:
    client = stage.client
    bot = await client.create_bot(model="openai/fake--tokens-2", system_prompt="Speak like a pirate.")
    await client.converse(bot.id, "In another chat")
    chat_id = (await client.converse(bot.id, "Question 0"))[-1].data["chat_id"]
    for number in range(1, 13):
        await client.converse(bot.id, f"Question {number}", chat_id=chat_id, message_id=new_id())
    messages = openai.requests[-1]["messages"]
    assert messages[0]["role"] == "system" and messages[0]["content"].startswith("Speak like a pirate.")
    earlier = messages[1:-1]
    assert [one["content"] for one in earlier[::2]] == [f"Question {number}" for number in range(2, 12)]
    assert {one["content"] for one in earlier[1::2]} == {answer_text(2)}
    assert messages[-1]["content"].endswith("Question:\nQuestion 12")
    assert "> The refund window is 30 days." in messages[-1]["content"]
    assert "refund" not in messages[0]["content"]
