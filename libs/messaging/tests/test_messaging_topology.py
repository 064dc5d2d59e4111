"""Streams and consumers on the server are what the contracts declare."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from minirag_contracts.context import TenantScope
from minirag_contracts.frames import Frame
from minirag_contracts.ids import new_id
from minirag_contracts.topology import CONSUMERS, SERVICES, STREAMS, ConsumerSpec, dead_letter_subject
from minirag_messaging import Bus, topology
from minirag_messaging.jetstream_api import ask
from minirag_messaging.testing import NatsServer
from nats.js.api import StorageType


async def test_an_empty_server_lacks_everything(bus: Bus) -> None:
    missing = await topology.check(bus)
    assert len(missing) == len(STREAMS) + 1 + len(CONSUMERS)
    assert "the stream CHAT is missing" in missing


async def test_applying_is_idempotent(bus: Bus) -> None:
    await topology.apply(bus)
    first = (await ask(bus, "$JS.API.STREAM.INFO.CHAT"))["created"]
    await topology.apply(bus)
    assert await topology.check(bus) == []
    assert (await ask(bus, "$JS.API.STREAM.INFO.CHAT"))["created"] == first


async def test_a_changed_declaration_is_carried_out(bus: Bus) -> None:
    chat = next(spec for spec in STREAMS if spec.name == "CHAT")
    reader = ConsumerSpec("analytics", "chats", "chat", ("bot.>",), "projector")
    await topology.apply(bus, streams=(chat,), consumers=(reader,))
    changed_reader = replace(reader, patterns=("bot.>", "chat.message.completed"))
    changed_chat = replace(chat, max_age=timedelta(days=3))
    assert await topology.check(bus, streams=(chat,), consumers=(changed_reader,)) == [
        "the consumer analytics_chats of CHAT has other filters"
    ]
    await topology.apply(bus, streams=(changed_chat,), consumers=(changed_reader,))
    assert await topology.check(bus, streams=(changed_chat,), consumers=(changed_reader,)) == []
    info = await ask(bus, "$JS.API.STREAM.INFO.CHAT")
    assert info["config"]["max_age"] == timedelta(days=3).total_seconds() * 1e9


async def test_applying_the_older_declaration_leaves_the_newer_one(bus: Bus) -> None:
    """As when one version is installed over another while both run, or again in its place."""
    newer = ConsumerSpec("analytics", "newer", "chat", ("chat.>",), "projector")
    await topology.apply(bus, consumers=(*CONSUMERS, newer))
    await topology.apply(bus)
    assert await topology.check(bus, consumers=(*CONSUMERS, newer)) == []


async def test_streams_are_windows_that_drop_the_oldest(bus: Bus) -> None:
    await topology.apply(bus)
    for spec in STREAMS:
        config = (await ask(bus, f"$JS.API.STREAM.INFO.{spec.name}"))["config"]
        assert (config["retention"], config["discard"], config["allow_direct"]) == ("limits", "old", True)
        assert config["storage"] == "file"
        assert config["max_bytes"] == spec.max_bytes


async def test_a_server_that_is_started_again_by_itself_has_all_streams_and_what_is_in_them(
    nats: NatsServer, bus: Bus
) -> None:
    """Nobody declares them then: in a cluster and in containers the topology is a job of installations and upgrades."""
    await topology.apply(bus)
    scope, message_id = TenantScope(new_id()), new_id()
    await bus.publish_frame(
        scope.tenant_id, message_id, Frame(n=0, attempt=1, event="delta", data={"content": "kept"})
    )
    while not await bus.stored_frames(scope, message_id, -1):
        await asyncio.sleep(0.01)
    nats.kill()
    nats.start()
    async with asyncio.timeout(20):
        while not bus.client.is_connected or await topology.check(bus):
            await asyncio.sleep(0.05)
    [frame] = await bus.stored_frames(scope, message_id, -1)
    assert frame.data == {"content": "kept"}


async def test_a_stream_that_an_earlier_version_had_in_memory_is_made_anew(bus: Bus) -> None:
    await bus.client.jsm().add_stream(name="FRAMES", subjects=["frames.>"], storage=StorageType.MEMORY)
    await topology.apply(bus)
    assert (await ask(bus, "$JS.API.STREAM.INFO.FRAMES"))["config"]["storage"] == "file"


async def test_projectors_get_one_event_at_a_time_and_nothing_is_ever_given_up(bus: Bus) -> None:
    await topology.apply(bus)
    for spec in CONSUMERS:
        config = (await ask(bus, f"$JS.API.CONSUMER.INFO.{spec.stream}.{spec.durable}"))["config"]
        assert config["max_deliver"] == -1
        assert (config["max_ack_pending"] == 1) == (spec.kind == "projector")


async def test_no_event_stream_captures_requests_frames_or_dead_letters(bus: Bus) -> None:
    await topology.apply(bus)
    owned = {spec.name for spec in STREAMS if spec.owner}
    subjects = [f"rpc.{service}.x" for service in SERVICES]
    subjects += [dead_letter_subject(service, "x") for service in SERVICES]
    subjects += ["frames.tenant.message", "$SRV.PING", "_INBOX.x.y"]
    for subject in subjects:
        names = await ask(bus, "$JS.API.STREAM.NAMES", b'{"subject": "%s"}' % subject.encode())
        assert not owned & set(names["streams"] or ()), subject
    requests = await ask(bus, "$JS.API.STREAM.NAMES", b'{"subject": "rpc.chat.x"}')
    assert not requests["streams"]
