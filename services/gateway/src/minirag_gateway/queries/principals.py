"""Who is behind a bearer token: one look-up per token and second, and no write on the way of a request."""

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from minirag_gateway.domain import access
from minirag_gateway.domain.principal import Principal
from minirag_gateway.domain.tenant import TenantRead
from minirag_gateway.domain.token import hashed
from minirag_gateway.errors import (
    AccountDisabled,
    ApiTokenExpired,
    InvalidApiToken,
    InvalidJwt,
    TenantDisabled,
)
from minirag_gateway.ports import Credentials, TokenRecord, TokenUse

_API_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}\Z")


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
        record = await self._record(hashed(token))
        principal = _admitted(record)
        self._uses[principal.credential_id] = TokenUse(
            principal.credential_id, principal.tenant.id, datetime.now(UTC)
        )
        return principal

    def forget(self, token_hash: str) -> None:
        """Asks again at the next use of this token."""
        self._seen.pop(token_hash, None)

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

    async def _record(self, token_hash: str) -> TokenRecord | None:
        seen = self._seen.get(token_hash)
        if seen is not None and seen.until > self._clock():
            return seen.record
        task = self._asking.get(token_hash)
        if task is None:
            task = asyncio.create_task(self._ask(token_hash))
            self._asking[token_hash] = task
            task.add_done_callback(lambda _: self._asking.pop(token_hash, None))
        return await asyncio.shield(task)

    async def _ask(self, token_hash: str) -> TokenRecord | None:
        asked = self._clock()
        record = await self._credentials.find_token(token_hash)
        self._seen[token_hash] = _Seen(record, asked + self._ttl)
        self._seen.move_to_end(token_hash)
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
    return Principal(
        kind="token",
        tenant=tenant,
        credential_id=record.token_id,
        actor=f"user:{record.user_id}",
        permissions=access.permitted(record.role, record.scopes),
        reach=access.reach(record.role),
        user_id=record.user_id,
        role=record.role,
    )
