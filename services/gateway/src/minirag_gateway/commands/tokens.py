"""API tokens: handed out, revoked."""

import secrets
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from minirag_contracts.context import Context
from minirag_contracts.events.gateway import Scope
from minirag_contracts.ids import new_id
from minirag_contracts.requests import Done, Reply, Request
from minirag_eventstore import Transaction
from pydantic import Field

from minirag_gateway.commands import accounts
from minirag_gateway.domain import token
from minirag_gateway.ports import Store
from minirag_gateway.queries.tokens import TokenRead, read_token


class TokenCreatedReply(TokenRead):
    """The token, and its text for the one time that it is shown."""

    holds_secret: ClassVar[bool] = True

    raw_token: str = Field(repr=False)


class CreateToken(Request):
    """Hand out a token of the caller."""

    service: ClassVar[str] = "gateway"
    verb: ClassVar[str] = "tokens.create"
    Returns: ClassVar[type[Reply]] = TokenCreatedReply

    user_id: UUID
    name: str
    scopes: list[Scope] | None = None
    expires_at: datetime | None = None


class RevokeToken(Request):
    """It is worth nothing any more."""

    service: ClassVar[str] = "gateway"
    verb: ClassVar[str] = "tokens.revoke"
    Returns: ClassVar[type[Reply]] = Done

    token_id: UUID


class TokenCommands:
    """The commands of API tokens."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def create(self, context: Context, request: CreateToken) -> TokenCreatedReply:
        """A token that acts for the user."""
        secret = secrets.token_urlsafe(accounts.TOKEN_BYTES)

        async def action(tx: Transaction) -> TokenCreatedReply:
            token_id = new_id()
            await accounts.append_token(
                tx,
                context,
                token_id,
                request.user_id,
                request.name,
                secret,
                scopes=request.scopes,
                expires_at=request.expires_at,
            )
            read = await read_token(tx.connection, token_id)
            return TokenCreatedReply(**read.model_dump(), raw_token=secret)

        return await self._store.execute(context, request, action)

    async def revoke(self, context: Context, token_id: UUID) -> Done:
        """Raises TokenNotFound."""

        async def action(tx: Transaction) -> Done:
            stream = token.stream_of(token_id)
            state, version = await tx.load(stream, token.evolve, token.Token())
            await tx.append(context, stream, version, token.revoke(state, token_id))
            return Done()

        return await self._store.execute(context, RevokeToken(token_id=token_id), action)
