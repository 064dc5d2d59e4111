"""Chat through HTTP: plain, streamed, resumed, interrupted."""

import asyncio
import json
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from gateway_world import World
from minirag_contracts.frames import Frame
from minirag_contracts.requests.chat import GetTurn, StartTurn, TurnRead
from minirag_messaging.testing import NatsServer

Event = tuple[str, str, dict[str, Any]]


@pytest.fixture
async def client(world: World) -> Any:
    async with await world.a_client() as client:
        yield client


def parse(text: str) -> list[Event]:
    """(id, event, data) of each frame, comments left out."""
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
        if lines:
            found.append((lines.get("id", ""), lines["event"], json.loads(lines["data"])))
    return found


def text_of(events: list[Event]) -> str:
    """What the client has read."""
    return "".join(data["content"] for _, event, data in events if event == "delta")


async def ask(
    client: httpx.AsyncClient, bot_id: str, *, stream: bool = True, **options: Any
) -> httpx.Response:
    """A question."""
    headers = options.pop("headers", {})
    body = {"bot_profile_id": bot_id, "message": "When are you open?", "stream": stream, **options}
    return await client.post("/v1/chat", json=body, headers=headers)


async def a_running_turn(world: World, client: httpx.AsyncClient) -> tuple[UUID, UUID, UUID]:
    """A turn that chat has accepted and not begun: tenant, chat and message."""
    tenant = UUID((await client.get("/v1/tenants/me")).json()["id"])
    chat_id, message_id = uuid4(), uuid4()
    world.owners.turns[message_id] = TurnRead(chat_id=chat_id, message_id=message_id, state="running")
    return tenant, chat_id, message_id


async def resume(
    client: httpx.AsyncClient, chat_id: UUID, message_id: UUID, after: int | None = None
) -> httpx.Response:
    """The rest of a turn."""
    headers = {} if after is None else {"Last-Event-ID": f"{message_id}.{after}"}
    return await client.get(f"/v1/chat/{chat_id}/messages/{message_id}/stream", headers=headers)


async def test_a_plain_answer_has_the_shape_of_the_contract(world: World, client: httpx.AsyncClient) -> None:
    response = await ask(client, await world.a_bot(client), stream=False)
    assert response.status_code == 200, response.text
    answer = response.json()
    assert set(answer) == {"chat_id", "message", "sources", "usage"}
    assert set(answer["message"]) == {
        *("id", "chat_id", "role", "content", "prompt_tokens", "completion_tokens", "feedback", "created_at")
    }
    assert answer["message"]["content"] == "From nine to five."
    assert answer["message"]["chat_id"] == answer["chat_id"]
    assert set(answer["sources"][0]) == {
        *("n", "chunk_id", "source_id", "content", "score", "title", "url", "page", "heading")
    }
    assert answer["usage"]["total_tokens"] == 15


async def test_a_streamed_answer_has_its_frames_in_order_with_ids(
    world: World, client: httpx.AsyncClient
) -> None:
    response = await ask(client, await world.a_bot(client))
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["x-accel-buffering"] == "no"
    message_id, chat_id = response.headers["x-minirag-message-id"], response.headers["x-minirag-chat-id"]
    events = parse(response.text)
    assert [event for _, event, _ in events] == ["sources", "delta", "delta", "delta", "done"]
    assert [number for number, _, _ in events] == [f"{message_id}.{n}" for n in range(5)]
    assert text_of(events) == "From nine to five."
    assert events[-1][2] == {
        "chat_id": chat_id,
        "message_id": message_id,
        "usage": {
            "model": "minirag/extractive",
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "total_tokens": 15,
        },
    }


async def test_nothing_is_asked_of_the_store_while_frames_come(
    world: World, client: httpx.AsyncClient
) -> None:
    await ask(client, await world.a_bot(client))
    assert not any(isinstance(asked, GetTurn) for asked, _ in world.owners.asked)


@pytest.mark.parametrize("stream", [True, False])
async def test_a_refusal_comes_before_the_stream(client: httpx.AsyncClient, stream: bool) -> None:
    response = await ask(client, str(uuid4()), stream=stream)
    assert (response.status_code, response.json()["detail"]) == (404, "Bot profile not found or inactive")
    for body in (
        {"bot_profile_id": "zz", "message": "x"},
        {"bot_profile_id": str(uuid4()), "message": "x" * 32_001},
    ):
        assert (await client.post("/v1/chat", json=body | {"stream": stream})).status_code == 422


async def test_a_repeated_question_attaches_to_the_same_turn(world: World, client: httpx.AsyncClient) -> None:
    bot_id = await world.a_bot(client)
    headers = {"Idempotency-Key": "question"}
    first = await ask(client, bot_id, headers=headers)
    again = await ask(client, bot_id, headers=headers)
    assert again.text == first.text
    assert again.headers["x-minirag-message-id"] == first.headers["x-minirag-message-id"]
    other = await ask(client, bot_id, headers=headers, message="Another question")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len(world.owners.started) == 1


async def test_a_turn_is_resumed_from_kept_frames_and_live_ones_without_doubling(
    world: World, client: httpx.AsyncClient
) -> None:
    tenant, chat_id, message_id = await a_running_turn(world, client)
    frames = world.owners.all_frames(message_id)
    for frame in frames[:3]:
        await world.owners.bus.publish_frame(tenant, message_id, frame)
    rest = asyncio.create_task(resume(client, chat_id, message_id, after=1))
    await asyncio.sleep(0.1)
    for frame in frames[2:-1]:  # the third one comes twice
        await world.owners.bus.publish_frame(tenant, message_id, frame)
    world.owners.complete(message_id)
    await world.owners.bus.publish_frame(tenant, message_id, frames[-1])
    events = parse((await rest).text)
    assert [number for number, _, _ in events] == [f"{message_id}.{n}" for n in (2, 3, 4)]


async def test_a_turn_whose_frames_are_gone_is_told_from_the_stored_message(
    world: World, client: httpx.AsyncClient
) -> None:
    _, chat_id, message_id = await a_running_turn(world, client)
    world.owners.complete(message_id)
    whole = parse((await resume(client, chat_id, message_id)).text)
    assert [(number, event) for number, event, _ in whole] == [
        (f"{message_id}.0", "sources"),
        (f"{message_id}.1", "delta"),
        (f"{message_id}.4", "done"),
    ]
    assert text_of(whole) == "From nine to five."
    after_sources = parse((await resume(client, chat_id, message_id, after=0)).text)
    assert [event for _, event, _ in after_sources] == ["delta", "done"]
    assert "replace" not in after_sources[0][2]
    after_some_text = parse((await resume(client, chat_id, message_id, after=2)).text)
    assert after_some_text[0][2] == {"content": "From nine to five.", "replace": True}
    assert after_some_text[-1][0] == f"{message_id}.4"
    assert parse((await resume(client, chat_id, message_id, after=4)).text) == []


async def test_a_stranger_cannot_resume_and_a_wrong_id_is_refused(
    world: World, client: httpx.AsyncClient
) -> None:
    _, chat_id, message_id = await a_running_turn(world, client)
    assert (await resume(client, chat_id, uuid4())).status_code == 404
    path = f"/v1/chat/{chat_id}/messages/{message_id}/stream"
    for wrong in (f"{uuid4()}.1", f"{message_id}", f"{message_id}.x", f"{message_id}.-1", "garbage"):
        response = await client.get(path, headers={"Last-Event-ID": wrong})
        assert (response.status_code, response.json()["code"]) == (422, "invalid_last_event_id")


async def test_a_connected_client_gets_the_end_although_frames_were_lost(
    world: World, client: httpx.AsyncClient
) -> None:
    world.owners.frames = False
    answer = asyncio.create_task(ask(client, await world.a_bot(client)))
    message_id = await until_started(world)
    tenant = UUID((await client.get("/v1/tenants/me")).json()["id"])
    frames = world.owners.all_frames(message_id)
    for frame in (frames[0], frames[1], frames[3]):  # one is lost for good
        await world.owners.bus.publish_frame(tenant, message_id, frame)
    world.owners.complete(message_id)
    events = parse((await answer).text)
    assert [event for _, event, _ in events] == ["sources", "delta", "delta", "done"]
    assert text_of(events) == "From nine to five."
    assert (events[-1][0], "replace" in events[2][2]) == (f"{message_id}.4", False)


@pytest.mark.parametrize("stream", [True, False])
async def test_a_turn_that_fails_silently_is_noticed(
    world: World, client: httpx.AsyncClient, stream: bool
) -> None:
    world.owners.frames = False
    answer = asyncio.create_task(ask(client, await world.a_bot(client), stream=stream))
    message_id = await until_started(world)
    world.owners.fail(message_id, "llm_timeout", "LLM request timed out: try again.", frames=0)
    response = await answer
    if stream:
        [(number, event, data)] = parse(response.text)
        assert (number, event) == (f"{message_id}.0", "error")
        assert data == {"detail": "LLM request timed out: try again.", "code": "llm_timeout"}
    else:
        body = response.json()
        assert (response.status_code, body["code"], body["message_id"]) == (
            504,
            "llm_timeout",
            str(message_id),
        )


async def test_another_attempt_after_the_first_was_heard_ends_the_stream(
    world: World, client: httpx.AsyncClient
) -> None:
    world.owners.frames = False
    answer = asyncio.create_task(ask(client, await world.a_bot(client)))
    message_id = await until_started(world)
    tenant = UUID((await client.get("/v1/tenants/me")).json()["id"])
    for attempt in (1, 2):
        frame = Frame(n=0, attempt=attempt, event="sources", data={"sources": []})
        await world.owners.bus.publish_frame(tenant, message_id, frame)
    events = parse((await answer).text)
    assert [(event, data.get("code")) for _, event, data in events] == [
        ("sources", None),
        ("error", "turn_interrupted"),
    ]


async def test_who_ends_a_turn_for_a_dead_process_is_heard(world: World, client: httpx.AsyncClient) -> None:
    world.owners.frames = False
    answer = asyncio.create_task(ask(client, await world.a_bot(client)))
    message_id = await until_started(world)
    tenant = UUID((await client.get("/v1/tenants/me")).json()["id"])
    sources = Frame(n=0, attempt=1, event="sources", data={"sources": []})
    error = Frame(n=0, attempt=2, event="error", data={"detail": "Interrupted.", "code": "turn_interrupted"})
    for frame in (sources, error):
        await world.owners.bus.publish_frame(tenant, message_id, frame)
    events = parse((await answer).text)
    assert [number for number, _, _ in events] == [f"{message_id}.0", f"{message_id}.1"]
    assert events[-1][2]["detail"] == "Interrupted."


async def test_silence_is_filled_with_comments(start_world: Any) -> None:
    world = await start_world(turn_quiet=0.1, heartbeat=0.2, turn_wait=60, drain=1)
    world.owners.frames = False
    async with await world.a_client() as client, asyncio.timeout(20):
        body = {"bot_profile_id": await world.a_bot(client), "message": "Hello", "stream": True}
        text = ""
        async with client.stream("POST", "/v1/chat", json=body) as response:
            async for part in response.aiter_text():
                text += part
                if text.count(": heartbeat\n\n") >= 2:
                    break
    assert parse(text) == []


async def test_silence_ends_after_the_longest_wait(start_world: Any) -> None:
    world = await start_world(turn_quiet=0.1, heartbeat=0.2, turn_wait=0.8)
    world.owners.frames = False
    async with await world.a_client() as client:
        bot_id = await world.a_bot(client)
        response = await ask(client, bot_id)
        plain = await ask(client, bot_id, stream=False)
    [(number, event, data)] = parse(response.text)
    assert (number, event, data["code"]) == ("", "error", "turn_still_running")
    assert (plain.status_code, plain.json()["code"]) == (504, "turn_still_running")


async def test_a_client_that_goes_away_leaves_no_subscription_and_stops_no_turn(
    world: World, client: httpx.AsyncClient
) -> None:
    world.owners.frames = False
    bot_id = await world.a_bot(client)
    before = len(world.runtime.bus.client._subs)
    body = {"bot_profile_id": bot_id, "message": "Hello", "stream": True}
    async with client.stream("POST", "/v1/chat", json=body) as response:
        assert response.status_code == 200
        assert len(world.runtime.bus.client._subs) == before + 1
    for _ in range(50):
        if len(world.runtime.bus.client._subs) == before:
            break
        await asyncio.sleep(0.05)
    assert len(world.runtime.bus.client._subs) == before
    assert {turn.state for turn in world.owners.turns.values()} == {"running"}


async def test_a_stopping_gateway_lets_short_streams_finish(start_world: Any) -> None:
    world = await start_world(turn_quiet=0.1, drain=3)
    world.owners.frames = False
    async with await world.a_client() as client:
        answer = asyncio.create_task(ask(client, await world.a_bot(client)))
        message_id = await until_started(world)
        (leave,) = world.runtime.leaving
        stopping = asyncio.create_task(leave())  # type: ignore[arg-type]
        await asyncio.sleep(0.3)
        world.owners.complete(message_id)
        assert text_of(parse((await answer).text)) == "From nine to five."
        await stopping


async def test_reading_chats_and_giving_feedback(client: httpx.AsyncClient) -> None:
    chat_id, message_id = uuid4(), uuid4()
    assert len((await client.get("/v1/chat")).json()) == 2
    assert (await client.get(f"/v1/chat/{chat_id}")).json()["id"] == str(chat_id)
    messages = (await client.get(f"/v1/chat/{chat_id}/messages")).json()
    assert messages[0]["sources"][0]["n"] == 1
    path = f"/v1/chat/{chat_id}/messages/{message_id}/feedback"
    assert (await client.patch(path, json={"feedback": "positive"})).json()["feedback"] == "positive"
    assert (await client.patch(path, json={"feedback": None})).json()["feedback"] is None
    for body in ({}, {"feedback": "great"}):
        assert (await client.patch(path, json=body)).status_code == 422


async def until_started(world: World) -> UUID:
    """The id of the turn that was asked for."""
    for _ in range(100):
        if world.owners.started:
            await asyncio.sleep(0.05)
            return next(iter(world.owners.started))
        await asyncio.sleep(0.02)
    raise TimeoutError(f"no {StartTurn.__name__}")


async def test_tokens_arrive_one_by_one_while_the_answer_is_written(
    world: World, client: httpx.AsyncClient
) -> None:
    world.owners.frames = False
    bot_id = await world.a_bot(client)
    tenant = UUID((await client.get("/v1/tenants/me")).json()["id"])
    body = {"bot_profile_id": bot_id, "message": "Hello", "stream": True}
    async with client.stream("POST", "/v1/chat", json=body) as response:
        message_id = UUID(response.headers["x-minirag-message-id"])
        blocks = response.aiter_text()
        for frame in world.owners.all_frames(message_id):
            await world.owners.bus.publish_frame(tenant, message_id, frame)
            async with asyncio.timeout(2):
                received = await anext(blocks)
                while received.startswith(":"):
                    received = await anext(blocks)
            assert f"id: {message_id}.{frame.n}\n" in received


async def test_a_stream_survives_a_restart_of_the_bus(
    world: World, client: httpx.AsyncClient, nats: NatsServer
) -> None:
    world.owners.frames = False
    tenant = UUID((await client.get("/v1/tenants/me")).json()["id"])
    body = {"bot_profile_id": await world.a_bot(client), "message": "Hello", "stream": True}
    async with client.stream("POST", "/v1/chat", json=body) as response:
        message_id = UUID(response.headers["x-minirag-message-id"])
        for frame in world.owners.all_frames(message_id)[:2]:
            await world.owners.bus.publish_frame(tenant, message_id, frame)
        text, parts = "", response.aiter_text()
        async with asyncio.timeout(10):
            while f"id: {message_id}.1\n" not in text:
                text += await anext(parts)
        nats.kill()
        nats.start()
        world.owners.complete(message_id)  # its frames were lost with the memory stream
        text += "".join([part async for part in parts])
    events = parse(text)
    assert text_of(events) == "From nine to five."
    assert [number for number, _, _ in events] == [f"{message_id}.{n}" for n in (0, 1, 2, 4)]
