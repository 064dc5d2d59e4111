"""Bots that are changed, answers that are stopped, conversations that are exported: through HTTP."""

import asyncio
import csv
import io
import json
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from gateway_world import World, a_chat, a_message
from minirag_contracts.errors import RemoteRefusal, Unavailable
from minirag_contracts.frames import Frame
from minirag_contracts.requests.bots import DeactivateBot, UpdateBot
from minirag_contracts.requests.chat import CancelTurn, ListChats, TurnRead
from minirag_contracts.requests.exports import ExportChats, ExportedPart, ExportPage
from minirag_gateway.entrypoints.http import turns
from minirag_gateway.queries.delivery import Delivery, Verdict

ZERO = "00000000-0000-0000-0000-000000000000"
SECRET = "a-secret-of-the-site-and-the-bot!"


@pytest.fixture
async def client(world: World) -> Any:
    async with await world.a_client() as client:
        yield client


def last(world: World, kind: type) -> Any:
    """The latest request of a kind."""
    return [asked for asked, _ in world.owners.asked if isinstance(asked, kind)][-1]


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        ({}, {}),
        ({"name": "Sales", "unknown": 1}, {"name": "Sales"}),
        ({"credentials": {"api_key": "sk-1"}}, {"credentials": {"api_key": "sk-1"}}),
        ({"credentials": {}}, {"credentials": None}),
        ({"credentials": None}, {"credentials": None}),
        ({"greeting": None, "embedding_model": None}, {"greeting": None, "embedding_model": None}),
        ({"suggested_questions": []}, {"suggested_questions": []}),
        ({"identity_secret": SECRET}, {"identity_secret": SECRET}),
        ({"identity_secret": None}, {"identity_secret": None}),
        ({"is_active": False}, {"is_active": False}),
    ],
)
async def test_a_patch_tells_chat_what_was_sent_and_nothing_else(
    world: World, client: httpx.AsyncClient, body: dict[str, Any], sent: dict[str, Any]
) -> None:
    bot_id = await world.a_bot(client)
    response = await client.patch(f"/v1/bot-profiles/{bot_id}", json=body)
    assert response.status_code == 200, response.text
    assert last(world, UpdateBot).changes.model_dump() == sent
    assert "sk-1" not in response.text and SECRET not in response.text


@pytest.mark.parametrize(
    "body",
    [
        *(
            {field: None}
            for field in ("name", "description", "model", "system_prompt", "temperature", "max_tokens")
        ),
        {"is_active": None},
        {"suggested_questions": None},
        {"suggested_questions": ["x"] * 7},
        {"suggested_questions": ["x" * 201]},
        {"greeting": "x" * 501},
        {"system_prompt": "x" * 100_001},
        {"greeting": "a\x00b"},
        {"identity_secret": "short"},
        {"name": ""},
        {"max_tokens": 0},
        {"credentials": "sk-1"},
    ],
    ids=lambda body: str(body)[:40],
)
async def test_a_patch_that_cannot_be_is_a_problem(
    world: World, client: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    bot_id = await world.a_bot(client)
    response = await client.patch(f"/v1/bot-profiles/{bot_id}", json=body)
    assert (response.status_code, response.json()["code"]) == (422, "validation_error")
    assert not any(isinstance(asked, UpdateBot) for asked, _ in world.owners.asked)


async def test_a_deleted_bot_is_deactivated_and_can_be_read(world: World, client: httpx.AsyncClient) -> None:
    bot_id = await world.a_bot(client)
    for _ in range(2):
        response = await client.delete(f"/v1/bot-profiles/{bot_id}")
        assert (response.status_code, response.content) == (204, b"")
    assert (await client.get(f"/v1/bot-profiles/{bot_id}")).json()["is_active"] is False
    assert last(world, DeactivateBot).bot_id == UUID(bot_id)
    for method in ("DELETE", "PATCH"):
        response = await client.request(method, f"/v1/bot-profiles/{ZERO}", json={})
        assert (response.status_code, response.json()["detail"]) == (404, "Bot profile not found")


@pytest.mark.parametrize(
    ("asked", "got"), [("", 50), ("?limit=7", 7), ("?limit=100", 100), ("?limit=5000", 100)]
)
async def test_a_page_of_chats_has_at_most_a_hundred(
    world: World, client: httpx.AsyncClient, asked: str, got: int
) -> None:
    assert (await client.get(f"/v1/chat{asked}")).status_code == 200
    assert last(world, ListChats).limit == got


async def test_a_search_is_handed_on_as_it_was_typed(world: World, client: httpx.AsyncClient) -> None:
    found = await client.get("/v1/chat", params={"search": " 100% Öl_ \\"})
    assert found.status_code == 200
    assert last(world, ListChats).search == " 100% Öl_ \\"
    for search in ("x" * 201, "\x00"):
        assert (await client.get("/v1/chat", params={"search": search})).status_code == 422


async def a_running_turn(world: World) -> tuple[UUID, UUID]:
    chat_id, message_id = uuid4(), uuid4()
    world.owners.turns[message_id] = TurnRead(chat_id=chat_id, message_id=message_id, state="running")
    return chat_id, message_id


async def test_a_stop_is_answered_with_what_is_kept(world: World, client: httpx.AsyncClient) -> None:
    chat_id, message_id = await a_running_turn(world)
    world.owners.chats.stops_after = 2  # the first signal is lost
    path = f"/v1/chat/{chat_id}/messages/{message_id}/cancel"
    response = await client.post(path)
    assert response.status_code == 200, response.text
    assert response.json()["content"] == "From nine to five." and response.json()["id"] == str(message_id)
    again = await client.post(path)
    assert (again.status_code, again.json()) == (200, response.json())
    contexts = [context for asked, context in world.owners.asked if isinstance(asked, CancelTurn)]
    assert len(contexts) == 4 and {context.command_id for context in contexts} == {None}


async def test_a_stop_is_heard_of_by_the_last_frame(
    world: World, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "STOP_REPEAT", 60)
    tenant = UUID((await client.get("/v1/tenants/me")).json()["id"])
    chat_id, message_id = await a_running_turn(world)
    asked = asyncio.create_task(client.post(f"/v1/chat/{chat_id}/messages/{message_id}/cancel"))
    async with asyncio.timeout(10):
        while not any(isinstance(request, CancelTurn) for request, _ in world.owners.asked):
            await asyncio.sleep(0.01)
    world.owners.complete(message_id)
    await world.owners.bus.publish_frame(tenant, message_id, world.owners.all_frames(message_id)[-1])
    async with asyncio.timeout(10):
        assert (await asked).status_code == 200


async def test_what_does_not_stop_in_time_is_a_conflict(
    world: World, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "STOP_WAIT", 0.3)
    chat_id, message_id = await a_running_turn(world)
    world.owners.chats.stops_after = 100
    response = await client.post(f"/v1/chat/{chat_id}/messages/{message_id}/cancel")
    assert (response.status_code, response.json()["code"]) == (409, "turn_running")
    unknown = await client.post(f"/v1/chat/{chat_id}/messages/{uuid4()}/cancel")
    assert unknown.status_code == 404


def test_who_stops_a_turn_for_a_dead_process_may_end_it_and_nobody_else() -> None:
    delivery = Delivery.after(-1)
    delivery.deliver(Frame(n=0, attempt=1, event="sources", data={}))
    stopped = Frame(n=1, attempt=2, event="done", data={"stopped": True})
    assert delivery.judge(stopped) is Verdict.NEXT
    assert delivery.judge(stopped.model_copy(update={"data": {}})) is Verdict.OTHER_ATTEMPT


def parts(*counts: int) -> list[ExportedPart]:
    """A chat for each number, with so many messages."""
    found = []
    for count in counts:
        chat = a_chat(uuid4())
        found.append(ExportedPart(chat=chat, messages=[a_message(chat_id=chat.id) for _ in range(count)]))
    return found


def continued(part: ExportedPart, count: int) -> ExportedPart:
    messages = [a_message(chat_id=part.chat.id) for _ in range(count)]
    return ExportedPart(chat=part.chat, messages=messages, continued=True)


async def test_a_bulk_export_is_one_document_however_many_pages(
    world: World, client: httpx.AsyncClient
) -> None:
    first, second, empty, third = parts(2, 1, 0, 1)
    rest = [continued(second, 0), continued(second, 2)]
    world.owners.chats.export_pages = [
        ExportPage(parts=[first, second]),
        ExportPage(parts=[rest[0]]),
        ExportPage(parts=[rest[1], empty, third]),
    ]
    query = f"bot_profile_id={ZERO}&from_date=2026-01-02&to_date=2026-01-03&limit=7"
    response = await client.get(f"/v1/chat/export?{query}")
    assert response.headers["content-type"] == "application/json"
    assert "content-disposition" not in response.headers
    document = response.json()
    assert set(document) == {"chats", "exported_at"} and document["exported_at"].endswith("Z")
    expected = [
        (first, first.messages),
        (second, [*second.messages, *rest[1].messages]),
        (empty, []),
        (third, third.messages),
    ]
    assert document["chats"] == [
        {
            "chat": json.loads(part.chat.model_dump_json()),
            "messages": [json.loads(message.model_dump_json()) for message in messages],
        }
        for part, messages in expected
    ]
    asked = last(world, ExportChats)
    assert asked == ExportChats(
        bot_id=UUID(ZERO), from_date=date(2026, 1, 2), to_date=date(2026, 1, 3), limit=7, cursor="2"
    )
    rows = list(csv.reader(io.StringIO((await client.get("/v1/chat/export?format=csv")).text)))
    assert [row[2] for row in rows[1:]] == [str(m.id) for _, messages in expected for m in messages]
    world.owners.chats.export_pages = [ExportPage(parts=[])]
    assert (await client.get("/v1/chat/export?format=xml")).json()["chats"] == []


async def test_csv_has_the_columns_of_the_contract_and_no_formulas(
    world: World, client: httpx.AsyncClient
) -> None:
    [part] = parts(0)
    texts = ['=HYPERLINK("http://evil")', "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx"]
    texts += ["\uff1d1", "\uff0b1", "\uff0d1", "\uff20SUM(A1)"]
    harmless = ['a "b", c\r\nd', "ü – plain"]
    messages = [a_message(chat_id=part.chat.id, content=text) for text in texts + harmless]
    messages[0] = messages[0].model_copy(update={"feedback": "negative"})
    chat = part.chat.model_copy(update={"title": "=cmd|' /C calc'!A0"})
    world.owners.chats.export_pages = [ExportPage(parts=[ExportedPart(chat=chat, messages=messages)])]
    response = await client.get("/v1/chat/export?format=csv")
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"] == "attachment; filename=chats_export.csv"
    head, rest = response.text.split("\r\n", 1)
    assert head == (
        "chat_id,chat_title,message_id,role,content,feedback,prompt_tokens,completion_tokens,created_at"
    )
    assert rest.endswith("\r\n")
    rows = list(csv.reader(io.StringIO(rest, newline="")))
    assert [row[4] for row in rows] == [f"'{text}" for text in texts] + harmless
    assert {row[1] for row in rows} == {"'=cmd|' /C calc'!A0"}
    assert rows[0][5:] == ["negative", "10", "5", "2026-03-01T12:00:00Z"] and rows[1][5] == ""
    single = await client.get(f"/v1/chat/{chat.id}/export?format=csv")
    assert single.headers["content-disposition"] == f"attachment; filename=chat_{chat.id}.csv"
    assert single.text.split("\r\n", 1)[0] == (
        "message_id,role,content,feedback,prompt_tokens,completion_tokens,created_at"
    )
    document = (await client.get(f"/v1/chat/{chat.id}/export")).json()
    assert set(document) == {"chat", "messages", "exported_at"}
    assert [message["content"] for message in document["messages"]] == texts + harmless


@pytest.mark.parametrize("form", ["json", "csv"])
@pytest.mark.parametrize("failure", [Unavailable(), RemoteRefusal("internal_error", 500, "gone")])
async def test_a_failure_on_the_way_breaks_the_document_off(
    world: World, client: httpx.AsyncClient, form: str, failure: Any
) -> None:
    world.owners.chats.export_pages = [ExportPage(parts=parts(2)), failure]
    received = b""
    with pytest.raises(httpx.RemoteProtocolError):
        async with client.stream("GET", f"/v1/chat/export?format={form}") as response:
            assert response.status_code == 200
            async for piece in response.aiter_raw():
                received += piece
    assert received
    with pytest.raises(ValueError, match=r"Expecting|delimiter|Extra"):
        json.loads(received)


async def test_a_failure_at_the_beginning_is_a_problem(world: World, client: httpx.AsyncClient) -> None:
    world.owners.chats.export_pages = [RemoteRefusal("not_found", 404, "Chat session not found")]
    response = await client.get(f"/v1/chat/{ZERO}/export?format=csv")
    assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")


async def test_when_an_owner_may_be_asked_again_is_told_in_whole_seconds(
    world: World, client: httpx.AsyncClient
) -> None:
    world.owners.chats.export_pages = [RemoteRefusal("quota_reached", 429, "Too many.", retry_after=7.2)]
    response = await client.get(f"/v1/chat/{ZERO}/export?format=csv")
    assert (response.status_code, response.headers["retry-after"]) == (429, "8")
    assert (response.json()["code"], response.json()["detail"]) == ("quota_reached", "Too many.")


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=-1", "limit=x", "limit=9999999999", "from_date=yesterday", "to_date=2026-02-30"),
        *("from_date=20260101", "from_date=1767225600", "to_date=2026-1-1", "to_date=", "bot_profile_id=x"),
        *("from_date=2026-01-01T00:00:00", "from_date=0000-01-01"),
    ],
)
async def test_an_export_of_nonsense_is_a_problem(client: httpx.AsyncClient, query: str) -> None:
    response = await client.get(f"/v1/chat/export?{query}")
    assert (response.status_code, response.json()["code"]) == (422, "validation_error")
