"""Content tables: what people and models wrote, beside the events that refer to it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from minirag_contracts.context import TenantScope
from minirag_contracts.requests.chat import CitationRead
from minirag_eventstore import Transaction
from minirag_eventstore.database import affected
from minirag_service.sealing import new_salt, salted_hash

ERASE_ACTORS = (
    """DELETE FROM message_contents WHERE message_id IN (
           SELECT unnest(ARRAY[message_id, user_message_id]) FROM turns JOIN chats USING (chat_id) WHERE started_by = $1)""",
    "DELETE FROM chat_titles WHERE chat_id IN (SELECT chat_id FROM chats WHERE started_by = $1)",
)


class PostgresContents:
    """Contents in the service's own schema, each call inside the caller's transaction."""

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

    async def erase_actors(self, transaction: Transaction, actor: str) -> int:
        """Everything that was said in the chats that an actor began; answers how many rows that was."""
        done = [await transaction.connection.execute(statement, actor) for statement in ERASE_ACTORS]
        return sum(map(affected, done))
