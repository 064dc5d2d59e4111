"""``BotRows`` on Postgres."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from minirag_contracts.context import TenantScope
from minirag_eventstore import Connection, Database

from minirag_retrieval.ports import PointsRow, VersionRow

READ = """SELECT store_id, claim, coalesce(generation, 0) AS generation
          FROM bot_points p LEFT JOIN bot_index USING (bot_id) WHERE p.bot_id = $1"""
VERSION = "SELECT version, chunk_count, from_gen, to_gen FROM source_versions WHERE source_id = $1 AND "


class PostgresBotRows:
    """Each method but ``every_bot`` runs inside the caller's transaction, confined to its tenant."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, connection: Connection, bot_id: UUID) -> PointsRow | None:
        """Without lock; None for a bot that knows nothing."""
        row = await connection.fetchrow(READ, bot_id)
        return PointsRow(**dict(row)) if row else None

    async def lock(
        self, connection: Connection, scope: TenantScope, bot_id: UUID, store_id: str
    ) -> PointsRow:
        """Locks the bot's row until the transaction ends; makes it, with this store, where there is none."""
        await connection.execute(
            "INSERT INTO bot_points (bot_id, tenant_id, store_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            bot_id,
            scope.tenant_id,
            store_id,
        )
        # The lock first: what the second statement reads of bot_index is then as of the lock.
        await connection.execute("SELECT FROM bot_points WHERE bot_id = $1 FOR UPDATE", bot_id)
        row = await self.read(connection, bot_id)
        if row is None:
            raise LookupError("the bot belongs to another tenant")
        return row

    async def restored(self, connection: Connection, bot_id: UUID, store_id: str) -> None:
        """The store holds all of the bot's points."""
        await connection.execute("UPDATE bot_points SET store_id = $2 WHERE bot_id = $1", bot_id, store_id)

    async def version(self, connection: Connection, source_id: UUID, version: int) -> VersionRow | None:
        """A version, if it was ever visible."""
        row = await connection.fetchrow(f"{VERSION} version = $2", source_id, version)
        return VersionRow(**dict(row)) if row else None

    async def next_claim(self, connection: Connection, bot_id: UUID) -> int:
        """A claim higher than all before."""
        value: int = await connection.fetchval(
            "UPDATE bot_points SET claim = claim + 1 WHERE bot_id = $1 RETURNING claim", bot_id
        )
        return value

    async def visible(self, connection: Connection, source_ids: Sequence[UUID]) -> dict[UUID, int]:
        """Source → its visible version, for those that have one."""
        rows = await connection.fetch(
            "SELECT source_id, version FROM source_versions WHERE source_id = ANY($1) AND to_gen IS NULL",
            source_ids,
        )
        return {row["source_id"]: row["version"] for row in rows}

    async def hidden(self, connection: Connection, source_ids: Sequence[UUID]) -> dict[UUID, int]:
        """Source → the version up to which it is hidden, for those that ever were."""
        rows = await connection.fetch(
            "SELECT source_id, version FROM hidden_sources WHERE source_id = ANY($1)", source_ids
        )
        return {row["source_id"]: row["version"] for row in rows}

    async def prepare(
        self, connection: Connection, scope: TenantScope, bot_id: UUID, versions: Mapping[UUID, int]
    ) -> int:
        """Notes an attempt at these versions (by source) and answers its claim."""
        claim = await self.next_claim(connection, bot_id)
        await connection.executemany(
            "INSERT INTO preparations (bot_id, source_id, version, claim, tenant_id) VALUES ($1, $2, $3, $4, $5)",
            [(bot_id, source_id, version, claim, scope.tenant_id) for source_id, version in versions.items()],
        )
        return claim

    async def preparations(self, connection: Connection, bot_id: UUID) -> dict[int, set[UUID]]:
        """Claim → sources of the attempts that are not finished."""
        rows = await connection.fetch("SELECT claim, source_id FROM preparations WHERE bot_id = $1", bot_id)
        attempts: dict[int, set[UUID]] = {}
        for row in rows:
            attempts.setdefault(row["claim"], set()).add(row["source_id"])
        return attempts

    async def prepared(self, connection: Connection, bot_id: UUID, claim: int) -> None:
        """Forgets the attempts up to a claim: finished, or taken back."""
        await connection.execute("DELETE FROM preparations WHERE bot_id = $1 AND claim <= $2", bot_id, claim)

    async def generations(self, connection: Connection) -> int:
        """The generations of all bots of the tenant together."""
        value: int = await connection.fetchval("SELECT coalesce(sum(generation), 0)::bigint FROM bot_index")
        return value

    async def every_bot(self) -> list[tuple[TenantScope, UUID, str]]:
        """All bots of all tenants with the store that holds their points (system role)."""
        async with self._database.system() as connection:
            rows = await connection.fetch(
                "SELECT tenant_id, bot_id, store_id FROM bot_points ORDER BY bot_id"
            )
        return [(TenantScope(row["tenant_id"]), row["bot_id"], row["store_id"]) for row in rows]
