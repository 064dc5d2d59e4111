"""One authenticated call: who asks, in which context, and how to ask the owners."""

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

from fastapi import Request
from minirag_contracts import requests
from minirag_contracts.context import Context
from minirag_contracts.errors import Refusal
from minirag_contracts.ids import derived_id, new_id
from minirag_messaging import Bus

from minirag_gateway.commands.resumable import ResumableUploads
from minirag_gateway.domain.access import Permission
from minirag_gateway.domain.principal import Principal
from minirag_gateway.entrypoints.http import cookies
from minirag_gateway.entrypoints.http.addresses import Addresses
from minirag_gateway.entrypoints.http.identity import Identity
from minirag_gateway.entrypoints.http.limits import FAILED_AUTHENTICATIONS, Limit, Limits, Meter
from minirag_gateway.entrypoints.http.tracing import PRINCIPAL_KEY, trace_of
from minirag_gateway.errors import Forbidden, InvalidIdempotencyKey, NotAuthenticated
from minirag_gateway.ports import Signer, Turns
from minirag_gateway.queries.audit import AuditLog
from minirag_gateway.queries.event_stream import EventStreams
from minirag_gateway.queries.principals import Principals
from minirag_gateway.queries.proofs import Proof
from minirag_gateway.queries.turns import Patience
from minirag_gateway.settings import Settings

R = TypeVar("R", bound=requests.Reply)

AGENT_MAX = 200
"""Characters of a User-Agent that are kept."""

CHANGED = "What you may do has changed since this request began. Please send it again."

_KEY = re.compile(r"[\x20-\x7e]{1,255}\Z")


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes work with; made once, in bootstrap."""

    settings: Settings
    bus: Bus
    identity: Identity
    principals: Principals
    signer: Signer
    turns: Turns
    streams: EventStreams
    audit: AuditLog
    disk_is_low: Callable[[], bool]
    addresses: Addresses
    limits: Limits
    uploads: ResumableUploads

    @property
    def patience(self) -> Patience:
        """How long to wait for turns."""
        return Patience(
            quiet=self.settings.turn_quiet.total_seconds(), wait=self.settings.turn_wait.total_seconds()
        )


@dataclass(frozen=True, slots=True)
class Call:
    """A request that may be served. ``key`` tells whether the client named it by an Idempotency-Key, ``by_cookie`` whether
    it came with a browser's session.
    """

    services: Services
    context: Context
    caller: Principal | None
    key: bool
    meter: Meter
    proof: Proof | None = field(default=None, repr=False)
    by_cookie: bool = False

    @property
    def principal(self) -> Principal:
        """Who asks; only public routes have nobody."""
        if self.caller is None:
            raise NotAuthenticated
        return self.caller

    @property
    def command_id(self) -> UUID:
        """The id under which this call takes effect once."""
        return self.context.command_id or new_id()

    async def still(self) -> None:
        """Raises unless the caller may still do what they might when the request began: its body may have taken hours."""
        if self.caller is None or self.proof is None:
            return
        now = await self.services.principals.of(self.proof)
        if now.power != self.caller.power:
            raise Forbidden(CHANGED)

    async def ended(self) -> Refusal:
        """Returns when the caller is no longer who they were: their credential ended, allows something else, or cannot be
        asked about.
        """
        if self.proof is None:
            raise NotAuthenticated
        return await self.services.principals.ended(self.proof, self.principal)

    def open_stream(self) -> AbstractAsyncContextManager[None]:
        """One open stream of the caller's tenant (or embed key) while it is entered; RateLimited where there are too many."""
        return self.meter.stream(self.principal)

    async def ask(self, request: requests.Request, returns: type[R], timeout: float | None = None) -> R:
        """Asks the owner for the caller's tenant; raises what it refuses, or Unavailable. Not for a caller shut out meanwhile."""
        await self.still()
        seconds = self.services.settings.request_timeout.total_seconds() if timeout is None else timeout
        return await self.services.bus.request(
            request, returns, self.context.within(seconds), timeout=seconds
        )


async def admit(request: Request, permission: Permission, limits: Sequence[Limit] = ()) -> Call:
    """Authenticates, counts, authorises, and gives the call its context; raises 401, 403, 422, 429 or 503 refusals."""
    services: Services = request.app.state.services
    meter = Meter(services.limits, request.scope, services.addresses.of(request.scope))
    await meter.of_address(limits)
    if permission is Permission.PUBLIC:
        return Call(services, *_context(request, None, meter.address), meter)
    by_cookie = cookies.decide(request)
    if by_cookie:
        cookies.demand_own_page(request, services.addresses)
    proof, principal = await _authenticated(request, services.principals, meter, by_cookie)
    request.scope[PRINCIPAL_KEY] = principal
    await meter.of_principal(principal)
    if by_cookie:
        cookies.demand_token(request, services.signer, principal.credential_id)
    principal.demand(permission)
    principal.stand_on(request.headers.get("origin"))
    return Call(services, *_context(request, principal, meter.address), meter, proof, by_cookie)


async def _authenticated(
    request: Request, principals: Principals, meter: Meter, by_cookie: bool
) -> tuple[Proof, Principal]:
    """Only refusals are counted by address: good credentials pass, whatever else comes from where they come from."""
    try:
        if by_cookie:
            return await principals.of_cookie(cookies.session_of(request))
        return await principals.of_bearer(_bearer(request))
    except NotAuthenticated:
        await meter.of_address((FAILED_AUTHENTICATIONS,))
        raise


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise NotAuthenticated
    return token


def _context(
    request: Request, principal: Principal | None, address: str
) -> tuple[Context, Principal | None, bool]:
    trace = trace_of(request.scope)
    tenant_id = principal.tenant.id if principal else None
    command_id, keyed = _command_id(request, principal)
    context = Context(
        actor=principal.actor if principal else "anonymous",
        via=principal.via if principal else "",
        reach=principal.reach if principal else "tenant",
        address=address,
        agent=request.headers.get("user-agent", "")[:AGENT_MAX],
        tenant_id=tenant_id,
        correlation_id=UUID(hex=trace.trace_id),
        command_id=command_id,
        traceparent=trace.traceparent,
    )
    return context, principal, keyed


def _command_id(request: Request, principal: Principal | None) -> tuple[UUID | None, bool]:
    """Derived from the Idempotency-Key of a POST, fresh for any other command, none for a question.

    A key is its actor's own: what somebody else of the tenant did under the same key is not theirs to read.
    """
    if request.method == "GET":
        return None, False
    key = request.headers.get("idempotency-key")
    if request.method != "POST" or key is None:
        return new_id(), False
    if not _KEY.match(key):
        raise InvalidIdempotencyKey
    who = (principal.tenant.id, principal.actor) if principal else ("public",)
    return derived_id("command", *who, f"{request.method} {request.url.path}", key), True
