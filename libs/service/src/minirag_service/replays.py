"""Dead letters put back to work, each in a transaction of its own: what fails again stays open."""

import logging
from collections import Counter
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from minirag_contracts.context import TenantScope
from minirag_contracts.envelope import Envelope
from minirag_contracts.requests.common import ReplayedReply
from minirag_eventstore import dead_letters

from minirag_service.runtime import Runtime

logger = logging.getLogger(__name__)


class NoSuchReaction(LookupError):
    """This version of the service has no such reaction."""


class EventNotFound(LookupError):
    """Its owner does not have the event any more."""


async def replay(runtime: Runtime, letters: Iterable[tuple[UUID, UUID]]) -> ReplayedReply:
    """Open letters, each with its tenant: work is due again, events are reacted to again."""
    replayed, failed = 0, Counter[str]()
    for letter_id, tenant_id in letters:
        try:
            replayed += await _replay(runtime, TenantScope(tenant_id), letter_id)
        except Exception as error:  # counted and told, and the others are tried
            logger.warning("a letter stays open", extra={"letter_id": str(letter_id)}, exc_info=error)
            failed[type(error).__name__] += 1
    for runner in runtime.runners:
        runner.wake()
    return ReplayedReply(replayed=replayed, failed=failed)


async def _replay(runtime: Runtime, scope: TenantScope, letter_id: UUID) -> bool:
    """False where somebody else has done it meanwhile."""
    async with runtime.store.transaction(scope) as transaction:
        letter = await dead_letters.look_at(transaction.connection, letter_id)
        if letter is None:
            return False
        if not letter["kind"].startswith(dead_letters.REACTION):
            closed = await dead_letters.close(transaction.connection, letter_id)
            if closed:
                await transaction.add_work(letter["kind"], letter["key"], payload=letter["payload"])
            return closed
    durable = letter["kind"].removeprefix(dead_letters.REACTION)
    for reactor in runtime.reactors:
        if reactor.spec.durable == durable:
            return await reactor.replay(await _event(runtime, letter["payload"]), letter_id)
    raise NoSuchReaction(durable)


async def _event(runtime: Runtime, payload: dict[str, Any]) -> Envelope:
    events, _ = await runtime.reader.after(payload["owner"], int(payload["position"]) - 1, (), 1)
    if not events or str(events[0].event_id) != payload["event_id"]:
        raise EventNotFound(payload["event_id"])
    return events[0]
