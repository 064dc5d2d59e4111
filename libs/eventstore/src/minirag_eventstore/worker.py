"""Runs leased work: claims what is due, renews what runs, retries what fails, parks what keeps failing."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from minirag_contracts import tracing
from minirag_contracts.errors import Refusal
from minirag_contracts.ids import new_id

from minirag_eventstore import dead_letters, metrics, work
from minirag_eventstore.errors import DATABASE_FAILED, Explained, LeaseLost, was_interrupted
from minirag_eventstore.store import EventStore, Transaction
from minirag_eventstore.work import Postpone, RetryPolicy, Turns, WorkItem

logger = logging.getLogger(__name__)

Lease = tuple[UUID, UUID | None]
"""A piece and the owner of its lease, who is another for each claim: a process cannot take one of its claims for another."""

OnParked = Callable[[Transaction, WorkItem, str], Awaitable[None]]


class WorkRunner:
    """Runs the work of one kind, at most ``concurrency`` pieces at a time in this process.

    Tenants take turns. With ``share``, at most so many pieces of one tenant run here, so that there is always room for others.

    ``handle`` ends a piece with ``item.finish`` in the transaction of its effect. A handler that returns without
    it, or raises, has failed: the piece is retried after the policy's delay and finally parked, and ``on_parked``
    writes what follows from that in the same transaction. ``Postpone`` gives it back without counting an attempt.
    So many interruptions as ``forgive`` says (deaths of the process, a database that went away) count as none either.
    """

    def __init__(
        self,
        store: EventStore,
        kind: str,
        handle: Callable[[WorkItem], Awaitable[None]],
        *,
        concurrency: int = 4,
        share: int | None = None,
        lease: timedelta = timedelta(seconds=10),
        retry: RetryPolicy | None = None,
        forgive: int = 0,
        on_parked: OnParked | None = None,
        poll: timedelta = timedelta(seconds=1),
    ) -> None:
        self.kind = kind
        self._store = store
        self._handle = handle
        self._concurrency = concurrency
        self._lease = lease
        self._retry = retry or RetryPolicy()
        self._forgive = forgive
        self._on_parked = on_parked
        self.announce: dead_letters.Announce = dead_letters.tell_nobody
        """Called after the commit that parked a piece; the runtime connects it to the bus."""
        self._poll = poll.total_seconds()
        self._running: dict[Lease, tuple[WorkItem, asyncio.Task[None]]] = {}
        self._promised: Counter[UUID] = Counter()
        self._claiming = False
        self._renewed = time.monotonic()
        """No lease of ours is older than this."""
        self._turns = Turns(share, self._pieces)
        self._wake = asyncio.Event()
        self._fewer = asyncio.Event()
        """Set whenever something ended that a drain waits for."""
        self._draining = False

    def wake(self) -> None:
        """Look for work now instead of at the next poll."""
        self._wake.set()

    @property
    def running(self) -> int:
        """How many pieces run in this process."""
        return len(self._running)

    async def add(self, transaction: Transaction, key: str, payload: dict[str, Any] | None = None) -> None:
        """Adds a piece and, where there is room, starts it in this process right after the commit, without a claim."""
        tenant_id = transaction.scope.tenant_id
        if self._draining or self._room() <= 0 or self._has_its_share(tenant_id):
            await transaction.add_work(self.kind, key, payload=payload)
            transaction.after_commit(self.wake)
            return
        self._promised[tenant_id] += 1  # before anything is waited for: others add at the same time
        try:
            item = await self._add_leased(transaction, key, payload)
        except BaseException:
            self._drop_promise(tenant_id)
            raise
        if item is None:
            self._drop_promise(tenant_id)
            return
        transaction.after_commit(partial(self._keep_promise, item))
        transaction.after_rollback(partial(self._drop_promise, tenant_id))

    async def run(self) -> None:
        """Until cancelled; a database that is away is waited for."""
        renewal = asyncio.create_task(self._renew_forever(), name=f"renew-{self.kind}")
        try:
            while True:
                try:
                    await self._wait(await self._claim())
                except DATABASE_FAILED as error:
                    logger.warning("work cannot be claimed", extra={"kind": self.kind, "error": repr(error)})
                    await asyncio.sleep(self._poll)
        finally:
            renewal.cancel()
            with suppress(asyncio.CancelledError):
                await renewal

    async def drain(self, timeout: float) -> None:
        """Takes no more, lets what runs finish for ``timeout`` seconds, and gives the rest back. May be called again meanwhile,
        with less time. What a claim or a transaction of this moment will start still counts as running.
        """
        self._draining = True
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while self._running or self._claiming or self._promised.total():
                    self._fewer.clear()
                    await self._fewer.wait()
        late = [task for _, task in self._running.values()]
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _room(self) -> int:
        """How many more may start; what transactions of this moment will start counts as running, and while a claim is
        under way nobody knows.
        """
        return 0 if self._claiming else self._concurrency - len(self._running) - self._promised.total()

    def _pieces(self) -> Counter[UUID]:
        """How many pieces of each tenant run here, or will with the commit of a transaction of this moment."""
        return Counter(item.tenant_id for item, _ in self._running.values()) + self._promised

    def _has_its_share(self, tenant_id: UUID) -> bool:
        return self._turns.share is not None and self._pieces()[tenant_id] >= self._turns.share

    async def _add_leased(
        self, transaction: Transaction, key: str, payload: dict[str, Any] | None
    ) -> WorkItem | None:
        return await work.add_work(
            transaction.connection,
            transaction.scope,
            self.kind,
            key,
            payload=payload,
            lease_owner=new_id(),
            lease=self._lease,
        )

    async def _claim(self) -> bool:
        room = 0 if self._draining else self._room()
        if room <= 0:
            return False
        self._claiming = True
        try:
            if not self._running:
                self._renewed = time.monotonic()
            elif time.monotonic() - self._renewed > self._lease.total_seconds() / 2:
                await self._renew()  # we stood still, and would claim what we run ourselves
            async with self._store.database.system() as connection:
                items = await work.claim(connection, self.kind, new_id(), self._lease, room, self._turns)
            for item in items:
                self._start(item)
        finally:
            self._claiming = False
            self._fewer.set()
        return len(items) == room

    async def _wait(self, more: bool) -> None:
        if more and len(self._running) < self._concurrency:
            return
        # Not wait_for: on Python 3.11 that swallows a cancellation which arrives together with the wake.
        with suppress(TimeoutError):
            async with asyncio.timeout(self._poll):
                await self._wake.wait()
        self._wake.clear()

    def _keep_promise(self, item: WorkItem) -> None:
        self._promised -= Counter([item.tenant_id])
        self._start(item)

    def _drop_promise(self, tenant_id: UUID) -> None:
        self._promised -= Counter([tenant_id])
        self._wake.set()
        self._fewer.set()

    def _start(self, item: WorkItem) -> None:
        # Its lease may have run out here, or it was put anew: what still runs of it can have no effect.
        for other, stale in self._running.values():
            if other.work_id == item.work_id:
                self._taken_over(other, stale)
        task = asyncio.create_task(self._run(item), name=f"{self.kind}-{item.key}")
        self._running[item.work_id, item.lease_owner] = (item, task)
        task.add_done_callback(partial(self._ended, item))

    def _ended(self, item: WorkItem, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error(
                "work could not be settled", exc_info=error, extra={"kind": item.kind, "key": item.key}
            )
        was_full = len(self._running) >= self._concurrency
        self._running.pop((item.work_id, item.lease_owner), None)
        self._fewer.set()
        if (
            was_full or self._turns.share is not None
        ):  # its tenant may have had its share, and more that waits
            self._wake.set()

    async def _run(self, item: WorkItem) -> None:
        attributes: dict[str, tracing.Value] = {
            "minirag.work.kind": item.kind,
            "minirag.attempt": item.attempt,
        }
        parent = str(item.payload.get("traceparent") or "")
        began, outcome = time.perf_counter(), "interrupted"
        with tracing.span(f"work {item.kind}", attributes, parent=parent, kind="consumer", root=True) as span:
            try:
                outcome = await self._attempt(item)
            finally:
                metrics.WORK.labels(item.kind, outcome).observe(time.perf_counter() - began)
                if outcome not in ("done", "postponed"):
                    span.fail(outcome)

    async def _attempt(self, item: WorkItem) -> str:
        """How it ended, in a word."""
        item.forgiven = min(item.interruptions, self._forgive)
        try:
            # Checked before the handler runs, so that a crash loop counts too.
            if item.tries > self._retry.attempts:
                return await self._park(item, item.last_error or "the process died while it worked on this")
            await self._handle(item)
        except LeaseLost:
            logger.warning("lease lost", extra={"kind": item.kind, "key": item.key})
            return "lost"
        except asyncio.CancelledError:
            await asyncio.shield(self._give_back(item, timedelta(), "interrupted", counts=False))
            raise
        except Postpone as postponed:
            await self._give_back(item, postponed.after, str(postponed), counts=False)
            return "postponed"
        except Exception as error:  # noqa: BLE001  # a failed attempt: kept in the row and logged
            return await self._failed(item, error)
        if not item.finished:
            await self._give_back(item, self._retry.delay(item.tries), "ended without an effect")
            return "failed"
        return "done"

    async def _failed(self, item: WorkItem, error: Exception) -> str:
        logger.warning(
            "attempt failed",
            extra={
                "kind": item.kind,
                "key": item.key,
                "attempt": item.attempt,
                "error": type(error).__name__,
            },
            exc_info=None if isinstance(error, Refusal) else error,
        )
        if was_interrupted(error):
            item.interruptions += 1
            item.forgiven = min(item.interruptions, self._forgive)
        if item.tries >= self._retry.attempts:
            return await self._park(item, describe(error))
        await self._give_back(item, self._retry.delay(max(1, item.tries)), describe(error))
        return "failed"

    async def _give_back(self, item: WorkItem, after: timedelta, error: str, *, counts: bool = True) -> None:
        """Releases the lease if it is still ours; a database that is away lets it run out instead."""
        try:
            async with self._store.transaction(item.scope) as transaction:
                await work.release(transaction.connection, item, after, error, counts=counts)
        except DATABASE_FAILED as failure:
            logger.warning("lease runs out by itself", extra={"key": item.key, "error": repr(failure)})

    async def _park(self, item: WorkItem, error: str) -> str:
        try:
            async with self._store.transaction(item.scope) as transaction:
                await item.finish(transaction)
                letter = await dead_letters.park_work(transaction.connection, item, error)
                if self._on_parked is not None:
                    await self._on_parked(transaction, item, error)
        except LeaseLost:
            logger.warning("lease lost while parking", extra={"kind": item.kind, "key": item.key})
            return "lost"
        logger.error("parked", extra={"kind": item.kind, "key": item.key, "attempts": item.attempt})
        metrics.PARKED.labels(item.kind).inc()
        await self.announce(letter)
        return "parked"

    async def _renew_forever(self) -> None:
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            if not self._running:
                continue
            try:
                await self._renew()
            except DATABASE_FAILED as error:
                logger.warning("leases cannot be renewed", extra={"kind": self.kind, "error": repr(error)})

    async def _renew(self) -> None:
        asked = dict(self._running)
        async with self._store.database.system() as connection:
            kept = await work.renew(connection, list(asked), self._lease)
        self._renewed = time.monotonic()
        for lease, (item, task) in asked.items():
            if lease not in kept:
                self._taken_over(item, task)

    @staticmethod
    def _taken_over(item: WorkItem, task: asyncio.Task[None]) -> None:
        if not item.finishing and not task.done():
            logger.warning("lease was taken over", extra={"kind": item.kind, "key": item.key})
            task.cancel()


def describe(error: Exception) -> str:
    """What may be kept about an error: our own sentence, else its type; a text of others might hold a visitor's words."""
    if isinstance(error, Refusal):
        return error.detail
    return str(error) if isinstance(error, Explained) else type(error).__name__
