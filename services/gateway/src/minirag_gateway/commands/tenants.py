"""Sign-up, and what becomes of a tenant."""

import secrets
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from minirag_contracts.context import Context
from minirag_contracts.events import EventPayload
from minirag_contracts.ids import new_id
from minirag_contracts.requests import Reply, Request
from minirag_eventstore import Transaction
from pydantic import Field

from minirag_gateway.commands import accounts
from minirag_gateway.domain import tenant, token
from minirag_gateway.domain.tenant import SignupMode, TenantRead
from minirag_gateway.errors import InvalidInvite, InviteRequired, SignupClosed, SlugTaken
from minirag_gateway.ports import PasswordHasher, Store
from minirag_gateway.queries.tenants import read_tenant


class TenantSignedUp(Reply):
    """The new tenant, and its API token for the one time that it is shown."""

    holds_secret: ClassVar[bool] = True

    tenant: TenantRead
    api_token: str = Field(repr=False)
    token_prefix: str


class CreateTenant(Request):
    """An organisation signs up. ``password_proof`` is keyed, so that the stored body hash helps nobody guess."""

    service: ClassVar[str] = "gateway"
    verb: ClassVar[str] = "tenants.create"
    Returns: ClassVar[type[Reply]] = TenantSignedUp

    name: str
    slug: str
    owner_email: str = Field(repr=False)
    owner_display_name: str = Field(default="", repr=False)
    password_proof: str = Field(repr=False)
    invite_hash: str | None = Field(default=None, repr=False)


class RenameTenant(Request):
    """Another name."""

    service: ClassVar[str] = "gateway"
    verb: ClassVar[str] = "tenants.rename"
    Returns: ClassVar[type[Reply]] = TenantRead

    name: str


class SuspendTenant(Request):
    """Serve it no more."""

    service: ClassVar[str] = "gateway"
    verb: ClassVar[str] = "tenants.suspend"
    Returns: ClassVar[type[Reply]] = TenantRead


class ResumeTenant(Request):
    """Serve it again."""

    service: ClassVar[str] = "gateway"
    verb: ClassVar[str] = "tenants.resume"
    Returns: ClassVar[type[Reply]] = TenantRead


class EraseForGood(Request):
    """Serve it never again, and erase it."""

    service: ClassVar[str] = "gateway"
    verb: ClassVar[str] = "tenants.end"
    Returns: ClassVar[type[Reply]] = TenantRead


class TenantCommands:
    """The commands of tenants."""

    def __init__(
        self, store: Store, passwords: PasswordHasher, proofs: accounts.PasswordProofs, mode: SignupMode
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._proofs = proofs
        self._mode = mode

    async def create(
        self,
        context: Context,
        *,
        name: str,
        slug: str,
        email: str,
        password: str,
        display_name: str,
        invite: str | None = None,
    ) -> TenantSignedUp:
        """Makes the tenant of ``context`` with an owner and the token ``default``.

        Raises SlugTaken if the slug is in use, and SignupClosed, InviteRequired or InvalidInvite as the mode demands.
        """
        invite_hash = self._hash_of(invite)
        request = CreateTenant(
            name=name,
            slug=slug,
            owner_email=email,
            owner_display_name=display_name,
            password_proof=self._proofs.of(password),
            invite_hash=invite_hash,
        )
        password_hash = await self._passwords.hash(password)
        secret = secrets.token_urlsafe(accounts.TOKEN_BYTES)

        async def sign_up(tx: Transaction) -> TenantSignedUp:
            if invite_hash is not None:
                await _use_invite(tx, invite_hash)
            await _take_slug(tx, slug)
            await _append_tenant(tx, context, name, slug)
            owner = accounts.NewAccount("owner", email, display_name, password_hash)
            user_id = await accounts.append_user(tx, context, new_id(), owner)
            await accounts.append_token(tx, context, new_id(), user_id, "default", secret)
            created = TenantRead(id=tx.scope.tenant_id, name=name, slug=slug, is_active=True, plan="free")
            return TenantSignedUp(
                tenant=created, api_token=secret, token_prefix=secret[: token.PREFIX_LENGTH]
            )

        return await self._store.execute(context, request, sign_up)

    async def rename(self, context: Context, name: str) -> TenantRead:
        """Another name for the tenant of ``context``."""
        return await self._change(context, RenameTenant(name=name), lambda state: tenant.rename(state, name))

    async def suspend(self, context: Context) -> TenantRead:
        """Serves the tenant no more; within a second nothing of its people, tokens and keys is let in anywhere."""
        return await self._change(context, SuspendTenant(), tenant.suspend)

    async def resume(self, context: Context) -> TenantRead:
        """Serves it again."""
        return await self._change(context, ResumeTenant(), tenant.resume)

    async def erase(self, context: Context) -> TenantRead:
        """Serves it never again; every service erases what it has of it."""
        return await self._change(context, EraseForGood(), tenant.erase)

    async def _change(
        self,
        context: Context,
        request: Request,
        decide: Callable[[tenant.Tenant], Sequence[EventPayload]],
    ) -> TenantRead:
        async def action(tx: Transaction) -> TenantRead:
            stream = tenant.stream_of(tx.scope.tenant_id)
            state, version = await tx.load(stream, tenant.evolve, tenant.Tenant())
            await tx.append(context, stream, version, decide(state))
            return await read_tenant(tx.connection)

        return await self._store.execute(context, request, action)

    def _hash_of(self, invite: str | None) -> str | None:
        """The invite that this sign-up uses up: none where anybody may sign up."""
        if self._mode == "closed":
            raise SignupClosed
        if self._mode == "open":
            return None
        if invite is None:
            raise InviteRequired
        return token.hashed(invite)


async def _use_invite(tx: Transaction, invite_hash: str) -> None:
    """The row's lock lets one of two sign-ups have it; one that fails gives it back."""
    used: Any = await tx.connection.fetchval(
        "UPDATE invites SET (tenant_id, used_at) = ($2::uuid, now()) "
        "WHERE invite_hash = $1 AND used_at IS NULL AND expires_at > now() RETURNING true",
        invite_hash,
        tx.scope.tenant_id,
    )
    if not used:
        raise InvalidInvite


async def _take_slug(tx: Transaction, slug: str) -> None:
    taken: Any = await tx.connection.fetchval(
        "INSERT INTO slugs (slug, tenant_id) VALUES ($1, $2) ON CONFLICT (slug) DO NOTHING RETURNING true",
        slug,
        tx.scope.tenant_id,
    )
    if not taken:
        raise SlugTaken(f"Slug '{slug}' is already taken")


async def _append_tenant(tx: Transaction, context: Context, name: str, slug: str) -> None:
    stream = tenant.stream_of(tx.scope.tenant_id)
    state, version = await tx.load(stream, tenant.evolve, tenant.Tenant())
    await tx.append(context, stream, version, tenant.create(state, name=name, slug=slug))
