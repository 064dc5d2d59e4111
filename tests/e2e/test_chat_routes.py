"""Every row of the tables "Bot Profiles" and "Chat" through HTTP: status, shape of the body, effect."""

import asyncio
import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

from api import Tenant, text_of
from openai_server import FakeOpenAI, answer_text

ZERO = "00000000-0000-0000-0000-000000000000"
SLOW = "openai/slow--tokens-400--gap-50"
FACTS = "The museum opens at nine in the morning. An adult pays fourteen euros. On Mondays it is closed."

BOT_KEYS = [
    *("id", "tenant_id", "name", "description", "model", "embedding_model", "system_prompt", "temperature"),
    *("max_tokens", "has_credentials", "is_active", "created_at", "updated_at"),
    *("greeting", "suggested_questions", "has_identity_secret"),
]
CHAT_KEYS = [
    *("id", "tenant_id", "bot_profile_id", "title", "message_count", "total_prompt_tokens"),
    *("total_completion_tokens", "created_at", "updated_at"),
]
MESSAGE_KEYS = [
    *("id", "chat_id", "role", "content", "prompt_tokens", "completion_tokens", "feedback", "created_at"),
    "sources",
]


async def problem(tenant: Tenant, method: str, path: str, status: int, detail: str, **options: Any) -> None:
    response = await tenant.request(method, path, **options)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"] == detail


async def test_bots_are_created_listed_read_patched_and_deleted(tenant: Tenant) -> None:
    made = await tenant.call("POST", "/v1/bot-profiles", 201, json={"name": "First"})
    assert list(made) == BOT_KEYS
    assert (made["temperature"], made["max_tokens"], made["has_credentials"]) == (0.7, 1024, False)
    assert (made["model"], made["is_active"], made["tenant_id"]) == ("minirag/extractive", True, tenant.id)
    body = {"name": "Second", "credentials": {"api_key": "sk-hidden"}, "greeting": "Hello!"}
    second = await tenant.call("POST", "/v1/bot-profiles", 201, json=body)
    assert (
        second["has_credentials"] is True and "credentials" not in second and second["greeting"] == "Hello!"
    )

    path = f"/v1/bot-profiles/{made['id']}"
    patched = await tenant.call("PATCH", path, 200, json={"description": "New", "temperature": 0})
    assert list(patched) == BOT_KEYS
    assert (patched["name"], patched["description"], patched["temperature"]) == ("First", "New", 0.0)
    assert await tenant.call("GET", path, 200) == patched
    second_path = f"/v1/bot-profiles/{second['id']}"
    cleared = await tenant.call("PATCH", second_path, 200, json={"credentials": {}, "greeting": None})
    assert (cleared["has_credentials"], cleared["greeting"], cleared["name"]) == (False, None, "Second")
    assert (await tenant.request("PATCH", path, json={"name": None})).status_code == 422

    for _ in range(2):
        assert await tenant.call("DELETE", path, 204) is None
    assert (await tenant.call("GET", path, 200))["is_active"] is False
    listed = await tenant.call("GET", "/v1/bot-profiles", 200)
    assert [bot["id"] for bot in listed] == [second["id"], made["id"]]
    question = {"bot_profile_id": made["id"], "message": "Hello?"}
    await problem(tenant, "POST", "/v1/chat", 404, "Bot profile not found or inactive", json=question)
    assert (await tenant.call("PATCH", path, 200, json={"is_active": True}))["is_active"] is True
    await tenant.call("POST", "/v1/chat", 200, json=question)
    for method in ("GET", "PATCH", "DELETE"):
        await problem(tenant, method, f"/v1/bot-profiles/{ZERO}", 404, "Bot profile not found", json={})


async def test_a_conversation_is_begun_continued_read_and_judged(tenant: Tenant) -> None:
    bot_id = await tenant.bot()
    source_id = await tenant.text_source(bot_id, FACTS)
    await tenant.ready(source_id)
    question = "What does an adult pay? " + "x" * 100
    first = await tenant.ask(bot_id, question)
    assert list(first) == ["chat_id", "message", "sources", "usage"]
    assert list(first["message"]) == MESSAGE_KEYS[:-1]
    assert first["sources"][0]["source_id"] == source_id
    assert list(first["usage"]) == ["model", "prompt_tokens", "completion_tokens", "total_tokens"]
    chat_id = first["chat_id"]
    before = await tenant.call("GET", f"/v1/chat/{chat_id}", 200)
    second = await tenant.ask(bot_id, "And on Mondays?", chat_id=chat_id)
    assert second["chat_id"] == chat_id

    chat = await tenant.call("GET", f"/v1/chat/{chat_id}", 200)
    assert list(chat) == CHAT_KEYS
    assert (chat["title"], chat["message_count"]) == (question[:100], 4)
    assert chat["updated_at"] > before["updated_at"]
    for kind in ("prompt", "completion"):
        spent = first["usage"][f"{kind}_tokens"] + second["usage"][f"{kind}_tokens"]
        assert chat[f"total_{kind}_tokens"] == spent
    messages = await tenant.call("GET", f"/v1/chat/{chat_id}/messages", 200)
    assert [message["role"] for message in messages] == ["user", "assistant"] * 2
    assert all(list(message) == MESSAGE_KEYS for message in messages)
    assert messages[1]["sources"] == first["sources"] and messages[0]["content"] == question

    answer = first["message"]["id"]
    for feedback in ("positive", "negative", None):
        path = f"/v1/chat/{chat_id}/messages/{answer}/feedback"
        judged = await tenant.call("PATCH", path, 200, json={"feedback": feedback})
        assert list(judged) == MESSAGE_KEYS and judged["feedback"] == feedback
        stored = (await tenant.call("GET", f"/v1/chat/{chat_id}/messages", 200))[1]
        assert stored == judged
    only_answers = "Feedback can only be set on assistant messages"
    path = f"/v1/chat/{chat_id}/messages/{messages[0]['id']}/feedback"
    await problem(tenant, "PATCH", path, 422, only_answers, json={"feedback": "positive"})
    path = f"/v1/chat/{chat_id}/messages/{ZERO}/feedback"
    await problem(tenant, "PATCH", path, 404, "Message not found", json={"feedback": None})
    assert (await tenant.request("PATCH", path, json={})).status_code == 422


async def test_chats_are_listed_newest_first_in_pages_of_at_most_a_hundred(tenant: Tenant) -> None:
    bot_id, other = await tenant.bot(), await tenant.bot()
    asked = await asyncio.gather(*(tenant.ask(bot_id, f"Question {n}") for n in range(101)))
    await tenant.ask(other, "Another bot")
    assert len(await tenant.call("GET", "/v1/chat", 200)) == 50
    response = await tenant.request("GET", f"/v1/chat?limit=5000&bot_profile_id={bot_id}")
    page = response.json()
    assert len(page) == 100 and all(list(chat) == CHAT_KEYS for chat in page)
    assert [chat["created_at"] for chat in page] == sorted((c["created_at"] for c in page), reverse=True)
    rest = (await tenant.request("GET", response.headers["link"].split(">")[0].strip("<"))).json()
    assert {chat["id"] for chat in [*page, *rest]} == {answer["chat_id"] for answer in asked}
    skipped = await tenant.call("GET", f"/v1/chat?limit=5&offset=100&bot_profile_id={bot_id}", 200)
    assert skipped == rest
    for query in ("limit=0", "limit=-1", "offset=-1", "limit=x", f"limit={10**12}"):
        assert (await tenant.request("GET", f"/v1/chat?{query}")).status_code == 422


async def test_what_is_not_there_is_a_404_in_the_words_of_the_contract(tenant: Tenant) -> None:
    bot_id, other = await tenant.bot(), await tenant.bot()
    chat_id = (await tenant.ask(bot_id, "Hello"))["chat_id"]
    gone = "Chat session not found"
    body = {"bot_profile_id": bot_id, "message": "x"}
    await problem(tenant, "POST", "/v1/chat", 404, gone, json={**body, "chat_id": ZERO})
    unknown = {"bot_profile_id": ZERO, "message": "x"}
    await problem(tenant, "POST", "/v1/chat", 404, "Bot profile not found or inactive", json=unknown)
    # D17: a conversation with one bot is none with another
    foreign = {"bot_profile_id": other, "message": "x", "chat_id": chat_id, "stream": True}
    await problem(tenant, "POST", "/v1/chat", 404, gone, json=foreign)
    for path in ("", "/messages", "/export", "/export?format=csv"):
        await problem(tenant, "GET", f"/v1/chat/{ZERO}{path}", 404, gone)
    await problem(tenant, "POST", f"/v1/chat/{chat_id}/messages/{ZERO}/cancel", 404, "Message not found")
    assert (await tenant.request("GET", "/v1/chat/not-an-id")).status_code == 422


async def test_a_failed_turn_keeps_the_question_and_the_chat(tenant: Tenant) -> None:
    bot_id = await tenant.bot(model="openai/x--gap-5--cut-4")
    response = await tenant.request("POST", "/v1/chat", json={"bot_profile_id": bot_id, "message": "Hello"})
    assert response.status_code == 502
    chat_id = response.json()["chat_id"]
    [chat] = await tenant.call("GET", "/v1/chat", 200)
    assert (chat["id"], chat["message_count"]) == (chat_id, 2)
    assert chat["total_completion_tokens"] >= 4
    question, answer = await tenant.call("GET", f"/v1/chat/{chat_id}/messages", 200)
    assert (question["content"], answer["content"]) == ("Hello", answer_text(4))


async def test_a_running_answer_is_stopped_and_kept(tenant: Tenant, provider: tuple[str, FakeOpenAI]) -> None:
    bot_id = await tenant.bot(model=SLOW)
    gone_before = provider[1].disconnects
    seen = []
    stopping: asyncio.Task[Any] | None = None
    body = {"bot_profile_id": bot_id, "message": "Tell me everything", "stream": True}
    async with tenant.stream("POST", "/v1/chat", json=body) as (response, events):
        path = "/v1/chat/{x-minirag-chat-id}/messages/{x-minirag-message-id}".format_map(response.headers)
        async for event in events:
            seen.append(event)
            if len(seen) == 6:
                stopping = asyncio.create_task(tenant.call("POST", f"{path}/cancel", 200))
    assert stopping is not None
    kept = await stopping
    assert list(kept) == MESSAGE_KEYS and kept["role"] == "assistant"
    assert seen[-1].event == "done" and seen[-1].data["stopped"] is True
    assert kept["content"] == text_of(seen) and answer_text(400).startswith(kept["content"])
    assert 0 < len(kept["content"]) < len(answer_text(400)) and kept["completion_tokens"] > 0
    async with asyncio.timeout(5):
        while provider[1].disconnects == gone_before:
            await asyncio.sleep(0.02)
    assert await tenant.call("POST", f"{path}/cancel", 200) == kept
    chat_id = response.headers["x-minirag-chat-id"]
    assert (await tenant.call("GET", f"/v1/chat/{chat_id}/messages", 200))[1] == kept
    chat = await tenant.call("GET", f"/v1/chat/{chat_id}", 200)
    assert chat["total_completion_tokens"] == kept["completion_tokens"]
    async with tenant.stream("GET", f"{path}/stream") as (_, again):
        replayed = [event async for event in again]
    assert replayed == seen


async def test_conversations_are_exported_as_json_and_csv(tenant: Tenant) -> None:
    bot_id, other = await tenant.bot(), await tenant.bot()
    first = await tenant.ask(bot_id, "=1+1")
    await tenant.ask(bot_id, "Second", chat_id=first["chat_id"])
    last = await tenant.ask(other, "Third")
    chat_id, path = first["chat_id"], f"/v1/chat/{first['chat_id']}"
    messages = await tenant.call("GET", f"{path}/messages", 200)

    single = await tenant.call("GET", f"{path}/export?format=anything", 200)
    assert list(single) == ["chat", "messages", "exported_at"]
    assert single["chat"] == await tenant.call("GET", path, 200) and single["messages"] == messages
    assert datetime.fromisoformat(single["exported_at"]) <= datetime.now(UTC)
    bulk = await tenant.call("GET", "/v1/chat/export", 200)
    assert list(bulk) == ["chats", "exported_at"]
    assert [chat["chat"]["id"] for chat in bulk["chats"]] == [last["chat_id"], chat_id]
    assert bulk["chats"][1] == {"chat": single["chat"], "messages": messages}

    response = await tenant.request("GET", f"{path}/export?format=csv")
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"] == f"attachment; filename=chat_{chat_id}.csv"
    head, *rows = csv.reader(io.StringIO(response.text, newline=""))
    assert head == [
        *("message_id", "role", "content", "feedback", "prompt_tokens", "completion_tokens", "created_at")
    ]
    assert rows[0][:4] == [messages[0]["id"], "user", "'=1+1", ""] and len(rows) == 4
    assert [row[6] for row in rows] == [message["created_at"] for message in messages]
    assert response.text.count("\r\n") == 5
    response = await tenant.request("GET", "/v1/chat/export?format=csv")
    assert response.headers["content-disposition"] == "attachment; filename=chats_export.csv"
    head, *rows = csv.reader(io.StringIO(response.text, newline=""))
    assert head[:2] == ["chat_id", "chat_title"] and len(rows) == 6
    assert rows[2][:2] == [chat_id, "'=1+1"]


async def test_an_export_can_be_narrowed(tenant: Tenant) -> None:
    bot_id, other = await tenant.bot(), await tenant.bot()
    chats = [(await tenant.ask(bot, "Hello"))["chat_id"] for bot in (bot_id, bot_id, other)]
    today = datetime.now(UTC).date()

    async def found(query: str) -> list[str]:
        export = await tenant.call("GET", f"/v1/chat/export?{query}", 200)
        return [chat["chat"]["id"] for chat in export["chats"]]

    assert await found(f"bot_profile_id={bot_id}") == chats[1::-1]
    assert await found("limit=1") == chats[:1:-1]
    assert await found("limit=5000") == chats[::-1]
    yesterday, tomorrow = today - timedelta(days=1), today + timedelta(days=1)
    assert await found(f"from_date={yesterday}&to_date={tomorrow}") == chats[::-1]
    assert await found(f"from_date={tomorrow + timedelta(days=1)}") == []
    assert await found(f"to_date={yesterday - timedelta(days=1)}") == []
    for query in ("from_date=nonsense", "to_date=2026-02-31", "limit=-1", "limit=0", "from_date=20260101"):
        assert (await tenant.request("GET", f"/v1/chat/export?{query}")).status_code == 422


async def test_another_tenant_sees_nothing_of_it(tenant: Tenant) -> None:
    stranger = await Tenant.sign_up(tenant.http, "Stranger")
    bot_id = await tenant.bot()
    answer = await tenant.ask(bot_id, "Hello")
    chat, message = answer["chat_id"], answer["message"]["id"]
    bot = f"/v1/bot-profiles/{bot_id}"
    for method, path, body in [
        ("GET", bot, None),
        ("PATCH", bot, {"name": "Mine"}),
        ("DELETE", bot, None),
        ("POST", "/v1/chat", {"bot_profile_id": bot_id, "message": "x"}),
        ("GET", f"/v1/chat/{chat}", None),
        ("GET", f"/v1/chat/{chat}/messages", None),
        ("GET", f"/v1/chat/{chat}/export", None),
        ("GET", f"/v1/chat/{chat}/messages/{message}/stream", None),
        ("POST", f"/v1/chat/{chat}/messages/{message}/cancel", None),
        ("PATCH", f"/v1/chat/{chat}/messages/{message}/feedback", {"feedback": "positive"}),
    ]:
        response = await stranger.request(method, path, json=body)
        assert response.status_code == 404, (method, path, response.text)
    assert await stranger.call("GET", "/v1/chat", 200) == []
    assert (await stranger.call("GET", "/v1/chat/export", 200))["chats"] == []
    assert (await stranger.request("GET", "/v1/chat/export?format=csv")).text.count("\r\n") == 1
    assert (await tenant.call("GET", bot, 200))["name"] == "Support"
