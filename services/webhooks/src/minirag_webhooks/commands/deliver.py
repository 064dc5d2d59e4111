"""Delivering a notice: an attempt noted, a call made, its outcome recorded."""

import logging
import time
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from uuid import UUID

from minirag_contracts.context import Context
from minirag_eventstore import EventStore, Transaction, WorkItem

from minirag_webhooks.commands.slots import EndpointSlots
from minirag_webhooks.domain import delivery
from minirag_webhooks.domain.signature import headers_for
from minirag_webhooks.errors import DeliveryRejected
from minirag_webhooks.ports import Call, DeliveryRows, Dispatch, Obstacle, Outcome, Sender

log = logging.getLogger(__name__)


class DeliverNotice:
    """Work of the kind ``delivery``; its key is the delivery's id.

    A test (``once`` in the payload) is one attempt: it waits for no other call, reaches inactive endpoints as well, and
    ends with whatever came of it. For anything else a process that dies between the call and the record of its
    outcome leads to a second call with the same ``webhook-id``: receivers tell by it that they have it already.
    """

    def __init__(self, store: EventStore, rows: DeliveryRows, sender: Sender, slots: EndpointSlots) -> None:
        self._store = store
        self._rows = rows
        self._sender = sender
        self._slots = slots

    async def deliver(self, item: WorkItem) -> None:
        """One attempt; raises DeliveryRejected when it is to be tried again, Postpone when endpoint or tenant is busy."""
        with self._slot(item):
            due = await self._begin(item)
            if due is None:
                return
            dispatch, attempt = due
            outcome = await self._sender.send(_call(dispatch))
            if not await self._record(item, dispatch, attempt, outcome):
                raise DeliveryRejected(_sentence(outcome.status_code, outcome.error))

    async def give_up(self, tx: Transaction, item: WorkItem, _error: str) -> None:
        """The last attempt failed: the delivery has failed, in the transaction that parks the work."""
        await self._fail(tx, item)

    def _slot(self, item: WorkItem) -> AbstractContextManager[None]:
        if _once(item):
            return nullcontext()
        return self._slots.hold(item.tenant_id, UUID(item.payload["webhook_id"]))

    async def _fail(self, tx: Transaction, item: WorkItem, reason: str | None = None) -> None:
        """The delivery has failed, for ``reason`` or as the last attempt ended."""
        delivery_id, webhook_id = UUID(item.key), UUID(item.payload["webhook_id"])
        tried = await self._rows.tried(tx, delivery_id)
        reason = reason or _sentence(tried.status_code, tried.error)
        command = delivery.GiveUp(delivery_id, webhook_id, tried.status_code, tried.attempts, reason)
        await self._decide(tx, item, command)
        log.warning("a delivery was given up on", extra={"delivery_id": item.key, "attempts": tried.attempts})

    async def _begin(self, item: WorkItem) -> tuple[Dispatch, int] | None:
        """Notes the attempt; None when there is nothing left to send, which is recorded as well."""
        delivery_id = UUID(item.key)
        async with self._store.transaction(item.scope) as tx:
            dispatch = await self._rows.dispatch(tx, delivery_id, even_inactive=_once(item))
            if isinstance(dispatch, Obstacle):
                await self._stop(tx, item, dispatch)
                return None
            if _once(item) and (await self._rows.tried(tx, delivery_id)).attempts:
                await self._fail(tx, item)
                await item.finish(tx)
                return None
            return dispatch, await self._rows.begin_attempt(tx, delivery_id)

    async def _stop(self, tx: Transaction, item: WorkItem, obstacle: Obstacle) -> None:
        if obstacle is not Obstacle.SETTLED:
            await self._fail(tx, item, obstacle.value)
        await item.finish(tx)

    async def _record(self, item: WorkItem, dispatch: Dispatch, attempt: int, outcome: Outcome) -> bool:
        """Notes how the call ended; False when the delivery is to be tried again."""
        delivery_id = dispatch.delivery_id
        async with self._store.transaction(item.scope) as tx:
            await self._rows.end_attempt(tx, delivery_id, attempt, outcome)
            if outcome.taken and outcome.status_code is not None:
                done = delivery.Succeed(delivery_id, dispatch.webhook_id, outcome.status_code, attempt)
                await self._decide(tx, item, done)
                await item.finish(tx)
                return True
            if outcome.final or _once(item):
                await self._fail(tx, item)
                await item.finish(tx)
                return True
            # Asked again, since an endpoint that was deleted during the call shall not wait hours for its end.
            now = await self._rows.dispatch(tx, delivery_id)
            if isinstance(now, Obstacle):
                await self._stop(tx, item, now)
                return True
        return False

    async def _decide(
        self, tx: Transaction, item: WorkItem, command: delivery.Succeed | delivery.GiveUp
    ) -> None:
        stream = delivery.stream_of(command.delivery_id)
        state, version = await tx.load(stream, delivery.evolve, delivery.Delivery())
        await tx.append(_context(item), stream, version, delivery.decide(state, command))


def work_payload(context: Context, webhook_id: UUID, *, once: bool = False) -> dict[str, Any]:
    """What the work row keeps: whom to call, and what caused it (an event, else the command)."""
    return {
        "webhook_id": str(webhook_id),
        "correlation_id": str(context.correlation_id),
        "causation_id": str(context.causation_id or context.command_id or context.correlation_id),
        "traceparent": context.traceparent,
        "once": once,
    }


def _once(item: WorkItem) -> bool:
    return bool(item.payload.get("once"))


def _context(item: WorkItem) -> Context:
    return Context(
        actor="system:webhooks",
        tenant_id=item.tenant_id,
        correlation_id=UUID(item.payload["correlation_id"]),
        causation_id=UUID(item.payload["causation_id"]),
        traceparent=item.payload["traceparent"],
    )


def _call(dispatch: Dispatch) -> Call:
    body = dispatch.body.encode()
    headers = headers_for(dispatch.secret, dispatch.event, dispatch.delivery_id, int(time.time()), body)
    return Call(dispatch.url, headers, body)


def _sentence(status_code: int | None, error: str | None) -> str:
    if error:
        return error
    if status_code is None:
        return "No call came to its end: the process died during each of them."
    if 300 <= status_code < 400:
        return f"The endpoint answered with status {status_code}; redirects are not followed."
    return f"The endpoint answered with status {status_code}."
