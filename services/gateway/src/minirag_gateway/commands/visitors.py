"""Visitors of web pages: an embed key, exchanged for a short session with one bot."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from minirag_contracts.context import Context
from minirag_contracts.requests.bots import BotFace

from minirag_gateway.errors import EmbedKeyNotFound, InvalidJwt, PageNotServed, TenantDisabled
from minirag_gateway.ports import Bots, Credentials, PublicKey, Signer
from minirag_gateway.queries.proofs import VISITOR

RETURNING = "minirag-visitor-return"
"""Audience of what brings a visitor back as the same one: worth nothing but the next session."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a page presents for its visitor: an earlier visitor token, or the site's own word for who it is."""

    origin: str
    visitor_token: str | None = field(default=None, repr=False)
    identity: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Admitted:
    """A visitor's session, and what they may know of their bot."""

    bot_id: UUID
    face: BotFace
    visitor_id: UUID
    expires_at: datetime
    session_token: str = field(repr=False)
    visitor_token: str = field(repr=False)


class VisitorCommands:
    """Admits visitors. It records nothing: a session is its own proof, and ends with its key or by itself."""

    def __init__(
        self, credentials: Credentials, signer: Signer, bots: Bots, returns_within: timedelta
    ) -> None:
        self._credentials = credentials
        self._signer = signer
        self._bots = bots
        self._returns_within = returns_within

    async def admit(self, context: Context, key: str, arrival: Arrival) -> Admitted:
        """A session for the key's bot. Raises EmbedKeyNotFound, TenantDisabled, PageNotServed, InvalidJwt for a
        visitor token that is not of this key and origin, or of somebody who was erased lately, and what chat says of bot
        and identity.
        """
        found = await self._credentials.public_key(key)
        if found is None:
            raise EmbedKeyNotFound
        if not found.tenant_active:
            raise TenantDisabled
        if arrival.origin not in found.origins:
            raise PageNotServed
        context = replace(context, tenant_id=found.tenant_id)
        face = await self._bots.face(context, found.bot_id)
        visitor_id = await self._visitor(context, found, arrival)
        return self._admitted(found, face, visitor_id, arrival.origin)

    async def _visitor(self, context: Context, key: PublicKey, arrival: Arrival) -> UUID:
        if arrival.identity is not None:
            return await self._bots.identify(context, key.bot_id, arrival.identity)
        if arrival.visitor_token is None:
            return uuid4()
        claims = self._signer.read(arrival.visitor_token, (RETURNING,))
        if (claims.get("key"), claims.get("org")) != (str(key.key_id), arrival.origin):
            raise InvalidJwt
        visitor_id = UUID(claims["sub"])
        if await self._credentials.is_erased(context.scope, f"visitor:{visitor_id}"):
            raise InvalidJwt
        return visitor_id

    def _admitted(self, key: PublicKey, face: BotFace, visitor_id: UUID, origin: str) -> Admitted:
        now = datetime.now(UTC)
        expires_at = now + timedelta(minutes=key.session_minutes)
        claims = {
            "sub": str(visitor_id),
            "tid": str(key.tenant_id),
            "key": str(key.key_id),
            "org": origin,
        }
        return Admitted(
            bot_id=key.bot_id,
            face=face,
            visitor_id=visitor_id,
            expires_at=expires_at,
            session_token=self._signer.sign(VISITOR, claims, expires_at),
            visitor_token=self._signer.sign(RETURNING, claims, now + self._returns_within),
        )
