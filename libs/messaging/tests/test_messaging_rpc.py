"""Typed requests: concurrency, deadlines, error codes, repetition, drain."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from uuid import UUID

import pytest
from minirag_contracts.context import Context
from minirag_contracts.errors import Conflict, RemoteRefusal, TooBusy, Unavailable
from minirag_contracts.ids import new_id
from minirag_contracts.requests.common import HealthCheck, HealthReply
from minirag_contracts.requests.retrieval import Activated, Search, SearchReply
from minirag_messaging import Bus, RpcServer, RpcTimeout, rpc_client, rpc_server
from minirag_messaging.headers import context_headers
from minirag_messaging.testing import NatsServer
from nats.aio.msg import Msg
from pydantic import BaseModel

Connect = Callable[..., Awaitable[Bus]]
ANSWER = SearchReply(passages=[], relevance=0.5)


def a_search(query: str = "why") -> Search:
    return Search(bot_id=new_id(), query=query)


def a_context(**changes: object) -> Context:
    values: dict[str, object] = {"actor": "user:1", "tenant_id": new_id(), "correlation_id": new_id()}
    return Context(**(values | changes))  # type: ignore[arg-type]


async def a_server(
    bus: Bus, handler: Callable[[Search, Context], Awaitable[SearchReply]], **bounds: int
) -> RpcServer:
    server = RpcServer(bus, "retrieval", **bounds)
    server.on(Search, handler)
    await server.start()
    await bus.settled()
    return server


async def test_the_handler_gets_the_request_and_the_whole_context(bus: Bus) -> None:
    seen: list[tuple[Search, Context]] = []

    async def handler(request: Search, context: Context) -> SearchReply:
        seen.append((request, context))
        return ANSWER

    await a_server(bus, handler)
    request = a_search()
    context = a_context(causation_id=new_id(), command_id=new_id(), traceparent="00-aa-bb-01")
    assert await bus.request(request, SearchReply, context) == ANSWER
    [(got, circumstances)] = seen
    assert got == request
    assert circumstances.deadline is not None
    assert context.within(10.0).deadline == pytest.approx(circumstances.deadline, abs=2)
    for name in ("actor", "tenant_id", "correlation_id", "causation_id", "command_id", "traceparent"):
        assert getattr(circumstances, name) == getattr(context, name)


async def test_requests_run_concurrently_up_to_the_bound(bus: Bus) -> None:
    running = most = 0

    async def handler(request: Search, context: Context) -> SearchReply:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.05)
        running -= 1
        return ANSWER

    await a_server(bus, handler, concurrency=4, waiting=100)
    await asyncio.gather(*(bus.request(a_search(), SearchReply, a_context()) for _ in range(12)))
    assert most == 4


async def test_when_it_may_be_asked_again_crosses_the_bus(bus: Bus) -> None:
    async def handler(request: Search, context: Context) -> SearchReply:
        raise TooBusy("Later.", retry_after=7.5)

    await a_server(bus, handler)
    with pytest.raises(RemoteRefusal) as caught:
        await bus.request(a_search(), SearchReply, a_context())
    assert (caught.value.status, caught.value.retry_after, caught.value.detail) == (429, 7.5, "Later.")


async def test_what_exceeds_the_queue_is_refused_at_once(bus: Bus) -> None:
    free = asyncio.Event()

    async def handler(request: Search, context: Context) -> SearchReply:
        await free.wait()
        return ANSWER

    await a_server(bus, handler, concurrency=1, waiting=1)
    taken = [asyncio.create_task(bus.request(a_search(), SearchReply, a_context())) for _ in range(2)]
    await asyncio.sleep(0.05)
    with pytest.raises(Unavailable, match="too much to do"):
        await bus.request(a_search(), SearchReply, a_context())
    free.set()
    assert await asyncio.gather(*taken) == [ANSWER, ANSWER]


async def test_a_busy_service_still_answers_for_its_health(bus: Bus) -> None:
    async def handler(request: Search, context: Context) -> SearchReply:
        await asyncio.sleep(10)
        return ANSWER

    async def health(request: HealthCheck, context: Context) -> HealthReply:
        return HealthReply(status="ok", checks={})

    server = RpcServer(bus, "retrieval", concurrency=1, waiting=0)
    server.on(Search, handler)
    server.on_common("health", health)
    await server.start()
    busy = asyncio.create_task(bus.request(a_search(), SearchReply, a_context()))
    await asyncio.sleep(0.02)
    reply = await bus.ask("retrieval", "health", HealthCheck(), HealthReply, a_context(), timeout=2)
    assert reply.status == "ok"
    busy.cancel()
    await server.drain(timeout=0.01)


async def test_a_handler_is_cancelled_at_the_deadline(bus: Bus) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def handler(request: Search, context: Context) -> SearchReply:
        begun.set()
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            ended.set()
            raise
        return ANSWER

    await a_server(bus, handler)
    async with asyncio.timeout(20):  # less than who names no deadline gets
        while not begun.is_set():  # a request that is late on its way is not run
            with pytest.raises((RpcTimeout, RemoteRefusal)) as refused:
                await bus.request(a_search(), SearchReply, a_context(), timeout=0.1)
            assert refused.value.code in {"unavailable", "deadline_passed"}
        await ended.wait()


async def test_an_expired_request_is_not_run(bus: Bus) -> None:
    ran: list[str] = []

    async def handler(request: Search, context: Context) -> SearchReply:
        ran.append(request.query)
        await asyncio.sleep(0.2)
        return ANSWER

    await a_server(bus, handler, concurrency=1)
    first = asyncio.create_task(bus.request(a_search("first"), SearchReply, a_context()))
    await asyncio.sleep(0.02)
    with pytest.raises((RpcTimeout, RemoteRefusal)):
        await bus.request(a_search("late"), SearchReply, a_context(), timeout=0.05)
    await first
    await asyncio.sleep(0.05)
    assert ran == ["first"]


async def test_the_earlier_of_two_deadlines_holds(bus: Bus) -> None:
    with pytest.raises(RpcTimeout):
        async with asyncio.timeout(2):
            await bus.request(a_search(), SearchReply, a_context().within(0.1), timeout=60)


async def test_a_refusal_arrives_with_code_status_and_detail(bus: Bus) -> None:
    async def handler(request: Search, context: Context) -> SearchReply:
        raise Conflict("Ümlauts and\nlines arrive whole.")

    await a_server(bus, handler)
    with pytest.raises(RemoteRefusal) as refused:
        await bus.request(a_search(), SearchReply, a_context())
    assert (refused.value.code, refused.value.status) == ("conflict", HTTPStatus.CONFLICT)
    assert refused.value.detail == "Ümlauts and\nlines arrive whole."


async def test_an_unexpected_exception_crosses_as_a_trace_id_only(
    bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(request: Search, context: Context) -> SearchReply:
        raise ValueError("the secret text")

    await a_server(bus, handler)
    context = a_context()
    with pytest.raises(RemoteRefusal) as refused, caplog.at_level(logging.ERROR):
        await bus.request(a_search(), SearchReply, context)
    assert (refused.value.code, refused.value.status) == ("internal_error", 500)
    assert refused.value.trace_id == context.trace_id
    assert "secret" not in refused.value.detail
    assert context.trace_id in [getattr(record, "trace_id", "") for record in caplog.records]


async def test_an_answer_that_fails_is_told_by_us_and_not_by_the_loop_in_its_own_words(
    bus: Bus, connect: Connect, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tried = asyncio.Event()

    async def handler(request: Search, context: Context) -> SearchReply:
        return ANSWER

    async def fails(*_: object) -> None:
        tried.set()
        raise ValueError("the secret text")

    server = await a_server(await connect(), handler)
    monkeypatch.setattr(server, "_send", fails)
    asked = asyncio.create_task(bus.request(a_search(), SearchReply, a_context()))
    await tried.wait()
    await server.drain(5)
    asked.cancel()
    (record,) = [record for record in caplog.records if record.message == "a request was not answered"]
    assert record.exc_info is not None and record.exc_info[0] is ValueError


async def test_a_malformed_request_is_refused_without_repeating_its_values(bus: Bus) -> None:
    class Nonsense(BaseModel):
        bot_id: str = "the secret text"

    async def handler(request: Search, context: Context) -> SearchReply:
        return ANSWER

    await a_server(bus, handler)
    with pytest.raises(RemoteRefusal) as refused:
        await rpc_client.call(bus, Search.subject(), Nonsense(), SearchReply, a_context(), 2)
    assert refused.value.code == "invalid_request"
    assert "bot_id" in refused.value.detail
    assert "secret" not in refused.value.detail


async def test_an_unknown_verb_is_refused_at_once(bus: Bus) -> None:
    await RpcServer(bus, "retrieval").start()
    with pytest.raises(RemoteRefusal) as refused:
        await bus.request(a_search(), SearchReply, a_context())
    assert refused.value.code == "unknown_request"


async def test_a_reply_of_another_type_is_a_fault_of_the_owner(bus: Bus) -> None:
    async def handler(request: Search, context: Context) -> Activated:
        return Activated(generation=1, chunk_count=1)

    await a_server(bus, handler)  # type: ignore[arg-type]  # that is the point
    with pytest.raises(RemoteRefusal) as refused:
        await bus.request(a_search(), SearchReply, a_context())
    assert refused.value.code == "internal_error"


async def test_a_reply_beyond_the_payload_limit_is_refused(bus: Bus) -> None:
    async def handler(request: HealthCheck, context: Context) -> HealthReply:
        return HealthReply(status="x" * 9_000_000, checks={})

    server = RpcServer(bus, "chat")
    server.on_common("health", handler)
    await server.start()
    with pytest.raises(RemoteRefusal) as refused:
        await bus.ask("chat", "health", HealthCheck(), HealthReply, a_context())
    assert refused.value.code == "payload_too_large"


async def test_asking_for_another_reply_type_is_a_fault_of_the_program(bus: Bus) -> None:
    with pytest.raises(TypeError):
        await bus.request(a_search(), Activated, a_context())
    with pytest.raises(TypeError):
        await bus.ask("chat", "health", HealthCheck(), SearchReply, a_context())


async def test_while_nobody_listens_the_request_is_repeated(bus: Bus) -> None:
    async def handler(request: Search, context: Context) -> SearchReply:
        return ANSWER

    asked = asyncio.create_task(bus.request(a_search(), SearchReply, a_context()))
    await asyncio.sleep(0.2)
    await a_server(bus, handler)
    assert await asked == ANSWER


async def test_nobody_until_the_deadline_is_unavailable(bus: Bus) -> None:
    with pytest.raises(RpcTimeout) as refused:
        await bus.request(a_search(), SearchReply, a_context(), timeout=0.2)
    assert isinstance(refused.value, Unavailable)
    assert refused.value.status == HTTPStatus.SERVICE_UNAVAILABLE


async def test_a_copy_of_what_runs_already_is_dropped(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc_client, "REPEAT_AFTER", 0.05)
    runs = 0

    async def handler(request: Search, context: Context) -> SearchReply:
        nonlocal runs
        runs += 1
        await asyncio.sleep(0.3)
        return ANSWER

    await a_server(bus, handler)
    assert await bus.request(a_search(), SearchReply, a_context()) == ANSWER
    assert runs == 1


async def test_what_takes_long_is_not_sent_to_another_process_as_well(
    bus: Bus, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpc_client, "REPEAT_AFTER", 2)
    monkeypatch.setattr(rpc_server, "SIGN_EVERY", 0.1)
    free, signs, copies = asyncio.Event(), 0, 0

    async def handler(request: Search, context: Context) -> SearchReply:
        await free.wait()
        return ANSWER

    async def on_sign(msg: Msg) -> None:
        nonlocal signs
        signs += 1
        if signs == 30:  # longer than what would have been a silence
            free.set()

    async def on_copy(msg: Msg) -> None:
        nonlocal copies
        copies += 1

    for _ in range(3):
        await a_server(await connect(), handler)
    witness = await connect()
    await witness.client.subscribe("_INBOX.*.*.working", cb=on_sign)
    await witness.client.subscribe(Search.subject(), cb=on_copy)
    await witness.settled()
    assert await bus.request(a_search(), SearchReply, a_context()) == ANSWER
    await witness.settled()
    assert (signs >= 30, copies) == (True, 1)


async def test_a_client_that_knows_no_signs_hears_the_reply_alone(
    bus: Bus, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As every version before listened: for one token behind its inbox."""
    monkeypatch.setattr(rpc_server, "SIGN_EVERY", 0.02)
    free, heard = asyncio.Event(), asyncio.Queue[Msg]()

    async def handler(request: Search, context: Context) -> SearchReply:
        await free.wait()
        return ANSWER

    async def on_sign(msg: Msg) -> None:
        free.set()

    await a_server(await connect(), handler)
    old = await connect()
    await old.client.subscribe("_INBOX.old.*", cb=heard.put)
    await old.client.subscribe("_INBOX.old.1.working", cb=on_sign)
    request = a_search().model_dump_json().encode()
    headers = context_headers(a_context().within(10))
    await old.client.publish(Search.subject(), request, reply="_INBOX.old.1", headers=headers)
    async with asyncio.timeout(5):
        first = await heard.get()
    assert free.is_set()
    assert SearchReply.model_validate_json(first.data) == ANSWER


async def test_a_request_survives_the_death_of_the_process_that_had_it(
    bus: Bus, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although it gave signs until then."""
    monkeypatch.setattr(rpc_client, "REPEAT_AFTER", 0.1)
    monkeypatch.setattr(rpc_server, "SIGN_EVERY", 0.02)
    taken = asyncio.Event()
    commands: list[UUID | None] = []

    async def dies(request: Search, context: Context) -> SearchReply:
        commands.append(context.command_id)
        taken.set()
        await asyncio.sleep(60)
        return ANSWER

    async def lives(request: Search, context: Context) -> SearchReply:
        commands.append(context.command_id)
        return ANSWER

    first = await connect()
    await a_server(first, dies)
    command = new_id()
    asked = asyncio.create_task(bus.request(a_search(), SearchReply, a_context(command_id=command)))
    await taken.wait()
    await first.close()
    await a_server(await connect(), lives)
    assert await asked == ANSWER
    assert commands == [command, command]


async def test_requests_survive_a_restart_of_the_server(
    bus: Bus, connect: Connect, server: NatsServer
) -> None:
    async def handler(request: Search, context: Context) -> SearchReply:
        await asyncio.sleep(0.05)
        return ANSWER

    await a_server(await connect(), handler)
    asked = [asyncio.create_task(bus.request(a_search(), SearchReply, a_context())) for _ in range(5)]
    await asyncio.sleep(0.02)
    server.restart()
    assert await asyncio.gather(*asked) == [ANSWER] * 5
    assert not bus.closed.done()


async def test_draining_finishes_what_runs_and_leaves_the_rest_to_others(bus: Bus, connect: Connect) -> None:
    answered: list[str] = []

    def named(name: str) -> Callable[[Search, Context], Awaitable[SearchReply]]:
        async def handler(request: Search, context: Context) -> SearchReply:
            await asyncio.sleep(0.1)
            answered.append(name)
            return ANSWER

        return handler

    old = await a_server(await connect(), named("old"))
    running = [asyncio.create_task(bus.request(a_search(), SearchReply, a_context())) for _ in range(3)]
    await asyncio.sleep(0.03)
    await a_server(await connect(), named("new"))
    await old.drain()
    assert answered == ["old"] * 3
    assert await asyncio.gather(*running) == [ANSWER] * 3
    await bus.request(a_search(), SearchReply, a_context())
    assert answered[-1] == "new"


async def test_a_drain_that_is_asked_for_again_takes_no_longer_than_the_second(bus: Bus) -> None:
    begun = asyncio.Event()

    async def handler(request: Search, context: Context) -> SearchReply:
        begun.set()
        await asyncio.Event().wait()
        return ANSWER

    server = await a_server(bus, handler)
    asked = asyncio.create_task(bus.request(a_search(), SearchReply, a_context()))
    await begun.wait()
    leisurely = asyncio.create_task(server.drain(3600))
    async with asyncio.timeout(5):
        await server.drain(0.01)
        await leisurely
    asked.cancel()


async def test_the_service_shows_up_in_discovery(bus: Bus) -> None:
    async def handler(request: Search, context: Context) -> SearchReply:
        return ANSWER

    await a_server(bus, handler)
    await bus.request(a_search(), SearchReply, a_context())
    stats = (await bus.replies.request("$SRV.STATS.retrieval")).data.decode()
    assert '"subject": "rpc.retrieval.search"' in stats
    assert '"num_requests": 1' in stats
    assert b"rpc.retrieval.search" in (await bus.replies.request("$SRV.INFO.retrieval")).data
