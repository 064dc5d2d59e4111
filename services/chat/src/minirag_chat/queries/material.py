"""What a turn is made from: the bot, the question, the chat so far. One short read, then no connection is held."""

from dataclasses import dataclass, field
from uuid import UUID

from minirag_contracts.context import TenantScope
from minirag_eventstore import Database

from minirag_chat.domain.prompt import Exchange

_BOT_AND_QUESTION = """
SELECT bots.model, bots.system_prompt, bots.temperature, bots.max_tokens, credentials.sealed AS credentials,
       question.content AS question, turns.stream, turns.created_at, turns.stop_requested, bots.is_active
FROM turns
JOIN bots ON bots.bot_id = turns.bot_id
JOIN message_contents AS question ON question.message_id = turns.user_message_id
LEFT JOIN bot_credentials AS credentials ON credentials.bot_id = turns.bot_id
WHERE turns.message_id = $1
"""

_HISTORY = """
SELECT question.content AS question, answer.content AS answer
FROM (SELECT message_id, user_message_id, created_at FROM turns
      WHERE chat_id = $1 AND state = 'completed' AND (created_at, message_id) < ($2, $3)
      ORDER BY created_at DESC, message_id DESC LIMIT $4) AS latest
JOIN message_contents AS question ON question.message_id = latest.user_message_id
JOIN message_contents AS answer ON answer.message_id = latest.message_id
ORDER BY latest.created_at, latest.message_id
"""


class MaterialGone(Exception):
    """The question or the bot was erased before the turn ran."""


@dataclass(frozen=True, slots=True)
class Material:
    """All that the database knows for a turn; ``history`` is oldest first."""

    model: str
    system_prompt: str
    temperature: float
    max_tokens: int
    credentials: bytes | None = field(repr=False)
    question: str = field(repr=False)
    stream: bool
    history: tuple[Exchange, ...] = field(repr=False)
    is_active: bool
    """Whether the bot may still answer."""
    stop_requested: bool
    """Whether the answer is wanted no more."""


async def load_material(
    database: Database, scope: TenantScope, *, chat_id: UUID, message_id: UUID, first: bool, turns: int
) -> Material:
    """Reads at most ``turns`` whole exchanges before this one; ``first`` tells that there are none."""
    async with database.tenant(scope) as connection:
        row = await connection.fetchrow(_BOT_AND_QUESTION, message_id)
        if row is None:
            raise MaterialGone(str(message_id))
        earlier = (
            [] if first else await connection.fetch(_HISTORY, chat_id, row["created_at"], message_id, turns)
        )
    return Material(
        model=row["model"],
        system_prompt=row["system_prompt"],
        temperature=row["temperature"],
        max_tokens=row["max_tokens"],
        credentials=row["credentials"],
        question=row["question"],
        stream=row["stream"],
        # An answer that was stopped before its first word is none that a model could be shown.
        history=tuple(Exchange(one["question"], one["answer"]) for one in earlier if one["answer"]),
        is_active=row["is_active"],
        stop_requested=row["stop_requested"],
    )


async def any_credentials(database: Database) -> bool:
    """Whether any bot of any tenant has a provider's key: asked once at start, to warm what such bots need."""
    async with database.system() as connection:
        return bool(await connection.fetchval("SELECT EXISTS (SELECT FROM bot_credentials)"))
