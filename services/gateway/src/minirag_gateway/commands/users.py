"""Who may act for a tenant: made, changed, deactivated."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from uuid import UUID

from minirag_contracts.context import Context
from minirag_contracts.events import EventPayload
from minirag_contracts.events.gateway import Role, UserDeactivated, UserRoleChanged
from minirag_contracts.ids import new_id
from minirag_contracts.requests import Done, Reply, Request
from minirag_eventstore import Transaction
from minirag_service.sealing import salted_hash
from pydantic import Field

from minirag_gateway.commands import accounts
from minirag_gateway.domain import token, user
from minirag_gateway.errors import EmailTaken, UserNotFound
from minirag_gateway.ports import PasswordHasher, Store
from minirag_gateway.queries.users import UserRead, read_user


class CreateUser(Request):
    """Somebody may act for the tenant."""

    service: ClassVar[str] = "gateway"
    verb: ClassVar[str] = "users.create"
    Returns: ClassVar[type[Reply]] = UserRead

    email: str = Field(repr=False)
    display_name: str = Field(repr=False)
    role: Role
    password_proof: str = Field(repr=False)


class UpdateUser(Request):
    """Whatever is not None becomes so."""

    service: ClassVar[str] = "gateway"
    verb: ClassVar[str] = "users.update"
    Returns: ClassVar[type[Reply]] = UserRead

    user_id: UUID
    email: str | None = Field(default=None, repr=False)
    display_name: str | None = Field(default=None, repr=False)
    role: Role | None = None
    is_active: bool | None = None
    password_proof: str | None = Field(default=None, repr=False)


class DeactivateUser(Request):
    """Nothing any more."""

    service: ClassVar[str] = "gateway"
    verb: ClassVar[str] = "users.deactivate"
    Returns: ClassVar[type[Reply]] = Done

    user_id: UUID


class ResetIssued(Reply):
    """By which the user may choose a password, shown this once: `POST /v1/auth/password-reset`."""

    holds_secret: ClassVar[bool] = True

    reset_token: str = Field(repr=False)
    expires_at: datetime


class IssueReset(Request):
    """Make a link by which the user may choose a password."""

    service: ClassVar[str] = "gateway"
    verb: ClassVar[str] = "users.reset"
    Returns: ClassVar[type[Reply]] = ResetIssued

    user_id: UUID


@dataclass(frozen=True, slots=True)
class Changes:
    """What shall be different about a user; None leaves it as it is."""

    email: str | None = field(default=None, repr=False)
    display_name: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    role: Role | None = None
    is_active: bool | None = None


class UserCommands:
    """The commands of users. ``by`` is the role of whoever asks: only owners touch owners."""

    def __init__(
        self, store: Store, passwords: PasswordHasher, proofs: accounts.PasswordProofs, reset_lasts: timedelta
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._proofs = proofs
        self._reset_lasts = reset_lasts

    async def create(
        self, context: Context, by: Role, *, email: str, display_name: str, role: Role, password: str
    ) -> UserRead:
        """A new user; raises EmailTaken, OwnersOnly."""
        request = CreateUser(
            email=email, display_name=display_name, role=role, password_proof=self._proofs.of(password)
        )
        user.create(
            user.User(), user_id=context.scope.tenant_id, role=role, email_hash="", by=by
        )  # before the slow part
        account = accounts.NewAccount(role, email, display_name, await self._passwords.hash(password))

        async def action(tx: Transaction) -> UserRead:
            user_id = await accounts.append_user(tx, context, new_id(), account, by=by)
            return await read_user(tx.connection, user_id)

        return await self._store.execute(context, request, action)

    async def update(self, context: Context, by: Role, user_id: UUID, changes: Changes) -> UserRead:
        """Applies what is given, all or nothing; raises UserNotFound, EmailTaken, OwnersOnly, LastOwner."""
        request = UpdateUser(
            user_id=user_id,
            email=changes.email,
            display_name=changes.display_name,
            role=changes.role,
            is_active=changes.is_active,
            password_proof=self._proofs.of(changes.password) if changes.password else None,
        )
        password_hash = None
        if changes.password is not None:
            async with self._store.transaction(context.scope) as tx:  # refusals come before the slow part
                user.touch((await accounts.load_user(tx, user_id))[0], by)
            password_hash = await self._passwords.hash(changes.password)

        async def action(tx: Transaction) -> UserRead:
            await self._change_facts(tx, context, by, user_id, changes)
            if password_hash is not None:
                await self._append(tx, context, user_id, user.change_password(user_id, "administrator"))
                await accounts.set_password(tx, user_id, password_hash)
                await accounts.end_sessions(tx, context, user_id, "password_changed")
            return await read_user(tx.connection, user_id)

        return await self._store.execute(context, request, action)

    async def deactivate(self, context: Context, by: Role, user_id: UUID) -> Done:
        """Nothing any more, at once; raises UserNotFound, OwnersOnly, LastOwner."""

        async def action(tx: Transaction) -> Done:
            await self._change_facts(tx, context, by, user_id, Changes(is_active=False))
            return Done()

        return await self._store.execute(context, DeactivateUser(user_id=user_id), action)

    async def issue_reset(self, context: Context, by: Role, user_id: UUID) -> ResetIssued:
        """A secret that lets its bearer choose the user's password, once; the one before is worth nothing any more."""
        secret = secrets.token_urlsafe(accounts.TOKEN_BYTES)

        async def action(tx: Transaction) -> ResetIssued:
            state, version = await accounts.load_user(tx, user_id)
            expires_at, reset_id = datetime.now(UTC) + self._reset_lasts, new_id()
            events = user.issue_reset(state, user_id, by=by, reset_id=reset_id, expires_at=expires_at)
            await tx.append(context, user.stream_of(user_id), version, events)
            await tx.connection.execute("DELETE FROM password_resets WHERE user_id = $1", user_id)
            await tx.connection.execute(
                "INSERT INTO password_resets (reset_id, tenant_id, user_id, secret_hash, expires_at) "
                "VALUES ($1, $2, $3, $4, $5)",
                reset_id,
                tx.scope.tenant_id,
                user_id,
                token.hashed(secret),
                expires_at,
            )
            return ResetIssued(reset_token=secret, expires_at=expires_at)

        return await self._store.execute(context, IssueReset(user_id=user_id), action)

    async def _change_facts(
        self, tx: Transaction, context: Context, by: Role, user_id: UUID, changes: Changes
    ) -> None:
        state, version = await accounts.load_user(tx, user_id)
        user.touch(state, by)
        others = await accounts.other_owners(tx, user_id)
        events: list[EventPayload] = []
        if changes.role is not None:
            events += user.change_role(state, user_id, changes.role, by=by, other_owners=others)
        if changes.is_active is False:
            state_now = user.evolve(state, events[0]) if events else state
            events += user.deactivate(state_now, user_id, by=by, other_owners=others)
        elif changes.is_active:
            events += user.activate(state, user_id, by=by)
        if changes.email is not None or changes.display_name is not None:
            events += await self._change_content(tx, by, user_id, state, changes)
        await tx.append(context, user.stream_of(user_id), version, events)
        if any(isinstance(event, UserRoleChanged | UserDeactivated) for event in events):
            # A link that somebody made for the user as they were is worth nothing for the user as they are.
            await tx.connection.execute("DELETE FROM password_resets WHERE user_id = $1", user_id)
        if changes.is_active is False:
            await accounts.end_sessions(tx, context, user_id, "deactivated")

    async def _change_content(
        self, tx: Transaction, by: Role, user_id: UUID, state: user.User, changes: Changes
    ) -> list[EventPayload]:
        row = await tx.connection.fetchrow(
            "SELECT email, display_name, salt FROM user_content WHERE user_id = $1 FOR UPDATE", user_id
        )
        if row is None:
            raise UserNotFound
        email = row["email"] if changes.email is None else changes.email
        name = row["display_name"] if changes.display_name is None else changes.display_name
        taken = await tx.connection.fetchval(
            "SELECT true FROM user_content WHERE lower(email) = lower($1) AND user_id <> $2", email, user_id
        )
        if taken:
            raise EmailTaken
        await tx.connection.execute(
            "UPDATE user_content SET email = $2, display_name = $3 WHERE user_id = $1", user_id, email, name
        )
        renamed = (email, name) != (row["email"], row["display_name"])
        email_hash = salted_hash(email.lower(), row["salt"])
        return list(user.update(state, user_id, email_hash, by=by, renamed=renamed))

    async def _append(
        self, tx: Transaction, context: Context, user_id: UUID, events: Sequence[EventPayload]
    ) -> None:
        _, version = await accounts.load_user(tx, user_id)
        await tx.append(context, user.stream_of(user_id), version, events)
