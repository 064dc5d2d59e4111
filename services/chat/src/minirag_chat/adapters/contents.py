"""Content tables: what people and models wrote, beside the events that refer to it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from minirag_contracts.context import TenantScope
from minirag_contracts.requests.chat import CitationRead
from minirag_service.sealing import Sealer, new_salt, salted_hash


class PostgresContents:
    """Contents in the service's own schema, each call inside the caller's transaction."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    async def add_message(
        self,
        connection: Any,
        scope: TenantScope,
        message_id: UUID,
        text: str,
        citations: Sequence[CitationRead] = (),
    ) -> str:
        """The salt is kept with the text, so that erasing the row leaves a hash that proves nothing."""
        salt = new_salt()
        await connection.execute(
            """INSERT INTO message_contents (tenant_id, message_id, content, salt, citations)
               VALUES ($1, $2, $3, $4, $5)""",
            scope.tenant_id,
            message_id,
            text,
            salt,
            [citation.model_dump(mode="json") for citation in citations],
        )
        return salted_hash(text, salt)

    async def add_title(self, connection: Any, scope: TenantScope, chat_id: UUID, title: str) -> None:
        """A title is the visitor's own words."""
        await connection.execute(
            "INSERT INTO chat_titles (tenant_id, chat_id, title) VALUES ($1, $2, $3)",
            scope.tenant_id,
            chat_id,
            title,
        )

    def open_credentials(self, sealed: bytes) -> str:
        """The key in clear, for the call to the provider only."""
        return self._sealer.open(sealed).decode()
