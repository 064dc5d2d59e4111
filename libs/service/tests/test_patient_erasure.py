"""An erasure that was promised, while what holds the data is away."""

import pytest
from contexts import a_context
from cryptography.fernet import Fernet
from minirag_contracts.context import Context
from minirag_contracts.events.gateway import TenantErased
from minirag_contracts.ids import new_id
from minirag_contracts.requests.common import DeadLettersList, TenantErase
from minirag_contracts.topology import ERASURES
from minirag_eventstore import Database, Transaction
from minirag_eventstore.reactor import ReactionFailed
from minirag_eventstore.rows import record
from minirag_messaging import Bus
from minirag_service.common import Common
from minirag_service.runtime import Runtime
from minirag_service.sealing import Sealer

SYSTEM = Context.for_system("test")


async def test_an_erasure_is_never_given_up_and_not_said_to_be_done_before_it_is(
    database: Database, bus: Bus
) -> None:
    away: type[Exception] | None = None

    async def points(transaction: Transaction) -> None:
        if away is not None:
            raise away

    context = a_context(new_id())
    (event,) = record("gateway", context, f"tenant-{context.tenant_id}", 1, [TenantErased()])
    question = TenantErase(tenant_id=context.tenant_id)
    runtime = Runtime("chat", database, bus, Sealer([Fernet.generate_key().decode()]), ())
    runtime.erases(points)
    common = Common(runtime)
    common.register()
    reactor = next(reactor for reactor in runtime.reactors if reactor.spec.name == ERASURES)
    for attempt in range(1, 20):
        away = ConnectionRefusedError if attempt % 2 else ValueError
        with pytest.raises(ReactionFailed):
            await reactor.handle(event, attempt)
    assert (await common.dead_letters_list(DeadLettersList(), SYSTEM)).letters == []
    assert not (await common.tenant_erase(question, SYSTEM)).heard
    away = None
    await reactor.handle(event, 20)
    assert (await common.tenant_erase(question, SYSTEM)).heard
