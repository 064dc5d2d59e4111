"""The event store: transactions that append events and their rows together, and commands that are safe to repeat."""

import asyncio
import hashlib
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Protocol, TypeVar

import asyncpg
from minirag_contracts import tracing
from minirag_contracts.context import Context, TenantScope
from minirag_contracts.envelope import Envelope
from minirag_contracts.errors import CommandReused, Conflict, Refusal
from minirag_contracts.events import EventPayload
from minirag_contracts.requests import Reply, Request

from minirag_eventstore import log, metrics, origins
from minirag_eventstore.database import Connection, Database
from minirag_eventstore.errors import VersionConflict
from minirag_eventstore.projection import Projection
from minirag_eventstore.rows import record
from minirag_eventstore.work import add_work, drop_work, put_work, take_back

logger = logging.getLogger(__name__)

S = TypeVar("S")
R = TypeVar("R", bound=Reply)

ATTEMPTS = 8
"""How often a command is decided again after somebody else was first."""


class Seal(Protocol):
    """Encryption at rest for replies that hold a one-time secret."""

    def seal(self, plain: bytes) -> bytes:
        """Encrypted."""
        ...

    def open(self, sealed: bytes) -> bytes:
        """The inverse."""
        ...


class Transaction:
    """One transaction of one tenant: what it appends, it also projects."""

    def __init__(
        self, scope: TenantScope, connection: Connection, service: str, projections: Sequence[Projection]
    ) -> None:
        self.scope = scope
        self.connection = connection
        self._service = service
        self._projections = projections
        self.appended = 0
        """Events so far."""
        self._callbacks: list[Callable[[], None]] = []
        self._undoing: list[Callable[[], None]] = []

    async def load(self, stream: str, evolve: Callable[[S, EventPayload], S], initial: S) -> tuple[S, int]:
        """The state of an aggregate and its version (0 where the stream does not exist)."""
        state, version = initial, 0
        for event in await log.load(self.connection, self._service, stream):
            state, version = evolve(state, event.payload), event.version
        return state, version

    async def load_many(
        self, streams: Sequence[str], evolve: Callable[[S, EventPayload], S], initial: S
    ) -> list[tuple[S, int]]:
        """The same for several aggregates at once, in the order of the streams."""
        found = dict.fromkeys(streams, (initial, 0))
        for event in await log.load_many(self.connection, self._service, streams):
            found[event.stream] = (evolve(found[event.stream][0], event.payload), event.version)
        return [found[stream] for stream in streams]

    async def append(
        self, context: Context, stream: str, expected_version: int, payloads: Sequence[EventPayload]
    ) -> list[Envelope]:
        """Adds events to a stream and applies this service's own projections; VersionConflict if somebody was first.

        Where the context has an address it is kept beside the events, as content.
        """
        if not payloads:
            return []
        events = record(self._service, context, stream, expected_version, payloads)
        await log.append(self.connection, stream, expected_version, events)
        await origins.note(self.connection, context, events)
        for event in events:
            for projection in self._projections:
                await projection.apply(self.connection, event)
        self.appended += len(events)
        return events

    async def add_work(self, kind: str, key: str, **options: Any) -> None:
        """Adds a piece of leased work (see ``work.add_work``) that exists if and only if this transaction commits."""
        await add_work(self.connection, self.scope, kind, key, **options)

    async def put_work(self, kind: str, key: str, *, due: datetime, payload: dict[str, Any]) -> None:
        """Adds a piece of leased work or puts it in the place of the one that is there (see ``work.put_work``)."""
        await put_work(self.connection, self.scope, kind, key, due=due, payload=payload)

    async def drop_work(self, kind: str, *keys: str) -> None:
        """Takes back work that has become needless (see ``work.drop_work``)."""
        await drop_work(self.connection, kind, keys)

    async def take_back_work(self, kind: str, key: str, unless: str) -> bool:
        """Takes back a piece of work that is not yet past the point which ``unless`` marks; says whether it did."""
        return await take_back(self.connection, kind, key, unless)

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Called once the transaction is committed, and not otherwise."""
        self._callbacks.append(callback)

    def after_rollback(self, callback: Callable[[], None]) -> None:
        """Called if the transaction does not commit, and not otherwise."""
        self._undoing.append(callback)

    def committed(self) -> None:
        """Runs what was asked for after the commit."""
        for callback in self._callbacks:
            callback()

    def rolled_back(self) -> None:
        """Runs what was asked for in case of a rollback."""
        for callback in self._undoing:
            callback()


class EventStore:
    """The door of one service to its own schema."""

    def __init__(
        self, service: str, database: Database, projections: Sequence[Projection], seal: Seal
    ) -> None:
        self.service = service
        self.database = database
        self.projections = tuple(projections)
        self._inline = tuple(projection for projection in projections if projection.owner == service)
        self._seal = seal

    @asynccontextmanager
    async def transaction(self, scope: TenantScope) -> AsyncIterator[Transaction]:
        """A transaction of one tenant; rolled back when the block raises."""
        transaction: Transaction | None = None
        try:
            with tracing.span("transaction", {"db.system.name": "postgresql"}) as span:
                async with self.database.tenant(scope) as connection:
                    transaction = Transaction(scope, connection, self.service, self._inline)
                    yield transaction
                span.set(minirag__events=transaction.appended)
        except BaseException:
            if transaction is not None:
                transaction.rolled_back()
            raise
        metrics.APPENDED.inc(transaction.appended)
        transaction.committed()

    async def execute(
        self, context: Context, request: Request, action: Callable[[Transaction], Awaitable[R]]
    ) -> R:
        """Carries out a command once for its command id, however often and wherever it is asked.

        ``action`` loads, decides and appends; it runs again when somebody else was first. Raises CommandReused when the id came
        before with another body, and Conflict when others were first too often.
        """
        for attempt in range(ATTEMPTS):
            try:
                return await self._execute_once(context, request, action)
            except VersionConflict:
                logger.debug("decided again", extra={"attempt": attempt})
                await asyncio.sleep(random.uniform(0, 0.005 * 2**attempt))  # noqa: S311  # jitter
        raise Conflict

    async def _execute_once(
        self, context: Context, request: Request, action: Callable[[Transaction], Awaitable[R]]
    ) -> R:
        try:
            async with self.transaction(context.scope) as transaction:
                stored = await self._stored_reply(transaction, context, request)
                if stored is not None:
                    return stored  # type: ignore[return-value]  # Returns is R
                reply = await action(transaction)
                await self._store_reply(transaction, context, request, reply)
                return reply
        except (Refusal, asyncpg.UniqueViolationError):
            if (reply_of_copy := await self._reply_of_a_copy(context, request)) is None:
                raise
            return reply_of_copy  # type: ignore[return-value]  # Returns is R

    async def _reply_of_a_copy(self, context: Context, request: Request) -> Reply | None:
        """What stood in the way of a command may be its own effect: a copy of it ran beside it and was first."""
        if context.command_id is None:
            return None
        async with self.transaction(context.scope) as transaction:
            return await self._stored_reply(transaction, context, request)

    async def _stored_reply(
        self, transaction: Transaction, context: Context, request: Request
    ) -> Reply | None:
        if context.command_id is None:
            return None
        row = await transaction.connection.fetchrow(
            "SELECT body_hash, reply, sealed FROM commands WHERE tenant_id = $1 AND command_id = $2",
            transaction.scope.tenant_id,
            context.command_id,
        )
        if row is None:
            return None
        if row["body_hash"] != body_hash(request):
            raise CommandReused
        data = self._seal.open(row["reply"]) if row["sealed"] else row["reply"]
        return request.Returns.model_validate_json(data)

    async def _store_reply(
        self, transaction: Transaction, context: Context, request: Request, reply: Reply
    ) -> None:
        if context.command_id is None:
            return
        data = reply.model_dump_json().encode()
        await transaction.connection.execute(
            "INSERT INTO commands (tenant_id, command_id, body_hash, reply, sealed) VALUES ($1, $2, $3, $4, $5)",
            transaction.scope.tenant_id,
            context.command_id,
            body_hash(request),
            self._seal.seal(data) if reply.holds_secret else data,
            reply.holds_secret,
        )


def body_hash(request: Request) -> bytes:
    """What makes two requests the same command: SHA-256 of the verb and of every field that is not transport."""
    body = request.model_dump_json(exclude=set(request.transport_fields))
    return hashlib.sha256(f"{request.service}.{request.verb}\n{body}".encode()).digest()
