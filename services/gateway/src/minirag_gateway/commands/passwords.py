"""Choosing a password: one's own, or by a link that an administrator made."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from minirag_contracts.context import Context
from minirag_eventstore import Transaction

from minirag_gateway.commands import accounts
from minirag_gateway.domain import token, user
from minirag_gateway.errors import InvalidReset, WrongPassword
from minirag_gateway.ports import Credentials, PasswordHasher, Store


class PasswordCommands:
    """The commands of passwords. They are no commands to repeat: a second attempt is told that the first has worked."""

    def __init__(self, store: Store, credentials: Credentials, passwords: PasswordHasher) -> None:
        self._store = store
        self._credentials = credentials
        self._passwords = passwords

    async def change(
        self, context: Context, user_id: UUID, *, current: str, new: str, keep_session: UUID | None
    ) -> None:
        """Replaces the caller's own password and ends their other logins; raises WrongPassword."""
        async with self._store.reading(context.scope) as connection:
            known = await connection.fetchval(
                "SELECT password_hash FROM user_content WHERE user_id = $1", user_id
            )
        if not await self._passwords.verify(known, current):
            raise WrongPassword
        password_hash = await self._passwords.hash(new)
        async with self._store.transaction(context.scope) as tx:
            await accounts.require_password(tx, user_id, known, WrongPassword)
            _, version = await accounts.load_user(tx, user_id)
            await self._replace(tx, context, user_id, version, password_hash)
            await accounts.end_sessions(tx, context, user_id, "password_changed", keep=keep_session)

    async def reset(self, context: Context, secret: str, new: str) -> None:
        """Chooses a password by a link, once, and ends every login of that user; raises InvalidReset."""
        secret_hash = token.hashed(secret)
        tenant_id = await self._credentials.reset_tenant(secret_hash)
        if tenant_id is None:
            raise InvalidReset
        password_hash = await self._passwords.hash(new)
        context = replace(context, tenant_id=tenant_id)
        async with self._store.transaction(context.scope) as tx:
            row = await tx.connection.fetchrow(
                "DELETE FROM password_resets WHERE secret_hash = $1 RETURNING user_id, expires_at",
                secret_hash,
            )
            if row is None or row["expires_at"] <= datetime.now(UTC):
                raise InvalidReset
            state, version = await accounts.load_user(tx, row["user_id"])
            if not state.is_active:
                raise InvalidReset
            by_link = replace(context, actor=f"user:{row['user_id']}")
            await self._replace(tx, by_link, row["user_id"], version, password_hash, how="reset")
            await accounts.end_sessions(tx, by_link, row["user_id"], "password_changed")

    async def _replace(
        self,
        tx: Transaction,
        context: Context,
        user_id: UUID,
        version: int,
        password_hash: str,
        *,
        how: Literal["own", "reset"] = "own",
    ) -> None:
        await tx.append(context, user.stream_of(user_id), version, user.change_password(user_id, how))
        await accounts.set_password(tx, user_id, password_hash)
