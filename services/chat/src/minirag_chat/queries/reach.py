"""How far a caller sees. The one place where members and visitors are confined to the conversations that they began."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from minirag_contracts.context import Context
from minirag_eventstore import Connection, Database
from minirag_service.persons import IS_ERASED

from minirag_chat.errors import SessionEnded

CONFINE = f"SELECT set_config('minirag.own', $1, true), {IS_ERASED}"


async def confine(connection: Connection, context: Context) -> None:
    """From here to its end this transaction sees, for a confined caller, no chat or turn but their own.

    The database does it (policies ``of_starter``), for every statement alike. What is not one's own is then not there:
    404, as with another tenant's. Raises SessionEnded for a person who was erased lately.
    """
    if context.own_only is None:
        return
    if await connection.fetchval(CONFINE, context.own_only, column=1):
        raise SessionEnded


@asynccontextmanager
async def within_reach(database: Database, context: Context) -> AsyncIterator[Connection]:
    """A transaction that sees what this caller may see."""
    async with database.tenant(context.scope) as connection:
        await confine(connection, context)
        yield connection
