"""Sealing anew what lies under an old key: in batches, each a transaction of its own, so that it may be interrupted anywhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.fernet import InvalidToken
from minirag_contracts.requests.common import SealedTable
from minirag_eventstore import Connection, Database

from minirag_service.sealing import Sealer

BATCH = 100
"""Rows that one transaction locks."""


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column whose values were made by ``Sealer.seal``. ``key`` is the table's primary key; ``where`` tells such rows."""

    table: str
    key: tuple[str, ...]
    column: str = "sealed"
    where: str = "true"

    def page(self, after: Sequence[Any] | None) -> str:
        """SQL of the next rows in the order of the key, locked: ``after`` are the parameters."""
        names = ", ".join(self.key)
        places = ", ".join(f"${number}" for number in range(1, len(self.key) + 1))
        beyond = f"AND ({names}) > ({places})" if after is not None else ""
        return (
            f"SELECT {names}, {self.column} FROM {self.table} "  # noqa: S608  # names of our own bootstraps
            f"WHERE {self.where} AND {self.column} IS NOT NULL {beyond} ORDER BY {names} LIMIT {BATCH} FOR UPDATE"
        )

    def update(self) -> str:
        """SQL that replaces the value ($1) of one row, by its key ($2…)."""
        mine = " AND ".join(f"{name} = ${number}" for number, name in enumerate(self.key, start=2))
        return f"UPDATE {self.table} SET {self.column} = $1 WHERE {mine}"  # noqa: S608  # as above


REPLIES = SealedColumn("commands", ("tenant_id", "command_id"), "reply", where="sealed")
"""One-time secrets in the replies that are kept for repeated commands."""


@dataclass(slots=True)
class _Count:
    rows: int = 0
    outdated: int = 0
    unreadable: int = 0


async def rotate(database: Database, sealer: Sealer, column: SealedColumn, *, dry_run: bool) -> SealedTable:
    """Seals every row of a column anew that is not under the newest key; with ``dry_run`` only counts them.

    What is sealed meanwhile is sealed with the newest key anyway. A row that no key opens is left as it is.
    """
    count, after = _Count(), None
    while True:
        async with database.system() as connection:
            rows = await connection.fetch(column.page(after), *(after or ()))
            for row in rows:
                await _take(connection, sealer, column, row, count, dry_run)
        if len(rows) < BATCH:
            break
        after = [rows[-1][name] for name in column.key]
    return SealedTable(
        table=column.table, rows=count.rows, outdated=count.outdated, unreadable=count.unreadable
    )


async def _take(
    connection: Connection, sealer: Sealer, column: SealedColumn, row: Any, count: _Count, dry_run: bool
) -> None:
    count.rows += 1
    if sealer.is_newest(row[column.column]):
        return
    try:
        fresh = sealer.reseal(row[column.column])
    except InvalidToken:
        count.unreadable += 1
        return
    count.outdated += 1
    if not dry_run:
        await connection.execute(column.update(), fresh, *(row[name] for name in column.key))
