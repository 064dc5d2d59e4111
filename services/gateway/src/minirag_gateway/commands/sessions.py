"""Logging in, staying logged in, logging out."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from minirag_contracts.context import Context
from minirag_contracts.ids import new_id
from minirag_eventstore import Transaction

from minirag_gateway.commands import accounts
from minirag_gateway.domain import session
from minirag_gateway.domain.session import Refresh
from minirag_gateway.errors import (
    AmbiguousLogin,
    InvalidLogin,
    InvalidRefreshToken,
    LoginDisabled,
    TenantDisabled,
)
from minirag_gateway.ports import Account, Credentials, PasswordHasher, Signer, Store
from minirag_gateway.queries.proofs import SESSION


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long a JWT is good for, and how long a login can be refreshed."""

    access: timedelta
    session: timedelta


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a client keeps of a login. Lifetimes are seconds; ``ends_in`` is that of the refresh tokens, and so of the login."""

    tenant_id: UUID
    user_id: UUID
    session_id: UUID
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int
    ends_in: int


class SessionCommands:
    """The commands of logins."""

    def __init__(
        self,
        store: Store,
        credentials: Credentials,
        passwords: PasswordHasher,
        signer: Signer,
        lifetimes: Lifetimes,
    ) -> None:
        self._store = store
        self._credentials = credentials
        self._passwords = passwords
        self._signer = signer
        self._lifetimes = lifetimes

    async def log_in(self, context: Context, email: str, password: str, tenant_slug: str | None) -> Tokens:
        """Raises InvalidLogin, AmbiguousLogin, LoginDisabled, TenantDisabled; what is disabled only after the password fits.

        Whether an address is known takes as long as whether a password fits: a comparison is made in any case.
        """
        known = await self._credentials.accounts(email, tenant_slug)
        fitting = [one for one in known if await self._passwords.verify(one.password_hash, password)]
        if not known:
            await self._passwords.verify(None, password)
        account = _only(fitting)
        session_id, now = new_id(), datetime.now(UTC)
        context = replace(context, tenant_id=account.tenant_id, actor=f"user:{account.user_id}")
        async with self._store.transaction(context.scope) as tx:
            await accounts.require_password(tx, account.user_id, account.password_hash, InvalidLogin)
            events = session.start(
                session.Session(),
                session_id=session_id,
                user_id=account.user_id,
                expires_at=now + self._lifetimes.session,
            )
            await tx.append(context, session.stream_of(session_id), 0, events)
            await tx.connection.execute(
                "INSERT INTO session_refresh (session_id, tenant_id, generation, rotated_at) VALUES ($1, $2, 1, $3)",
                session_id,
                tx.scope.tenant_id,
                now,
            )
            return await self._tokens(tx, session_id, 1)

    async def refresh(self, context: Context, refresh_token: str) -> Tokens:
        """The next pair for the current refresh token. One that was exchanged before ends the login: it is in two hands."""
        session_id, shown = self._signer.read_refresh_token(refresh_token)
        tenant_id = await self._credentials.session_tenant(session_id)
        if tenant_id is None:
            raise InvalidRefreshToken
        context = replace(context, tenant_id=tenant_id)
        async with self._store.transaction(context.scope) as tx:
            tokens = await self._rotate(tx, context, session_id, shown)
        if tokens is None:
            raise InvalidRefreshToken
        return tokens

    async def log_out(self, context: Context, session_id: UUID) -> None:
        """The login is worth nothing any more, on any gateway, within a second."""
        async with self._store.transaction(context.scope) as tx:
            await accounts.end_session(tx, context, session_id, "logout")

    async def _rotate(self, tx: Transaction, context: Context, session_id: UUID, shown: int) -> Tokens | None:
        """None where the login has ended, or ends by this; that has to be committed, so it is no exception."""
        row = await tx.connection.fetchrow(
            "SELECT refresh.generation, refresh.rotated_at, session.expires_at, session.user_id, tenant.is_active AS served "
            "FROM session_refresh AS refresh JOIN sessions AS session USING (session_id) "
            "JOIN users ON users.user_id = session.user_id AND users.is_active "
            "JOIN tenants AS tenant ON tenant.tenant_id = session.tenant_id "
            "WHERE session_id = $1 AND session.is_active FOR UPDATE OF refresh",
            session_id,
        )
        now = datetime.now(UTC)
        if row is None or row["expires_at"] <= now:
            return None
        if not row["served"]:
            raise TenantDisabled
        match session.judge(shown, row["generation"], row["rotated_at"], now):
            case Refresh.AGAIN:
                return await self._tokens(tx, session_id, row["generation"])
            case Refresh.REUSED:
                context = replace(context, actor=f"user:{row['user_id']}")
                await accounts.end_session(tx, context, session_id, "reused")
                return None
        await tx.connection.execute(
            "UPDATE session_refresh SET generation = $2, rotated_at = $3 WHERE session_id = $1",
            session_id,
            shown + 1,
            now,
        )
        return await self._tokens(tx, session_id, shown + 1)

    async def _tokens(self, tx: Transaction, session_id: UUID, generation: int) -> Tokens:
        row = await tx.connection.fetchrow(
            "SELECT users.user_id, users.role, session.expires_at FROM sessions AS session "
            "JOIN users USING (user_id) WHERE session_id = $1",
            session_id,
        )
        if row is None:
            raise InvalidRefreshToken
        now = datetime.now(UTC)
        ends = min(now + self._lifetimes.access, row["expires_at"])
        claims = {
            "sub": str(row["user_id"]),
            "tid": str(tx.scope.tenant_id),
            "role": row["role"],
            "sid": str(session_id),
        }
        return Tokens(
            tenant_id=tx.scope.tenant_id,
            user_id=row["user_id"],
            session_id=session_id,
            access_token=self._signer.sign(SESSION, claims, ends),
            refresh_token=self._signer.refresh_token(session_id, generation),
            expires_in=max(1, round((ends - now).total_seconds())),
            ends_in=max(1, round((row["expires_at"] - now).total_seconds())),
        )


def _only(fitting: list[Account]) -> Account:
    """The one account that is meant; of several, the one that may be used."""
    if not fitting:
        raise InvalidLogin
    usable = [one for one in fitting if one.user_active and one.tenant_active]
    if len(usable) > 1:
        raise AmbiguousLogin
    if not usable:
        raise TenantDisabled if fitting[0].user_active else LoginDisabled
    return usable[0]
