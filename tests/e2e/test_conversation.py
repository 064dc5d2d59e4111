"""The whole path, through HTTP only: tenant → bot → source → ingestion → chat → feedback → webhook → statistics."""

import asyncio
import hashlib
import hmac
import json

from api import Tenant, text_of
from receiver import receiving

FACTS = """Opening hours. The museum of clocks opens at nine in the morning and closes at six in the evening.
On Mondays it stays closed, except on public holidays.

Tickets. An adult pays fourteen euros. Children under twelve enter free of charge, and so do teachers.

The collection. The oldest piece is a tower clock from 1531 that was built by the locksmith Hans Ehemann.
It still strikes every quarter of an hour."""


async def test_a_bot_answers_from_what_it_was_given(tenant: Tenant) -> None:
    bot_id = await tenant.bot(name="Museum")
    source = await tenant.ready(await tenant.text_source(bot_id, FACTS, name="Visitor guide"))
    assert (source["document_count"], source["chunk_count"] >= 1, source["error_message"]) == (1, True, None)

    reply = await tenant.ask(bot_id, "Who built the oldest clock?")
    assert "Hans Ehemann" in reply["message"]["content"]
    assert reply["message"]["role"] == "assistant"
    assert reply["usage"]["model"] == "minirag/extractive"
    assert (
        reply["usage"]["total_tokens"]
        == reply["usage"]["prompt_tokens"] + reply["usage"]["completion_tokens"]
    )
    cited = reply["sources"][0]
    assert (cited["n"], cited["source_id"], cited["title"]) == (1, source["id"], "Visitor guide")
    assert len(cited["content"]) <= 200 and 0 <= cited["score"] <= 1


async def test_a_streamed_answer_has_sources_first_then_deltas_then_done(tenant: Tenant) -> None:
    bot_id = await tenant.bot()
    await tenant.ready(await tenant.text_source(bot_id, FACTS))
    body = {"bot_profile_id": bot_id, "message": "What does an adult pay?", "stream": True}
    async with tenant.stream("POST", "/v1/chat", json=body) as (response, stream):
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert response.headers["cache-control"] == "no-cache"
        assert response.headers["x-accel-buffering"] == "no"
        events = [event async for event in stream]
    names = [event.event for event in events]
    assert names[0] == "sources" and names[-1] == "done" and set(names[1:-1]) == {"delta"}
    message_id = response.headers["x-minirag-message-id"]
    assert [event.id for event in events] == [f"{message_id}.{n}" for n in range(len(events))]
    assert "fourteen euros" in text_of(events)
    done = events[-1].data
    assert (done["chat_id"], done["message_id"]) == (response.headers["x-minirag-chat-id"], message_id)

    history = await tenant.call("GET", f"/v1/chat/{done['chat_id']}/messages", 200)
    assert [message["role"] for message in history] == ["user", "assistant"]
    assert history[1]["content"] == text_of(events)
    assert history[1]["sources"][0]["n"] == 1


async def test_a_conversation_goes_on_and_is_counted(tenant: Tenant) -> None:
    bot_id = await tenant.bot()
    await tenant.ready(await tenant.text_source(bot_id, FACTS))
    first = await tenant.ask(bot_id, "When does the museum open?")
    second = await tenant.ask(bot_id, "And on Mondays?", chat_id=first["chat_id"])
    assert second["chat_id"] == first["chat_id"]
    chat = await tenant.call("GET", f"/v1/chat/{first['chat_id']}", 200)
    assert (chat["message_count"], chat["title"], chat["bot_profile_id"]) == (
        4,
        "When does the museum open?",
        bot_id,
    )
    tokens = first["usage"]["prompt_tokens"] + second["usage"]["prompt_tokens"]
    assert chat["total_prompt_tokens"] == tokens
    assert [item["id"] for item in await tenant.call("GET", "/v1/chat", 200)] == [chat["id"]]


async def test_nothing_relevant_is_said_plainly(tenant: Tenant) -> None:
    bot_id = await tenant.bot()
    await tenant.ready(await tenant.text_source(bot_id, FACTS))
    reply = await tenant.ask(bot_id, "How do I configure a Kubernetes ingress controller?")
    assert "Ehemann" not in reply["message"]["content"]
    empty = await tenant.bot()
    assert (await tenant.ask(empty, "Anything at all?"))["sources"] == []


async def test_feedback_is_given_changed_and_taken_back(tenant: Tenant) -> None:
    bot_id = await tenant.bot()
    await tenant.ready(await tenant.text_source(bot_id, FACTS))
    reply = await tenant.ask(bot_id, "What does an adult pay?")
    path = f"/v1/chat/{reply['chat_id']}/messages/{reply['message']['id']}/feedback"
    for feedback in ("positive", "negative", None):
        message = await tenant.call("PATCH", path, 200, json={"feedback": feedback})
        assert message["feedback"] == feedback
    user_message = (await tenant.call("GET", f"/v1/chat/{reply['chat_id']}/messages", 200))[0]
    path = f"/v1/chat/{reply['chat_id']}/messages/{user_message['id']}/feedback"
    problem = await tenant.call("PATCH", path, 422, json={"feedback": "positive"})
    assert problem["detail"] == "Feedback can only be set on assistant messages"


async def test_webhooks_are_signed_for_ingestion_and_for_plain_and_streamed_turns(tenant: Tenant) -> None:
    async with receiving() as receiver:
        body = {"url": receiver.url(), "events": ["source.ingested", "chat.message"]}
        webhook = await tenant.call("POST", "/v1/webhooks", 201, json=body)
        assert "secret" not in await tenant.call("GET", f"/v1/webhooks/{webhook['id']}", 200)
        bot_id = await tenant.bot()
        source = await tenant.ready(await tenant.text_source(bot_id, FACTS, name="Guide"))
        plain = await tenant.ask(bot_id, "What does an adult pay?")
        streamed = await tenant.ask_streamed(bot_id, "What do children pay?")
        deliveries = await receiver.wait(3)
    for delivery in deliveries:
        expected = hmac.new(webhook["secret"].encode(), delivery.body, hashlib.sha256).hexdigest()
        assert delivery.headers["x-minirag-signature"] == expected
    told = {delivery.headers["x-minirag-event"]: json.loads(delivery.body) for delivery in deliveries}
    assert told["source.ingested"] == {
        "source_id": source["id"],
        "source_name": "Guide",
        "document_count": 1,
        "chunk_count": source["chunk_count"],
    }
    answers = {
        json.loads(d.body)["message_id"] for d in deliveries if d.headers["x-minirag-event"] == "chat.message"
    }
    assert answers == {plain["message"]["id"], streamed[-1].data["message_id"]}


async def test_the_overview_counts_what_happened(tenant: Tenant) -> None:
    bot_id = await tenant.bot()
    await tenant.ready(await tenant.text_source(bot_id, FACTS))
    reply = await tenant.ask(bot_id, "What does an adult pay?")
    expected = {
        "bot_profiles": 1,
        "sources": 1,
        "chats": 1,
        "total_prompt_tokens": reply["usage"]["prompt_tokens"],
        "total_completion_tokens": reply["usage"]["completion_tokens"],
        "total_tokens": reply["usage"]["total_tokens"],
    }
    async with asyncio.timeout(20):
        while await tenant.call("GET", "/v1/stats/overview", 200) != expected:
            await asyncio.sleep(0.1)


async def test_a_new_version_replaces_the_old_one(tenant: Tenant) -> None:
    bot_id = await tenant.bot()
    source_id = await tenant.text_source(bot_id, FACTS)
    first = await tenant.ready(source_id)
    await tenant.call("POST", f"/v1/sources/{source_id}/ingest", 202)
    second = await tenant.ready(source_id)
    assert second["chunk_count"] == first["chunk_count"]
    reply = await tenant.ask(bot_id, "Who built the oldest clock?")
    assert len({cited["chunk_id"] for cited in reply["sources"]}) == len(reply["sources"])
    assert "Hans Ehemann" in reply["message"]["content"]


async def test_another_tenant_finds_nothing_of_it(tenant: Tenant, stranger: Tenant) -> None:
    bot_id = await tenant.bot()
    source_id = await tenant.text_source(bot_id, FACTS)
    await tenant.ready(source_id)
    reply = await tenant.ask(bot_id, "What does an adult pay?")
    for path in (f"/v1/bot-profiles/{bot_id}", f"/v1/sources/{source_id}", f"/v1/chat/{reply['chat_id']}"):
        await stranger.call("GET", path, 404)
    await stranger.call("GET", f"/v1/chat/{reply['chat_id']}/messages", 404)
    message = f"/v1/chat/{reply['chat_id']}/messages/{reply['message']['id']}"
    await stranger.call("PATCH", f"{message}/feedback", 404, json={"feedback": "positive"})
    await stranger.call("GET", f"{message}/stream", 404)
    await stranger.call("POST", f"/v1/sources/{source_id}/ingest", 404)
    await stranger.call(
        "POST", "/v1/chat", 404, json={"bot_profile_id": bot_id, "message": "What does an adult pay?"}
    )
    foreign = {"bot_profile_id": bot_id, "name": "x", "source_type": "text", "content": "x"}
    problem = await stranger.call("POST", "/v1/sources", 422, json=foreign)
    assert problem["detail"] == "Bot profile not found or belongs to a different tenant"
    own_bot = await stranger.bot()
    body = {"bot_profile_id": own_bot, "message": "Hi", "chat_id": reply["chat_id"]}
    await stranger.call("POST", "/v1/chat", 404, json=body)
    for path in ("/v1/sources", "/v1/chat", "/v1/webhooks"):
        assert await stranger.call("GET", path, 200) == []
