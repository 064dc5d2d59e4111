"""Who is behind a bearer token: asked once, believed as long as the identity feed says that nothing has changed."""

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from minirag_contracts.errors import Refusal

from minirag_gateway.domain.principal import Principal
from minirag_gateway.domain.token import hashed
from minirag_gateway.errors import InvalidApiToken, InvalidJwt, MalformedJwt
from minirag_gateway.ports import CredentialRecord, Credentials, Lookup, Signer, TokenUse
from minirag_gateway.queries import admission
from minirag_gateway.queries.feed import IdentityFeed

SESSION = "minirag"
"""Audience of the JWTs of logins."""

VISITOR = "minirag-visitor"
"""Audience of the JWTs of visitors' sessions."""

UNHEARD = 0.25
"""Seconds for which an answer of the database is believed while the feed is silent; spares it the same question."""

_API_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}\Z")


@dataclass(slots=True)
class _Seen:
    record: CredentialRecord | None
    asked: float


class Principals:
    """Credentials to principals. Unknown credentials are remembered as well."""

    def __init__(
        self,
        credentials: Credentials,
        signer: Signer,
        feed: IdentityFeed,
        *,
        size: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.feed = feed
        self._credentials = credentials
        self._signer = signer
        self._size = size
        self._clock = clock
        self._seen: OrderedDict[Lookup, _Seen] = OrderedDict()
        self._asking: dict[Lookup, asyncio.Task[CredentialRecord | None]] = {}
        self._uses: dict[UUID, TokenUse] = {}
        self._forgotten = 0
        self._changed = asyncio.Event()

    async def of_bearer(self, token: str) -> Principal:
        """The principal of a bearer token; raises what spec §2 says for one that is not (any more) valid.

        A token with a dot is a JWT, anything else an API token.
        """
        if "." in token:
            return await self._of_jwt(token)
        if not _API_TOKEN.match(token):
            raise InvalidApiToken
        principal = admission.of_token(await self._record(Lookup("token", hashed(token))))
        use = TokenUse(principal.credential_id, principal.tenant.id, datetime.now(UTC))
        self._uses[principal.credential_id] = use
        return principal

    async def ended(self, token: str, principal: Principal) -> None:
        """Returns as soon as the bearer of ``token`` is no longer who it was: for streams that outlive their request."""
        while not await self._differs(token, principal):
            with suppress(TimeoutError):
                # Asked again by itself too: the feed may fall silent, and the credential may end. Costs nothing while
                # the feed is fresh.
                async with asyncio.timeout(UNHEARD):
                    await self._changed.wait()

    def forget(self, tenant_id: UUID | None) -> None:
        """Asks again for everybody of a tenant, or for everybody."""
        self._forget(lambda record: record is None or tenant_id in (None, record.tenant_id))
        self._changed.set()
        self._changed = asyncio.Event()

    def forget_unknown(self) -> None:
        """Asks again for whoever was unknown: somebody has been created."""
        self._forget(lambda record: record is None)

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

    async def _of_jwt(self, token: str) -> Principal:
        claims = self._signer.read(token, (SESSION, VISITOR))
        ends = datetime.fromtimestamp(claims["exp"], UTC)
        try:
            if claims["aud"] == VISITOR:
                lookup = Lookup("embed_key", str(UUID(claims["key"])))
                return admission.of_visitor(await self._record(lookup), claims, ends)
            subject, tenant_id = UUID(claims["sub"]), UUID(claims["tid"])
            record = await self._record(Lookup("session", str(UUID(claims["sid"]))))
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise MalformedJwt from error
        if record is not None and (subject, tenant_id) != (record.user_id, record.tenant_id):
            raise InvalidJwt
        return admission.of_session(record, ends)

    async def _differs(self, token: str, principal: Principal) -> bool:
        try:
            now = await self.of_bearer(token)
        except Refusal:
            return True
        return now.power != principal.power

    async def _record(self, lookup: Lookup) -> CredentialRecord | None:
        seen = self._seen.get(lookup)
        if seen is not None and (self.feed.fresh or self._clock() - seen.asked < UNHEARD):
            return seen.record
        task = self._asking.get(lookup)
        if task is None:
            task = asyncio.create_task(self._ask(lookup))
            self._asking[lookup] = task
        return await asyncio.shield(task)

    async def _ask(self, lookup: Lookup) -> CredentialRecord | None:
        asked, forgotten = self._clock(), self._forgotten
        try:
            record = await self._credentials.find(lookup)
        finally:
            if self._asking.get(lookup) is asyncio.current_task():
                del self._asking[lookup]
        if forgotten == self._forgotten:
            self._remember(lookup, _Seen(record, asked))
        return record

    def _forget(self, concerned: Callable[[CredentialRecord | None], bool]) -> None:
        self._forgotten += 1
        for key in [key for key, seen in self._seen.items() if concerned(seen.record)]:
            del self._seen[key]
        self._asking.clear()  # what is being asked now may have been read before the change

    def _remember(self, lookup: Lookup, seen: _Seen) -> None:
        self._seen[lookup] = seen
        self._seen.move_to_end(lookup)
        while len(self._seen) > self._size:
            self._seen.popitem(last=False)
