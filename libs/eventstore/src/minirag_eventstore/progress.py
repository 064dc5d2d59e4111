"""How far a consumer has come in its owner's store."""

from minirag_eventstore.database import Connection


async def of(connection: Connection, consumer: str) -> int | None:
    """The position up to which everything is handled; None for a consumer that has never run."""
    value: int | None = await connection.fetchval(
        "SELECT position FROM progress WHERE consumer = $1", consumer
    )
    return value


async def begin(connection: Connection, consumer: str, position: int) -> None:
    """Where a consumer that has never run begins; of several processes the first decides."""
    await connection.execute(
        "INSERT INTO progress (consumer, position) VALUES ($1, $2) ON CONFLICT (consumer) DO NOTHING",
        consumer,
        position,
    )


async def advance(connection: Connection, consumer: str, position: int) -> int:
    """Moves forward, never back; answers where it is. Until the transaction ends nobody else can move this consumer's."""
    value: int = await connection.fetchval(
        """INSERT INTO progress (consumer, position) VALUES ($1, $2)
           ON CONFLICT (consumer) DO UPDATE SET position = greatest(progress.position, $2) RETURNING position""",
        consumer,
        position,
    )
    return value


async def hold(connection: Connection, consumer: str) -> int:
    """Where it is, and stays until the transaction ends."""
    return await advance(connection, consumer, 0)
