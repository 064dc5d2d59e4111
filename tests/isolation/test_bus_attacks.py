"""A service that was taken over, on a real server with the stack's users: what it tries is refused, and nobody notices."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from minirag_contracts.context import Context, TenantScope
from minirag_contracts.errors import Unavailable
from minirag_contracts.frames import Frame, frame_subject
from minirag_contracts.grants import inbox_prefix
from minirag_contracts.ids import new_id
from minirag_contracts.requests.chat import BotRead, GetBot
from minirag_contracts.requests.common import HealthCheck, HealthReply
from minirag_contracts.signals import Beat, beat_subject
from minirag_contracts.topology import CONSUMERS, SERVICES, STREAM_OF, STREAMS, consumers_of
from minirag_messaging import Bus, RpcServer
from minirag_messaging.testing import NatsServer, connect_as

TENANT = UUID(int=7)

Heard = list[tuple[str, bytes]]


@pytest.fixture(params=SERVICES)
async def attacker(request: pytest.FixtureRequest, bus: Bus, nats: NatsServer) -> AsyncIterator[Bus]:
    """Each service in turn, with its password; ``bus`` is the system's and sees everything."""
    connection = await connect_as(nats, request.param)
    yield connection
    await connection.close()


async def refused(attacker: Bus, attempt: Callable[[], Awaitable[object]]) -> str:
    """The server's refusal of what was attempted; fails where there is none."""
    attacker.violations.clear()
    await attempt()
    await attacker.settled()
    assert attacker.violations, "the server refused nothing"
    return attacker.violations.pop()


async def cannot_publish(attacker: Bus, subject: str, body: bytes = b"{}") -> None:
    text = await refused(attacker, lambda: attacker.client.publish(subject, body))
    assert "publish" in text and subject.lower() in text


async def cannot_hear(attacker: Bus, subject: str, queue: str = "") -> None:
    heard: Heard = []

    async def take(msg: object) -> None:
        heard.append((msg.subject, msg.data))  # type: ignore[attr-defined]

    text = await refused(attacker, lambda: attacker.client.subscribe(subject, queue=queue, cb=take))
    assert "subscription" in text and subject.lower() in text and heard == []


@asynccontextmanager
async def witness(bus: Bus, subject: str) -> AsyncIterator[Heard]:
    """Everything that the system hears on a subject."""
    heard: Heard = []

    async def take(msg: object) -> None:
        heard.append((msg.subject, msg.data))  # type: ignore[attr-defined]

    subscription = await bus.client.subscribe(subject, cb=take)
    await bus.settled()
    yield heard
    await bus.settled()
    await subscription.unsubscribe()


def others_of(attacker: Bus) -> list[str]:
    return [service for service in SERVICES if service != attacker.name]


async def test_nobody_hears_anothers_inbox(attacker: Bus) -> None:
    for other in others_of(attacker):
        await cannot_hear(attacker, f"{inbox_prefix(other)}.>")
        await cannot_hear(attacker, f"{inbox_prefix(other)}.*.*")
    for wide in (">", "*.>", "_INBOX.>", "_INBOX.*.>", "_INBOX.*", "_SUBSCRIBER.>"):
        await cannot_hear(attacker, wide)


async def test_replies_to_others_are_not_overheard(nats: NatsServer, bus: Bus) -> None:
    """The reply goes where it shall, while a service that wants to listen is refused."""
    chat, ingest, spy = [await connect_as(nats, name) for name in ("chat", "ingest", "webhooks")]
    server = RpcServer(chat, "chat")

    async def get(request: GetBot, context: Context) -> BotRead:
        raise Unavailable("here I am")

    server.on(GetBot, get)
    await server.start()
    await chat.settled()
    heard: Heard = []

    async def take(msg: object) -> None:
        heard.append((msg.subject, msg.data))  # type: ignore[attr-defined]

    await spy.client.subscribe("_INBOX.ingest.>", cb=take)
    async with witness(bus, "_INBOX.ingest.>") as seen:
        with pytest.raises(Unavailable, match="here I am"):
            await ingest.request(GetBot(bot_id=TENANT), BotRead, Context.for_system("ingest", TENANT))
    await spy.settled()
    assert seen and heard == [] and spy.violations
    await server.drain(1)
    for connection in (chat, ingest, spy):
        await connection.close()


async def test_nobody_publishes_anothers_events(attacker: Bus, bus: Bus) -> None:
    before = {spec.name: (await bus.client.jsm().stream_info(spec.name)).state.messages for spec in STREAMS}
    for other in others_of(attacker):
        if other in STREAM_OF:
            for subject in STREAM_OF[other].subjects:
                noun = subject.removesuffix(".>")
                await cannot_publish(attacker, f"{noun}.created.{TENANT}")
                await cannot_publish(attacker, f"{noun}.ingest.completed.{TENANT}")
    after = {spec.name: (await bus.client.jsm().stream_info(spec.name)).state.messages for spec in STREAMS}
    assert before == after


async def test_nobody_answers_anothers_requests(attacker: Bus) -> None:
    for other in others_of(attacker):
        await cannot_hear(attacker, f"rpc.{other}.>", queue=other)
        await cannot_hear(attacker, f"rpc.{other}.health", queue=other)
        await cannot_hear(attacker, f"$SRV.PING.{other}")
    await cannot_hear(attacker, "rpc.>")
    await cannot_hear(attacker, "rpc.*.health")


async def test_nobody_asks_what_is_not_its_business(attacker: Bus, bus: Bus) -> None:
    consumed = {spec.owner for spec in consumers_of(attacker.name)}
    async with witness(bus, "rpc.>") as heard:
        for other in SERVICES:
            for verb in (
                "projections.verify",
                "dead_letters.list",
                "dead_letters.replay",
                "secrets.rotate",
                "tenant.erase",
                "person.erase",
            ):
                await cannot_publish(attacker, f"rpc.{other}.{verb}")
            if other not in consumed:
                await cannot_publish(attacker, f"rpc.{other}.events.read")
        await cannot_publish(attacker, "rpc.gateway.tenants.find")
        if attacker.name not in ("gateway", "ingest"):
            await cannot_publish(attacker, "rpc.chat.bots.get")
    assert heard == []


STREAM_VERBS = ("CREATE", "UPDATE", "DELETE", "PURGE", "INFO", "MSG.GET", "MSG.DELETE", "SNAPSHOT", "RESTORE")
OWNERS_VERBS = ("INFO", "PURGE")
"""Of these: what a service may do with its own stream, into which nobody else writes."""


async def test_nobody_touches_the_topology(attacker: Bus, bus: Bus) -> None:
    own = STREAM_OF[attacker.name].name if attacker.name in STREAM_OF else None
    async with witness(bus, "$JS.EVENT.ADVISORY.>") as advisories:
        for spec in STREAMS:
            for verb in STREAM_VERBS:
                if spec.name != own or verb not in OWNERS_VERBS:
                    await cannot_publish(attacker, f"$JS.API.STREAM.{verb}.{spec.name}")
        await cannot_publish(attacker, "$JS.API.STREAM.CREATE.MINE", b'{"name":"MINE","subjects":["chat.>"]}')
        await cannot_publish(attacker, "$JS.API.STREAM.NAMES")
        await cannot_publish(attacker, "$JS.API.INFO")
    assert advisories == []
    names = {info.config.name for info in await bus.client.jsm().streams_info()}
    assert names == {spec.name for spec in STREAMS} | {"OBJ_transfer"}


async def test_nobody_makes_or_uses_anothers_consumer(attacker: Bus, bus: Bus) -> None:
    for spec in STREAMS:
        for name in ("x", "x.>", f"x.{spec.subjects[0]}"):
            await cannot_publish(attacker, f"$JS.API.CONSUMER.CREATE.{spec.name}.{name}")
        await cannot_publish(attacker, f"$JS.API.CONSUMER.CREATE.{spec.name}")
        await cannot_publish(attacker, f"$JS.API.CONSUMER.DURABLE.CREATE.{spec.name}.x")
    for consumer in CONSUMERS:
        where = f"{consumer.stream}.{consumer.durable}"
        await cannot_publish(attacker, f"$JS.API.CONSUMER.DELETE.{where}")
        if consumer.service != attacker.name:
            await cannot_publish(attacker, f"$JS.API.CONSUMER.MSG.NEXT.{where}", b'{"batch":1}')
            await cannot_publish(attacker, f"$JS.API.CONSUMER.INFO.{where}")
            await cannot_publish(attacker, f"$JS.ACK.{where}.1.1.1.1.0", b"+ACK")


async def test_nobody_reads_anothers_stream(attacker: Bus) -> None:
    for owner, spec in STREAM_OF.items():
        if owner != attacker.name:
            await cannot_publish(attacker, f"$JS.API.DIRECT.GET.{spec.name}", b'{"seq":1}')
            await cannot_publish(attacker, f"$JS.API.DIRECT.GET.{spec.name}.{spec.subjects[0]}")
            if attacker.name != "gateway":
                await cannot_hear(attacker, spec.subjects[0])
                await cannot_hear(attacker, f"{spec.subjects[0].removesuffix('>')}*.{TENANT}")


async def test_frames_are_chats_to_write_and_the_gateways_to_hear(attacker: Bus, bus: Bus) -> None:
    subject = frame_subject(TENANT, TENANT)
    async with witness(bus, "frames.>") as heard:
        if attacker.name != "chat":
            await cannot_publish(attacker, subject)
        if attacker.name != "gateway":
            await cannot_hear(attacker, "frames.*.*")
            await cannot_hear(attacker, subject)
        if attacker.name not in ("chat", "gateway"):
            query = json.dumps({"seq": 1, "next_by_subj": subject, "batch": 1}).encode()
            await cannot_publish(attacker, "$JS.API.DIRECT.GET.FRAMES", query)
        await cannot_hear(attacker, "frames.>")
    assert heard == []


async def test_uploads_are_the_gateways_and_ingests(attacker: Bus) -> None:
    await cannot_hear(attacker, "$O.>")
    await cannot_hear(attacker, "$O.transfer.C.*")
    if attacker.name not in ("gateway", "ingest"):
        await cannot_publish(attacker, "$O.transfer.C.x")
        await cannot_publish(attacker, "$JS.API.DIRECT.GET.OBJ_transfer")
        await cannot_publish(attacker, "$JS.API.STREAM.PURGE.OBJ_transfer")


async def test_nobody_speaks_in_anothers_name(attacker: Bus, bus: Bus) -> None:
    async with witness(bus, "signal.>") as heard:
        for other in others_of(attacker):
            await cannot_publish(attacker, beat_subject(other))
            await cannot_publish(attacker, f"dlq.{other}.work")
        if attacker.name != "gateway":
            await cannot_hear(attacker, "signal.>")
            await cannot_hear(attacker, "signal.*.beat")
            await cannot_publish(attacker, "limits.x")
        await attacker.signal(beat_subject(attacker.name), Beat(position=3))
        await attacker.settled()
    assert [subject for subject, _ in heard] == [beat_subject(attacker.name)]


async def test_what_a_service_may_do_works(nats: NatsServer, bus: Bus) -> None:
    """The same server, the other way round: frames from chat to the gateway, kept ones too, and a health question."""
    chat, gateway = await connect_as(nats, "chat"), await connect_as(nats, "gateway")
    server = RpcServer(chat, "chat")

    async def health(request: HealthCheck, context: Context) -> HealthReply:
        return HealthReply(status="ok", checks={})

    server.on_common("health", health)
    await server.start()
    scope, message = TenantScope(TENANT), new_id()
    async with gateway.frames(scope, message) as frames:
        context = Context.for_system("gateway")
        reply = await gateway.ask("chat", "health", HealthCheck(), HealthReply, context)
        assert reply.status == "ok"
        await chat.publish_frame(TENANT, message, Frame(n=0, attempt=1, event="delta", data={}))
        assert await frames.next(5) is not None
    async with asyncio.timeout(5):
        while not (stored := await gateway.stored_frames(scope, message)):
            await asyncio.sleep(0.02)
    assert len(stored) == 1
    await server.drain(1)
    assert not chat.violations and not gateway.violations
    await chat.close()
    await gateway.close()


async def test_without_a_password_nobody_gets_in(nats: NatsServer) -> None:
    from nats import errors

    with pytest.raises(errors.Error):
        await Bus.connect(nats.url, "chat", "wrong", "chat")
