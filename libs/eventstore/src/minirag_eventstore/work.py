"""Work under a lease: rows of ``work`` that exactly one process runs at a time, and that nobody can lose.

A piece of work is added in the transaction that makes it necessary and deleted in the transaction that has its effect.
Between the two a process holds a lease and renews it; when it dies, the lease runs out and another takes the work up.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from minirag_contracts.context import TenantScope
from minirag_contracts.ids import new_id

from minirag_eventstore.database import Connection, affected
from minirag_eventstore.errors import LeaseLost


class Effect(Protocol):
    """The transaction that has a piece of work's effect."""

    @property
    def connection(self) -> Connection:
        """Where it writes."""
        ...

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Called once it is committed."""
        ...


class Postpone(Exception):
    """Not now: try again after a while. Does not count as an attempt (a provider's 429, an owner that is away)."""

    def __init__(self, after: timedelta, reason: str = "") -> None:
        super().__init__(reason or "postponed")
        self.after = after


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The delays before the second, third, … attempt; after the last of them the work is parked."""

    delays: tuple[timedelta, ...] = field(
        default=tuple(timedelta(seconds=seconds) for seconds in (1, 5, 30, 120, 600))
    )

    @property
    def attempts(self) -> int:
        """How often a piece of work is tried at most."""
        return len(self.delays) + 1

    def delay(self, attempt: int) -> timedelta:
        """How long to wait after this attempt (from 1) has failed."""
        return self.delays[min(attempt, len(self.delays)) - 1] if self.delays else timedelta()


@dataclass(slots=True)
class WorkItem:
    """A piece of work that this process has leased. ``attempt`` counts from 1."""

    work_id: UUID
    tenant_id: UUID
    kind: str
    key: str
    payload: dict[str, Any]
    attempt: int
    created_at: datetime
    lease_owner: UUID | None
    last_error: str | None = None
    finishing: bool = False
    """Whether its effect is being committed: from then on ``finish`` alone decides whether the lease still counts."""
    finished: bool = False
    """Whether its effect is committed."""

    @property
    def scope(self) -> TenantScope:
        """The door to the tenant that the work is for."""
        return TenantScope(self.tenant_id)

    async def finish(self, transaction: Effect) -> None:
        """Ends the work in the transaction of its effect; LeaseLost (and so no effect) if the lease is no longer ours."""
        self.finishing = True
        status = await transaction.connection.execute(
            "DELETE FROM work WHERE work_id = $1 AND lease_owner = $2", self.work_id, self.lease_owner
        )
        if affected(status) != 1:
            raise LeaseLost(f"{self.kind} {self.key}")
        transaction.after_commit(self._mark_finished)

    async def commit_to(self, connection: Connection, mark: str) -> None:
        """Notes in the payload that from here on the work will be carried through (see ``take_back``); LeaseLost if it is no
        longer ours.
        """
        status = await connection.execute(
            "UPDATE work SET payload = payload || jsonb_build_object($3::text, true) WHERE work_id = $1 AND lease_owner = $2",
            self.work_id,
            self.lease_owner,
            mark,
        )
        if affected(status) != 1:
            raise LeaseLost(f"{self.kind} {self.key}")

    def _mark_finished(self) -> None:
        self.finished = True


async def add_work(
    connection: Connection,
    scope: TenantScope,
    kind: str,
    key: str,
    *,
    due: datetime | None = None,
    payload: dict[str, Any] | None = None,
    lease_owner: UUID | None = None,
    lease: timedelta | None = None,
) -> WorkItem | None:
    """Adds work, leased to ``lease_owner`` from the start if given; None when the same (kind, key) exists already."""
    row = await connection.fetchrow(
        """INSERT INTO work (work_id, tenant_id, kind, key, payload, due_at, attempts, lease_owner, lease_until)
           VALUES ($1, $2, $3, $4, $5, coalesce($6, now()), $7, $8, now() + $9)
           ON CONFLICT (kind, key) DO NOTHING
           RETURNING work_id, tenant_id, kind, key, payload, attempts AS attempt, created_at, lease_owner, last_error""",
        new_id(),
        scope.tenant_id,
        kind,
        key,
        payload or {},
        due,
        1 if lease_owner else 0,
        lease_owner,
        lease,
    )
    return None if row is None else WorkItem(**dict(row))


async def put_work(
    connection: Connection, scope: TenantScope, kind: str, key: str, *, due: datetime, payload: dict[str, Any]
) -> None:
    """Sees to it that there is work of this (kind, key), due at this time with this payload. A piece that was there is replaced:
    whoever runs it at this moment has lost the lease, and so has no effect.
    """
    await connection.execute(
        """INSERT INTO work (work_id, tenant_id, kind, key, payload, due_at) VALUES ($1, $2, $3, $4, $5, $6)
           ON CONFLICT (kind, key) DO UPDATE SET payload = $5, due_at = $6, attempts = 0, last_error = NULL,
                                                 lease_owner = NULL, lease_until = NULL""",
        new_id(),
        scope.tenant_id,
        kind,
        key,
        payload,
        due,
    )


async def drop_work(connection: Connection, kind: str, keys: Sequence[str]) -> None:
    """Takes back work that has become needless. Whoever runs it is cancelled at the next renewal; a piece that somebody
    else is changing at this moment stays, so that nobody waits here, and has to find out by itself.
    """
    await connection.execute(
        """DELETE FROM work WHERE work_id IN
               (SELECT work_id FROM work WHERE kind = $1 AND key = ANY($2) FOR UPDATE SKIP LOCKED)""",
        kind,
        list(keys),
    )


async def take_back(connection: Connection, kind: str, key: str, unless: str) -> bool:
    """Takes work back for good, unless its payload has this mark, or it is not there; waits for whoever changes it now."""
    status = await connection.execute(
        "DELETE FROM work WHERE kind = $1 AND key = $2 AND NOT payload ? $3", kind, key, unless
    )
    return affected(status) == 1


async def claim(
    connection: Connection, kind: str, lease_owner: UUID, lease: timedelta, limit: int
) -> list[WorkItem]:
    """Leases due work whose lease is free or has run out, the longest due first. Each claim counts as an attempt."""
    rows = await connection.fetch(
        """UPDATE work SET lease_owner = $2, lease_until = now() + $3, attempts = attempts + 1
           WHERE work_id IN (SELECT work_id FROM work
                             WHERE kind = $1 AND due_at <= now() AND (lease_until IS NULL OR lease_until < now())
                             ORDER BY due_at LIMIT $4 FOR UPDATE SKIP LOCKED)
           RETURNING work_id, tenant_id, kind, key, payload, attempts AS attempt, created_at, lease_owner, last_error""",
        kind,
        lease_owner,
        lease,
        limit,
    )
    return [WorkItem(**dict(row)) for row in rows]


async def renew(
    connection: Connection, work_ids: Sequence[UUID], lease_owner: UUID, lease: timedelta
) -> set[UUID]:
    """Prolongs leases; those missing from the answer are finished or lost."""
    rows = await connection.fetch(
        "UPDATE work SET lease_until = now() + $3 WHERE work_id = ANY($1) AND lease_owner = $2 RETURNING work_id",
        list(work_ids),
        lease_owner,
        lease,
    )
    return {row["work_id"] for row in rows}


async def release(
    connection: Connection, item: WorkItem, after: timedelta, error: str, *, counts: bool = True
) -> None:
    """Gives work back, due again after a while; ``counts`` tells whether this was an attempt."""
    await connection.execute(
        """UPDATE work SET lease_owner = NULL, lease_until = NULL, due_at = now() + $3, last_error = $4,
                           attempts = attempts - $5
           WHERE work_id = $1 AND lease_owner = $2""",
        item.work_id,
        item.lease_owner,
        after,
        error,
        0 if counts else 1,
    )
