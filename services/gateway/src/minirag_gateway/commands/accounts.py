"""What several commands of identity do alike, each inside its own transaction."""

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from minirag_contracts.context import Context
from minirag_contracts.events.gateway import Role, Scope, SessionEnd
from minirag_eventstore import Transaction
from minirag_eventstore.database import affected
from minirag_service.sealing import new_salt, salted_hash

from minirag_gateway.domain import session, token, user
from minirag_gateway.errors import EmailTaken, GatewayRefusal, UserNotFound

TOKEN_BYTES = 32
"""Randomness of an API token; URL-safe base64 makes 43 characters of it (spec §2)."""


class PasswordProofs:
    """Stands for a password where a command's body is compared: keyed, so that the stored hash helps nobody guess."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, password: str) -> str:
        """The same for the same password, as hex."""
        return hmac.new(self._key, password.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class NewAccount:
    """Somebody who shall be able to log in."""

    role: Role
    email: str = field(repr=False)
    display_name: str = field(repr=False)
    password_hash: str = field(repr=False)


async def append_user(
    tx: Transaction, context: Context, user_id: UUID, account: NewAccount, *, by: Role = "owner"
) -> UUID:
    """Makes a user with its content; EmailTaken where the tenant has one of that address."""
    salt = new_salt()
    events = user.create(
        user.User(),
        user_id=user_id,
        role=account.role,
        email_hash=salted_hash(account.email.lower(), salt),
        by=by,
    )
    await tx.connection.execute("SELECT FROM tenants FOR UPDATE")  # as whoever changes an address does
    inserted = await tx.connection.fetchval(
        "INSERT INTO user_content (user_id, tenant_id, email, display_name, password_hash, salt) "
        "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant_id, lower(email)) DO NOTHING RETURNING true",
        user_id,
        tx.scope.tenant_id,
        account.email,
        account.display_name,
        account.password_hash,
        salt,
    )
    if not inserted:
        raise EmailTaken
    await tx.append(context, user.stream_of(user_id), 0, events)
    return user_id


async def append_token(
    tx: Transaction,
    context: Context,
    token_id: UUID,
    user_id: UUID,
    name: str,
    secret: str,
    *,
    scopes: list[Scope] | None = None,
    expires_at: datetime | None = None,
) -> None:
    """Hands out an API token."""
    events = token.create(
        token.Token(),
        token_id=token_id,
        user_id=user_id,
        name=name,
        secret=secret,
        scopes=scopes,
        expires_at=expires_at,
    )
    await tx.append(context, token.stream_of(token_id), 0, events)


async def load_user(tx: Transaction, user_id: UUID) -> tuple[user.User, int]:
    """The user and its version; raises UserNotFound."""
    state, version = await tx.load(user.stream_of(user_id), user.evolve, user.User())
    if not state.exists:
        raise UserNotFound
    return state, version


async def other_owners(tx: Transaction, user_id: UUID) -> int:
    """How many other active owners the tenant has. Holds the tenant's row, so that two cannot leave at the same moment."""
    await tx.connection.execute("SELECT FROM tenants FOR UPDATE")
    count = await tx.connection.fetchval(
        "SELECT count(*) FROM users WHERE role = 'owner' AND is_active AND user_id <> $1", user_id
    )
    return int(count)


async def require_password(
    tx: Transaction, user_id: UUID, password_hash: str, refusal: type[GatewayRefusal]
) -> None:
    """Raises ``refusal`` unless the password that was compared is still the one, and the user still active.

    Comparing is slow and comes before the transaction; what changes meanwhile must not be outlived.
    """
    same = await tx.connection.fetchval(
        "SELECT content.password_hash = $2 AND users.is_active FROM user_content AS content "
        "JOIN users USING (user_id) WHERE user_id = $1 FOR SHARE",
        user_id,
        password_hash,
    )
    if not same:
        raise refusal


async def set_password(tx: Transaction, user_id: UUID, password_hash: str) -> None:
    """Replaces the password, and every link by which it could be chosen."""
    await tx.connection.execute(
        "UPDATE user_content SET password_hash = $2 WHERE user_id = $1", user_id, password_hash
    )
    await tx.connection.execute("DELETE FROM password_resets WHERE user_id = $1", user_id)


async def end_sessions(
    tx: Transaction, context: Context, user_id: UUID, reason: SessionEnd, *, keep: UUID | None = None
) -> None:
    """Ends every login of the user, but for one that may be kept."""
    rows = await tx.connection.fetch(
        "SELECT session_id FROM sessions WHERE user_id = $1 AND is_active AND expires_at > now() "
        "AND session_id IS DISTINCT FROM $2",
        user_id,
        keep,
    )
    for row in rows:
        await end_session(tx, context, row["session_id"], reason)


async def end_session(tx: Transaction, context: Context, session_id: UUID, reason: SessionEnd) -> None:
    """Ends one login; nothing happens if it has ended."""
    stream = session.stream_of(session_id)
    state, version = await tx.load(stream, session.evolve, session.Session())
    await tx.append(context, stream, version, session.end(state, session_id, reason))
    await tx.connection.execute("DELETE FROM session_refresh WHERE session_id = $1", session_id)


async def erase_account(tx: Transaction, actor: str) -> int:
    """Address, name and password of a user, and their links; answers how many rows that was. Visitors have nothing here."""
    kind, _, user_id = actor.partition(":")
    if kind != "user":
        return 0
    rows = 0
    for table in ("user_content", "password_resets"):
        done = await tx.connection.execute(f"DELETE FROM {table} WHERE user_id = $1", UUID(user_id))  # noqa: S608 -- ours
        rows += affected(done)
    return rows
