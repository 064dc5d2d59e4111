"""From where somebody asked: content beside the events, written with them and erased without them."""

from collections.abc import Sequence

from minirag_contracts.context import Context
from minirag_contracts.envelope import Envelope

from minirag_eventstore.database import Connection, affected

CAUSE = "coalesce((metadata ->> 'causation_id')::uuid, event_id)"
"""SQL: the ``cause_id`` under which an event's origin lies."""


async def note(connection: Connection, context: Context, events: Sequence[Envelope]) -> None:
    """Keeps address and agent of a command, once for all of its events; a context without address has no origin."""
    if not context.address:
        return
    causes = {event.metadata.causation_id or event.event_id for event in events}
    await connection.execute(
        """INSERT INTO event_origins (tenant_id, cause_id, address, agent, recorded_at)
           SELECT $1, cause, $3, $4, $5 FROM unnest($2::uuid[]) AS cause ON CONFLICT DO NOTHING""",
        context.scope.tenant_id,
        list(causes),
        context.address,
        context.agent,
        events[0].recorded_at,
    )


async def erase(connection: Connection, actor: str) -> int:
    """Forgets from where an actor of the transaction's tenant asked, and what they were answered; how many rows that was."""
    rows = 0
    for table, cause in (("event_origins", "cause_id"), ("commands", "command_id")):
        done = await connection.execute(
            f"DELETE FROM {table} WHERE {cause} IN (SELECT {CAUSE} FROM events WHERE actor = $1)", actor
        )
        rows += affected(done)
    return rows
