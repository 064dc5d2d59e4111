"""Work under a lease: rows of ``work`` that exactly one process runs at a time, and that nobody can lose.

A piece of work is added in the transaction that makes it necessary and deleted in the transaction that has its effect.
Between the two a process holds a lease and renews it; when it dies, the lease runs out and another takes the work up.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID, uuid4

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
    """The delays before the second, third, … attempt; after the last of them the work is parked.

    ``forever``: the last delay comes again and again, for a reaction that must not be given up.
    """

    delays: tuple[timedelta, ...] = field(
        default=tuple(timedelta(seconds=seconds) for seconds in (1, 5, 30, 120, 600))
    )
    forever: bool = False

    @property
    def attempts(self) -> int:
        """How often a piece of work is tried at most."""
        return len(self.delays) + 1

    def delay(self, attempt: int) -> timedelta:
        """How long to wait after this attempt (from 1) has failed."""
        return self.delays[min(attempt, len(self.delays)) - 1] if self.delays else timedelta()


@dataclass(slots=True)
class WorkItem:
    """A piece of work that this process has leased. ``attempt`` counts the claims, from 1.

    ``interruptions`` of them ended for no reason of the work: its process died, or the database went away. The runner forgives
    so many of those as it was told to.
    """

    work_id: UUID
    tenant_id: UUID
    kind: str
    key: str
    payload: dict[str, Any]
    attempt: int
    created_at: datetime
    lease_owner: UUID | None
    last_error: str | None = None
    interruptions: int = 0
    forgiven: int = 0
    finishing: bool = False
    """Whether its effect is being committed: from then on ``finish`` alone decides whether the lease still counts."""
    finished: bool = False
    """Whether its effect is committed."""

    @property
    def scope(self) -> TenantScope:
        """The door to the tenant that the work is for."""
        return TenantScope(self.tenant_id)

    @property
    def tries(self) -> int:
        """The attempts that count, this one included unless it was interrupted."""
        return self.attempt - self.forgiven

    async def finish(self, transaction: Effect) -> None:
        """Ends the work in the transaction of its effect; LeaseLost (and so no effect) if the lease is no longer ours."""
        self.finishing = True
        status = await transaction.connection.execute(
            "DELETE FROM work WHERE work_id = $1 AND lease_owner = $2", self.work_id, self.lease_owner
        )
        if affected(status) != 1:
            raise LeaseLost(f"{self.kind} {self.key}")
        transaction.after_commit(self._mark_finished)

    async def hold(self, connection: Connection) -> None:
        """Nobody else takes the work up before this transaction has ended; LeaseLost if it is no longer ours."""
        held = await connection.fetchval(
            "SELECT true FROM work WHERE work_id = $1 AND lease_owner = $2 FOR UPDATE",
            self.work_id,
            self.lease_owner,
        )
        if not held:
            raise LeaseLost(f"{self.kind} {self.key}")

    async def note(self, connection: Connection, **facts: Any) -> None:
        """Adds to the payload, for this attempt and those after it; LeaseLost if the work is no longer ours."""
        status = await connection.execute(
            "UPDATE work SET payload = payload || $3 WHERE work_id = $1 AND lease_owner = $2",
            self.work_id,
            self.lease_owner,
            facts,
        )
        if affected(status) != 1:
            raise LeaseLost(f"{self.kind} {self.key}")
        self.payload |= facts

    async def commit_to(self, connection: Connection, mark: str) -> None:
        """From here on the work will be carried through (see ``take_back``); LeaseLost if it is no longer ours."""
        await self.note(connection, **{mark: True})

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
           ON CONFLICT (kind, key) DO UPDATE SET payload = $5, due_at = $6, attempts = 0, interruptions = 0, last_error = NULL,
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


@dataclass(slots=True)
class Turns:
    """Whose turn it is: claims go from tenant to tenant, and go on after the one that was served last.

    ``share`` is how many pieces of one tenant this process runs at most, whoever else waits or does not: a newcomer must not wait
    for the end of a long piece. ``running`` tells how many that are now.
    """

    share: int | None = None
    running: Callable[[], Mapping[UUID, int]] = dict
    served: UUID = field(default_factory=uuid4)
    """The tenant that was served last; at first anywhere, so that several processes do not follow each other."""


CLAIM = """
    WITH RECURSIVE round (tenant_id, lap, turn) AS (
        SELECT $5::uuid, 1, 0 WHERE EXISTS (
            SELECT FROM work w WHERE w.kind = $1 AND w.due_at <= now() AND (w.lease_until IS NULL OR w.lease_until < now())
        )
        UNION ALL
        SELECT next.tenant_id, next.lap, round.turn + 1 FROM round CROSS JOIN LATERAL (
            (SELECT w.tenant_id, round.lap FROM work w
             WHERE w.kind = $1 AND w.tenant_id > round.tenant_id AND w.due_at <= now() ORDER BY w.tenant_id LIMIT 1)
            UNION ALL
            (SELECT '00000000-0000-0000-0000-000000000000'::uuid, 2 WHERE round.lap = 1)
            LIMIT 1
        ) AS next
        WHERE round.lap = 1 OR round.tenant_id < $5
    ),
    mine AS (SELECT * FROM unnest($6::uuid[], $7::int[]) AS mine (tenant_id, pieces)),
    waiting AS (
        SELECT free.work_id, coalesce(mine.pieces, 0) + free.place AS place, round.turn
        FROM round LEFT JOIN mine USING (tenant_id) CROSS JOIN LATERAL (
            SELECT first.work_id, row_number() OVER (ORDER BY first.due_at) AS place FROM (
                SELECT w.work_id, w.due_at FROM work w
                WHERE w.kind = $1 AND w.tenant_id = round.tenant_id AND w.due_at <= now()
                  AND (w.lease_until IS NULL OR w.lease_until < now())
                ORDER BY w.due_at LIMIT greatest(0, least($4, $8 - coalesce(mine.pieces, 0)))
            ) AS first
        ) AS free
        WHERE CASE round.lap WHEN 1 THEN round.tenant_id > $5 ELSE round.tenant_id <= $5 END
        LIMIT $9
    ),
    chosen AS (
        SELECT w.work_id, waiting.place, waiting.turn FROM waiting JOIN work w USING (work_id)
        WHERE w.due_at <= now() AND (w.lease_until IS NULL OR w.lease_until < now())
        ORDER BY waiting.place, waiting.turn LIMIT $4 FOR UPDATE OF w SKIP LOCKED
    )
    UPDATE work SET lease_owner = $2, lease_until = now() + $3, attempts = attempts + 1,
                    interruptions = interruptions + (lease_owner IS NOT NULL)::int
    FROM chosen WHERE work.work_id = chosen.work_id
    RETURNING work.work_id, tenant_id, kind, key, payload, attempts AS attempt, created_at, lease_owner, last_error,
              interruptions, place, turn"""
UNBOUNDED = 2**31 - 1
SPARE = 2
"""How many pieces are looked at for each one that is wanted; other processes may be claiming the same ones."""


async def claim(
    connection: Connection,
    kind: str,
    lease_owner: UUID,
    lease: timedelta,
    limit: int,
    turns: Turns | None = None,
) -> list[WorkItem]:
    """Leases due work whose lease is free or has run out. Each claim is an attempt, and a lease that ran out an interruption.

    ``lease_owner`` is another for each call: a process whose lease ran out unnoticed may claim again what it runs.

    Tenants take turns, those first of whom this process runs least; of a tenant the longest due first. Where there is nothing to
    claim it costs a look into one index. Else it depends on the number of tenants that are looked at (a few for each piece
    wanted), not on what they have waiting; but tenants who have only what is due later are passed over one index entry at a time.
    """
    turns = turns or Turns()
    running = turns.running()
    share = UNBOUNDED if turns.share is None else turns.share
    rows = await connection.fetch(
        CLAIM,
        kind,
        lease_owner,
        lease,
        limit,
        turns.served,
        list(running),
        list(running.values()),
        share,
        SPARE * limit * min(limit, share),
    )
    rows.sort(key=lambda row: (row["place"], row["turn"]))
    items = [_item(dict(row)) for row in rows]
    if items:
        turns.served = items[-1].tenant_id
    return items


def _item(row: Mapping[str, Any]) -> WorkItem:
    return WorkItem(**{name: value for name, value in row.items() if name not in ("place", "turn")})


async def renew(
    connection: Connection, leases: Sequence[tuple[UUID, UUID | None]], lease: timedelta
) -> set[tuple[UUID, UUID | None]]:
    """Prolongs leases, each a piece and its owner; those missing from the answer are finished or lost."""
    rows = await connection.fetch(
        """UPDATE work SET lease_until = now() + $3
           FROM unnest($1::uuid[], $2::uuid[]) AS held (work_id, lease_owner)
           WHERE work.work_id = held.work_id AND work.lease_owner = held.lease_owner
           RETURNING work.work_id, work.lease_owner""",
        [work_id for work_id, _ in leases],
        [owner for _, owner in leases],
        lease,
    )
    return {(row["work_id"], row["lease_owner"]) for row in rows}


async def release(
    connection: Connection, item: WorkItem, after: timedelta, error: str, *, counts: bool = True
) -> None:
    """Gives work back, due again after a while; ``counts`` tells whether this was an attempt."""
    await connection.execute(
        """UPDATE work SET lease_owner = NULL, lease_until = NULL, due_at = now() + $3, last_error = $4,
                           attempts = attempts - $5, interruptions = $6
           WHERE work_id = $1 AND lease_owner = $2""",
        item.work_id,
        item.lease_owner,
        after,
        error,
        0 if counts else 1,
        item.interruptions,
    )
