"""Dead letters that are put back to work one by one: what fails again, or cannot be tried, stays open and is told."""

import asyncio
from dataclasses import replace
from uuid import UUID

import pytest
from contexts import a_context
from cryptography.fernet import Fernet
from minirag_contracts.context import Context
from minirag_contracts.envelope import Envelope
from minirag_contracts.events.gateway import TenantErased
from minirag_contracts.ids import new_id
from minirag_contracts.requests.common import DeadLettersReplay, ReplayedReply
from minirag_contracts.topology import ERASURES
from minirag_eventstore import Database, EventStore, Transaction, dead_letters
from minirag_eventstore.rows import record
from minirag_messaging import Bus
from minirag_service.common import Common
from minirag_service.runtime import Runtime
from minirag_service.sealing import Sealer


class Owner:
    """The gateway's store, which has what is recorded here."""

    def __init__(self) -> None:
        self.events: list[Envelope] = []

    def record(self) -> Envelope:
        (event,) = record(
            "gateway", a_context(tenant_id := new_id()), f"tenant-{tenant_id}", 1, [TenantErased()]
        )
        self.events.append(replace(event, position=len(self.events) + 1))
        return self.events[-1]

    async def after(self, owner: str, position: int, *_: object) -> tuple[list[Envelope], int]:
        return self.events[position : position + 1], len(self.events)


class Reaction:
    """Adds a piece of work, and then fails at some events."""

    def __init__(self) -> None:
        self.fails: set[UUID] = set()

    async def __call__(self, transaction: Transaction, event: Envelope, context: Context) -> None:
        await transaction.add_work("told", str(event.event_id))
        if event.event_id in self.fails:
            raise ValueError


@pytest.fixture
def owner() -> Owner:
    return Owner()


@pytest.fixture
def reaction() -> Reaction:
    return Reaction()


@pytest.fixture
def runtime(database: Database, bus: Bus, owner: Owner, reaction: Reaction) -> Runtime:
    runtime = Runtime("chat", database, bus, Sealer([Fernet.generate_key().decode()]), ())
    runtime.reader = owner  # type: ignore[assignment]
    runtime.react(ERASURES, reaction)
    return runtime


async def park(store: EventStore, event: Envelope, consumer: str = f"chat_{ERASURES}") -> UUID:
    async with store.database.system() as connection:
        return (await dead_letters.park_event(connection, consumer, event, 6, "ValueError")).letter_id


async def replay(runtime: Runtime, letter_id: UUID | None) -> ReplayedReply:
    request = DeadLettersReplay(letter_id=letter_id)
    return await Common(runtime).dead_letters_replay(request, Context.for_system("test"))


async def still_open(database: Database) -> set[UUID]:
    async with database.system() as connection:
        rows = await connection.fetch("SELECT letter_id FROM dead_letters WHERE replayed_at IS NULL")
    return {row[0] for row in rows}


async def told(database: Database) -> list[str]:
    async with database.system() as connection:
        return [row[0] for row in await connection.fetch("SELECT key FROM work ORDER BY created_at")]


async def test_what_fails_again_or_cannot_be_tried_stays_open_and_the_rest_is_replayed(
    runtime: Runtime, store: EventStore, database: Database, owner: Owner, reaction: Reaction
) -> None:
    bad, good, lost = owner.record(), owner.record(), owner.record()
    reaction.fails.add(bad.event_id)
    fails = await park(store, bad)
    gone = await park(store, replace(lost, event_id=new_id()))
    unknown = await park(store, good, "chat_of_an_earlier_version")
    fine = await park(store, good)

    reply = await replay(runtime, None)
    assert reply.replayed == 1
    assert reply.failed == {"ValueError": 1, "EventNotFound": 1, "NoSuchReaction": 1}
    assert await still_open(database) == {fails, gone, unknown}
    assert await told(database) == [str(good.event_id)]

    reaction.fails.clear()
    assert (await replay(runtime, fails)).replayed == 1
    assert (await replay(runtime, fine)).replayed == 0, "it is closed"
    assert await still_open(database) == {gone, unknown}
    assert await told(database) == [str(good.event_id), str(bad.event_id)]


async def test_two_who_replay_at_once_react_once(
    runtime: Runtime, store: EventStore, database: Database, owner: Owner
) -> None:
    for _ in range(4):
        await park(store, owner.record())
    replies = await asyncio.gather(replay(runtime, None), replay(runtime, None))
    assert sum(reply.replayed for reply in replies) == 4
    assert await still_open(database) == set()
    assert len(await told(database)) == 4
