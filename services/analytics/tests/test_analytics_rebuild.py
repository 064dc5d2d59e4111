"""Every projection equals its rebuild from position 0, and can be repaired while it serves."""

from collections.abc import Awaitable, Callable, Sequence

import pytest
from analytics_builders import BOT, Analytics, a_bot, a_failure, a_judgement, a_renamed_bot, an_answer
from ledger import PlainSeal, core_and
from minirag_analytics.projections import PROJECTIONS
from minirag_contracts.context import Context, TenantScope
from minirag_contracts.envelope import Envelope
from minirag_contracts.events.chat import BotDeactivated
from minirag_contracts.examples import EXAMPLES
from minirag_contracts.ids import new_id
from minirag_contracts.topology import consumers_of
from minirag_eventstore import Database, EventStore, Projection, log, tail
from minirag_eventstore.projector import Projector
from minirag_eventstore.rebuild import Report, rebuild_foreign

OWNERS = ("chat", "ingest")
TENANTS = (new_id(), new_id())


class Owners:
    """The stores of chat and ingest, read as their ``events.read`` does."""

    def __init__(self, stores: dict[str, EventStore]) -> None:
        self.stores = stores

    async def after(
        self, owner: str, position: int, patterns: Sequence[str], limit: int = 500
    ) -> tuple[list[Envelope], int]:
        async with self.stores[owner].database.system() as connection:
            await tail.number(connection, owner)
            return await tail.read(connection, owner, position, patterns=patterns, limit=limit)

    async def stream(self, owner: str, stream: str, after_version: int) -> list[Envelope]:
        async with self.stores[owner].database.system() as connection:
            return await log.load(connection, owner, stream, after_version)

    async def happened(self) -> None:
        """A working day of two tenants: every example, and turns with changing judgements."""
        for tenant_id in TENANTS:
            bots = [payload for name, payload in EXAMPLES.items() if name.startswith("bot.")]
            off = [a_bot(), a_renamed_bot(name="Desk", model="gpt-4o"), BotDeactivated(bot_id=BOT)]
            for life in (bots, off):
                stream = f"bot-{new_id()}"
                for version, payload in enumerate(life):
                    await self._append(tenant_id, stream, version, payload)
            others = [
                payload for payload in EXAMPLES.values() if payload.owner in OWNERS and payload not in bots
            ]
            for number, payload in enumerate(others):
                await self._append(tenant_id, f"example-{tenant_id}-{number}", 0, payload)
            for number in range(20):
                message_id, stream = new_id(), f"turn-{new_id()}"
                answer = an_answer(message_id, cost_usd=0.1 * number, first_token_ms=number * 40)
                await self._append(tenant_id, stream, 0, answer)
                await self._append(tenant_id, stream, 1, a_judgement(message_id, "positive"))
                await self._append(
                    tenant_id, stream, 2, a_judgement(message_id, "negative" if number % 3 else None)
                )
            await self._append(tenant_id, f"turn-{new_id()}", 0, a_failure())

    async def _append(self, tenant_id: object, stream: str, version: int, payload: object) -> None:
        context = Context(actor="user:test", tenant_id=tenant_id, correlation_id=new_id())  # type: ignore[arg-type]
        store = self.stores[payload.owner]  # type: ignore[attr-defined]
        async with store.transaction(context.scope) as tx:
            await tx.append(context, stream, version, [payload])  # type: ignore[list-item]


@pytest.fixture
async def owners(make_database: Callable[..., Awaitable[Database]]) -> Owners:
    """Chat and ingest with their events, and nothing else of them."""
    stores = {
        name: EventStore(name, await make_database(name, core_and()), [], PlainSeal()) for name in OWNERS
    }
    found = Owners(stores)
    await found.happened()
    return found


def projectors_of(analytics: Analytics, owners: Owners) -> list[Projector]:
    return [
        Projector(analytics.database, spec, [p for p in PROJECTIONS if p.owner == spec.owner], owners)
        for spec in consumers_of("analytics")
        if spec.kind == "projector"
    ]


async def report_of(
    analytics: Analytics, owners: Owners, projection: Projection, *, repair: bool = False
) -> Report:
    projector = next(p for p in projectors_of(analytics, owners) if p.spec.owner == projection.owner)
    return await rebuild_foreign(analytics.database, projection, projector, owners, repair=repair)


async def test_every_projection_equals_its_rebuild(analytics: Analytics, owners: Owners) -> None:
    for projector in projectors_of(analytics, owners):
        await projector.catch_up()
    for projection in PROJECTIONS:
        report = await report_of(analytics, owners, projection)
        assert report.differences == [], projection.name
        assert report.events > 0 and report.rows > 0, projection.name


async def test_events_out_of_order_and_twice_give_the_same_rows(analytics: Analytics, owners: Owners) -> None:
    for projector in projectors_of(analytics, owners):
        events, _ = await owners.after(projector.spec.owner, 0, projector.spec.patterns, 2000)
        for event in [*reversed(events), *events]:
            await projector.handle(event)
    for projection in PROJECTIONS:
        assert (await report_of(analytics, owners, projection)).differences == [], projection.name


async def test_bots_are_as_their_last_events_left_them_whatever_came_first(
    analytics: Analytics, owners: Owners
) -> None:
    for projector in projectors_of(analytics, owners):
        events, _ = await owners.after(projector.spec.owner, 0, projector.spec.patterns, 2000)
        for event in reversed(events):
            await projector.handle(event)
    for tenant_id in TENANTS:
        rows = await analytics.rows("bots", TenantScope(tenant_id))
        assert {(row["name"], row["model"]) for row in rows} == {
            ("Helpdesk", "gpt-4o-mini"),
            ("Desk", "gpt-4o"),
        }


async def test_a_table_that_was_thrown_away_is_folded_again(analytics: Analytics, owners: Owners) -> None:
    for projector in projectors_of(analytics, owners):
        await projector.catch_up()
    before = {t: await analytics.rows(t, TenantScope(TENANTS[0])) for p in PROJECTIONS for t in p.tables}
    async with analytics.database.system() as connection:
        for table in before:
            await connection.execute(f"DELETE FROM {table}")
    for projection in PROJECTIONS:
        assert (await report_of(analytics, owners, projection, repair=True)).differences, projection.name
        assert (await report_of(analytics, owners, projection)).differences == [], projection.name
    after = {t: await analytics.rows(t, TenantScope(TENANTS[0])) for p in PROJECTIONS for t in p.tables}
    assert after == before
