"""Erasing a person: what an actor of a tenant said and from where, at once and again for a day.

While somebody is erased, an answer to them may just be being written. So each service remembers whom it has erased, and until it
forgets them ``is_erased`` tells, so that nobody acts as them.
"""

from collections.abc import Awaitable, Callable, Sequence

from minirag_contracts.context import TenantScope
from minirag_eventstore import Connection, EventStore, Transaction, origins

PersonHook = Callable[[Transaction, str], Awaitable[int]]

AGAIN_FOR = "1 day"

IS_ERASED = "EXISTS (SELECT FROM erased_persons WHERE actor = $1)"
"""SQL: whether an actor of the transaction's tenant was erased lately."""


class Persons:
    """Erases in one service; ``hooks`` know what of it somebody has said."""

    def __init__(self, store: EventStore, hooks: Sequence[PersonHook]) -> None:
        self._store = store
        self._hooks = hooks

    async def erase(self, scope: TenantScope, actor: str) -> int:
        """Answers how many rows that was."""
        async with self._store.transaction(scope) as transaction:
            await transaction.connection.execute(
                """INSERT INTO erased_persons (tenant_id, actor) VALUES ($1, $2)
                   ON CONFLICT (tenant_id, actor) DO UPDATE SET erased_at = now()""",
                scope.tenant_id,
                actor,
            )
            return await self._erase(transaction, actor)

    async def erase_again(self) -> None:
        """Everybody who was erased lately; those for whom it was the last time are forgotten."""
        async with self._store.database.system() as connection:
            rows = await connection.fetch(
                f"SELECT tenant_id, actor, erased_at < now() - interval '{AGAIN_FOR}' AS at_last FROM erased_persons"  # noqa: S608 -- ours
            )
        for row in rows:
            async with self._store.transaction(TenantScope(row["tenant_id"])) as transaction:
                await self._erase(transaction, row["actor"])
                if row["at_last"]:
                    await _forget(transaction.connection, row["actor"])

    async def _erase(self, transaction: Transaction, actor: str) -> int:
        rows = await origins.erase(transaction.connection, actor)
        for hook in self._hooks:
            rows += await hook(transaction, actor)
        return rows


async def _forget(connection: Connection, actor: str) -> None:
    await connection.execute(
        f"DELETE FROM erased_persons WHERE actor = $1 AND erased_at < now() - interval '{AGAIN_FOR}'",  # noqa: S608 -- ours
        actor,
    )


async def is_erased(connection: Connection, actor: str) -> bool:
    """Whether an actor of the transaction's tenant was erased lately."""
    found: bool = await connection.fetchval(f"SELECT {IS_ERASED}", actor)
    return found
