"""Who is behind a bearer token: asked once, believed as long as the identity feed says that nothing has changed."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from minirag_contracts.errors import Refusal

from minirag_gateway.domain.principal import Principal
from minirag_gateway.errors import InvalidJwt, NotAuthenticated
from minirag_gateway.ports import CredentialRecord, Credentials, Lookup, Signer, TokenUse
from minirag_gateway.queries import admission
from minirag_gateway.queries.feed import IdentityFeed
from minirag_gateway.queries.proofs import Proof, proof_of

UNHEARD = 0.25
"""Seconds for which an answer of the database is believed while the feed is silent; spares it the same question."""


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

    async def of_bearer(self, token: str) -> tuple[Proof, Principal]:
        """Who brings a request, and what to ask again by; raises what spec §2 says for a token that is not (any more) valid."""
        proof = proof_of(token, self._signer)
        principal = await self.of(proof)
        if principal.kind == "token":
            use = TokenUse(principal.credential_id, principal.tenant.id, datetime.now(UTC))
            self._uses[principal.credential_id] = use
        return proof, principal

    async def of_cookie(self, token: str) -> tuple[Proof, Principal]:
        """The same for what a browser's cookie holds: the JWT of a login, and nothing else that would do as a bearer token."""
        proof = proof_of(token, self._signer)
        if proof.lookup.kind != "session":
            raise InvalidJwt
        return proof, await self.of(proof)

    async def of(self, proof: Proof) -> Principal:
        """Who that is at this moment; raises as ``of_bearer``."""
        return admission.of(proof, await self._record(proof.lookup))

    async def ended(self, proof: Proof, principal: Principal) -> Refusal:
        """Why the bearer of ``proof`` is no longer who it was, as soon as that is so; Unavailable when nobody can tell. For
        streams that outlive their request.
        """
        while (reason := await self._difference(proof, principal)) is None:
            with suppress(TimeoutError):
                # Asked again by itself too: the feed may fall silent, and the credential may end. No question to the
                # database while the feed is fresh.
                async with asyncio.timeout(UNHEARD):
                    await self._changed.wait()
        return reason

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

    async def _difference(self, proof: Proof, principal: Principal) -> Refusal | None:
        try:
            now = await self.of(proof)
        except Refusal as refusal:
            return refusal
        return None if now.power == principal.power else NotAuthenticated()

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
