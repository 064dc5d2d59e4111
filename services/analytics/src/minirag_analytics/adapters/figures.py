"""The projections in Postgres. Row-level security narrows every statement to the tenant of the scope."""

from minirag_contracts.context import TenantScope
from minirag_contracts.requests.analytics import Overview
from minirag_eventstore import Database

_OVERVIEW = """
SELECT (SELECT count(*) FROM bots)                             AS bot_profiles,
       (SELECT count(*) FROM sources)                          AS sources,
       (SELECT coalesce(sum(chats), 0) FROM chats_daily)::bigint AS chats,
       coalesce(sum(prompt_tokens), 0)::bigint                 AS total_prompt_tokens,
       coalesce(sum(completion_tokens), 0)::bigint             AS total_completion_tokens,
       coalesce(sum(prompt_tokens + completion_tokens), 0)::bigint AS total_tokens
FROM usage_daily
"""


class PostgresFigures:
    """The port Figures."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def overview(self, scope: TenantScope) -> Overview:
        """The sums over everything that the tenant has and has used."""
        async with self._database.tenant(scope) as connection:
            row = await connection.fetchrow(_OVERVIEW)
        return Overview.model_validate(dict(row or {}))
