"""Answers that are stopped: at once, on whichever replica they are written, and kept with what there was."""

import asyncio
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from chat_builders import ChatClient, FakeRetrieval, Stage, chat_process, chat_settings, frames_until, text_of
from minirag_chat.bootstrap import assemble
from minirag_chat.commands.job import TurnJob
from minirag_chat.commands.run import Run
from minirag_chat.commands.run_turn import RunTurn
from minirag_chat.projections import PROJECTIONS, Chats, Turns
from minirag_chat.settings import Settings
from minirag_contracts.errors import RemoteRefusal
from minirag_contracts.events.chat import MessageCompleted, StopRequested
from minirag_contracts.frames import Frame
from minirag_contracts.ids import new_id
from minirag_contracts.requests.bots import BotChanges, UpdateBot
from minirag_contracts.requests.chat import CancelTurn, GetChat, GiveFeedback, TurnStarted
from minirag_contracts.signals import StopAnswer, stop_subject
from minirag_eventstore import WorkItem, log
from minirag_eventstore.rebuild import rebuild_own
from minirag_messaging import Bus
from minirag_messaging.testing import NatsServer
from minirag_service.testing import running
from openai_server import FakeOpenAI, answer_text

SLOW = "openai/fake--gap-50--tokens-400--nousage"
LEASE = {"chat_turn_lease": timedelta(seconds=1)}


def is_end(frame: Frame) -> bool:
    return frame.event in ("done", "error")


async def cancel(client: ChatClient, started: TurnStarted) -> None:
    await client.ask(CancelTurn(chat_id=started.chat_id, message_id=started.message_id))


async def record_a_stop(settings: Settings, client: ChatClient, started: TurnStarted) -> None:
    """By a process that takes requests and no turns, so that the stop is there before anybody takes the turn up."""
    async with running(settings.model_copy(update={"chat_turn_concurrency": 0}), assemble, PROJECTIONS):
        await cancel(client, started)


async def payloads(stage: Stage, message_id: object) -> list[object]:
    async with stage.runtime.database.tenant(stage.client.scope) as connection:
        return [event.payload for event in await log.load(connection, "chat", f"turn-{message_id}")]


async def begun(client: ChatClient, stream: object, bot_id: object, message_id: object) -> TurnStarted:
    """A streamed turn, once some of its words were seen."""
    started = await client.start(bot_id, message_id=message_id, stream=True)  # type: ignore[arg-type]
    await frames_until(stream, lambda frame: frame.n == 3, timeout=60)
    return started


async def test_a_stopped_answer_is_kept_metered_and_a_part_of_the_conversation(
    openai: FakeOpenAI, stage: Stage
) -> None:
    client, message_id = stage.client, new_id()
    bot = await client.create_bot(model=SLOW)
    async with client.bus.frames(client.scope, message_id) as stream:
        started = await begun(client, stream, bot.id, message_id)
        await cancel(client, started)
        await frames_until(stream, is_end, timeout=5)
    turn = await client.ended(started)
    frames = await client.stored(turn)
    assert frames[-1].event == "done" and frames[-1].data["stopped"] is True
    assert turn.state == "completed" and turn.stopped and turn.frames == len(frames)
    assert turn.message is not None and turn.message.content == text_of(frames)
    assert answer_text(400).startswith(text_of(frames)) and 0 < len(text_of(frames)) < len(answer_text(400))
    assert turn.usage is not None and turn.usage.prompt_tokens > 0 and turn.usage.completion_tokens > 0
    async with asyncio.timeout(5):
        while openai.disconnects == 0:
            await asyncio.sleep(0.02)
    assert openai.open_streams == 0
    chat = await client.ask(GetChat(chat_id=started.chat_id))
    assert chat.message_count == 2 and chat.total_completion_tokens == turn.usage.completion_tokens
    _, asked, completed = await payloads(stage, message_id)
    assert isinstance(asked, StopRequested) and isinstance(completed, MessageCompleted) and completed.stopped
    judged = GiveFeedback(chat_id=started.chat_id, message_id=message_id, feedback="negative")
    assert (await client.ask(judged)).feedback == "negative"
    await client.ask(UpdateBot(bot_id=bot.id, changes=BotChanges(model="openai/fake--tokens-24")))
    other = await client.converse(bot.id, "Go on", chat_id=started.chat_id, message_id=(second := new_id()))
    assert other[-1].event == "done" and "stopped" not in other[-1].data and second
    history = openai.requests[-1]["messages"]
    assert text_of(frames) in [message["content"] for message in history]
    for projection in (Chats(), Turns()):
        assert (await rebuild_own(stage.runtime.database, "chat", projection)).differences == []


async def test_stopping_again_and_stopping_what_has_ended_changes_nothing(
    no_keys: None, stage: Stage
) -> None:
    client = stage.client
    bot = await client.create_bot()
    stage.retrieval.delay = 60
    started = await client.start(bot.id)
    for _ in range(2):
        await asyncio.gather(*(cancel(client, started) for _ in range(3)))
    turn = await client.ended(started)
    assert turn.stopped and turn.message is not None and turn.message.content == ""
    assert turn.usage is not None and turn.usage.total_tokens == 0
    assert turn == await client.ask(CancelTurn(chat_id=started.chat_id, message_id=started.message_id))
    kinds = [type(payload).__name__ for payload in await payloads(stage, started.message_id)]
    assert kinds == ["MessageCreated", "StopRequested", "MessageCompleted"]
    stage.retrieval.delay = 0
    done = (await client.converse(bot.id, chat_id=started.chat_id))[-1]
    whole = await client.ask(
        CancelTurn(chat_id=started.chat_id, message_id=done.data["message_id"])  # after its end
    )
    assert whole.state == "completed" and not whole.stopped
    for request in (
        CancelTurn(chat_id=started.chat_id, message_id=uuid4()),
        CancelTurn(chat_id=started.chat_id, message_id=started.user_message_id),
        CancelTurn(chat_id=uuid4(), message_id=started.message_id),
    ):
        with pytest.raises(RemoteRefusal) as caught:
            await client.ask(request)
        assert caught.value.status == 404


async def test_the_process_that_writes_is_told_whichever_took_the_request(
    openai: FakeOpenAI, nats: NatsServer, bus: Bus, retrieval: FakeRetrieval, chat_urls: tuple[str, str]
) -> None:
    """Two replicas over one database; several tries, so that each of them takes requests about the other's turns."""
    client = ChatClient(bus)
    settings = chat_settings(nats, chat_urls)
    async with (
        running(settings, assemble, PROJECTIONS),
        running(settings, assemble, PROJECTIONS),
    ):
        bot = await client.create_bot(model=SLOW)
        for _ in range(6):
            message_id = new_id()
            async with client.bus.frames(client.scope, message_id) as stream:
                started = await begun(client, stream, bot.id, message_id)
                await cancel(client, started)
                end = (await frames_until(stream, is_end, timeout=5))[-1]
            assert end.data.get("stopped") is True


async def test_a_turn_whose_process_died_ends_as_stopped_where_that_was_asked_for(
    openai: FakeOpenAI, nats: NatsServer, bus: Bus, retrieval: FakeRetrieval, chat_urls: tuple[str, str]
) -> None:
    client, message_id = ChatClient(bus), new_id()
    settings = chat_settings(nats, chat_urls, **LEASE)
    async with client.bus.frames(client.scope, message_id) as stream:
        async with chat_process(
            nats.url, chat_urls, OPENAI_API_KEY="sk-test", MINIRAG_CHAT_TURN_LEASE="PT1S"
        ) as process:
            bot = await client.create_bot(model=SLOW)
            started = await begun(client, stream, bot.id, message_id)
            process.kill()
            await process.wait()
        await record_a_stop(settings, client, started)
        async with running(settings, assemble, PROJECTIONS):
            end = (await frames_until(stream, is_end))[-1]
            turn = await client.ended(started)
    frames = await client.stored(turn)
    assert end.event == "done" and end.data["stopped"] is True and end.attempt == 2
    assert [frame.n for frame in frames] == list(range(len(frames))) and turn.frames == len(frames)
    assert turn.state == "completed" and turn.stopped
    assert turn.message is not None and turn.message.content == text_of(frames) != ""
    assert turn.usage is not None and turn.usage.prompt_tokens > 0 and turn.usage.completion_tokens > 0


async def test_a_stop_that_was_recorded_but_not_heard_counts_when_the_turn_is_taken_up(
    no_keys: None, nats: NatsServer, bus: Bus, retrieval: FakeRetrieval, chat_urls: tuple[str, str]
) -> None:
    client = ChatClient(bus)
    retrieval.delay = 60
    settings = chat_settings(nats, chat_urls, **LEASE)
    async with chat_process(nats.url, chat_urls, MINIRAG_CHAT_TURN_LEASE="PT1S") as process:
        bot = await client.create_bot()
        started = await client.start(bot.id)
        while not retrieval.asked:
            await asyncio.sleep(0.01)
        process.kill()
        await process.wait()
    retrieval.delay, retrieval.asked = 0, []
    await record_a_stop(settings, client, started)
    async with running(settings, assemble, PROJECTIONS):
        turn = await client.ended(started)
    assert turn.state == "completed" and turn.stopped and retrieval.asked == []


async def test_a_run_that_ends_late_takes_nothing_from_the_one_that_replaced_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its lease ran out, and the same process took the turn up again."""
    runs: list[Run] = []
    ends = [asyncio.Event(), asyncio.Event()]

    async def answer(self: RunTurn, item: WorkItem, run: Run) -> None:
        runs.append(run)
        await ends[len(runs) - 1].wait()

    async def answer_ended(*_: object) -> None: ...

    monkeypatch.setattr(RunTurn, "_answer", answer)
    monkeypatch.setattr(RunTurn, "_finish", answer_ended)
    nobody: Any = None
    run_turn = RunTurn(*[nobody] * 7)
    job = TurnJob(
        uuid4(), uuid4(), uuid4(), first=True, caused_by=uuid4(), correlation_id=uuid4(), traceparent=""
    )
    item: Any = SimpleNamespace(payload=job.to_json(), tenant_id=uuid4(), attempt=1, last_error=None)
    stale, current = [asyncio.create_task(run_turn(item)) for _ in range(2)]
    while len(runs) < 2:
        await asyncio.sleep(0)
    ends[0].set()
    await stale
    run_turn.stop(job.message_id)
    assert [run.unwanted for run in runs] == [False, True]
    ends[1].set()
    await current


async def test_a_signal_for_an_answer_that_nobody_writes_is_nothing(no_keys: None, stage: Stage) -> None:
    await stage.client.bus.signal(stop_subject(uuid4()), StopAnswer(message_id=uuid4()))
    bot = await stage.client.create_bot()
    assert (await stage.client.converse(bot.id))[-1].event == "done"
