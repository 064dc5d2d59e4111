"""What can go wrong with a store. None of these is a refusal that a client should read as it stands."""

import asyncpg


class VersionConflict(Exception):
    """Somebody else appended to the stream first: load it again and decide again."""


class LeaseLost(Exception):
    """The lease on a piece of work ran out and somebody else may have it: what was done must not be committed."""


class MigrationMismatch(Exception):
    """A migration that was applied has changed since, or one is missing: the schema is not what this build thinks."""


DATABASE_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InterfaceError,
    OSError,
)
"""What a database that is stopping, starting or gone makes of a call: worth another try, no fault of the call."""
