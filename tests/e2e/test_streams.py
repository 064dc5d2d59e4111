"""Answers of a real model's wire format: streamed, resumed on any connection, and never left without an end."""

import asyncio
import os

import httpx
import pytest
from api import ServerSentEvent, Tenant, text_of
from minirag_local.testing import Stack

SLOW = "openai/slow--tokens-60--gap-50"


async def test_a_bot_with_a_providers_model_answers(tenant: Tenant) -> None:
    bot_id = await tenant.bot(model="gpt-4o-mini")
    await tenant.ready(await tenant.text_source(bot_id, "The bridge was painted green in 1987."))
    events = await tenant.ask_streamed(bot_id, "When was the bridge painted?")
    assert [events[0].event, events[-1].event] == ["sources", "done"]
    usage = events[-1].data["usage"]
    assert usage["model"] == "gpt-4o-mini"
    assert usage["completion_tokens"] > 0 and usage["prompt_tokens"] > 0
    plain = await tenant.ask(bot_id, "When was the bridge painted?")
    assert plain["message"]["content"] == text_of(events)


async def begin(tenant: Tenant, bot_id: str, count: int) -> tuple[str, str, list[ServerSentEvent]]:
    """Reads the first events of a streamed turn, then goes away: chat, message, events."""
    seen: list[ServerSentEvent] = []
    body = {"bot_profile_id": bot_id, "message": "Tell me everything", "stream": True}
    async with tenant.stream("POST", "/v1/chat", json=body) as (response, events):
        assert response.status_code == 200
        async for event in events:
            seen.append(event)
            if len(seen) == count:
                break
    return response.headers["x-minirag-chat-id"], response.headers["x-minirag-message-id"], seen


async def resume(tenant: Tenant, chat_id: str, message_id: str, last: str) -> list[ServerSentEvent]:
    path, headers = f"/v1/chat/{chat_id}/messages/{message_id}/stream", {"Last-Event-ID": last}
    async with tenant.stream("GET", path, headers=headers) as (response, events):
        assert response.status_code == 200
        return [event async for event in events]


async def assistant_message(tenant: Tenant, chat_id: str) -> dict[str, object]:
    messages = await tenant.call("GET", f"/v1/chat/{chat_id}/messages", 200)
    return dict(messages[-1])


async def test_a_dropped_connection_resumes_where_it_was_and_the_turn_never_stopped(
    tenant: Tenant,
) -> None:
    bot_id = await tenant.bot(model=SLOW)
    chat_id, message_id, seen = await begin(tenant, bot_id, 10)
    await asyncio.sleep(0.3)
    rest = await resume(tenant, chat_id, message_id, seen[-1].id)
    assert [event.id for event in [*seen, *rest]] == [
        f"{message_id}.{n}" for n in range(len(seen) + len(rest))
    ]
    assert rest[-1].event == "done"
    assert (await assistant_message(tenant, chat_id))["content"] == text_of([*seen, *rest])
    again = await resume(tenant, chat_id, message_id, seen[-1].id)
    assert text_of(again) == text_of(rest) and again[-1].event == "done"


async def test_a_killed_gateway_costs_the_connection_and_not_the_answer(stack: Stack, tenant: Tenant) -> None:
    bot_id = await tenant.bot(model=SLOW)
    chat_id, message_id, seen = await begin(tenant, bot_id, 5)
    stack.kill("gateway")
    async with asyncio.timeout(20):
        while True:
            try:
                rest = await resume(tenant, chat_id, message_id, seen[-1].id)
                break
            except httpx.TransportError:
                await asyncio.sleep(0.1)
    assert text_of([*seen, *rest]) == (await assistant_message(tenant, chat_id))["content"]
    assert rest[-1].event == "done"


async def test_a_turn_whose_process_died_after_the_first_token_fails_with_what_there_was(
    stack: Stack, tenant: Tenant
) -> None:
    bot_id = await tenant.bot(model=SLOW)
    seen: list[ServerSentEvent] = []
    body = {"bot_profile_id": bot_id, "message": "Tell me everything", "stream": True}
    async with tenant.stream("POST", "/v1/chat", json=body) as (response, events):
        async with asyncio.timeout(30):
            async for event in events:
                seen.append(event)
                if len(seen) == 8:
                    stack.kill("chat")
    assert seen[-1].event == "error" and seen[-1].data["detail"]
    chat_id = response.headers["x-minirag-chat-id"]
    message = await assistant_message(tenant, chat_id)
    assert message["role"] == "assistant"
    content = str(message["content"])
    assert content and content.startswith(text_of(seen)[: len(content)])
    await asyncio.to_thread(stack.wait_healthy)


async def test_a_turn_whose_process_died_before_the_first_token_has_an_end_and_stands_once(
    stack: Stack, tenant: Tenant
) -> None:
    bot_id = await tenant.bot(model="openai/late--tokens-5--first-2500")
    asked = asyncio.create_task(tenant.ask_streamed(bot_id, "Tell me everything"))
    await asyncio.sleep(0.6)
    stack.kill("chat")
    events = await asyncio.wait_for(asked, 40)
    assert events[-1].event in ("done", "error")
    chats = await tenant.call("GET", "/v1/chat", 200)
    messages = await tenant.call("GET", f"/v1/chat/{chats[0]['id']}/messages", 200)
    assert [message["role"] for message in messages] == ["user", "assistant"]
    await asyncio.to_thread(stack.wait_healthy)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("openai/x--status-401", "LLM authentication failed"),
        ("openai/x--status-429", "LLM rate limit exceeded"),
        ("openai/x--status-500", "LLM"),
        ("openai/x--cut-4", "LLM"),
    ],
)
async def test_a_providers_fault_is_told_in_our_words(tenant: Tenant, model: str, words: str) -> None:
    bot_id = await tenant.bot(model=model)
    events = await tenant.ask_streamed(bot_id, "Hello")
    assert events[-1].event == "error"
    detail = events[-1].data["detail"]
    assert words in detail
    assert "secret" not in detail and "sk-" not in detail
    response = await tenant.request("POST", "/v1/chat", json={"bot_profile_id": bot_id, "message": "Hello"})
    assert response.status_code >= 500 and words in response.json()["detail"]


async def test_no_key_and_no_words_of_a_visitor_are_in_the_logs(stack: Stack, tenant: Tenant) -> None:
    bot_id = await tenant.bot(model="openai/x--status-500", credentials={"api_key": "sk-very-secret-key"})
    await tenant.ask_streamed(bot_id, "My illness is called borborygmus")
    logs = stack.logs()
    assert "borborygmus" not in logs and "sk-very-secret-key" not in logs and tenant.token not in logs
    assert os.environ.get("OPENAI_API_KEY", "sk-test") not in logs
