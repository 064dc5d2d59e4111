"""``/v1/auth/browser``: the login of a browser, in cookies that no script can read. For pages of this very address."""

from datetime import UTC, datetime

from fastapi import Request, Response

from minirag_gateway.commands.sessions import Tokens
from minirag_gateway.domain.access import MATRIX, Permission
from minirag_gateway.entrypoints.http import auth, cookies
from minirag_gateway.entrypoints.http.answers import one
from minirag_gateway.entrypoints.http.bodies import read_json
from minirag_gateway.entrypoints.http.calls import Call
from minirag_gateway.entrypoints.http.limits import LOGINS
from minirag_gateway.entrypoints.http.routing import Resource, call_of
from minirag_gateway.entrypoints.http.schemas.auth import BrowserSession, LoginCreate
from minirag_gateway.errors import NoBrowserSession, UserNotFound

resource = Resource("Browser")


@resource.route(
    "POST",
    "/v1/auth/browser",
    Permission.PUBLIC,
    body=LoginCreate,
    returns=BrowserSession,
    refuses=(401, 403, 409, 413),
    limits=(LOGINS,),
)
async def open_browser_session(request: Request) -> Response:
    """Exchanges e-mail and password for two cookies, `minirag_session` and `minirag_refresh`.

    They are HttpOnly and SameSite=Strict, and Secure over https. Every other request than GET and HEAD that comes with them
    has to carry the answer's `csrf_token` as `X-CSRF-Token`. Pages of other origins are refused.
    """
    call = call_of(request)
    cookies.demand_own_page(request, call.services.addresses)
    return await _given(request, await auth.opened(call, await read_json(request, LoginCreate)))


@resource.route(
    "POST",
    "/v1/auth/browser/refresh",
    Permission.PUBLIC,
    returns=BrowserSession,
    refuses=(401, 403),
)
async def refresh_browser_session(request: Request) -> Response:
    """Exchanges the cookies for the next ones. Needs no `X-CSRF-Token`: a page that was just loaded has none."""
    call = call_of(request)
    cookies.demand_own_page(request, call.services.addresses)
    tokens = await call.services.identity.sessions.refresh(call.context, cookies.refresh_of(request))
    return await _given(request, tokens)


@resource.route("GET", "/v1/auth/browser", Permission.IDENTIFY, returns=BrowserSession, refuses=(404,))
async def read_browser_session(request: Request) -> Response:
    """Whose session this browser has, for a page that is loaded again. Credentials other than the cookie are none: 401."""
    call = _by_cookie(request)
    principal = call.principal
    if principal.user_id is None or principal.expires_at is None:
        raise UserNotFound
    remaining = principal.expires_at - datetime.now(UTC)
    session = BrowserSession(
        user=await call.services.identity.user_queries.get(call.context.scope, principal.user_id),
        tenant=principal.tenant,
        permissions=sorted(principal.permissions),
        csrf_token=call.services.signer.csrf_token(principal.credential_id),
        expires_in=max(1, round(remaining.total_seconds())),
    )
    return one(session)


@resource.route("DELETE", "/v1/auth/browser", Permission.IDENTIFY, status=204)
async def end_browser_session(request: Request) -> Response:
    """Logs out: the session is worth nothing any more, and both cookies are removed."""
    call = _by_cookie(request)
    await call.services.identity.sessions.log_out(call.context, call.principal.credential_id)
    response = Response(status_code=204)
    cookies.take_away(response, secure=_is_secure(request))
    return response


async def _given(request: Request, tokens: Tokens) -> Response:
    call = call_of(request)
    owner = await auth.owner_of(call, tokens)
    session = BrowserSession(
        user=owner.user,
        tenant=owner.tenant,
        permissions=sorted(MATRIX[owner.user.role]),
        csrf_token=call.services.signer.csrf_token(tokens.session_id),
        expires_in=tokens.expires_in,
    )
    response = one(session)
    cookies.give(response, tokens, secure=_is_secure(request))
    return response


def _by_cookie(request: Request) -> Call:
    call = call_of(request)
    if not call.by_cookie:
        raise NoBrowserSession
    return call


def _is_secure(request: Request) -> bool:
    return call_of(request).services.addresses.scheme(request.scope) == "https"
