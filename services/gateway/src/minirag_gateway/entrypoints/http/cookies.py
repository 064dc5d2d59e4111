"""A browser's session as cookies: how they are given, when they count, and what a request shows beside them.

A cookie comes with whatever page makes the request, so it counts only where the browser does not speak of another page, and
a command only with a token that no other page can read. A request with an Authorization header needs none of that: no
browser sends one by itself.
"""

from uuid import UUID

from fastapi import Request, Response

from minirag_gateway.commands.sessions import Tokens
from minirag_gateway.entrypoints.http.addresses import Addresses
from minirag_gateway.errors import CsrfRefused, ForeignPage, NoBrowserSession
from minirag_gateway.ports import Signer

SESSION, SESSION_PATH = "minirag_session", "/v1"
"""The JWT of the login."""

REFRESH, REFRESH_PATH = "minirag_refresh", "/v1/auth/browser"
"""The refresh token, which nothing but the routes of the session is sent."""

CSRF_HEADER = "X-CSRF-Token"

SAFE = ("GET", "HEAD", "OPTIONS")
"""Methods that change nothing (RFC 9110 §9.2.1)."""

OWN_SITES = (None, "same-origin", "none")
"""Sec-Fetch-Site of our own pages, of what the user typed, and of what is no browser (or of one that says nothing over http)."""

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def give(response: Response, tokens: Tokens, *, secure: bool) -> None:
    """Sets both, for as long as the login can be refreshed: an expired JWT leads to a refresh, not to a password."""
    for name, value, path in (
        (SESSION, tokens.access_token, SESSION_PATH),
        (REFRESH, tokens.refresh_token, REFRESH_PATH),
    ):
        response.set_cookie(
            name, value, max_age=tokens.ends_in, path=path, secure=secure, httponly=True, samesite="strict"
        )
    response.headers["Cache-Control"] = "no-store"


def take_away(response: Response, *, secure: bool) -> None:
    """Removes both."""
    for name, path in ((SESSION, SESSION_PATH), (REFRESH, REFRESH_PATH)):
        response.delete_cookie(name, path=path, secure=secure, httponly=True, samesite="strict")
    response.headers["Cache-Control"] = "no-store"


def decide(request: Request) -> bool:
    """Whether the cookie is what authenticates: it is there, and no Authorization header is."""
    return SESSION in request.cookies and "authorization" not in request.headers


def session_of(request: Request) -> str:
    """The JWT; raises NoBrowserSession."""
    return _cookie(request, SESSION)


def refresh_of(request: Request) -> str:
    """The refresh token; raises NoBrowserSession."""
    return _cookie(request, REFRESH)


def demand_own_page(request: Request, addresses: Addresses) -> None:
    """Raises ForeignPage for what a page of another origin has made the browser send, of our own site or not."""
    if request.headers.get("sec-fetch-site") not in OWN_SITES:
        raise ForeignPage
    origin = request.headers.get("origin")
    if origin is not None and origin != own_origin(request, addresses):
        raise ForeignPage


def own_origin(request: Request, addresses: Addresses) -> str:
    """The origin that the browser has asked, as it names origins itself (RFC 6454 §6.2)."""
    scheme = addresses.scheme(request.scope)
    host = request.headers.get("host", "").lower().removesuffix(_DEFAULT_PORTS[scheme])
    return f"{scheme}://{host}"


def demand_token(request: Request, signer: Signer, session_id: UUID) -> None:
    """Raises CsrfRefused for a command without the session's own token."""
    if request.method in SAFE:
        return
    if not signer.is_csrf_token(session_id, request.headers.get(CSRF_HEADER, "")):
        raise CsrfRefused


def _cookie(request: Request, name: str) -> str:
    value = request.cookies.get(name)
    if not value:
        raise NoBrowserSession
    return value
