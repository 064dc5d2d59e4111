"""Turns through the running service: frames, what is stored, and what is refused."""

import asyncio
from uuid import uuid4

import pytest
from chat_builders import ChatClient, Stage, a_finding, nothing_found, text_of
from contexts import a_context
from minirag_contracts.errors import RemoteRefusal, Unavailable
from minirag_contracts.events.chat import MessageCompleted, MessageFailed
from minirag_contracts.ids import new_id
from minirag_contracts.requests.chat import (
    GetChat,
    GiveFeedback,
    ListChats,
    ListMessages,
    StartTurn,
)
from minirag_eventstore import log

pytestmark = pytest.mark.usefixtures("no_keys")


async def events_of(stage: Stage, stream: str) -> list[object]:
    async with stage.runtime.database.tenant(stage.client.scope) as connection:
        return [event.payload for event in await log.load(connection, "chat", stream)]


async def refusal(client: ChatClient, request: object) -> tuple[int, str, str]:
    with pytest.raises(RemoteRefusal) as caught:
        await client.ask(request)
    return caught.value.status, caught.value.code, caught.value.detail


async def test_a_streamed_turn_sends_sources_then_pieces_then_done(stage: Stage) -> None:
    bot = await stage.client.create_bot()
    frames = await stage.client.converse(bot.id, stream=True)
    assert [frame.n for frame in frames] == list(range(len(frames)))
    assert frames[0].event == "sources" and frames[-1].event == "done"
    assert {frame.event for frame in frames[1:-1]} == {"delta"} and len(frames) > 4
    assert text_of(frames) == "The refund window is 30 days. [1] Shipping is free. [2]"
    assert frames[0].data["sources"][0]["score"] == 0.8765
    usage = frames[-1].data["usage"]
    assert usage["model"] == "minirag/extractive"
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0
    assert "message" not in frames[-1].data


async def test_a_plain_turn_ends_with_the_whole_message(stage: Stage) -> None:
    bot = await stage.client.create_bot()
    frames = await stage.client.converse(bot.id)
    message = frames[-1].data["message"]
    assert message["content"] == text_of(frames) == "The refund window is 30 days. [1] Shipping is free. [2]"
    assert message["role"] == "assistant" and message["feedback"] is None
    assert len(message["sources"]) == 2


async def test_sources_show_the_first_200_characters(stage: Stage) -> None:
    stage.retrieval.reply = a_finding("x" * 500)
    bot = await stage.client.create_bot()
    frames = await stage.client.converse(bot.id)
    assert frames[0].data["sources"][0]["content"] == "x" * 200


async def test_nothing_relevant_is_said_plainly(stage: Stage) -> None:
    stage.retrieval.reply = a_finding(relevance=0.32)
    bot = await stage.client.create_bot()
    assert "nothing relevant" in text_of(await stage.client.converse(bot.id))
    stage.retrieval.reply = nothing_found()
    frames = await stage.client.converse(bot.id)
    assert "nothing relevant" in text_of(frames) and frames[0].data == {"sources": []}


async def test_what_clients_read_afterwards_is_what_was_said(stage: Stage) -> None:
    client = stage.client
    bot = await client.create_bot()
    question = "How long may I return it? " * 8
    message_id = new_id()
    frames = await client.converse(bot.id, question, message_id=message_id, stream=True)
    chat_id = frames[-1].data["chat_id"]
    first = await client.ask(GetChat(chat_id=chat_id))
    assert first.title == question[:100] and first.message_count == 2 and first.bot_profile_id == bot.id
    assert first.total_completion_tokens == frames[-1].data["usage"]["completion_tokens"]
    await client.converse(bot.id, "And then?", chat_id=chat_id)
    second = await client.ask(GetChat(chat_id=chat_id))
    assert second.message_count == 4 and second.updated_at > first.updated_at
    messages = (await client.ask(ListMessages(chat_id=chat_id))).items
    assert [message.role for message in messages] == ["user", "assistant"] * 2
    assert messages[0].content == question and messages[1].content == text_of(frames)
    assert [one.n for one in messages[1].sources] == [1, 2] and messages[1].id == message_id


async def test_get_turn_tells_how_a_turn_ended(stage: Stage) -> None:
    bot = await stage.client.create_bot()
    started = await stage.client.start(bot.id)
    turn = await stage.client.ended(started)
    assert turn.state == "completed" and turn.message is not None and turn.usage is not None
    assert turn.message.content.startswith("The refund window")
    assert turn.frames == len(await stage.client.stored(turn))
    completed = (await events_of(stage, f"turn-{started.message_id}"))[-1]
    assert isinstance(completed, MessageCompleted)
    assert completed.usage.cost_usd == 0.0 and completed.first_token_ms is not None and completed.attempt == 1


async def test_the_same_command_twice_is_one_turn(stage: Stage) -> None:
    bot = await stage.client.create_bot()
    context = a_context(stage.client.tenant_id, command_id=new_id())
    request = StartTurn(bot_id=bot.id, message_id=new_id(), content="Hello?")
    once = await stage.client.ask(request, context=context)
    again = await stage.client.ask(request, context=context)
    assert once == again
    await stage.client.ended(once)
    chat = await stage.client.ask(GetChat(chat_id=once.chat_id))
    assert chat.message_count == 2


async def test_a_chat_of_another_bot_is_not_found(stage: Stage) -> None:
    client = stage.client
    one, other = await client.create_bot(), await client.create_bot(name="Other")
    frames = await client.converse(one.id)
    request = StartTurn(
        bot_id=other.id, chat_id=frames[-1].data["chat_id"], message_id=new_id(), content="What did he say?"
    )
    assert await refusal(client, request) == (404, "not_found", "Chat session not found")


async def test_another_tenants_ids_are_not_found(stage: Stage) -> None:
    client, stranger = stage.client, ChatClient(stage.client.bus)
    bot = await client.create_bot()
    frames = await client.converse(bot.id)
    chat_id, message_id = frames[-1].data["chat_id"], frames[-1].data["message_id"]
    hidden = (404, "not_found", "Chat session not found")
    assert await refusal(stranger, GetChat(chat_id=chat_id)) == hidden
    assert await refusal(stranger, ListMessages(chat_id=chat_id)) == hidden
    feedback = GiveFeedback(chat_id=chat_id, message_id=message_id, feedback="positive")
    assert await refusal(stranger, feedback) == hidden
    start = StartTurn(bot_id=bot.id, message_id=new_id(), content="Hello?")
    assert await refusal(stranger, start) == (404, "not_found", "Bot profile not found or inactive")
    assert (await stranger.ask(ListChats())).items == []


@pytest.mark.parametrize("content", ["", "   ", "a\x00b", "x" * 32_001])
async def test_text_that_cannot_be_a_question_is_refused(stage: Stage, content: str) -> None:
    bot = await stage.client.create_bot()
    request = StartTurn(bot_id=bot.id, message_id=new_id(), content=content)
    status, code, _ = await refusal(stage.client, request)
    assert (status, code) == (422, "invalid_text")


async def test_a_model_without_its_key_is_refused_before_anything_is_written(stage: Stage) -> None:
    bot = await stage.client.create_bot(model="gpt-4o-mini")
    request = StartTurn(bot_id=bot.id, message_id=new_id(), content="Hello?")
    status, code, detail = await refusal(stage.client, request)
    assert (status, code) == (422, "model_not_configured")
    assert "OPENAI_API_KEY" in detail and "minirag/extractive" in detail
    assert (await stage.client.ask(ListChats())).items == []


async def test_retrieval_that_fails_ends_the_turn_with_a_clear_code(stage: Stage) -> None:
    stage.retrieval.refusal = Unavailable("the engine at 10.0.0.7 is down")
    bot = await stage.client.create_bot()
    started_id = new_id()
    frames = await stage.client.converse(bot.id, message_id=started_id)
    assert [frame.event for frame in frames] == ["error"]
    assert frames[0].data["code"] == "retrieval_unavailable" and "10.0.0.7" not in frames[0].data["detail"]
    failed = (await events_of(stage, f"turn-{started_id}"))[-1]
    assert isinstance(failed, MessageFailed) and failed.usage is None


async def test_feedback_is_given_changed_and_taken_back(stage: Stage) -> None:
    client = stage.client
    bot = await client.create_bot()
    done = (await client.converse(bot.id))[-1].data
    for feedback in ("positive", "negative", None, None):
        request = GiveFeedback(chat_id=done["chat_id"], message_id=done["message_id"], feedback=feedback)
        assert (await client.ask(request)).feedback == feedback
    kinds = [type(event).__name__ for event in await events_of(stage, f"turn-{done['message_id']}")]
    assert kinds.count("FeedbackGiven") == 3


async def test_feedback_is_for_answers_only(stage: Stage) -> None:
    client = stage.client
    bot = await client.create_bot()
    done = (await client.converse(bot.id))[-1].data
    question = (await client.ask(ListMessages(chat_id=done["chat_id"]))).items[0]

    def judging(message_id: object, chat_id: object = done["chat_id"]) -> GiveFeedback:
        return GiveFeedback.model_validate(
            {"chat_id": chat_id, "message_id": message_id, "feedback": "positive"}
        )

    only_answers = "Feedback can only be set on assistant messages"
    assert await refusal(client, judging(question.id)) == (422, "feedback_not_allowed", only_answers)
    assert await refusal(client, judging(uuid4())) == (404, "not_found", "Message not found")
    assert await refusal(client, judging(uuid4(), uuid4())) == (404, "not_found", "Chat session not found")


async def test_concurrent_turns_of_one_chat_add_up(stage: Stage) -> None:
    client = stage.client
    bot = await client.create_bot()
    chat_id = (await client.converse(bot.id))[-1].data["chat_id"]
    await asyncio.gather(*(client.converse(bot.id, chat_id=chat_id) for _ in range(10)))
    chat = await client.ask(GetChat(chat_id=chat_id))
    assert chat.message_count == 22
    assert len((await client.ask(ListMessages(chat_id=chat_id))).items) == 22


async def test_turns_that_wait_hold_no_connection_of_the_database(stage: Stage) -> None:
    """P4: many more turns than the pool has connections wait for somebody else, and the database is free."""
    bot = await stage.client.create_bot()
    stage.retrieval.delay = 30
    started = [await stage.client.start(bot.id) for _ in range(40)]
    async with asyncio.timeout(20):
        while len(stage.retrieval.asked) < 40:
            await asyncio.sleep(0.02)
    pool = stage.runtime.database._tenants
    assert pool.get_max_size() < 40 and pool.get_idle_size() == pool.get_size()
    assert len((await stage.client.ask(ListChats())).items) == 40
    stage.retrieval.delay = 0
    assert {(await stage.client.ended(turn)).state for turn in started} == {"completed"}
