"""Two processes that project the same events: who leads, and who rebuilds or has not yet noticed that it leads no more."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import asyncpg
import pytest
from contexts import a_context
from ledger import (
    SERVICE,
    TABLES,
    Accounts,
    MoneyPaid,
    PlainSeal,
    StoreReader,
    core_and,
    done_or_waiting,
    open_account,
)
from minirag_contracts.context import Context
from minirag_contracts.envelope import Envelope
from minirag_contracts.ids import new_id
from minirag_contracts.topology import ConsumerSpec
from minirag_eventstore import Database, EventStore
from minirag_eventstore.projector import Projector
from minirag_eventstore.rebuild import rebuild_foreign

MIRROR = ConsumerSpec("mirror", "accounts", SERVICE, ("account.>",), "projector")

Pools = tuple[Database, Database]


@pytest.fixture
async def pools(database_urls: Callable[..., Awaitable[tuple[str, str]]]) -> AsyncIterator[Pools]:
    """One database, opened by two processes."""
    urls = await database_urls(SERVICE, core_and(TABLES))
    first, second = [await Database.connect(SERVICE, *urls) for _ in range(2)]
    yield first, second
    await first.close()
    await second.close()


@pytest.fixture
def store(pools: Pools) -> EventStore:
    """The owner, whose own projection is none: the accounts table is the projectors'."""
    return EventStore(SERVICE, pools[0], [], PlainSeal())


async def pay(store: EventStore, context: Context, account: Any, version: int) -> None:
    async with store.transaction(context.scope) as transaction:
        await transaction.append(
            context, f"account-{account}", version, [MoneyPaid(account_id=account, amount=1)]
        )


async def balance(database: Database) -> int:
    async with database.system() as connection:
        return int(await connection.fetchval("SELECT balance FROM accounts"))


class _Held(Accounts):
    """Stands still before the first payment is applied."""

    def __init__(self) -> None:
        super().__init__()
        self._handlers = Accounts()._handlers
        self.inside, self.go = asyncio.Event(), asyncio.Event()

    async def apply(self, connection: Any, event: Envelope) -> None:
        if event.type == "account.paid":
            self.inside.set()
            await self.go.wait()
        await super().apply(connection, event)


async def test_an_event_that_two_processes_have_at_once_is_applied_by_one(
    store: EventStore, pools: Pools
) -> None:
    reader, held = StoreReader(pools[0]), _Held()
    await open_account(store, a_context(new_id()), payments=1)
    events, _ = await reader.after(SERVICE, 0, MIRROR.patterns)
    slow, quick = (
        Projector(pools[0], MIRROR, [held], reader),
        Projector(pools[1], MIRROR, [Accounts()], reader),
    )
    await quick.handle(events[0])
    async with asyncio.TaskGroup() as group:
        group.create_task(slow.handle(events[1]))
        await held.inside.wait()
        await done_or_waiting(group.create_task(quick.handle(events[1])), pools[0])
        held.go.set()
    assert await balance(pools[0]) == 1


class _Meanwhile(StoreReader):
    """Lets something happen as soon as the fold has begun, and goes on when that is done or waits for its end."""

    def __init__(self, database: Database, happens: Callable[[], Awaitable[None]]) -> None:
        super().__init__(database)
        self._happens = happens
        self.happening: asyncio.Task[None] | None = None

    async def after(
        self, owner: str, position: int, patterns: Sequence[str], limit: int = 500
    ) -> tuple[list[Envelope], int]:
        if position == 0 and self.happening is None:
            self.happening = asyncio.ensure_future(self._happens())
            await done_or_waiting(self.happening, self._database)
        return await super().after(owner, position, patterns, limit)


@pytest.mark.parametrize("repair", [False, True], ids=["verify", "rebuild"])
async def test_what_the_leader_applies_while_another_process_rebuilds_stays(
    store: EventStore, pools: Pools, repair: bool
) -> None:
    context, reader = a_context(new_id()), StoreReader(pools[0])
    account = await open_account(store, context, payments=2)
    leader = Projector(pools[0], MIRROR, [Accounts()], reader)
    await leader.catch_up()

    async def more() -> None:
        await pay(store, context, account, 3)
        await leader.catch_up()

    meanwhile = _Meanwhile(pools[1], more)
    other = Projector(pools[1], MIRROR, [Accounts()], meanwhile)
    report = await rebuild_foreign(pools[1], Accounts(), other, meanwhile, repair=repair)
    assert meanwhile.happening is not None
    await meanwhile.happening
    assert report.differences == []
    assert await balance(pools[0]) == 3
    assert (await rebuild_foreign(pools[1], Accounts(), other, reader)).differences == []


async def test_a_process_that_vanishes_while_it_rebuilds_holds_nobody_up(
    store: EventStore, pools: Pools, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its host is gone, and Postgres has not noticed that the connection is."""
    monkeypatch.setattr("minirag_eventstore.rebuild.GONE_AFTER", 50)
    context, reader = a_context(new_id()), StoreReader(pools[0])
    account = await open_account(store, context, payments=1)
    leader = Projector(pools[0], MIRROR, [Accounts()], reader)

    class Vanished(StoreReader):
        """Says nothing until the leader has gone on."""

        asked = False

        async def after(self, *which: Any) -> tuple[list[Envelope], int]:
            if which[1] == 0:
                self.asked = True
                await pay(store, context, account, 2)
                async with asyncio.timeout(10):
                    await leader.catch_up()
            return await super().after(*which)

    other, vanished = Projector(pools[1], MIRROR, [Accounts()], reader), Vanished(pools[1])
    while not vanished.asked:  # it may be too slow even for its first question
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
            await rebuild_foreign(pools[1], Accounts(), other, vanished, repair=True)
    assert await balance(pools[0]) == 2


async def test_what_is_read_to_fill_a_gap_is_applied_with_what_came_after_it_or_not_at_all(
    store: EventStore, pools: Pools
) -> None:
    """Else a rebuild that begins between the two would take away what the progress does not cover."""
    reader = StoreReader(pools[0])
    await open_account(store, a_context(new_id()), payments=3)
    events, _ = await reader.after(SERVICE, 0, MIRROR.patterns)
    projector = Projector(pools[0], MIRROR, [_FailsAt(3)], reader)
    with pytest.raises(RuntimeError):
        await projector.handle(events[2])
    async with pools[0].system() as connection:
        assert await connection.fetchval("SELECT count(*) FROM accounts") == 0
    await Projector(pools[1], MIRROR, [Accounts()], _OneByOne(pools[1])).handle(events[3])
    assert await balance(pools[0]) == 3


class _OneByOne(StoreReader):
    """An owner whose events are so large that one fills a message."""

    async def stream(self, owner: str, stream: str, after_version: int) -> list[Envelope]:
        return (await super().stream(owner, stream, after_version))[:1]


class _FailsAt(Accounts):
    def __init__(self, version: int) -> None:
        super().__init__()
        self._handlers = Accounts()._handlers
        self._fails_at = version

    async def apply(self, connection: Any, event: Envelope) -> None:
        if event.version == self._fails_at:
            raise RuntimeError
        await super().apply(connection, event)
