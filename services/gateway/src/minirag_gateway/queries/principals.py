"""Who is behind a bearer token: one look-up per token and second, and no write on the way of a request."""

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from minirag_contracts.events.gateway import Role

from minirag_gateway.domain import token_hash
from minirag_gateway.errors import (
    AccountDisabled,
    ApiTokenExpired,
    InvalidApiToken,
    InvalidJwt,
    TenantDisabled,
)
from minirag_gateway.ports import Credentials, TenantRead, TokenRecord, TokenUse

_API_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}\Z")


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who may act for a tenant."""

    user_id: UUID
    token_id: UUID
    role: Role
    tenant: TenantRead

    @property
    def actor(self) -> str:
        """How events and chats name them; a user's tokens are one person."""
        return f"user:{self.user_id}"


@dataclass(slots=True)
class _Seen:
    record: TokenRecord | None
    until: float


class Principals:
    """Tokens to principals, remembered for ``ttl`` seconds; unknown tokens are remembered as well.

    The one place that a later feed of revocations has to reach: ``forget`` drops a token at once.
    """

    def __init__(
        self, credentials: Credentials, *, ttl: float, size: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._credentials = credentials
        self._ttl = ttl
        self._size = size
        self._clock = clock
        self._seen: OrderedDict[str, _Seen] = OrderedDict()
        self._asking: dict[str, asyncio.Task[TokenRecord | None]] = {}
        self._uses: dict[UUID, TokenUse] = {}

    async def of_token(self, token: str) -> Principal:
        """The principal of a bearer token; raises what spec §2 says for one that is not (any more) valid."""
        if "." in token:
            raise InvalidJwt
        if not _API_TOKEN.match(token):
            raise InvalidApiToken
        record = await self._record(token_hash(token))
        principal = _admitted(record)
        self._uses[principal.token_id] = TokenUse(principal.token_id, principal.tenant.id, datetime.now(UTC))
        return principal

    def forget(self, hashed: str) -> None:
        """Asks again at the next use of this token."""
        self._seen.pop(hashed, None)

    async def write_uses(self) -> None:
        """Writes down which tokens were used since the last time; keeps them for the next time if that fails."""
        uses, self._uses = self._uses, {}
        if not uses:
            return
        try:
            await self._credentials.note_uses(list(uses.values()))
        except BaseException:
            self._uses = uses | self._uses
            raise

    async def _record(self, hashed: str) -> TokenRecord | None:
        seen = self._seen.get(hashed)
        if seen is not None and seen.until > self._clock():
            return seen.record
        task = self._asking.get(hashed)
        if task is None:
            task = asyncio.create_task(self._ask(hashed))
            self._asking[hashed] = task
            task.add_done_callback(lambda _: self._asking.pop(hashed, None))
        return await asyncio.shield(task)

    async def _ask(self, hashed: str) -> TokenRecord | None:
        asked = self._clock()
        record = await self._credentials.find_token(hashed)
        self._seen[hashed] = _Seen(record, asked + self._ttl)
        self._seen.move_to_end(hashed)
        while len(self._seen) > self._size:
            self._seen.popitem(last=False)
        return record


def _admitted(record: TokenRecord | None) -> Principal:
    if record is None or not record.token_active:
        raise InvalidApiToken
    if record.expires_at is not None and record.expires_at <= datetime.now(UTC):
        raise ApiTokenExpired
    if not record.user_active or record.role is None:
        raise AccountDisabled
    if not record.tenant_active:
        raise TenantDisabled
    tenant = TenantRead(
        id=record.tenant_id,
        name=record.tenant_name,
        slug=record.tenant_slug,
        is_active=record.tenant_active,
        plan=record.tenant_plan,
    )
    return Principal(user_id=record.user_id, token_id=record.token_id, role=record.role, tenant=tenant)
