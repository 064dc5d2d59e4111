"""An outside subscriber on a real server: it hears its tenant's events, and whatever else it tries is refused."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from minirag_contracts.envelope import Envelope, Metadata, event_subject
from minirag_contracts.examples import EXAMPLES
from minirag_contracts.frames import frame_subject
from minirag_contracts.grants import event_subjects_of, inbox_prefix, tenant_grants
from minirag_contracts.ids import new_id
from minirag_contracts.topology import SERVICES, STREAM_OF, STREAMS
from minirag_messaging import Bus, EventPublisher
from minirag_messaging.testing import NatsServer, connect_as, start_guarded_nats

OURS, THEIRS = UUID(int=0xA), UUID(int=0xB)
INBOX, USER, PASSWORD = "_SUBSCRIBER.ours", "ours", "a-password-of-the-tenant"

WITH_SECRETS = sorted(name for name, payload in EXAMPLES.items() if payload.internal)
"""Types with fields that are for their owner alone."""


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[NatsServer]:
    """The stack's server with one more user."""
    server = start_guarded_nats(tmp_path / "nats", {USER: (PASSWORD, tenant_grants(OURS, INBOX))})
    yield server
    server.stop()


@pytest.fixture
async def outsider(nats: NatsServer, bus: Bus) -> AsyncIterator[Bus]:
    """Connected as that user."""
    connection = await Bus.connect(nats.url, USER, PASSWORD, USER, inbox_prefix=INBOX)
    yield connection
    await connection.close()


def events_for(service: str, tenant_id: UUID, after: int = 0) -> list[Envelope]:
    """One event of each type that the service owns."""
    types = sorted(name for name, payload in EXAMPLES.items() if payload.owner == service)
    return [
        Envelope(
            event_id=new_id(),
            tenant_id=tenant_id,
            service=service,
            stream=f"thing-{tenant_id}",
            version=number,
            type=name,
            schema_version=EXAMPLES[name].schema_version,
            data=EXAMPLES[name].model_dump(mode="json"),
            metadata=Metadata(actor="user:1", correlation_id=new_id()),
            recorded_at=datetime(2026, 3, 1, tzinfo=UTC),
            position=number,
        )
        for number, name in enumerate(types, start=after + 1)
    ]


async def publish_everything(nats: NatsServer) -> set[str]:
    """Each service publishes each of its events for both tenants; answers the subjects of ours."""
    ours: set[str] = set()
    for service, stream in STREAM_OF.items():
        owner = await connect_as(nats, service)
        theirs = events_for(service, THEIRS)
        mine = events_for(service, OURS, after=len(theirs))
        await EventPublisher(owner, stream.name).publish([*theirs, *mine], 0)
        await owner.close()
        ours |= {event.subject for event in mine}
    return ours


async def test_it_hears_every_event_of_its_tenant_without_secrets_and_none_of_anothers(
    outsider: Bus, nats: NatsServer
) -> None:
    heard: list[str] = []

    async def take(msg: object) -> None:
        heard.append(msg.subject)  # type: ignore[attr-defined]

    for subject in event_subjects_of(OURS):
        await outsider.client.subscribe(subject, cb=take)
    await outsider.settled()
    published = await publish_everything(nats)
    published -= {event_subject(name, OURS) for name in WITH_SECRETS}
    async with asyncio.timeout(10):
        while len(heard) < len(published):
            await asyncio.sleep(0.01)
    await outsider.settled()
    assert sorted(heard) == sorted(published)
    assert WITH_SECRETS == ["token.created"] and f"token.revoked.{OURS}" in heard
    assert not outsider.violations


FORBIDDEN_TO_HEAR = [
    *(event_subject(name, OURS) for name in WITH_SECRETS),
    *(f"{name.split('.')[0]}.*.{OURS}" for name in WITH_SECRETS),
    *(f"{name.split('.')[0]}.*.*.{OURS}" for name in WITH_SECRETS),
    ">",
    "*",
    "*.>",
    "*.*.*",
    "_INBOX.>",
    "_SUBSCRIBER.>",
    "_SUBSCRIBER.*.>",
    "_SUBSCRIBER.theirs.>",
    "frames.>",
    "frames.*.*",
    f"frames.{OURS}.*",
    "rpc.>",
    "signal.>",
    "limits.>",
    "dlq.>",
    "$SRV.>",
    "$JS.>",
    "$JS.EVENT.ADVISORY.>",
    "$JS.ACK.>",
    "$O.>",
    "$SYS.>",
    *(f"{inbox_prefix(service)}.>" for service in SERVICES),
    *(subject for spec in STREAMS for subject in spec.subjects),
    *(subject.replace(str(OURS), str(THEIRS)) for subject in event_subjects_of(OURS)),
    *(subject.replace(str(OURS), "*") for subject in event_subjects_of(OURS)),
    *(subject.replace(str(OURS), ">") for subject in event_subjects_of(OURS)),
    f"*.*.{OURS}",
    f"*.*.*.{OURS}",
]


async def test_it_can_subscribe_nothing_else(outsider: Bus, nats: NatsServer) -> None:
    heard: list[str] = []

    async def take(msg: object) -> None:
        heard.append(msg.subject)  # type: ignore[attr-defined]

    for subject in FORBIDDEN_TO_HEAR:
        outsider.violations.clear()
        await outsider.client.subscribe(subject, cb=take)
        await outsider.settled()
        assert outsider.violations, subject
    await publish_everything(nats)
    await outsider.settled()
    assert heard == []


FORBIDDEN_TO_SAY = [
    f"chat.message.created.{OURS}",
    f"source.created.{OURS}",
    f"tenant.suspended.{THEIRS}",
    frame_subject(OURS, OURS),
    "signal.chat.stop.x",
    "limits.x",
    "dlq.chat.work",
    "_INBOX.chat.x",
    "_SUBSCRIBER.theirs.x",
    "$O.transfer.C.x",
    *(
        f"rpc.{service}.{verb}"
        for service in SERVICES
        for verb in ("health", "events.read", "projections.verify")
    ),
    "rpc.gateway.tenants.find",
    "rpc.chat.bots.list",
    "$SRV.PING",
    "$JS.API.INFO",
    "$JS.API.STREAM.NAMES",
    "$JS.API.STREAM.LIST",
    "$JS.API.CONSUMER.CREATE.CHAT",
    "$JS.API.CONSUMER.CREATE.CHAT.mine.chat.>",
    "$JS.API.CONSUMER.DURABLE.CREATE.CHAT.mine",
    "$JS.API.CONSUMER.CREATE.CHAT.outside_ours",
    "$JS.API.CONSUMER.DELETE.CHAT.outside_ours",
    "$JS.API.CONSUMER.INFO.CHAT.outside_ours",
    "$JS.API.CONSUMER.MSG.NEXT.CHAT.outside_ours",
    "$JS.API.CONSUMER.MSG.NEXT.CHAT.outside_theirs",
    "$JS.API.CONSUMER.MSG.NEXT.CHAT.ingest_bots",
    "$JS.ACK.CHAT.outside_ours.1.1.1.1.0",
    "$JS.ACK.CHAT.ingest_bots.1.1.1.1.0",
    *(
        f"$JS.API.{verb}.{spec.name}"
        for spec in STREAMS
        for verb in (
            "STREAM.INFO",
            "STREAM.CREATE",
            "STREAM.UPDATE",
            "STREAM.DELETE",
            "STREAM.PURGE",
            "STREAM.MSG.GET",
            "DIRECT.GET",
        )
    ),
    "$SYS.REQ.SERVER.PING",
]


async def test_it_can_say_nothing(outsider: Bus, bus: Bus) -> None:
    before = {spec.name: (await bus.client.jsm().stream_info(spec.name)).state.last_seq for spec in STREAMS}
    for subject in FORBIDDEN_TO_SAY:
        outsider.violations.clear()
        await outsider.client.publish(subject, b"{}")
        await outsider.settled()
        assert outsider.violations, subject
    after = {spec.name: (await bus.client.jsm().stream_info(spec.name)).state.last_seq for spec in STREAMS}
    assert before == after
