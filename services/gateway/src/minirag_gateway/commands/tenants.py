"""What changes identity."""

import hashlib
import hmac
import secrets
from typing import Any, ClassVar, Literal
from uuid import UUID

from minirag_contracts.context import Context
from minirag_contracts.ids import new_id
from minirag_contracts.requests import Reply, Request
from minirag_eventstore import Transaction
from minirag_service.sealing import new_salt, salted_hash
from pydantic import Field

from minirag_gateway.commands import invites
from minirag_gateway.domain import tenant, token, user
from minirag_gateway.domain.tenant import TenantRead
from minirag_gateway.errors import InvalidInvite, InviteRequired, SignupClosed, SlugTaken
from minirag_gateway.ports import PasswordHasher, Store

SignupMode = Literal["open", "invite", "closed"]
"""Who may sign up."""

TOKEN_BYTES = 32
"""Randomness of an API token; URL-safe base64 makes 43 characters of it (spec §2)."""


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


class TenantCommands:
    """Sign-up, by anybody, by invite or by nobody."""

    def __init__(self, store: Store, passwords: PasswordHasher, proof_key: bytes, mode: SignupMode) -> None:
        self._store = store
        self._passwords = passwords
        self._proof_key = proof_key
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
        proof = hmac.new(self._proof_key, password.encode(), hashlib.sha256).hexdigest()
        request = CreateTenant(
            name=name,
            slug=slug,
            owner_email=email,
            owner_display_name=display_name,
            password_proof=proof,
            invite_hash=invite_hash,
        )
        password_hash = await self._passwords.hash(password)
        secret = secrets.token_urlsafe(TOKEN_BYTES)

        async def sign_up(tx: Transaction) -> TenantSignedUp:
            if invite_hash is not None:
                await _use_invite(tx, invite_hash)
            await _take_slug(tx, slug)
            await _append_tenant(tx, context, name, slug)
            user_id = await _append_owner(tx, context, email, display_name, password_hash)
            await _append_token(tx, context, user_id, secret)
            created = TenantRead(id=tx.scope.tenant_id, name=name, slug=slug, is_active=True, plan="free")
            return TenantSignedUp(
                tenant=created, api_token=secret, token_prefix=secret[: token.PREFIX_LENGTH]
            )

        return await self._store.execute(context, request, sign_up)

    def _hash_of(self, invite: str | None) -> str | None:
        """The invite that this sign-up uses up: none where anybody may sign up."""
        if self._mode == "closed":
            raise SignupClosed
        if self._mode == "open":
            return None
        if invite is None:
            raise InviteRequired
        return invites.hashed(invite)


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


async def _append_owner(
    tx: Transaction, context: Context, email: str, display_name: str, password_hash: str
) -> UUID:
    user_id, salt = new_id(), new_salt()
    await tx.connection.execute(
        "INSERT INTO user_content (user_id, tenant_id, email, display_name, password_hash, salt) "
        "VALUES ($1, $2, $3, $4, $5, $6)",
        user_id,
        tx.scope.tenant_id,
        email,
        display_name,
        password_hash,
        salt,
    )
    events = user.create(
        user.User(), user_id=user_id, role="owner", email_hash=salted_hash(email.lower(), salt)
    )
    await tx.append(context, user.stream_of(user_id), 0, events)
    return user_id


async def _append_token(tx: Transaction, context: Context, user_id: UUID, secret: str) -> None:
    token_id = new_id()
    events = token.create(token.Token(), token_id=token_id, user_id=user_id, name="default", secret=secret)
    await tx.append(context, token.stream_of(token_id), 0, events)
