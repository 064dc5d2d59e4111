"""The limits of the API, each in one line, and how a request meets them.

Declare a limit here with its setting. A public route names its limits in ``Resource.route(…, limits=(…))``, by the client's
address; whatever needs more than the address takes ``call.meter.take(LIMIT, key)``.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from minirag_gateway.domain.limits import Allowance
from minirag_gateway.domain.principal import Principal
from minirag_gateway.entrypoints.http.addresses import counted
from minirag_gateway.errors import RateLimited
from minirag_gateway.queries.limits import Limiter
from minirag_gateway.queries.streams import OpenStreams, StreamsFull
from minirag_gateway.settings import Settings

KEY = "minirag.allowance"

HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
"""draft-ietf-httpapi-ratelimit-headers-03; the reset is in seconds from now."""

_RAW = tuple(name.lower().encode() for name in HEADERS)

MINUTE, HOUR = 60, 3600


@dataclass(frozen=True, slots=True)
class Limit:
    """So many of ``what`` in ``window`` seconds. ``name`` is the counters'; ``told``: whether answers carry what is left."""

    name: str
    of: Callable[[Settings], int]
    window: int
    what: str
    told: bool = True

    def refusal(self, allowance: Allowance) -> RateLimited:
        """Says which limit was met, and when to try again."""
        per = "a minute" if self.window == MINUTE else "an hour"
        seconds = allowance.reset_seconds
        return RateLimited(
            f"Too many {self.what}: at most {allowance.limit} {per} are possible. Please try again in {seconds} s.",
            seconds,
        )


TOKEN_REQUESTS = Limit(
    "token-requests", lambda s: s.limit_token_requests, MINUTE, "requests with this token or session"
)
TENANT_REQUESTS = Limit(
    "tenant-requests", lambda s: s.limit_tenant_requests, MINUTE, "requests of this tenant"
)
KEY_REQUESTS = Limit(
    "key-requests", lambda s: s.limit_key_requests, MINUTE, "requests of the visitors of this embed key"
)
UPLOAD_BYTES = Limit(
    "upload-bytes", lambda s: s.limit_upload_bytes, HOUR, "uploaded bytes of this tenant", told=False
)
LOGINS = Limit("logins", lambda s: s.limit_logins, MINUTE, "logins from this address")
ACCOUNT_LOGINS = Limit(
    "account-logins", lambda s: s.limit_account_logins, MINUTE, "logins to this account from this address"
)
SIGNUPS = Limit("signups", lambda s: s.limit_signups, HOUR, "sign-ups from this address")
FAILED_AUTHENTICATIONS = Limit(
    "failed-authentications",
    lambda s: s.limit_failed_authentications,
    MINUTE,
    "requests without valid credentials from this address",
)

PASSWORDS = Limit("passwords", lambda s: s.limit_passwords, MINUTE, "passwords set in this tenant")
CRAWL_PREVIEWS = Limit(
    "crawl-previews", lambda s: s.limit_crawl_previews, MINUTE, "looks at sites of this tenant"
)
VISITOR_MESSAGES = Limit("visitor-messages", lambda _: 0, MINUTE, "messages of this visitor")
"""Its number is the embed key's own."""


def public_posts(route: str) -> Limit:
    """What an unauthenticated POST has that names no limit of its own."""
    return _public(f"public-posts {route}", lambda s: s.limit_public_posts)


def public_gets(route: str) -> Limit:
    """What an unauthenticated GET may name that asks more than one part of the system."""
    return _public(f"public-gets {route}", lambda s: s.limit_public_gets)


def _public(name: str, of: Callable[[Settings], int]) -> Limit:
    return Limit(name, of, MINUTE, "such requests from this address")


def own_key(principal: Principal) -> str:
    """By what ``TOKEN_REQUESTS`` tells its holders apart."""
    return f"{principal.via}/{principal.actor}"


@dataclass(frozen=True, slots=True)
class Limits:
    """What all requests share: settings, leases, open streams."""

    settings: Settings
    limiter: Limiter
    streams: OpenStreams


class Meter:
    """The limits as one request meets them; the tightest is told in its answer's headers."""

    __slots__ = ("_limits", "_scope", "address")

    def __init__(self, limits: Limits, scope: Scope, address: str) -> None:
        self._limits = limits
        self._scope = scope
        self.address = address

    async def take(self, limit: Limit, key: str, amount: int = 1) -> None:
        """Takes of a limit for ``key``; raises RateLimited where nothing is left, Unavailable where nobody knows."""
        await self.take_of(limit, limit.of(self._limits.settings), key, amount)

    async def take_of(self, limit: Limit, number: int, key: str, amount: int = 1) -> None:
        """The same where the number is not the setting's but, say, an embed key's own."""
        allowance = await self._limits.limiter.take(limit.name, key, number, limit.window, amount)
        if not allowance.allowed:
            self._scope[KEY] = allowance
            raise limit.refusal(allowance)
        if limit.told and allowance.limit:
            self._note(allowance)

    async def look(self, limit: Limit, key: str) -> Allowance:
        """What is left of a limit, without taking any; raises Unavailable where nobody knows."""
        number = limit.of(self._limits.settings)
        return await self._limits.limiter.look(limit.name, key, number, limit.window)

    async def open_streams(self, principal: Principal) -> tuple[int, int]:
        """How many streams of the principal's tenant are open, and may be."""
        most = self._limits.settings.limit_streams
        return await self._limits.streams.count(str(principal.tenant.id)) if most else 0, most

    async def of_address(self, limits: Iterable[Limit]) -> None:
        """Takes of limits of the client's address."""
        for limit in limits:
            await self.take(limit, counted(self.address))

    async def of_principal(self, principal: Principal) -> None:
        """Takes of what every authenticated request is limited by."""
        await self.take(TOKEN_REQUESTS, own_key(principal))
        if (
            principal.kind == "visitor"
        ):  # strangers with a public key must not use up what the tenant's own people have
            await self.take(KEY_REQUESTS, str(principal.credential_id))
        else:
            await self.take(TENANT_REQUESTS, str(principal.tenant.id))

    @asynccontextmanager
    async def stream(self, principal: Principal) -> AsyncIterator[None]:
        """One of the open streams of the tenant's people, or of an embed key's visitors, while it is entered; RateLimited
        where there are too many.
        """
        is_visitor = principal.kind == "visitor"
        holder = principal.credential_id if is_visitor else principal.tenant.id
        opened = self._limits.streams.opened(str(holder), self._limits.settings.limit_streams)
        async with AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(opened)
            except StreamsFull as full:
                self._scope[KEY] = full.allowance
                whose = "the visitors of this embed key" if is_visitor else "this tenant"
                raise _too_many_streams(whose, full.allowance) from None
            yield

    def _note(self, allowance: Allowance) -> None:
        known: Allowance | None = self._scope.get(KEY)
        if known is None or allowance.remaining < known.remaining:
            self._scope[KEY] = allowance


def _too_many_streams(whose: str, allowance: Allowance) -> RateLimited:
    return RateLimited(
        f"Too many open streams of {whose}: at most {allowance.limit} at a time are possible. "
        "Please close one, or try again later.",
        allowance.reset_seconds,
    )


class RateLimitHeaders:
    """ASGI middleware: what is left of the tightest limit, on every answer that met one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one exchange."""

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start" and (allowance := scope.get(KEY)) is not None:
                values = (allowance.limit, allowance.remaining, allowance.reset_seconds)
                told = [(name, b"%d" % value) for name, value in zip(_RAW, values, strict=True)]
                message["headers"] = [*message.get("headers", ()), *told]
            await send(message)

        await self._app(scope, receive, telling)
