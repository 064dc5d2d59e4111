"""How a route is declared: with permission, body and answers, so that neither guard nor document forgets it."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.routing import Match
from starlette.types import Scope

from minirag_gateway.domain.access import Permission
from minirag_gateway.entrypoints.http.calls import Call, admit
from minirag_gateway.entrypoints.http.limits import Limit, public_posts
from minirag_gateway.entrypoints.http.refusals import DECLARED

Endpoint = Callable[..., Awaitable[Response]]

CALL_KEY = "minirag.call"

BYTES = {"type": "string", "format": "binary"}

DECLARATION = "__minirag_declaration__"


class Declaration(BaseModel):
    """What a route says about itself beyond its signature."""

    permission: Permission
    body: type[BaseModel] | None = None
    limits: tuple[Limit, ...] = ()

    @property
    def limited(self) -> bool:
        """Whether it can be answered with 429: whatever is authenticated, and public routes with limits."""
        return self.permission is not Permission.PUBLIC or bool(self.limits)


class GuardedRoute(APIRoute):
    """Admits the caller before anything of the request is validated or read."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As the framework does, but what is the path of another route is no id: a wrong method there is a 405."""
        if self.param_convertors and scope["app"].state.paths.is_literal(scope["path"]):
            return Match.NONE, {}
        return super().matches(scope)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The framework's handler behind the guard."""
        handle = super().get_route_handler()
        declared = declaration_of(self.endpoint)

        async def guarded(request: Request) -> Response:
            request.scope[CALL_KEY] = await admit(request, declared.permission, declared.limits)
            response = await handle(request)
            if call_of(request).by_cookie:  # without Authorization a shared cache would not know whose it is
                response.headers.setdefault("Cache-Control", "no-store")
            return response

        return guarded


def declaration_of(endpoint: Any) -> Declaration:
    """What the route said about itself; a route that said nothing cannot be built."""
    declared: Declaration = getattr(endpoint, DECLARATION)
    return declared


def call_of(request: Request) -> Call:
    """The call that the guard admitted."""
    call: Call = request.scope[CALL_KEY]
    return call


class Resource:
    """The routes of one resource."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.router = APIRouter(route_class=GuardedRoute, tags=[tag])
        self.endpoints: list[Endpoint] = []

    def route(
        self,
        method: str,
        path: str,
        permission: Permission,
        *,
        returns: Any = None,
        status: int = 200,
        body: type[BaseModel] | None = None,
        form: dict[str, Any] | None = None,
        raw: str | None = None,
        refuses: tuple[int, ...] = (),
        responses: dict[int | str, dict[str, Any]] | None = None,
        limits: tuple[Limit, ...] | None = None,
    ) -> Callable[[Endpoint], Endpoint]:
        """Declares an endpoint.

        ``returns`` documents the answer, which the endpoint makes itself as bytes; ``form`` is the JSON Schema of a
        multipart body, ``raw`` the media type of one that is bytes. ``limits`` are counted by the client's address; a public
        POST that names none has one of its own.
        """
        if limits is None:
            limits = _default_limits(method, path, permission)
        declaration = Declaration(permission=permission, body=body, limits=limits)
        always = (422, 500, 503) if permission is Permission.PUBLIC else (401, 403, 422, 500, 503)
        limited = (429,) if declaration.limited else ()
        slow = (408,) if body is not None or form is not None or raw is not None else ()
        problems = dict.fromkeys(sorted({*always, *limited, *slow, *refuses}), DECLARED)

        def declare(endpoint: Endpoint) -> Endpoint:
            setattr(endpoint, DECLARATION, declaration)
            self.endpoints.append(endpoint)
            self.router.add_api_route(
                path,
                endpoint,
                methods=[method],
                status_code=status,
                response_model=returns,
                response_class=Response if returns is None else JSONResponse,
                responses={**problems, **(responses or {})},
                openapi_extra=_extra(body, form, raw),
                operation_id=endpoint.__name__,
            )
            return endpoint

        return declare


def _default_limits(method: str, path: str, permission: Permission) -> tuple[Limit, ...]:
    is_public_command = permission is Permission.PUBLIC and method not in ("GET", "HEAD", "OPTIONS")
    return (public_posts(path),) if is_public_command else ()


def _extra(body: type[BaseModel] | None, form: dict[str, Any] | None, raw: str | None) -> dict[str, Any]:
    """The body, which the endpoint reads by itself, for the document."""
    if body is not None:
        schema = {"$ref": f"#/components/schemas/{body.__name__}"}
        required = not getattr(body, "may_be_missing", False)
        return {"requestBody": {"required": required, "content": {"application/json": {"schema": schema}}}}
    if form is not None:
        return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": form}}}}
    if raw is not None:
        return {"requestBody": {"required": True, "content": {raw: {"schema": BYTES}}}}
    return {}
