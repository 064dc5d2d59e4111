"""Turns whose process dies, and turns whose surroundings do: each ends once, and the client is told."""

import asyncio
import os
import signal
from datetime import timedelta

import psutil
import pytest
from chat_builders import ChatClient, FakeRetrieval, chat_process, chat_settings, frames_until, text_of
from minirag_chat.bootstrap import assemble
from minirag_chat.projections import PROJECTIONS
from minirag_contracts.frames import Frame
from minirag_contracts.ids import new_id
from minirag_contracts.requests.chat import ListMessages
from minirag_messaging import Bus
from minirag_messaging.testing import NatsServer
from minirag_service.testing import running
from openai_server import FakeOpenAI, answer_text

LEASE = {"chat_turn_lease": timedelta(seconds=1)}
ENVIRONMENT = {"MINIRAG_CHAT_TURN_LEASE": "PT1S"}


@pytest.fixture
def client(bus: Bus) -> ChatClient:
    return ChatClient(bus)


async def frames_of(client: ChatClient, message_id: object) -> list[Frame]:
    return await client.bus.stored_frames(client.scope, message_id)  # type: ignore[arg-type]


async def test_a_turn_that_nobody_has_seen_anything_of_is_run_again(
    no_keys: None,
    nats: NatsServer,
    client: ChatClient,
    retrieval: FakeRetrieval,
    chat_urls: tuple[str, str],
) -> None:
    retrieval.delay = 60
    async with chat_process(nats.url, chat_urls, **ENVIRONMENT) as process:
        bot = await client.create_bot()
        started = await client.start(bot.id)
        while not retrieval.asked:
            await asyncio.sleep(0.01)
        process.kill()
        await process.wait()
    retrieval.delay = 0
    async with running(chat_settings(nats, chat_urls, **LEASE), assemble, PROJECTIONS):
        turn = await client.ended(started)
    assert turn.state == "completed"
    frames = await client.stored(turn)
    assert {frame.attempt for frame in frames} == {2} and frames[-1].event == "done"


async def test_a_turn_that_was_seen_ends_as_failed_with_what_was_seen(
    openai: FakeOpenAI,
    nats: NatsServer,
    client: ChatClient,
    retrieval: FakeRetrieval,
    chat_urls: tuple[str, str],
) -> None:
    message_id = new_id()
    async with client.bus.frames(client.scope, message_id) as stream:
        async with chat_process(nats.url, chat_urls, OPENAI_API_KEY="sk-test", **ENVIRONMENT) as process:
            bot = await client.create_bot(model="openai/fake--gap-50--tokens-200")
            started = await client.start(bot.id, message_id=message_id, stream=True)
            seen = await frames_until(stream, lambda frame: frame.n == 5)
            process.kill()
            await process.wait()
        async with running(chat_settings(nats, chat_urls, **LEASE), assemble, PROJECTIONS):
            seen += await frames_until(stream, lambda frame: frame.event in ("error", "done"))
            turn = await client.ended(started)
            messages = (await client.ask(ListMessages(chat_id=started.chat_id))).items
    assert [frame.n for frame in seen] == list(range(len(seen)))
    assert seen[-1].event == "error" and seen[-1].data["code"] == "turn_interrupted"
    assert turn.state == "failed" and turn.error_code == "turn_interrupted" and turn.frames == len(seen)
    assert turn.message is not None and turn.message.content == text_of(seen)
    assert answer_text(200).startswith(text_of(seen)) and text_of(seen)
    assert [message.role for message in messages] == ["user", "assistant"] and messages[1].sources


async def test_a_killed_llm_worker_ends_the_turn_with_what_there_was(
    openai: FakeOpenAI, client: ChatClient, stage: object
) -> None:
    bot = await client.create_bot(model="openai/fake--gap-50--tokens-200")
    message_id = new_id()
    async with client.bus.frames(client.scope, message_id) as stream:
        started = await client.start(bot.id, message_id=message_id, stream=True)
        await frames_until(stream, lambda frame: frame.n == 3)
        [worker] = [
            child
            for child in psutil.Process().children()
            if "minirag_chat.adapters.llm.worker" in child.cmdline()
        ]
        os.kill(worker.pid, signal.SIGKILL)
        frames = await frames_until(stream, lambda frame: frame.event in ("error", "done"))
    assert frames[-1].data["code"] == "llm_interrupted"
    turn = await client.ended(started)
    assert turn.state == "failed" and turn.usage is not None and turn.usage.completion_tokens > 0
    other = await client.create_bot(model="openai/fake--tokens-3")
    assert (await client.converse(other.id))[-1].data["message"]["content"] == answer_text(3)


async def test_a_drained_service_leaves_no_turn_behind(
    openai: FakeOpenAI,
    nats: NatsServer,
    client: ChatClient,
    retrieval: FakeRetrieval,
    chat_urls: tuple[str, str],
) -> None:
    async with running(chat_settings(nats, chat_urls, **LEASE), assemble, PROJECTIONS):
        bot = await client.create_bot(model="openai/fake--gap-100--tokens-400")
        started = await client.start(bot.id, stream=True)
        while len(await frames_of(client, started.message_id)) < 3:
            await asyncio.sleep(0.05)
    async with running(chat_settings(nats, chat_urls, **LEASE), assemble, PROJECTIONS):
        turn = await client.ended(started, timeout=2)
    assert turn.state == "failed" and turn.error_code == "turn_interrupted"
    assert turn.frames == len(await client.stored(turn))


async def test_without_retrieval_the_client_is_told_after_the_deadline(
    no_keys: None, nats: NatsServer, client: ChatClient, chat_urls: tuple[str, str]
) -> None:
    settings = chat_settings(nats, chat_urls, chat_search_deadline=timedelta(seconds=1))
    async with running(settings, assemble, PROJECTIONS):
        bot = await client.create_bot()
        [frame] = await client.converse(bot.id)
    assert frame.event == "error" and frame.data["code"] == "retrieval_unavailable"


async def test_a_turn_longer_than_allowed_ends_with_what_there_was(
    openai: FakeOpenAI,
    nats: NatsServer,
    client: ChatClient,
    retrieval: FakeRetrieval,
    chat_urls: tuple[str, str],
) -> None:
    settings = chat_settings(nats, chat_urls, chat_turn_duration=timedelta(seconds=4))
    async with running(settings, assemble, PROJECTIONS):
        quick = await client.create_bot(model="openai/fake--tokens-3")
        while (await client.converse(quick.id, stream=True))[-1].event != "done":
            pass  # a busy machine needs longer than that for the provider's library alone
        bot = await client.create_bot(model="openai/fake--gap-50--tokens-1000")
        frames = await client.converse(bot.id, stream=True)
    assert frames[-1].event == "error" and frames[-1].data["code"] == "turn_timeout"
    assert text_of(frames)
