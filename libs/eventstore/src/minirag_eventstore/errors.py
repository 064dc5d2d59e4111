"""What can go wrong with a store. None of these is a refusal that a client should read as it stands."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from minirag_contracts.errors import Unavailable


class VersionConflict(Exception):
    """Somebody else appended to the stream first: load it again and decide again."""


class LeaseLost(Exception):
    """The lease on a piece of work ran out and somebody else may have it: what was done must not be committed."""


class Explained(Exception):
    """A failure whose text is a sentence of our own, made for people: it may be kept, shown and logged."""


class MigrationMismatch(Exception):
    """A migration that was applied has changed since, or one is missing: the schema is not what this build thinks."""


class MigrationBlocked(Exception):
    """Somebody holds a table that a migration changes, for longer than is waited: try again later."""


INTERRUPTED = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    ConnectionError,
)
"""What a piece of work sees when the database goes away below it. Less than DATABASE_AWAY: a handler has other reasons for an
OSError, such as a full disk, and a statement that takes too long is no interruption.

InternalClientError is what asyncpg makes of a statement on a connection that the server has just ended, between its last
words and the end of the stream (MagicStack/asyncpg#784).
"""

DATABASE_AWAY = (*INTERRUPTED, asyncpg.OperatorInterventionError, OSError)
"""What a database that is stopping, starting or gone makes of a call: worth another try, no fault of the call."""

DATABASE_FAILED = (asyncpg.PostgresError, *DATABASE_AWAY)
"""Whatever a database answers or does not: for a loop of the runtime, which goes on whatever it was."""


class NotConnected(ConnectionError):
    """No connection to the database could be made: its socket is not there, its name unknown, it does not answer in time."""


def was_interrupted(error: Exception) -> bool:
    """Whether this tells of the database and not of the work; asyncpg's errors of wrong arguments are InterfaceErrors too."""
    return isinstance(error, INTERRUPTED) and not isinstance(error, ValueError)


@asynccontextmanager
async def reachable() -> AsyncIterator[None]:
    """Turns the errors of a database that is away, and of one that has no connection free in time, into Unavailable."""
    try:
        yield
    except DATABASE_AWAY as error:
        raise Unavailable("The database cannot be reached at the moment. Please try again.") from error
